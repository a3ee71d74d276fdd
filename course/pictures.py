"""README's two pictures: what each shows, as a text that stands in its file.

A test of the browser takes exported/exercise.png, and ``python -m benchmarks.keyboard`` takes
docs/keyboard.png. Both sign what they take, so that ``python -m course.generate --check`` can tell
when a picture shows something that has changed since.
"""

import contextlib
import hashlib
import io
import json

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from course import read_solution
from course.make_exercise import ROOT
from lab import checks
from lab.exercise import STYLES

EXERCISE = ROOT / "docs" / "exercise.png"
KEYBOARD = ROOT / "docs" / "keyboard.png"
TAKEN = {  # how each is taken again
    EXERCISE: "run pytest -m slow tests/core/test_browser.py and copy exported/exercise.png",
    KEYBOARD: "run python -m benchmarks.keyboard",
}
PAGE = ROOT / "lab" / "extras" / "phone" / "keyboard"
RIGHT, WRONG = "[:, -1, :]", "[:, 0, :]"  # in the answer to TODO 1; the picture shows the wrong one


def shows(path):
    """Return what a picture should show now: the cells in it, or a digest of the page."""
    if path == KEYBOARD:
        page = [(PAGE / name).read_text(encoding="utf-8") for name in ("page.html", "page.js")]
        return hashlib.sha256(json.dumps([page, STYLES]).encode()).hexdigest()
    sources = {cell["id"]: "".join(cell["source"]) for cell in read_solution.required_cells()}
    scope = {}
    exec("import torch\nfrom torch import nn\n" + sources["char-rnn"].replace(RIGHT, WRONG), scope)
    with contextlib.redirect_stdout(io.StringIO()):
        said = checks.char_rnn(scope["CharRNN"]).message
    return "\n".join([sources["check-char-rnn"], said, sources["todo-2"]])


def sign(path, shown):
    """Write into the file of a picture what it shows."""
    signature = PngInfo()
    signature.add_itxt("Description", shown)
    with Image.open(path) as picture:
        picture.save(path, pnginfo=signature)


def outdated():
    """Yield a line for each picture that shows something else than it should."""
    for path, remedy in TAKEN.items():
        with Image.open(path) as picture:
            if picture.info.get("Description") != shows(path):
                yield f"docs/{path.name} shows what has changed since: {remedy}"
