"""One submission: read, merged with our exercise, run, and what that is worth."""

from typing import NamedTuple

import nbformat

from course.grade import handed_in, page, run_cells, sandbox
from course.grade.merge import CLASSES, OWN, Unknown, merge, our_cells, questions, title, with_ours
from lab import exercise

# On these a person marks the paragraph: they come first.
MARKED = ("recommendation", "check-recommendation", "requirements-met", "performance-table")
MARKED += ("memory-spans", "keyboard")
OPTIONAL = {"keyboard"}  # shown if it was run: may the paragraph say that a phone was measured?


def _handed_in(notebook, found):
    """Return what the student wrote and saw, a list of (title, source, saved output)."""
    ids = [*MARKED, *(i for i, *_ in our_cells()[0] if i in our_cells()[1] - set(MARKED)), OWN]
    parts = [
        (title(cell_id), cell.source, _output(cell))
        for cell_id in ids
        for cell in found.get(cell_id, ())
        if cell_id not in OPTIONAL or cell.outputs
    ]
    prose = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    return parts + [(q, text, "") for q in questions() for text in prose if text.startswith(q)]


def _output(cell):
    """Return what a cell's last run of the student's showed, as text."""
    parts = [o.get("text") or o.get("data", {}).get("text/plain", "") for o in cell.outputs]
    parts += [f"{o.ename}: {o.evalue}" for o in cell.outputs if o.output_type == "error"]
    return "".join(map(str, parts))[: run_cells.LONGEST_TEXT]


def read(path):
    """Return (cells to run, what the student wrote and saw, None), or (None, None, why not).

    Why not is a pair: the verdict, and what was found.
    """
    try:
        notebook = nbformat.reads(handed_in.text_of(path), as_version=4)
        merged = merge(notebook)
        if why := handed_in.other_version(notebook):
            return None, None, ("other version", why)
        return merged.cells, _handed_in(notebook, merged.handed_in), None
    except Unknown as unknown:
        return None, None, (str(unknown), unknown.seen)
    except handed_in.Unreadable as unreadable:
        return None, None, ("not graded", str(unreadable))
    except Exception as error:  # nbformat raises whatever the file makes it stumble over
        said = str(error).strip().split("\n")[0][:200]
        return None, None, ("not graded", f"not a notebook: {said or type(error).__name__}")


class Judged(NamedTuple):
    """What running a submission showed."""

    verdict: str
    detail: str
    facts: list  # what run_cells.py told
    found: dict  # the fact on each check, by its name
    core_seconds: float
    peak_mb: float

    def points(self):
        """Return the points for each check, by its name."""
        passed = {name for name, fact in self.found.items() if fact.get("status") == "passed"}
        return {check: todo.points * (check in passed) for check, todo in exercise.CHECKS.items()}


def judge(cells, unreadable, seconds, megabytes, run=sandbox.run):
    """Return the Judged of a submission; ``read`` gives the first two.

    Raises RuntimeError when the sandbox does not start.
    """
    if unreadable:
        return Judged(*unreadable, [], {}, 0.0, 0.0)
    facts, ended, used, peak = run(cells, seconds, megabytes)
    found, verdict = _by_check(facts), _verdict(facts, ended)
    failed = [c for c in CLASSES if found.get(c, {}).get("status") != "passed"]
    if failed and not ended:  # one fault costs one TODO: what comes after runs with our class
        again, ended, more, other = run(with_ours(cells, failed), seconds, megabytes)
        later = {check: fact for check, fact in _by_check(again).items() if check not in CLASSES}
        found = {check: fact for check, fact in found.items() if check in CLASSES} | later
        used, peak = used + more, max(peak, other)
        facts += [{"reference": check} for check in failed]
        verdict = _verdict(again, ended) if ended else verdict
    return Judged(*verdict, facts, found, used, peak)


def _by_check(facts):
    return {fact["check"]: fact for fact in facts if fact.get("check") in exercise.CHECKS}


def grade(name, cells, answers, unreadable, seconds, megabytes, run=sandbox.run):
    """Return its row of grades.csv, a dict, and its page of feedback; ``read`` gives the rest."""
    try:
        return _result(name, judge(cells, unreadable, seconds, megabytes, run), answers or [])
    except Exception as error:  # one submission never stops the others
        failed = Judged("grader failed", f"{type(error).__name__}: {error}", [], {}, 0.0, 0.0)
        return _result(name, failed, answers or [])


def _result(name, judged, answers):
    points = judged.points()
    if judged.verdict == "other version":  # which is no grade, and not 0
        points = dict.fromkeys(points, "")
    total = "" if "" in points.values() else sum(points.values())
    row = {"submission": name, "verdict": judged.verdict, "points": total}
    row |= points | {"detail": judged.detail}
    row |= {"core_seconds": round(judged.core_seconds, 1), "peak_mb": round(judged.peak_mb)}
    return row, page.page(row, judged.facts, judged.found, answers)


def _verdict(facts, ended):
    if ended:
        cell = [fact["cell"] for fact in facts if "cell" in fact][-1]
        return "stopped", f"it {ended} in the cell {cell!r}"
    if left := next(fact["left"] for fact in reversed(facts) if "left" in fact):
        return "graded", f"it left {left} process{'es' * (left > 1)} running, which were ended"
    if {fact["status"] for fact in facts if "status" in fact} == {"not attempted"}:
        return "graded", "no TODO is filled in"
    return "graded", ""
