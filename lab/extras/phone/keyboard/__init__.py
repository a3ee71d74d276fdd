"""A web page that types with the trained models, in the browser of any device.

python -m lab.extras.phone.keyboard   serve exported/keyboard.html to phones in the local network
"""

from lab.extras.phone.keyboard.readback import compare_with_laptop
from lab.extras.phone.keyboard.serve import serve_keyboard
from lab.extras.phone.keyboard.write import write_keyboard

__all__ = ["compare_with_laptop", "serve_keyboard", "write_keyboard"]
