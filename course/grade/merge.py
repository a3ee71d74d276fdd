"""Make the notebook that is run: our exercise, with the student's answers and own cells in it.

We recognise a student's copy of our cell by its id or, if a tool removed the ids, by its lines. A
cell that is not an answer runs as in our exercise; this is true of the checks above all. An answer
may also be in one or several of the student's own cells. We find it by the names that they define.
"""

import ast
import functools
import operator
import re
import symtable
from typing import NamedTuple

from IPython.core.inputtransformer2 import TransformerManager

from course import read_solution
from course.grade.handed_in import Refused
from course.make_exercise import FETCH, make_exercise
from lab import exercise

OWN = "a cell of your own"
# The names that each check judges: we find an answer by them. Three answers do not have a check.
JUDGED = {
    check: set(re.findall(r"\w+", todo.what)) - {"and"} for check, todo in exercise.CHECKS.items()
}
ANSWERS = {"guess", "coherence", "paragraph"}.union(*JUDGED.values())


class Cell(NamedTuple):
    """A code cell of ours or of the student's, in its place in our exercise."""

    # The number of our cell, and 0 for that cell itself, 1 for a cell that the student put behind
    # it, 2 for a check that has to run after such a cell.
    place: tuple
    id: str  # ours, or OWN
    source: str
    check: str | None  # that the cell runs
    answers: set  # the names that it defines; each of our cells with one is an answer's stub
    outputs: list  # of the student's


def defined(source):
    """Return the names of answers that a cell defines, as far as we can read the cell."""
    try:
        python = TransformerManager().transform_cell(source)  # what magics become
        names = symtable.symtable(python, "cell", "exec").get_symbols()
    except (SyntaxError, ValueError, RecursionError, MemoryError):
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
    """The result of merging a submission with our exercise."""

    cells: list  # to run: (id, source, check)
    by_our_id: dict  # the student's cells, a list for each id of ours that they are


def merge(notebook):
    """Return the Merged of a notebook.

    Raises Refused for a notebook without an answer, and AttributeError or TypeError for an object
    that is not a notebook of version 4.
    """
    theirs = _recognised(notebook)
    if not any(one.answers for one in theirs):
        others = sum(one.id == OWN for one in theirs)
        known = len(theirs) - others
        verdict = "answers not recognised" if known else "not this exercise"
        raise Refused(
            f"the notebook has {known} cells of this exercise and {others} other cells, but we did "
            "not find an answer in them",
            verdict,
        )
    stubs = {one.source.strip() for one in our_cells() if one.answers}
    theirs = [one for one in theirs if one.source.strip() not in stubs]  # left as they were
    return Merged(to_run(theirs), _by_our_ids(theirs))


def _by_our_ids(theirs):
    """Return the student's cells, by the id of our cell with the same place or answer."""
    own = [one for one in theirs if one.id == OWN and not one.answers and one.source.strip()]
    return {OWN: own} | {
        ours.id: [one for one in theirs if one.id == ours.id or one.answers & ours.answers]
        for ours in our_cells()
    }


def _recognised(notebook):
    """Return the student's code cells, each in the place of our cell or behind the cell before it.

    A cell that defines an answer never comes before the place of that answer. Otherwise it could
    run before cells of ours that the student deleted. A cell with the answers of several of our
    cells is split, so that each part runs in its place. What a student adds to one of our given
    cells runs behind it.
    """
    missing = {one.id: one.place[0] for one in our_cells()}
    slots = {name: one.place[0] for one in our_cells() for name in one.answers}
    found, place = [], (-1, 0)
    for cell in notebook.cells:
        if cell.cell_type != "code" or cell.get("id") == FETCH:
            continue
        answers, outputs = defined(cell.source), cell.get("outputs", [])
        known = cell.get("id") if cell.get("id") in missing else _by_its_lines(cell.source)
        if known in missing:
            place = (missing.pop(known), 0)
            found.append(Cell(place, known, cell.source, None, answers, outputs))
            ours = our_cells()[place[0]]
            if not ours.answers and (added := _added(cell.source, ours.source)):
                found.append(Cell((place[0], 1), OWN, added, None, defined(added), []))
        else:
            own = _of_their_own(cell.source, answers, outputs, slots, place)
            place = own[0].place if len(own) == 1 else place
            found += own
    return found


