"""The two pictures of the README; the file of each picture says in words what it shows.

A test of the browser takes exported/exercise.png, and ``python -m benchmarks.keyboard`` takes
docs/keyboard.png. Both write into the file what the picture shows. So ``python -m course.generate
--check`` can report a picture that is out of date.
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
TAKEN = {  # how to take each picture again
    EXERCISE: "Run pytest -m slow tests/core/test_browser.py and copy exported/exercise.png there.",
    KEYBOARD: "Run python -m benchmarks.keyboard.",
}
PAGE = ROOT / "lab" / "extras" / "phone" / "keyboard"
RIGHT, WRONG = "[:, -1, :]", "[:, 0, :]"  # in the answer to TODO 1; the picture shows the wrong one


def shows(path):
    """Return a text on the things that a picture should show now.

    For docs/exercise.png the text has the cells, for docs/keyboard.png a hash of the page.
    """
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
    """Write into the file of a picture a text on the things that it shows."""
    signature = PngInfo()
    signature.add_itxt("Description", shown)
    with Image.open(path) as picture:
        picture.save(path, pnginfo=signature)


def outdated():
    """Yield a line for each picture that is out of date."""
    for path, remedy in TAKEN.items():
        with Image.open(path) as picture:
            if picture.info.get("Description") != shows(path):
                yield f"docs/{path.name} is out of date. {remedy}"
