"""The tables of grades: grades.csv, and paragraph.csv, which a person fills in."""

import csv
import io

from course import workers
from course.grade.handed_in import decoded
from lab import exercise

SUBMISSION, VERDICT, DETAIL, FINGERPRINT = "submission", "verdict", "detail", "fingerprint"
TOTAL, POINTS, PARAGRAPH = "total", "points", "paragraph"
CORE_SECONDS, PEAK_MB = "core_seconds", "peak_mb"
PERSON = ID, NAME, EMAIL = "id", "name", "e-mail"  # a roster has these too
COLUMNS = (
    SUBMISSION, *PERSON, VERDICT, TOTAL, POINTS, PARAGRAPH,
    *exercise.CHECKS, DETAIL, CORE_SECONDS, PEAK_MB, FINGERPRINT,
)  # fmt: skip
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet would compute
REMEDY = "move it away, or name another folder."


class Unusable(ValueError):
    """A table that people have edited cannot be used: the message says why, and what to do."""


def read_csv(path):
    """Return the columns and the rows, as dicts, of a CSV.

    It may come from a spreadsheet, with a byte order mark, semicolons, or in its system's encoding.
    Raises Unusable for what is no CSV.
    """
    text = decoded(path.read_bytes()).replace("\0", "")
    first = text.partition("\n")[0]
    reader = csv.DictReader(io.StringIO(text), delimiter=max(",;\t", key=first.count), restval="")
    try:
        columns = [name for name in reader.fieldnames or () if name]
        return columns, [{name: _plain(row[name]) for name in columns} for row in reader]
    except csv.Error as error:
        raise Unusable(f"{path} is no table ({error}): {REMEDY}") from error


def _plain(value):
    return value.removeprefix("'") if value[1:].startswith(FORMULA) else value


def by_submission(path):
    """Return the columns, and the rows by their submissions, of a table of grades, if there is one.

    Raises Unusable for a file that is no such table.
    """
    if not path.exists():
        return [], {}
    columns, rows = read_csv(path)
    if SUBMISSION not in columns:
        raise Unusable(f"{path} is no table of grades, without a column {SUBMISSION!r}: {REMEDY}")
    return columns, {row[SUBMISSION]: row for row in rows}


def lines(rows, columns):
    """Return rows, dicts, as lines of a CSV in bytes, in which nothing is a formula."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    for row in rows:
        values = [str(row.get(name, "")) for name in columns]
        writer.writerow("'" + value if value.startswith(FORMULA) else value for value in values)
    return text.getvalue().encode(errors="backslashreplace")


def write(path, rows, columns):
    """Write a CSV of rows, dicts, in one step."""
    workers.put(path, lines([{name: name for name in columns}, *rows], columns))


def number(text):
    """Return a number that a person or a spreadsheet has written; nothing is 0."""
    return float(str(text).strip().replace(",", ".") or 0)


def paragraphs(path, names):
    """Return the points that a person gave for the paragraphs, by submission; none where empty.

    The file gets a line for each submission that has none yet; nothing else in it is changed.
    Raises Unusable for points that are none, with their submission.
    """
    columns, rows = by_submission(path)
    columns = columns or [SUBMISSION, POINTS]
    given = {name: _points(row, path) for name, row in rows.items() if row.get(POINTS, "").strip()}
    if new := [{SUBMISSION: name} for name in names if name not in rows]:
        write(path, [*rows.values(), *new], columns)
    return given


def _points(row, path):
    try:
        points = number(row[POINTS])
    except ValueError:
        points = -1
    if not 0 <= points <= exercise.PARAGRAPH_POINTS:
        expected = f"points from 0 to {exercise.PARAGRAPH_POINTS} belong there"
        raise Unusable(f"{path} has {row[POINTS]!r} for {row[SUBMISSION]!r}: {expected}.")
    return int(points) if points == int(points) else points
