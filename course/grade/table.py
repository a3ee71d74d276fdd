"""The tables of grades: grades.csv, which is written, and paragraph.csv, filled in by a person."""

import csv
import io

from course import workers
from course.grade.handed_in import decoded
from lab import exercise

ENCODING = {"errors": "backslashreplace"}  # any text is written
COLUMNS = (
    ["submission", "id", "name", "e-mail", "verdict", "total", "points", "paragraph"]
    + [*exercise.CHECKS]
    + ["detail", "core_seconds", "peak_mb", "fingerprint"]
)  # fmt: skip
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet would compute


REMEDY = "move it away, or name another folder."


class Unusable(ValueError):
    """A table that people have edited cannot be used: the message says why, and what to do."""


def rows(content, path):
    """Return the columns and the rows, as dicts, of a CSV's bytes; ``path`` is for the error.

    It may come from a spreadsheet, with a byte order mark, semicolons, or in its system's encoding.
    Raises Unusable for what is no CSV.
    """
    text = decoded(content).replace("\0", "")
    first = text.partition("\n")[0]
    table = csv.DictReader(io.StringIO(text), delimiter=max(",;\t", key=first.count))
    try:
        plain = [{key: _plain(v) for key, v in row.items() if key} for row in table]
    except csv.Error as error:
        raise Unusable(f"{path} is no table ({error}): {REMEDY}") from error
    return table.fieldnames or (), plain


def read(path):
    """Return the rows of a table by their submissions, and the columns that somebody added.

    Raises Unusable for a file that is no such table.
    """
    if not path.exists():
        return {}, []
    content = path.read_bytes()
    names, plain = rows(content, path)
    if content and "submission" not in names:
        raise Unusable(f"{path} is no table of grades, without a column 'submission': {REMEDY}")
    by_name = {row["submission"]: row for row in plain}
    return by_name, [name for name in names if name and name not in COLUMNS]


def _plain(value):
    return value[1:] if value and value[0] == "'" and value[1:2] in FORMULA else value or ""


def line(row, columns):
    """Return a row as a line of CSV, in which nothing is a formula."""
    text = io.StringIO()
    values = [str(row.get(name, "")) for name in columns]
    values = ["'" + value if value.startswith(FORMULA) else value for value in values]
    csv.writer(text, lineterminator="\n").writerow(values)
    return text.getvalue().encode(**ENCODING)


def write(path, rows, columns):
    """Write all rows in one step, in the order of the submissions."""
    header = line({name: name for name in columns}, columns)
    workers.put(path, header + b"".join(line(rows[name], columns) for name in sorted(rows)))


def paragraphs(path, names):
    """Return the points that a person gave for the paragraphs, by submission; none where empty.

    The file gets a line for each submission that has none yet; nothing else in it is changed.
    Raises Unusable for points that are none, with their submission.
    """
    rows, _ = read(path)
    given = {}
    for name, row in rows.items():
        if text := (row.get("points") or "").strip().replace(",", "."):
            given[name] = _points(text, name, path)
    if new := [name for name in names if name not in rows]:
        columns = list(next(iter(rows.values()), {"submission": "", "points": ""}))
        write(path, rows | {name: {"submission": name} for name in new}, columns)
    return given


def _points(text, name, path):
    most = exercise.PARAGRAPH_POINTS
    try:
        points = float(text)
    except ValueError:
        points = -1
    if not 0 <= points <= most:
        raise Unusable(f"{path} has {text!r} for {name!r}: points from 0 to {most} belong there.")
    return int(points) if points == int(points) else points
