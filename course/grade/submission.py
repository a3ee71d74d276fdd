"""Read one submission, merge it with our exercise, run it, and give it its points."""

import contextlib
import functools
import io
import os
import time
from typing import NamedTuple
from unittest import mock

import nbformat
import psutil
import torch

from course import read_solution
from course.grade import handed_in, merge, page, run_cells, sandbox, table
from helpers import one_thread
from lab import exercise
from lab.ask import TooSlow, seconds_allowed, within
from lab.checks import judges, results

# The instructor needs these cells to grade the paragraph, so they come first.
MARKED = (
    "paragraph",
    "recommendation",
    "check-recommendation",
    "requirements-met",
    "performance-table",
    "memory-spans",
    "keyboard",
)
OPTIONAL = {"keyboard"}  # shown if it was run: did the student measure a phone?
OTHER_VERSION = "other version"
JUDGING_BYTES = 10**9  # that the judges may take, whatever the facts are


def prepare(path):
    """Return (cells to run, the student's answers with their outputs, None) for a submission.

    If it cannot be run, return (None, None, (verdict, reason)).
    """
    try:
        with within(seconds_allowed()):
            notebook = nbformat.reads(handed_in.text_of(path), as_version=4)
            merged = merge.merge(notebook)
        if why := handed_in.other_version(notebook):
            return None, None, (OTHER_VERSION, why)
        return merged.cells, _answers(merged.by_our_id), None
    except handed_in.Refused as refused:
        return None, None, (refused.verdict, str(refused))
    except TooSlow:
        return None, None, ("not graded", "the notebook takes too long to read")
    except Exception as error:  # nbformat raises whatever the file makes it stumble over
        said = str(error).strip().split("\n")[0][:200]
        return None, None, ("not graded", f"not a notebook: {said or type(error).__name__}")


def _answers(by_our_id):
    """Return the student's answers, a list of (title, source, saved output)."""
    titles = {one.id: one.source.split("\n")[0].removeprefix("# ") for one in merge.our_cells()}
    titles[merge.OWN] = merge.OWN
    others = [one.id for one in merge.our_cells() if one.answers and one.id not in MARKED]
    return [
        (titles[cell_id], cell.source, _showed(cell))
        for cell_id in [*MARKED, *others, merge.OWN]
        for cell in by_our_id[cell_id]
        if cell_id not in OPTIONAL or cell.outputs
    ]


def _showed(cell):
    """Return the output of the student's last run of a cell, as text."""
    texts = [
        f"{output.ename}: {output.evalue}"
        if output.output_type == "error"
        else output.get("text") or output.get("data", {}).get("text/plain", "")
        for output in cell.outputs
    ]
    return "".join(map(str, texts))[: run_cells.LONGEST_TEXT]


class Judged(NamedTuple):
    """The result of running a submission."""

    verdict: str
    detail: str
    facts: list  # the reports of run_cells.py
    found: dict  # the report on each check, by its name
    core_seconds: float
    peak_mb: float

    def points(self):
        """Return the points for each check, by its name."""
        passed = {name for name, fact in self.found.items() if fact.get("status") == "passed"}
        return {check: todo.points * (check in passed) for check, todo in exercise.CHECKS.items()}


def judge(cells, refused, seed, seconds, megabytes, run=sandbox.run):
    """Return the Judged of a submission; ``prepare`` gives the first two arguments.

    The questions are those of ``seed``. Raises RuntimeError if the sandbox does not start.
    """
    if refused:
        return Judged(*refused, [], {}, 0.0, 0.0)
    start = time.thread_time()
    facts, ended, used, peak = run(cells, seed, seconds, megabytes)
    found = _by_check(facts, seed, exercise.CHECKS)
    verdict = _verdict(facts, found, ended)
    failed = [c for c in merge.CLASSES if found.get(c, {}).get("status") != "passed"]
    if failed and not ended:  # one mistake costs one TODO: later cells run with our class
        again, ended, more, other = run(merge.with_ours(cells, failed), seed, seconds, megabytes)
        later = _by_check(again, seed, exercise.CHECKS.keys() - set(merge.CLASSES))
        later = _without_texts(later)  # a text could be that of our class
        found = {check: found[check] for check in merge.CLASSES if check in found} | later
        used, peak = used + more, max(peak, other)
        facts += [{"reference": check} for check in failed]
        verdict = _verdict(again, found, ended) if ended else verdict
    if run_cells.FILES in sandbox.reach():  # a message could hold the text of the solution
        facts = [
            {"error": "", **fact} | {"error": ""} if "error" in fact else fact for fact in facts
        ]
        found = _without_texts(found)
    return Judged(*verdict, facts, found, used + time.thread_time() - start, peak)


