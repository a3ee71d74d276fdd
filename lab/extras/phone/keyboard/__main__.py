import sys

from lab.extras.phone import keyboard

if len(sys.argv) > 1:
    sys.exit(keyboard.__doc__)
keyboard.serve_keyboard()
