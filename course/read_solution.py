"""Read solution.ipynb and find the student's part of it, for tests, benchmarks and grading."""

import itertools
import json
import re

from course.make_exercise import FOLDED, SOLUTION, read_stubs, todo_number
from lab import exercise


def read():
    """Return solution.ipynb as a dict."""
    return json.loads(SOLUTION.read_text(encoding="utf-8"))


def required_cells():
    """Return the required cells: those before the first folded section, which is optional."""
    return list(itertools.takewhile(lambda cell: FOLDED not in cell["metadata"], read()["cells"]))


def answer_ids():
    """Return the ids of the code cells that students fill in, outside the optional sections."""
    cells = [cell for cell in required_cells() if cell["cell_type"] == "code"]
    return read_stubs().keys() & {cell["id"] for cell in cells}


def check_of(cell):
    """Return the name of the check that a cell ends with, or None."""
    match = re.search(r"^checks\.(\w+)\(.*\)\Z", "".join(cell["source"]), re.M | re.S)
    return match[1] if match and match[1] in exercise.CHECKS else None


def run_todos(*numbers):
    """Return the names that the setup cell and the TODO cells with these numbers define.

    For TODO 1 to 3 these are the model classes, for TODO 5 train_and_compare_models too.
    """
    namespace = {"__name__": "solution"}
    for cell in read()["cells"]:
        if cell["id"] == "setup" or todo_number(cell) in numbers:
            source = "".join(cell["source"])
            exec(compile(source, cell["id"], "exec"), namespace)
    return namespace
