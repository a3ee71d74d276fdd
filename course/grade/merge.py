"""What of a submission is run: our exercise, with the student's answers and own cells in it.

A student's cell is one of ours by its id or, where a tool dropped the ids, by its lines. What is
not an answer is run as we have it, above all the checks. An answer may also stand in cells of the
student's own, in one or in several: the names that they define say which.
"""

import functools
import operator
import re
import symtable
from typing import NamedTuple

from IPython.core.inputtransformer2 import TransformerManager

from course import read_solution
from course.grade.handed_in import Refused
from course.make_exercise import make_exercise
from lab import exercise

OWN = "a cell of your own"
# The names that each check judges; an answer is known by them. Three answers have no check.
JUDGED = {
    check: set(re.findall(r"\w+", todo.what)) - {"and"} for check, todo in exercise.CHECKS.items()
}
ANSWERS = {"guess", "coherence", "paragraph"}.union(*JUDGED.values())


class Cell(NamedTuple):
    """A code cell of ours or of the student's, in its place in our exercise."""

    # The number of our cell, and 0 for that cell itself, 1 for what the student put behind it, 2
    # for a check that waits for this.
    place: tuple
    id: str  # ours, or OWN
    source: str
    check: str | None  # that the cell runs
    answers: set  # the names that it defines; each of our cells with one is an answer's stub
    outputs: list  # of the student's


def defined(source):
    """Return which of the answers' names a cell defines, as far as it can be read."""
    try:
        python = TransformerManager().transform_cell(source)  # what magics become
        names = symtable.symtable(python, "cell", "exec").get_symbols()
    except (SyntaxError, ValueError, RecursionError):
        found = re.findall(r"^(?:class |def )?(\w+)\b(?=[^\n=]*[:=(])", source, re.MULTILINE)
        return ANSWERS & set(found)
    return ANSWERS & {name.get_name() for name in names if name.is_assigned()}


@functools.cache
def our_cells():
    """Return the code cells of the exercise."""
    cells = [c for c in make_exercise(read_solution.read())["cells"] if c["cell_type"] == "code"]
    filled_in = read_solution.answer_ids()
    sources = ["".join(cell["source"]) for cell in cells]
    answers = [
        defined(s) if c["id"] in filled_in else set() for c, s in zip(cells, sources, strict=True)
    ]
    return [
        Cell((number, 0), cell["id"], source, read_solution.check_of(cell), answer, [])
        for number, (cell, source, answer) in enumerate(zip(cells, sources, answers, strict=True))
    ]


class Merged(NamedTuple):
    """What is made of a submission."""

    cells: list  # to run: (id, source, check)
    by_our_id: dict  # the student's cells, a list for each id of ours that they are


def merge(notebook):
    """Return the Merged of a notebook.

    Raises Refused for a notebook without an answer, AttributeError or TypeError for what is not a
    notebook of version 4.
    """
    theirs = _recognised(notebook)
    if not any(one.answers for one in theirs):
        others = sum(one.id == OWN for one in theirs)
        known = len(theirs) - others
        verdict = "answers not recognised" if known else "not this exercise"
        raise Refused(f"{known} of our cells, {others} others, no answer in them", verdict)
    stubs = {one.source.strip() for one in our_cells() if one.answers}
    theirs = [one for one in theirs if one.source.strip() not in stubs]  # left as they were
    return Merged(to_run(theirs), _by_our_ids(theirs))


def _by_our_ids(theirs):
    """Return the student's cells by the id of ours that they are, or whose answer they define."""
    own = [one for one in theirs if one.id == OWN and not one.answers and one.source.strip()]
    return {OWN: own} | {
        ours.id: [one for one in theirs if one.id == ours.id or one.answers & ours.answers]
        for ours in our_cells()
    }


def _recognised(notebook):
    """Return the student's code cells: each as one of ours, or behind the one that it follows.

    A cell that defines an answer never comes before that answer's place: between them are cells of
    ours that the student deleted.
    """
    missing = {one.id: one.place[0] for one in our_cells()}
    slots = {name: one.place[0] for one in our_cells() for name in one.answers}
    found, place = [], (-1, 0)
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        answers = defined(cell.source)
        known = cell.get("id") if cell.get("id") in missing else _by_its_lines(cell.source)
        if known in missing:
            place = (missing.pop(known), 0)
        else:
            known, first = OWN, min((slots[name] for name in answers), default=-1)
            place = (max(place[0], first), 1)
        found.append(Cell(place, known, cell.source, None, answers, cell.get("outputs", [])))
    return found


def _by_its_lines(source):
    """Return the id of the cell of ours that a cell is: it has the TODO's line, or half of ours."""
    lines = set(source.strip().split("\n"))
    for one in our_cells():
        ours = one.source.split("\n")
        if ours[0] in lines if one.answers else 2 * len(lines & set(ours)) > len(ours):
            return one.id
    return None


def to_run(theirs):
    """Return ours with the student's answers and own cells, in the order in which they run.

    Our stub never overwrites what the student defined, and a check stands behind all that it
    judges. Nothing judges what comes after the last check, which is left out.
    """
    given = {one.id for one in our_cells() if not one.answers}
    written = [one for one in theirs if one.id not in given]
    ids, answers = {one.id for one in written}, set().union(*(one.answers for one in written))
    cells = [one for one in our_cells() if one.id not in ids and not one.answers & answers]
    cells = _with_late_checks(cells + written)
    while not cells[-1].check:
        cells.pop()
    return [(one.id, one.source, one.check) for one in cells]


def _with_late_checks(cells):
    """Return cells in their order; a check follows the first cell that defines what it judges."""
    places = {}
    for one in sorted(cells, key=operator.attrgetter("place"), reverse=True):
        places |= dict.fromkeys(one.answers, one.place)
    placed = []
    for one in cells:
        judged = [places[name] for name in JUDGED.get(one.check, ()) if name in places]
        last = max(judged, default=one.place)
        placed.append(one._replace(place=(last[0], 2)) if last > one.place else one)
    return sorted(placed, key=operator.attrgetter("place"))


OURS = "our class in place of the one handed in"
CLASSES = ("char_rnn", "char_lstm", "char_gru")  # the checks of the classes, by our cells' ids


def with_ours(cells, failed):
    """Return cells to run with our class behind each of these checks, so that later ones use it."""
    ours = {cell["id"]: "".join(cell["source"]) for cell in read_solution.read()["cells"]}
    found = []
    for cell in cells:
        found.append(cell)
        if cell[2] in failed:
            found.append((OURS, ours[cell[2].replace("_", "-")], None))
    return found
