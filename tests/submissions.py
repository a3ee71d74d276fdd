"""Submissions to grade: what a class hands in, and what nobody should."""

import copy
import functools

import joblib
import nbformat

from course import read_solution
from course.grade import __main__ as grade, submission
from course.make_exercise import EXERCISE, todo_number
from lab import exercise
from tests.running import cell_of

SOURCES = {cell["id"]: "".join(cell["source"]) for cell in read_solution.read()["cells"]}
ANSWERS = read_solution.answer_ids()
BASE = nbformat.read(EXERCISE, as_version=4)
HALF = (1, 3, 5, 7, 9)  # so many TODOs filled in

# A class that is not as specified takes the trained models with it, where ours does not stand in.
AFTER_A_CLASS = {
    "samples": "models-incomplete",
    "performance": "models-incomplete",
    "long_context": "spans-setting",
}
# A student's name: the cell, what the solution says there, what the student wrote, and the rule
# that the check finds broken (None: the check is not reached).
WRONG = {
    "first-timestep": (
        "char-rnn",
        "[:, -1, :]",
        "[:, 0, :]",
        {"char_rnn": "final-timestep", **AFTER_A_CLASS},
    ),
    "softmax": (
        "char-lstm",
        "self.output(self.dropout(rnn_out))",
        "self.output(self.dropout(rnn_out)).softmax(-1)",
        {"char_lstm": "raw-logits", **AFTER_A_CLASS},
    ),
    "wrong-layer": (
        "char-gru",
        "nn.GRU(",
        "nn.RNN(",
        {"char_gru": "layer-type", "parameters": "counts-wrong", **AFTER_A_CLASS},
    ),
    "syntax-error": ("parameter-counts", "= {name", "= {{name", {"parameters": None}),
    "one-more": (
        "parameter-counts",
        "_size)) for",
        "_size)) + 1 for",
        {"parameters": "counts-wrong"},
    ),
    "last-weights": (
        "train-and-compare",
        "best.restore()",
        "best.best_epoch",
        {"training": "best-weights"},
    ),
    "one-temperature": ("samples", "(0.5, 1.0)", "(0.5,)", {"samples": "samples-missing"}),
    "no-labels": (
        "tradeoff",
        "axes.annotate(name,",
        "axes.set_xlabel(''), axes.annotate(name,",
        {"figures": "axes-labels"},
    ),
    "lower-case": (
        "recommendation",
        'evidence["Memory Span"] = spans[recommendation]',
        'recommendation = "gru"',
        {"recommendation": "recommendation-unknown"},
    ),
    "no-check": (
        "char-gru",
        "self.dropout(self.embedding(x))",
        "self.embedding(x)",
        {"char_gru": "dropout-missing"},
    ),
}

# The same for code that does more than answer: how grading it ends, and the points it keeps.
LATER = [name for name, check in exercise.CHECKS.items() if check.number >= 6]
AFTER = exercise.POINTS - sum(exercise.CHECKS[name].points for name in LATER)
WITHOUT_SAMPLES = exercise.POINTS - exercise.CHECKS["samples"].points
HOSTILE = {
    "endless-loop": ("samples", "while True:\n    pass", "stopped", AFTER),
    "memory-hog": ("samples", "hog = [torch.ones(10**8) for _ in range(99)]", "stopped", AFTER),
    "os-exit": ("samples", "import os\nos._exit(3)", "stopped", AFTER),
    "sys-exit": ("samples", "import sys\nsys.exit()", "graded", WITHOUT_SAMPLES),
    "children": (
        "guess",
        "import subprocess\n"
        "subprocess.Popen(['sleep', '1000'], start_new_session=True)\n"
        "subprocess.Popen('sleep 1000 & sleep 1000 &', shell=True)",
        "graded",
        exercise.POINTS,
    ),
    "deletes-files": (
        "guess",
        "import shutil\nshutil.rmtree('.', True)",
        "graded",
        exercise.POINTS,
    ),
    "noise-on-stderr": (
        "guess",
        "import sys\nprint('here', file=sys.stderr)",
        "graded",
        exercise.POINTS,
    ),
}
BROKEN = {
    "not-json": "this is no notebook",
    "empty": "",
    "a-list": "[]",
    "cut-off": '{"cells": [',
}


