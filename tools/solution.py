"""The student's part of solution.ipynb, for tests, benchmarks and grading."""

import json
import re

import checks
from tools.make_exercise import FOLDED, SOLUTION, todo_number


def read():
    """Return solution.ipynb as a dict."""
    return json.loads(SOLUTION.read_text(encoding="utf-8"))


def answer_ids(solution):
    """Return the ids of the code cells that students fill in, outside the optional sections."""
    ids = set()
    for cell in solution["cells"]:
        if FOLDED in cell["metadata"]:  # from here on everything is optional
            break
        if cell["cell_type"] == "code" and "# BEGIN SOLUTION" in "".join(cell["source"]):
            ids.add(cell["id"])
    return ids


def check_of(cell):
    """Return the name of the check that a cell ends with, or None."""
    match = re.search(r"^checks\.(\w+)\(.*\)\Z", "".join(cell["source"]), re.MULTILINE)
    return match[1] if match and match[1] in checks.POINTS else None


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
