"""Read and write the tables of grades: grades.csv, and paragraph.csv for the instructor."""

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
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # a spreadsheet would compute these
REMEDY = "Move this file to another place, or choose another folder."


class Unusable(ValueError):
    """A table or folder cannot be used: the message gives the reason and the remedy."""


def read_csv(path):
    """Return the columns and the rows, as dicts, of a CSV.

    The CSV may come from a spreadsheet: with a byte order mark, with semicolons, or in the encoding
    of the system. Raises Unusable if the file is not a CSV.
    """
    text = decoded(path.read_bytes()).replace("\0", "")
    first = text.partition("\n")[0]
    reader = csv.DictReader(io.StringIO(text), delimiter=max(",;\t", key=first.count), restval="")
    try:
        columns = [name for name in reader.fieldnames or () if name]
        return columns, [{name: _plain(row[name]) for name in columns} for row in reader]
    except csv.Error as error:
        raise Unusable(f"{path} cannot be read as a table ({error}). {REMEDY}") from error


def _plain(value):
    return value.removeprefix("'") if value[1:].startswith(FORMULA) else value


def by_submission(path):
    """Return the columns of a table of grades, and its rows by their submissions.

    Both are empty if there is not a file. Raises Unusable if the file is not a table of grades.
    """
    if not path.exists():
        return [], {}
    columns, rows = read_csv(path)
    if SUBMISSION not in columns:
        raise Unusable(
            f"{path} is not a table of grades, because the column {SUBMISSION!r} is missing. "
            f"{REMEDY}"
        )
    return columns, {row[SUBMISSION]: row for row in rows}


def lines(rows, columns):
    """Return rows, dicts, as lines of a CSV in bytes; they do not contain a formula."""
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
    """Return a number that a person or a spreadsheet has written; an empty text is 0."""
    return float(str(text).strip().replace(",", ".") or 0)


def paragraphs(path, names):
    """Return the points that the instructor gave for the paragraphs, by submission.

    A submission with an empty cell is left out. The file gets a line for each new submission; the
    other lines stay as they are. Raises Unusable for points that are not a number in the range.
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
        remedy = f"Write a number from 0 to {exercise.PARAGRAPH_POINTS} there"
        raise Unusable(f"{path} has {row[POINTS]!r} for {row[SUBMISSION]!r}. {remedy}.")
    return int(points) if points == int(points) else points
