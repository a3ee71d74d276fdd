"""The trained models as one page that types with them, in the browser of any device.

python -m lab.phone.keyboard    serve exported/keyboard.html to the phones of the local network
"""

from lab.phone.keyboard.report import show_beside_laptop
from lab.phone.keyboard.serve import serve_keyboard
from lab.phone.keyboard.write import write_keyboard

__all__ = ["serve_keyboard", "show_beside_laptop", "write_keyboard"]
