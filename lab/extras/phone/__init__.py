"""The trained models as a keyboard would run them: their speed, their size and their files.

A keyboard reads one character at a time and keeps the hidden state. If it read the last 50
characters again at each keystroke, it would need 50 times as many multiplications. For all models
in the same way, this package measures the time of such a single step and counts its
multiplications. It stores the weights as int8 and exports the step to ONNX. It also writes a web
page that types with the models. The n-gram model is compared with the networks.
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
