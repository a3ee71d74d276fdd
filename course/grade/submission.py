"""One submission: what of it is run, what that is worth, and the page of feedback.

What runs is our exercise with the student's answers in its TODO cells and the student's own cells
where they stood; all other cells, the checks, the helpers and the data are ours.
"""

import collections
import functools
from html import escape

import nbformat

from course import read_solution
from course.grade import run_cells, sandbox
from course.make_exercise import make_exercise
from lab import checks

LARGEST_NOTEBOOK = 50  # MB
SHOWN = ("performance-table", "memory-spans", "check-recommendation")  # for marking the paragraph


@functools.cache
def exercise():
    """Return the exercise's code cells as (id, source, check), and the ids of the answers."""
    cells = [c for c in make_exercise(read_solution.read())["cells"] if c["cell_type"] == "code"]
    return (
        [(c["id"], "".join(c["source"]), read_solution.check_of(c)) for c in cells],
        read_solution.answer_ids(),
    )


def merge(notebook):
    """Return the cells to run, a list of (id, source, check).

    A cell of the student's is ours by its id, or, where a tool dropped the ids, by its first line.
    Raises AttributeError or TypeError for what is not a notebook of version 4.
    """
    ours, answers = exercise()
    ids = {cell_id for cell_id, *_ in ours}
    first_lines = {source.split("\n")[0]: cell_id for cell_id, source, _ in ours}
    theirs, added, place = {}, collections.defaultdict(list), None
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        known = cell.get("id") if cell.get("id") in ids else None
        known = known or first_lines.get(cell.source.split("\n")[0])
        if known and known not in theirs:
            theirs[known], place = cell.source, known
        else:
            added[place].append(("a cell of your own", cell.source, None))
    merged = added[None]
    for cell_id, source, check in ours:
        answer = theirs.get(cell_id, source) if cell_id in answers else source
        merged += [(cell_id, answer, check), *added[cell_id]]
    return merged


def _shown(notebook):
    """Return what the student's own run showed in some cells, a text for each cell's id."""
    texts = {}
    for cell in notebook.cells:
        if cell.get("id") in SHOWN:
            parts = [o.get("text") or o.get("data", {}).get("text/plain", "") for o in cell.outputs]
            texts[cell.id] = "".join(map(str, parts))[: run_cells.LONGEST_TEXT]
    return texts


def read(path):
    """Return (cells to run, what the student's own run showed, None), or (None, None, why not)."""
    try:
        if path.exists() and not path.is_file():  # a device never ends
            return None, None, "no ordinary file"
        if path.stat().st_size > LARGEST_NOTEBOOK * 1e6:
            return None, None, f"larger than {LARGEST_NOTEBOOK} MB"
        notebook = nbformat.reads(path.read_text(encoding="utf-8"), as_version=4)
        return merge(notebook), _shown(notebook), None
    except OSError as error:
        return None, None, f"cannot be read: {error.strerror}"
    except Exception as error:  # nbformat raises whatever the file makes it stumble over
        said = str(error).strip().split("\n")[0][:200]
        return None, None, f"not a notebook: {said or type(error).__name__}"


def grade(name, cells, shown, unreadable, seconds, megabytes, run=sandbox.run):
    """Return its row of grades.csv, a dict, and its page of feedback; ``read`` gives the rest."""
    facts, verdict, usage = [], ("not graded", unreadable), (0.0, 0.0)
    try:
        if not unreadable:
            facts, ended, *usage = run(cells, seconds, megabytes)
            verdict = _verdict(facts, ended)
        return _result(name, verdict, facts, shown or {}, *usage)
    except Exception as error:  # one submission never stops the others
        failed = ("grader failed", f"{type(error).__name__}: {error}")
        return _result(name, failed, [], {}, 0.0, 0.0)


def _result(name, verdict, facts, shown, core_seconds, peak_mb):
    found = {fact["check"]: fact for fact in facts if "check" in fact}
    points = {check: found[check]["points"] if check in found else 0 for check in checks.POINTS}
    row = {"submission": name, "verdict": verdict[0], "points": sum(points.values())}
    row |= points | {"detail": verdict[1]}
    row |= {"core_seconds": round(core_seconds, 1), "peak_mb": round(peak_mb)}
    return row, _page(row, facts, found, shown)


def _verdict(facts, ended):
    if ended:
        cell = [fact["cell"] for fact in facts if "cell" in fact][-1]
        return "stopped", f"it {ended} in the cell {cell!r}"
    if left := facts[-1]["left"]:
        return "graded", f"it left {left} process{'es' * (left > 1)} running, which were ended"
    return "graded", ""


def _page(row, facts, found, shown):
    """Return a page of feedback: each check, each error, and what a person marks the answer on."""
    errors, cell = [], None
    for fact in facts:
        cell = fact.get("cell", cell)
        if "error" in fact:
            errors.append((cell, fact["error"]))
    rows = []
    for check, most in checks.POINTS.items():
        result = found.get(check)
        status = result["status"] if result else "not reached"
        sign = {"passed": "✔", "failed": "✘"}.get(status, "○")
        rule = f"{result['rule']}: {checks.RULES[result['rule']]}" if status == "failed" else ""
        message = result["message"] if result else ""
        points = f"{row[check]} of {most}"
        rows.append((f"{sign} {checks.title(check)}", status, points, rule, message))
    parts = [_table(("check", "status", "points", "rule", "message"), rows)]
    if errors:
        parts += ["<h2>Cells that ended in an error</h2>", _table(("cell", "error"), errors)]
    if facts and "paragraph" in facts[-1]:
        answer = [(name, facts[-1][name]) for name in ("recommendation", "evidence", "paragraph")]
        points = f"up to {checks.PARAGRAPH_POINTS} points, given by a person"
        parts += [f"<h2>The answer ({points})</h2>", _table(("", ""), answer)]
    if shown:
        parts += ["<h2>What the notebook showed when it was handed in (not run again)</h2>"]
        parts += [_table(("cell", "output"), shown.items())]
    automatic = sum(checks.POINTS.values())
    detail = f": {escape(row['detail'])}" if row["detail"] else ""
    return f"""<!DOCTYPE html>
<html lang="en"><meta charset="utf-8"><title>{escape(row["submission"])}</title>
<style>body {{ font: 16px sans-serif; margin: 2em auto; max-width: 70em }}
td, th {{ text-align: left; vertical-align: top; padding: 4px 12px; white-space: pre-wrap;
border-bottom: 1px solid #bbb }}</style>
<h1>{escape(row["submission"])}: {row["points"]} of {automatic} points</h1>
<p>{row["verdict"]}{detail}</p>
{chr(10).join(parts)}
</html>
"""


def _table(header, rows):
    lines = ["<table>", "<tr>" + "".join(f"<th>{name}</th>" for name in header) + "</tr>"]
    for row in rows:
        lines.append("<tr>" + "".join(f"<td>{escape(str(text))}</td>" for text in row) + "</tr>")
    return "\n".join([*lines, "</table>"])
