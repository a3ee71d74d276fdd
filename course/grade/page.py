"""The page of feedback on one submission."""

import re
from html import escape

from course.grade import flags, sandbox
from lab import checks, exercise

STYLE = """
:root { color-scheme: light dark }
body { font: 16px/1.4 sans-serif; margin: 2em auto; max-width: 70em; padding: 0 1em }
table { border-collapse: collapse }
td, th { text-align: left; vertical-align: top; padding: 4px 12px; border-bottom: 1px solid gray }
td { white-space: pre-wrap }
pre { white-space: pre-wrap; overflow-wrap: anywhere; margin: 0 0 1em; padding: 4px 12px;
border-left: 4px solid gray; font: 14px/1.3 monospace }
pre.output { border-left-style: dotted }
@media print { body { margin: 0; max-width: none; font-size: 10pt } pre { font-size: 8pt } }
"""


def page(row, facts, found, handed_in):
    """Return the page of a row of grades.csv, as HTML; ``renewed`` keeps it up to date.

    It has each check, ``found`` by its name, each error, and what was ``handed_in``: (title,
    source, saved output) of the answers, on which a person marks the paragraph.
    """
    parts = [_table(("check", "status", "points", "rule", "message"), _checks(row, found))]
    if replaced := [fact["reference"] for fact in facts if "reference" in fact]:
        names = " and ".join(exercise.CHECKS[check].what for check in replaced)
        parts += [f"<p>After its own check, our {names} stood in for the one handed in.</p>"]
    if facts and (reach := " and ".join(sandbox.isolation()[1])):
        parts += [f"<p>Within reach of the submission while it ran: {reach}.</p>"]
    if errors := _errors(facts):
        parts += ["<h2>Cells that ended in an error</h2>", _table(("cell", "error"), errors)]
    if seen := flags.in_answers(handed_in):
        parts += ["<h2>Worth a look: lines that reach for more than the exercise needs</h2>"]
        parts += [_table(("cell", "line", "what"), seen)]
    if handed_in:
        parts += [
            "<h2>What was handed in: the answers, and what they showed then</h2>",
            "<p>The checks above ran in quick mode, which measures nothing: numbers in their "
            "messages are not those below.</p>",
            f"<p>The paragraph of TODO 10: up to {exercise.PARAGRAPH_POINTS} points, given by a "
            "person.</p>",
        ]
    for title, source, output in handed_in:
        parts += [f"<h3>{escape(title)}</h3>", f"<pre>{escape(source)}</pre>"]
        parts += [f'<pre class="output">{escape(output)}</pre>'] * bool(output)
    return f"""<!DOCTYPE html>
<html lang="en"><meta charset="utf-8"><title>{escape(row["submission"])}</title>
<meta name="viewport" content="width=device-width">
<style>{STYLE}</style>
{_header(row)}
{chr(10).join(parts)}
</html>
"""


def _header(row):
    """Return what may change after grading: whose it is, and the points for the paragraph."""
    row = {key: escape(str(value)) for key, value in row.items()}
    person = ", ".join(filter(None, [row.get("name"), row.get("id")]))
    points = f"{row['points']} of {exercise.POINTS} points"
    points = points if row["points"] else "no grade"
    if row.get("paragraph"):
        points += f", and {row['paragraph']} for the paragraph: {row['total']} of {exercise.TOTAL}"
    detail = f": {row['detail']}" if row["detail"] else ""
    return (
        f"<header>\n<h1>{person or row['submission']}: {points}</h1>\n"
        f"<p>{row['submission']}, {row['verdict']}{detail}</p>\n</header>"
    )


def renewed(text, row):
    """Return a page with the header of a row as it is now."""
    return re.sub(r"<header>.*?</header>", lambda _: _header(row), text, count=1, flags=re.DOTALL)


def _checks(row, found):
    for check, todo in exercise.CHECKS.items():
        result = found.get(check, {"status": "not reached", "message": "", "rule": None})
        status = result["status"]
        sign = {"passed": "✔", "failed": "✘"}.get(status, "○")
        line = rule_line(result)
        points = f"{row[check]} of {todo.points}" if row[check] != "" else ""
        yield f"{sign} {exercise.CHECKS[check].title}", status, points, line, result["message"]


def rule_line(fact):
    """Return the rule that a check found broken, and what it says; nothing if there is none."""
    rule = fact["rule"]
    if fact["status"] != "failed":
        return ""
    return f"{rule}: {checks.RULES.get(rule, 'no rule of ours')}"


def _errors(facts):
    errors, cell = [], None
    for fact in facts:
        cell = fact.get("cell", cell)
        if "error" in fact:
            errors.append((cell, fact["error"]))
    return errors


def _table(header, rows):
    lines = ["<table>", "<tr>" + "".join(f"<th>{name}</th>" for name in header) + "</tr>"]
    for row in rows:
        lines.append("<tr>" + "".join(f"<td>{escape(str(text))}</td>" for text in row) + "</tr>")
    return "\n".join([*lines, "</table>"])
