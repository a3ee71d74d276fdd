"""The page of feedback on one submission."""

import itertools
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
    """Return the page of a row of grades.csv, as HTML; ``renew`` keeps it up to date.

    It has each check, ``found`` by its name, each error, and the ``answers``: (title, source, saved
    output), on which a person marks the paragraph.
    """
    return PAGE.render(
        row=row,
        checks=[_judged(row, check, found.get(check)) for check in exercise.CHECKS],
        replaced=[exercise.CHECKS[f["reference"]].what for f in facts if "reference" in f],
        reach=sandbox.isolation()[1] if facts else [],
        errors=[
            (before["cell"], fact["error"])
            for before, fact in itertools.pairwise(facts)
            if "error" in fact
        ],
        answers=answers,
    )


def renew(path, row):
    """Give a page, unless somebody has removed it, the header of a row as it is now."""
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
    """Return the rule that a check found broken, and what it says; nothing if there is none."""
    if fact["status"] != "failed":
        return ""
    return f"{fact['rule']}: {checks.RULES.get(fact['rule'], 'no rule of ours')}"