def _without_texts(found):
    """Return the results of checks without their messages: only the rules stay."""
    return {check: fact | {"message": ""} for check, fact in found.items()}


@functools.cache
def _given():
    """Return the values that our own cells give to the names which judges need."""
    torch.optim.Adam([torch.zeros(1)])  # imports a compiler; a judge's limit must not interrupt it
    cells = {cell["id"]: "".join(cell["source"]) for cell in read_solution.read()["cells"]}
    with (
        mock.patch.dict(os.environ, EXERCISE_QUICK="1"),
        contextlib.redirect_stdout(io.StringIO()),
    ):
        exec("\n".join(cells[name] for name in ("setup", "data", "requirements")), scope := {})
    names = {"text": "corpus_text", "requirements": "REQUIREMENTS", "quick": "QUICK"}
    return scope | {name: scope[ours] for name, ours in names.items()}


def _by_check(facts, seed, checks):
    """Return the result of each check as a dict, by its name.

    A check that asked is judged by what it found. Any other result is what the process of the
    submission says, but it cannot say that a check has passed.
    """
    last, found = {fact["check"]: fact for fact in facts if fact.get("check") in checks}, {}
    start = time.thread_time()
    for check, fact in last.items():
        if "facts" in fact:
            left = seconds_allowed() - (time.thread_time() - start)
            found[check] = _judged(check, fact["facts"], seed, max(left, 1))
        elif fact.get("status") in ("failed", "not attempted"):
            rule = fact.get("rule") if fact.get("rule") in results.RULES else "raised"
            message = fact.get("message", "")
            found[check] = {"status": fact["status"], "rule": rule, "message": message}
    return found


def _judged(check, facts, seed, seconds):
    """Return the result of a check for what it found, whatever that is."""

    given = _given()

    def find():
        with within(seconds), _memory_limited():
            return judges.judge(check, facts, seed, given)

    with one_thread():
        result = results.result_of(check, find, lambda: "the answer is of another kind")
    return {name: getattr(result, name) for name in ("status", "rule", "message")}


@contextlib.contextmanager
def _memory_limited():
    """Let this process take no more than JUDGING_BYTES from here on, if the system can limit it."""
    try:
        import resource
    except ImportError:  # Windows
        yield
        return
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    most = psutil.Process().memory_info().vms + JUDGING_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (most, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (hard, hard))


def _verdict(facts, found, ended):
    """Return the verdict on a run and its detail."""
    if ended:
        cells = [fact["cell"] for fact in facts if "cell" in fact] or ["before the first one"]
        return "stopped", f"it {ended} in the cell {cells[-1]!r}"
    if left := facts[-1]["left"]:
        return "graded", f"the grader ended processes that it left running: {left}"
    if {fact["status"] for fact in found.values()} == {"not attempted"}:
        return "graded", "the student did not fill in any TODO"
    return "graded", ""


def grade(name, cells, answers, refused, seed, seconds, megabytes, run=sandbox.run):
    """Return a submission's row of grades.csv, a dict, and its page of feedback.

    ``prepare`` gives the arguments cells, answers and refused.
    """
    try:
        return _result(name, judge(cells, refused, seed, seconds, megabytes, run), answers or [])
    except Exception as error:  # one submission must never stop the others
        failed = Judged("grader failed", f"{type(error).__name__}: {error}", [], {}, 0.0, 0.0)
        return _result(name, failed, answers or [])


def _result(name, judged, answers):
    points = judged.points()
    total = sum(points.values())
    if judged.verdict == OTHER_VERSION:  # this is not a grade, and not 0
        points, total = dict.fromkeys(points, ""), ""
    row = {
        table.SUBMISSION: name,
        table.VERDICT: judged.verdict,
        table.POINTS: total,
        **points,
        table.DETAIL: judged.detail[:500],
        table.CORE_SECONDS: round(judged.core_seconds, 1),
        table.PEAK_MB: round(judged.peak_mb),
    }
    return row, page.html_of(row, judged.facts, judged.found, answers)
