"""The trained models as a keyboard would run them: how quick, how large, in which file.

A keyboard reads one character at a time and carries the state along; reading the last 50 characters
again at each keystroke would multiply 50 times as much. That single step is timed, counted, stored
as int8 and exported to ONNX, for all models alike, and runs in a page that types with them.
Counting stands beside them.
"""

from lab.extras.phone.costs import phone_table
from lab.extras.phone.keyboard import compare_with_laptop, serve_keyboard, write_keyboard
from lab.extras.phone.keystrokes import FORMATS
from lab.extras.phone.runtimes import compare_runtimes, show_runtimes

__all__ = [
    "FORMATS",
    "compare_runtimes",
    "compare_with_laptop",
    "phone_table",
    "serve_keyboard",
    "show_runtimes",
    "write_keyboard",
]
