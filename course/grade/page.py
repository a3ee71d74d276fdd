"""Write the page of feedback on one submission."""

import re
from pathlib import Path

import jinja2

from course import workers
from course.grade import sandbox
from lab import checks, exercise

PAGE = jinja2.Environment(autoescape=True, trim_blocks=True).from_string(
    Path(__file__).with_suffix(".html").read_text(encoding="utf-8"), {"exercise": exercise}
)


def html_of(row, facts, found, answers):
    """Return the page for a row of grades.csv, as HTML; ``renew`` keeps it up to date.

    The page has the result of each check (``found`` has it by the check's name), each error, and
    the ``answers``, a list of (title, source, saved output). The instructor needs the answers to
    grade the paragraph.
    """
    return PAGE.render(
        row=row,
        checks=[_judged(row, check, found.get(check)) for check in exercise.CHECKS],
        replaced=[exercise.CHECKS[f["reference"]].what for f in facts if "reference" in f],
        reach=sandbox.reach() if facts else [],
        errors=list(_errors(facts)),
        answers=answers,
    )


def _errors(facts):
    """Yield (cell, error) for each error that a submission has reported."""
    cell = ""
    for fact in facts:
        cell = fact.get("cell", cell)
        if "error" in fact:
            yield cell, fact["error"]


def renew(path, row):
    """Write the present header of a row into its page, unless somebody has removed the page."""
    if path.exists():
        text = path.read_text(encoding="utf-8")
        header = "".join(PAGE.blocks["header"](PAGE.new_context({"row": row}))).strip()
        now = re.sub("<header>.*?</header>", lambda _: header, text, count=1, flags=re.DOTALL)
        if now != text:
            workers.put(path, now.encode(errors="backslashreplace"))


def _judged(row, check, fact):
    """Return a check's row of the page's first table."""
    todo, fact = exercise.CHECKS[check], fact or {"status": "not reached", "message": ""}
    sign = {"passed": "✔", "failed": "✘"}.get(fact["status"], "○")
    points = f"{row[check]} of {todo.points}" if row[check] != "" else ""
    return f"{sign} {todo.title}", fact["status"], points, rule_line(fact), fact["message"]


def rule_line(fact):
    """Return the rule that a failed check found broken, with its text; otherwise an empty text."""
    if fact["status"] != "failed":
        return ""
    return f"{fact['rule']}: {checks.RULES.get(fact['rule'], 'this rule is not in our list')}"
