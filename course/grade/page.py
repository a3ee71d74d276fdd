"""The page of feedback on one submission."""

import itertools
import re
from html import escape
from pathlib import Path

import jinja2

from course import workers
from course.grade import sandbox, table
from lab import checks, exercise

PAGE = jinja2.Environment(autoescape=True, trim_blocks=True).from_string(
    Path(__file__).with_suffix(".html").read_text(encoding="utf-8")
)


def html_of(row, facts, found, answers):
    """Return the page of a row of grades.csv, as HTML; ``renew`` keeps it up to date.

    It has each check, ``found`` by its name, each error, and the ``answers``: (title, source, saved
    output), on which a person marks the paragraph.
    """
    errors = [
        (before["cell"], fact["error"])
        for before, fact in itertools.pairwise(facts)
        if "error" in fact
    ]
    return PAGE.render(
        submission=row[table.SUBMISSION],
        header=_header(row),
        checks=[_judged(row, check, found.get(check)) for check in exercise.CHECKS],
        replaced=[exercise.CHECKS[f["reference"]].what for f in facts if "reference" in f],
        reach=sandbox.isolation()[1] if facts else [],
        errors=errors,
        answers=answers,
        paragraph_points=exercise.PARAGRAPH_POINTS,
    )


def _header(row):
    """Return what may change after grading: whose it is, and the points for the paragraph."""
    row = {key: escape(str(value)) for key, value in row.items()}
    person = ", ".join(filter(None, [row.get(table.NAME), row.get(table.ID)]))
    points = "no grade"
    if row[table.POINTS]:
        points = f"{row[table.POINTS]} of {exercise.POINTS} points"
    if row.get(table.PARAGRAPH):
        total = f"{row[table.TOTAL]} of {exercise.TOTAL}"
        points += f", and {row[table.PARAGRAPH]} for the paragraph: {total}"
    verdict = f"{row[table.VERDICT]}: {row[table.DETAIL]}".removesuffix(": ")
    return (
        f"<header>\n<h1>{person or row[table.SUBMISSION]}: {points}</h1>\n"
        f"<p>{row[table.SUBMISSION]}, {verdict}</p>\n</header>"
    )


def renew(path, row):
    """Give a page, unless somebody has removed it, the header of a row as it is now."""
    if path.exists():
        text = path.read_text(encoding="utf-8")
        header = re.compile(r"<header>.*?</header>", re.DOTALL)
        if (now := header.sub(lambda _: _header(row), text, count=1)) != text:
            workers.put(path, now.encode(errors="backslashreplace"))


def _judged(row, check, fact):
    """Return a check's row of the page's first table."""
    todo, fact = exercise.CHECKS[check], fact or {"status": "not reached", "message": ""}
    sign = {"passed": "✔", "failed": "✘"}.get(fact["status"], "○")
    points = f"{row[check]} of {todo.points}" if row[check] != "" else ""
    return f"{sign} {todo.title}", fact["status"], points, rule_line(fact), fact["message"]


def rule_line(fact):
    """Return the rule that a check found broken, and what it says; nothing if there is none."""
    if fact["status"] != "failed":
        return ""
    return f"{fact['rule']}: {checks.RULES.get(fact['rule'], 'no rule of ours')}"
