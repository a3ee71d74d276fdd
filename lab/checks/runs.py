"""The run of a TODO's cell that a check judges. It is never the result of an older run."""

import builtins
import contextlib
import re
import symtable
import sys
from types import SimpleNamespace

import torch

from helpers import shell
from lab.checks.rule import Broken, NotAttempted, need
from lab.exercise import CHECKS

ANSWERS = {todo.number: re.split(", | and ", todo.what) for todo in CHECKS.values()}  # their names
UNREADABLE = ("SyntaxError", "IndentationError", "TabError")
_runs = {}  # the last run of each cell of a TODO, by the cell's id, or else its first line
_absent = set()  # names that a cell with a check uses, but that do not exist: None until it ends


def of(todo):
    """Return the last runs of a TODO's cells."""
    return [run for run in _runs.values() if run.todo == todo.number]


def need_the_last(todo):
    """Raise Broken or NotAttempted if the last run of a TODO's cell did not make its answer."""
    for run in of(todo):
        same = [name for name, left in run.left.items() if shell().user_ns.get(name) is left]
        if run.error and same:  # no other cell has made all answers since
            said = f"The cell of TODO {todo.number} ended in {run.error}"
            if _as_handed_out(run):
                raise NotAttempted(
                    f"{said}\n  Run the cells above this cell, then fill in the TODO."
                )
            raise Broken(
                "cell-failed",
                f"{said}\n  Fix this error first. The cell makes a new answer only if it runs to "
                "its end.",
            )
    missing = ", ".join(sorted(_absent.intersection(ANSWERS[todo.number])))
    need(
        not (of(todo) and missing),
        "other-name",
        f"The cell of TODO {todo.number} ran to its end, but it did not make "
        f"{missing}.{_others(todo)}",
    )
    theirs = {name for number, names in ANSWERS.items() if number != todo.number for name in names}
    if needed := ", ".join(sorted(_absent - theirs)):  # of other TODOs the check says more
        raise NotAttempted(
            f"The notebook does not have {needed} yet. Fill in TODO {todo.number} above, then run "
            "its cell and the cells before it."
        )


def _others(todo):
    # Return a sentence on a class of another TODO that a cell of this TODO has made instead.
    made = re.findall(r"(?m)^class (\w+)", "\n".join(run.source for run in of(todo)))
    number = {name: number for number, names in ANSWERS.items() for name in names}
    return "".join(
        f" It made {name} again. Fix this, then run the cell of TODO {number[name]} again."
        for name in made
        if number.get(name, todo.number) != todo.number
    )


def _as_handed_out(run):
    # Return whether a cell is still as we gave it, as far as the text shows. Ours has valid syntax.
    empty = {
        n for line in re.findall(r"(?m)^(.+) = None\s*$", run.source) for n in line.split(" = ")
    }
    begun = rf"(?m)^\s*(?:{'|'.join(empty)})\b.*=(?!.*None\s*$)"
    stub = (empty and not re.search(begun, run.source)) or "delete this line" in run.source
    return stub and not run.error.startswith(UNREADABLE)


# ----- What IPython calls -------------------------------------------------------------------------


def _cell(info):
    # Return the source of a cell and its id, or else its first line: some notebooks have no ids.
    source = (info.raw_cell or "").strip()
    return source, getattr(info, "cell_id", None) or source.partition("\n")[0]


def begin_cell(info):
    """Prepare the run of a cell.

    A class or function that a TODO's cell made is deleted before that cell runs again. Otherwise a
    check could judge it, although the new run did not make it. In a cell with a check, names that
    do not exist are None, so that the check runs and can give the reason.
    """
    names, (source, cell) = shell().user_ns, _cell(info)
    for name, left in _runs[cell].left.items() if cell in _runs else ():
        if callable(left) and names.get(name) is left:
            del names[name]
    if re.search(rf"\bchecks\.({'|'.join(CHECKS)})\(", source):
        with contextlib.suppress(SyntaxError):
            symbols = symtable.symtable(source, "cell", "exec").get_symbols()
            used = {s.get_name() for s in symbols if s.is_referenced() and not s.is_assigned()}
            _absent.update(used - names.keys() - vars(builtins).keys())
            names.update(dict.fromkeys(_absent))


def end_cell(result):
    """Note how a cell of a TODO ended."""
    names, (source, cell) = shell().user_ns, _cell(result.info)
    for name in _absent:
        names.pop(name, None)
    _absent.clear()
    _runs.pop(cell, None)
    if found := re.match(r"# TODO (\d+)\b", source):
        todo, error = int(found[1]), result.error_before_exec or result.error_in_exec
        _runs[cell] = SimpleNamespace(
            todo=todo,
            number=result.execution_count,  # in its In [ ]
            source=source,
            error=error and _told(error),
            left={name: names.get(name) for name in ANSWERS.get(todo, ())},
        )


def _told(error):
    # Return an exception in words; where Python could not read the cell, with the line.
    line = f"{error.msg}\n  at line {error.lineno}: {error.text}" if hasattr(error, "text") else ""
    return f"{type(error).__name__}: {(line or str(error)).rstrip()[:400]}"


if shell():
    shell().events.register("pre_run_cell", begin_cell)
    shell().events.register("post_run_cell", end_cell)
if "ipykernel" in sys.modules:
    # In a notebook somebody waits. PyTorch loads its compiler, for two seconds, with the first
    # optimizer or a layer on the device "meta": here, among the imports, and not in a check.
    torch.optim.SGD([torch.zeros(1)])