def _of_their_own(source, answers, outputs, slots, place):
    """Return a cell of the student's own: as one, or in parts if it has several answers."""
    several = len({slots[name] for name in answers}) > 1
    if several and (parts := _parts(source, slots)):
        return [
            Cell((slot, 1), OWN, part, None, defined(part), outputs) for slot, part in parts.items()
        ]
    first = min((slots[name] for name in answers), default=-1)
    return [Cell((max(place[0], first), 1), OWN, source, None, answers, outputs)]


def _statements(source):
    """Return the statements at the top of a cell as texts; none if we cannot read the cell."""
    try:
        nodes = ast.parse(TransformerManager().transform_cell(source)).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    return [(node, ast.unparse(node)) for node in nodes]


def _added(source, ours):
    """Return what a student has added to a given cell: imports, definitions and new names."""
    given = {text for _, text in _statements(ours)}
    names = {name for node, _ in _statements(ours) for name in _assigned(node)}
    kinds = ast.Import | ast.ImportFrom | ast.FunctionDef | ast.ClassDef
    return "\n".join(
        text
        for node, text in _statements(source)
        if text not in given
        and (isinstance(node, kinds) or (_assigned(node) and not names & _assigned(node)))
    )


def _assigned(node):
    """Return the names that an assignment makes; of any other statement an empty set."""
    if not isinstance(node, ast.Assign | ast.AnnAssign):
        return set()
    return {
        n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
    }


def _parts(source, slots):
    """Return the parts of a cell with several answers: {the slot of our cell: source}."""
    parts, slot = {}, min(slots[name] for name in defined(source))
    for _, text in _statements(source):
        slot = max([slot, *(slots[name] for name in defined(text))])
        parts[slot] = f"{parts.get(slot, '')}{text}\n"
    return parts


def _by_its_lines(source):
    """Return the id of our cell that a cell copies, or None.

    A copy of an answer's cell has its TODO line. A copy of another cell has over half its lines.
    """
    lines = set(source.strip().split("\n"))
    for one in our_cells():
        ours = one.source.split("\n")
        if ours[0] in lines if one.answers else 2 * len(lines & set(ours)) > len(ours):
            return one.id
    return None


def to_run(theirs):
    """Return our cells with the student's answers and own cells, in the order in which they run.

    Our stub never overwrites a name that the student defined, and a check comes after all cells
    that it judges. Cells after the last check are left out, because they are not judged.
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
    """Return cells in their order; a check comes after the first cells with the names it judges."""
    places = {}
    for one in sorted(cells, key=operator.attrgetter("place"), reverse=True):
        places |= dict.fromkeys(one.answers, one.place)
    placed = []
    for one in cells:
        judged = [places[name] for name in JUDGED.get(one.check, ()) if name in places]
        last = max(judged, default=one.place)
        placed.append(one._replace(place=(last[0], 2)) if last > one.place else one)
    return sorted(placed, key=operator.attrgetter("place"))


OURS = "our class in place of the submitted class"
CLASSES = ("char_rnn", "char_lstm", "char_gru")  # the checks of the classes, by our cells' ids


def with_ours(cells, failed):
    """Return the cells with our class behind each of these checks, so that later cells use it."""
    ours = {cell["id"]: "".join(cell["source"]) for cell in read_solution.read()["cells"]}
    found = []
    for cell in cells:
        found.append(cell)
        if cell[2] in failed:
            found.append((OURS, ours[cell[2].replace("_", "-")], None))
    return found
