"""What of a submission is run: our exercise, with the student's answers and own cells in it.

A student's cell is one of ours by its id or, where a tool dropped the ids, by its lines. All that
is no answer, the checks above all, is ours. An answer may also stand in cells of the student's own,
in one or in several: what they define says which.
"""

import ast
import collections
import functools
import re
from typing import NamedTuple

from IPython.core.inputtransformer2 import TransformerManager

from course import read_solution
from course.make_exercise import make_exercise
from lab import exercise

OWN = "a cell of your own"
# The names that each check judges; an answer is known by them. The guess has no check.
JUDGED = {
    check: set(re.findall(r"\w+", todo.what)) - {"and"} for check, todo in exercise.CHECKS.items()
}
ANSWERS = {"guess"}.union(*JUDGED.values())


class Unknown(Exception):
    """A verdict on a notebook without an answer in it, and in ``seen`` what there is instead."""

    def __init__(self, verdict, seen):
        super().__init__(verdict)
        self.seen = seen


@functools.cache
def our_cells():
    """Return the exercise's code cells as (id, source, check), and the ids of the answers."""
    cells = [c for c in make_exercise(read_solution.read())["cells"] if c["cell_type"] == "code"]
    return (
        [(c["id"], "".join(c["source"]), read_solution.check_of(c)) for c in cells],
        read_solution.answer_ids(),
    )


def title(cell_id):
    """Return the first line of a cell of ours, for people; OWN for a cell of the student's."""
    if cell_id == OWN:
        return OWN
    (source,) = (source for known, source, _ in our_cells()[0] if known == cell_id)
    return source.split("\n")[0].removeprefix("# ")


@functools.cache
def questions():
    """Return the first lines of the exercise's prose that a student answers in a sentence."""
    cells = [c for c in read_solution.read()["cells"] if c["cell_type"] == "markdown"]
    sources = ["".join(cell["source"]) for cell in cells]
    return [source.split("\n")[0] for source in sources if "BEGIN SOLUTION" in source]


def parsed(source):
    """Return the syntax tree of a cell, magics and all, or None for what is no Python."""
    try:
        return ast.parse(TransformerManager().transform_cell(source))
    except (SyntaxError, ValueError, RecursionError):
        return None


def defined(source):
    """Return which of the answers' names a cell defines, as far as it can be read."""
    tree = parsed(source)
    if tree is None:
        found = re.findall(r"^(?:class |def )?(\w+)\b(?=[^\n=]*[:=(])", source, re.MULTILINE)
        return ANSWERS & set(found)
    found, within = set(), [tree]
    while within:
        node = within.pop()
        if isinstance(node, (ast.FunctionDef, ast.ClassDef, ast.AsyncFunctionDef)):
            found.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        if node is tree or not isinstance(node, (ast.FunctionDef, ast.ClassDef, ast.Lambda)):
            within += ast.iter_child_nodes(node)
    return ANSWERS & found


@functools.cache
def _stubs():
    """Return the stub of each answer, by its id."""
    ours, answers = our_cells()
    return {cell_id: source.strip() for cell_id, source, _ in ours if cell_id in answers}


@functools.cache
def _slots():
    """Return the place of each answer's name in our exercise."""
    places = {cell_id: place for place, (cell_id, *_) in enumerate(our_cells()[0])}
    return {name: places[i] for i, stub in _stubs().items() for name in defined(stub)}


class Merged(NamedTuple):
    """What is made of a submission."""

    cells: list  # to run: (id, source, check)
    handed_in: dict  # the student's cells as they were, a list for each id of ours that they are


def merge(notebook):
    """Return the Merged of a notebook.

    Raises Unknown for a notebook without an answer, AttributeError or TypeError for what is not a
    notebook of version 4.
    """
    theirs, added = _recognised(notebook)
    stubs = _stubs()
    own = [cell for cells in added.values() for cell in cells]
    filled = [cell for i, cell in theirs.items() if cell.source.strip() != stubs.get(i)]
    elsewhere = {name: cell for cell in own + filled for name in defined(cell.source)}
    if not stubs.keys() & theirs.keys() and not elsewhere:
        verdict = "answers not recognised" if theirs else "not this exercise"
        raise Unknown(verdict, f"{len(theirs)} of our cells, {len(own)} others, no answer in them")
    cells = [(OWN, cell.source, None) for cell in added[-1]]
    handed_in = {cell_id: [cell] for cell_id, cell in theirs.items()}
    handed_in[OWN] = [cell for cell in own if not defined(cell.source) and cell.source.strip()]
    for place, (cell_id, source, check) in enumerate(our_cells()[0]):
        if cell_id in stubs:
            found = [cell for cell in filled if cell is theirs.get(cell_id)]
            found += [elsewhere[name] for name in sorted(defined(source)) if name in elsewhere]
            handed_in[cell_id] = [c for n, c in enumerate(found) if c not in found[:n]]
            source = theirs[cell_id].source if cell_id in theirs else source
        # Our stub never overwrites what the student defined.
        if not (cell_id in stubs and handed_in[cell_id] and source.strip() == stubs[cell_id]):
            cells.append((cell_id, source, check))
        cells += [(OWN, cell.source, None) for cell in added[place]]
    cells = _checks_after_answers(cells)
    while not cells[-1][2]:  # nothing judges what comes after the last check
        cells.pop()
    return Merged(cells, handed_in)


def _recognised(notebook):
    """Return the student's cells: those of ours by their ids, others by the place they follow.

    A cell that defines an answer never comes before that answer's place: between them are cells of
    ours that the student deleted.
    """
    places = {cell_id: place for place, (cell_id, *_) in enumerate(our_cells()[0])}
    theirs, added, place = {}, collections.defaultdict(list), -1
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        known = cell.get("id") if cell.get("id") in places else _by_its_lines(cell.source)
        if known and known not in theirs:
            theirs[known], place = cell, places[known]
        else:
            place = max([place, *sorted(_slots()[name] for name in defined(cell.source))[:1]])
            added[place].append(cell)
    return theirs, added


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


def _by_its_lines(source):
    """Return the id of the cell of ours that a cell is: it has the TODO's line, or half of ours."""
    ours, answers = our_cells()
    lines = set(source.strip().split("\n"))
    for cell_id, other, _ in ours:
        theirs = other.split("\n")
        if theirs[0] in lines if cell_id in answers else 2 * len(lines & set(theirs)) > len(theirs):
            return cell_id
    return None


def _checks_after_answers(merged):
    """Return the cells with each check behind the cells that define what it judges."""
    defines = [defined(source) for _, source, _ in merged]
    cells, waiting, so_far = [], [], set()
    for place, cell in enumerate(merged):
        if cell[2] and (JUDGED[cell[2]] - so_far) & set().union(*defines[place:]):
            waiting.append(cell)
            continue
        cells.append(cell)
        so_far |= defines[place]
        ready = [check for check in waiting if JUDGED[check[2]] <= so_far]
        cells += ready
        waiting = [check for check in waiting if check not in ready]
    return cells + waiting
