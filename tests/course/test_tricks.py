"""Tricks by which a submission without an answer might have points: what each of them gets.

In the same process nothing can be kept from who knows how: docs/instructors.md says so.
"""

import os

import nbformat
import pytest

from course.grade import merge, sandbox, submission
from course.make_exercise import ROOT
from lab import exercise
from tests import submissions

POINTS = {check: todo.points for check, todo in exercise.CHECKS.items()}
CLASSES = sum(POINTS[check] for check in merge.CLASSES)
PASSED = "type('Result', (), dict(status='passed', rule=None, message='', points=90))"
MEMORY = (
    "import gc\n"
    "for found in gc.get_objects():\n"
    "    if type(found) is list and len(found) == 3 and 'nn.RNN(' in str(found[1]):\n"
    "        exec(found[1])\n"
)
EXECUTE = (
    "import json\n"
    "for cell in json.load(open({!r}))['cells']:\n"
    "    if 'class Char' in ''.join(cell['source']): exec(''.join(cell['source']))\n"
)
PATCH = (
    "import lab.checks.models as looks\n"
    "looks.judge = lambda *_: 'all is well'\n"
    "class CharRNN: pass\nclass CharLSTM: pass\nclass CharGRU: pass\n"
)
TRICKS = {  # what stands in place of CharRNN, and the points that it gets
    "has the solution": (submissions.SOURCES["char-rnn"], POINTS["char_rnn"]),
    "reads the solution": (EXECUTE.format(str(ROOT / "solution.ipynb")), 0),
    "looks for it everywhere": (
        "import pathlib\n"
        "for path in pathlib.Path('/').rglob('solution.ipynb'):\n"
        "    " + EXECUTE.format("{}").replace("'{}'", "path").replace("\n", "\n    "),
        0,
    ),
    "reads the grader's cells": ("text = open('cells.json').read()\nexec(text)", 0),
    "raises the points": (
        "known = checks.results.CHECKS\nchecks.results.CHECKS = {'mine': known['char_rnn']}",
        0,
    ),
    "writes results": (
        "from lab.exercise import CHECKS\nchecks.latest.update({name: 1 for name in CHECKS})",
        0,
    ),
    "reports by itself": (
        "import json, os\n"
        "line = json.dumps(dict(check='char_rnn', status='passed', rule=None, message=''))\n"
        "for number in range(64):\n"
        "    try: os.write(number, line.encode() + b'\\n')\n"
        "    except OSError: pass\n",
        0,
    ),
    "ends with success": ("import os\nos._exit(0)", 0),
    "other checks": (f"class checks:\n    char_rnn = lambda *_: {PASSED}", 0),
    "objects that equal all": (
        "class Same(dict):\n"
        "    def __eq__(self, other): return True\n"
        "    def __getitem__(self, key): return self\n"
        "    def __getattr__(self, name): return self\n"
        "    def __call__(self, *a, **k): return self\n"
        "parameter_counts = spans = samples = evidence = performance_table = Same()\n",
        0,
    ),
    "results that pass": (
        "import lab.checks, lab.exercise\nlab.checks.latest = "
        f"dict.fromkeys(lab.exercise.CHECKS, {PASSED})",
        0,
    ),
    "patches the checks": (PATCH, CLASSES),
    "searches the memory": (MEMORY, 0),
}


def handed_in(trick):
    """Return the exercise with nothing filled in but the trick in the first answer's place."""
    return submissions.change(submissions.fill(submissions.BASE, ()), "char-rnn", None, trick)


@pytest.mark.slow
@pytest.mark.parametrize("name", TRICKS)
def test_a_trick_gets_no_more_than_is_known(name, tmp_path):
    trick, points = TRICKS[name]
    if "solution.ipynb" in trick and sandbox.isolation()[1]:
        pytest.skip("this system does not let us hide files, which the page says")
    nbformat.write(handed_in(trick), tmp_path / "one.ipynb")
    row, _ = submission.grade("one", *submission.prepare(tmp_path / "one.ipynb"), 60, 1_000)
    assert row["points"] == points, row


@pytest.mark.skipif(os.name == "nt", reason="links need privileges there")
def test_a_link_is_not_followed(tmp_path):
    (tmp_path / "one.ipynb").symlink_to(ROOT / "solution.ipynb")
    assert submission.prepare(tmp_path / "one.ipynb")[2] == (
        "not graded",
        "this is a link, not a file",
    )