def fill(base, numbers):
    """Return a copy of a notebook with the TODOs of these numbers filled in."""
    notebook = copy.deepcopy(base)
    for cell in notebook.cells:
        if cell.id in ANSWERS and (todo_number(cell) or 5) in numbers:  # the guess is part of B
            cell.source = SOURCES[cell.id]
    return notebook


def change(notebook, cell_id, old, new):
    """Put something else into a cell of a notebook; an ``old`` of None stands for all of it."""
    cell = cell_of(notebook, cell_id)
    assert old is None or old in cell.source, (cell_id, old)
    cell.source = new if old is None else cell.source.replace(old, new)
    return notebook


def points(broken):
    """Return the points of the full solution when these checks are not passed."""
    return sum(todo.points for check, todo in exercise.CHECKS.items() if check not in broken)


def own_faults(broken):
    """Return which checks fail where our model stands in for one that is wrong."""
    models = {check for check in broken if exercise.CHECKS[check].number <= 3 and broken[check]}
    return {check: rule for check, rule in broken.items() if check in models} or broken


def a_class(base):
    """Return 17 notebooks made from an exercise, by the names of their students.

    Each comes with the rules that its checks find broken: (notebook, {check: rule or None}).
    """
    todo = {name: check.number for name, check in exercise.CHECKS.items()}
    made = {"unfilled": (fill(base, ()), dict.fromkeys(todo))}
    made["full"] = (fill(base, range(11)), {})
    for k in HALF:
        missing = {name: None for name, number in todo.items() if number > k}
        made[f"half-{k}"] = (fill(base, range(1, k + 1)), missing)
    for name, (cell_id, old, new, broken) in WRONG.items():
        made[name] = (change(fill(base, range(11)), cell_id, old, new), broken)
    cells = made["no-check"][0].cells
    cells[:] = [cell for cell in cells if cell.id != "check-char-gru"]
    return made


def reporting(*facts, ended=None):
    """Return a grader to which each submission reports these facts, without being run."""
    return functools.partial(submission.grade, run=lambda *limits: ([*facts], ended, 1.0, 1.0))


def grade_all(folder, grades, *more, **limits):
    """Grade a folder in this process, one submission after the other."""
    with joblib.parallel_config("sequential"):
        return grade.grade_all(folder, grades, *more, **limits)


def notebooks(base):
    """Return 25 notebooks by their names, each with its outcome: (notebook, verdict, points)."""
    made = {
        name: (notebook, "graded", points(own_faults(broken)))
        for name, (notebook, broken) in a_class(base).items()
    }
    for name, (cell_id, source, *outcome) in HOSTILE.items():
        made[name] = (change(fill(base, range(11)), cell_id, None, source), *outcome)
    without_ids = fill(base, range(11))
    without_ids.nbformat_minor = 4
    for cell in without_ids.cells:
        del cell["id"]
    return made | {"without-ids": (without_ids, "graded", exercise.POINTS)}


def write_all(folder, base):
    """Write 30 submissions below a folder: for benchmarks/grading.py."""
    made = notebooks(base)
    texts = {name: nbformat.writes(notebook) for name, (notebook, *_) in made.items()}
    for name, text in (texts | BROKEN).items():
        (folder / name).mkdir(parents=True)
        (folder / name / "exercise.ipynb").write_text(text, encoding="utf-8")
    (folder / "no-check" / "checks.py").write_text("raise SystemExit('my own checks')")
    (folder / "deleted").mkdir()
    (folder / "deleted" / "exercise.ipynb").symlink_to(folder / "gone.ipynb")
