"""Grade a folder of submissions in parallel, each in a process of its own with limits.

    python -m course.grade SUBMISSIONS GRADES                   on this machine's cores
    python -m course.grade SUBMISSIONS GRADES --dask ADDRESS    on a Dask cluster
    python -m course.grade SUBMISSIONS GRADES --roster FILE     and who they are: roster.py

Everything below SUBMISSIONS gets a row (handed_in.py says what is one submission); notebooks are
run in quick mode (merge.py says what of them, sandbox.py where). SUBMISSIONS may be one notebook,
or a course of nbgrader: then those are graded whom nbgrader left out (after_nbgrader.py).
One that takes too much time or memory is ended; the checks that it passed until then count. GRADES
gets grades.csv, a row each, a page of feedback each, and paragraph.csv, in which a person enters
points; the next run adds them. With a roster there is gradebook.csv too, for Canvas or Moodle. A
command that was stopped, or run again after more was handed in, grades only what is new or changed.
Columns that somebody adds to grades.csv stay.
"""

import argparse
import collections
import functools
import hashlib
import json
import statistics
import sys

import joblib

from course import command, named_path, positive, workers
from course.bundle import supplies
from course.grade import after_nbgrader, handed_in, merge, page, roster, sandbox, submission, table
from course.make_exercise import ROOT
from lab import exercise


@functools.cache
def _ours():
    """Return a hash of everything that a grade depends on beside the submission."""
    digest = hashlib.sha256(json.dumps(merge.to_run([])).encode())
    for name in supplies():
        digest.update((ROOT / name).read_bytes())
    return digest.hexdigest()


def to_grade(folder, grades):
    """Return what is to be graded in a folder: paths by the names of the submissions.

    Whom nbgrader left out is printed. Raises table.Unusable where there is nothing to grade.
    """
    if after_nbgrader.is_course(folder):
        left = after_nbgrader.left_out(folder)
        print(f"nbgrader left {len(left) or 'nobody'} out.")
        for name, (_, why) in left.items():
            print(f"{name}: {why}")
        return {name: path for name, (path, _) in left.items()}
    if not folder.exists() or not (found := handed_in.find(folder, grades)):
        raise table.Unusable(
            f"{folder} holds no submission: name the folder that they lie in, or a notebook."
        )
    return found


def grade_all(
    folder,
    grades,
    people=None,
    seconds=exercise.GRADING_SECONDS,
    megabytes=exercise.GRADING_MEGABYTES,
    grade=submission.grade,
):
    """Grade what is new or changed in a folder, on joblib's current backend; return all rows.

    With ``people``, a roster's, gradebook.csv is written too, and what there is to say is printed.
    """
    found, path = to_grade(folder, grades), grades / "grades.csv"
    known, before = table.by_submission(path)
    given = table.paragraphs(grades / "paragraph.csv", found)
    columns = [*table.COLUMNS, *(name for name in known if name not in table.COLUMNS)]
    rows = {name: _totalled(before[name], given) for name in found if name in before}
    for name in before.keys() - found.keys():  # withdrawn
        _page_of(grades, name).unlink(missing_ok=True)
    table.write(path, rows.values(), columns)
    with path.open("ab") as file:
        for row, html in workers.as_completed(_new(found, rows, (seconds, megabytes), grade)):
            name = row[table.SUBMISSION]
            workers.put(_page_of(grades, name), html.encode(errors="backslashreplace"))
            rows[name] = _totalled(rows.get(name, {}) | row, given)
            file.write(table.lines([rows[name]], columns))
            file.flush()  # who is stopped here has lost nothing
            points = "no grade" if row[table.POINTS] == "" else f"{row[table.POINTS]} points"
            print(f"{name}: {row[table.VERDICT]}, {points}", flush=True)
    rows = {name: rows[name] for name in found}
    if people is not None:
        gradebook, said = roster.join(rows, people)
        print(*said, sep="\n")
        table.write(grades / "gradebook.csv", gradebook, roster.HEADER)
    table.write(path, rows.values(), columns)
    for name, row in rows.items():
        page.renew(_page_of(grades, name), row)
    return list(rows.values())


def _page_of(grades, name):
    return grades / f"{name}.html"


def _new(found, rows, limits, grade):
    """Yield joblib's calls for what is new or changed."""
    for name, path in found.items():
        read = submission.prepare(path)
        said = json.dumps([read, _ours()])
        # The f keeps a spreadsheet from taking it for a number.
        fingerprint = f"f{hashlib.sha256(said.encode()).hexdigest()[:16]}"
        stopped = "{} {} s {} MB".format(fingerprint, *limits)  # by these limits
        if rows.get(name, {}).get(table.FINGERPRINT) not in (fingerprint, stopped):
            yield joblib.delayed(_graded)(grade, (name, *read, *limits), fingerprint, stopped)


def _graded(grade, arguments, fingerprint, stopped):
    """Return what ``grade`` does; the row has the fingerprint by which it is known again."""
    row, html = grade(*arguments)
    if row[table.VERDICT] == "stopped":
        fingerprint = stopped
    if row[table.VERDICT] == "grader failed" or sandbox.WAITED in row[table.DETAIL]:
        fingerprint = ""  # it is graded again
    return row | {table.FINGERPRINT: fingerprint}, html


def _totalled(row, given):
    """Return a row with the points for the paragraph, where there are some, and the total."""
    paragraph = given.get(row[table.SUBMISSION], "")
    total = "" if row[table.POINTS] == "" else int(row[table.POINTS]) + (paragraph or 0)
    return row | {table.PARAGRAPH: paragraph, table.TOTAL: total}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("submissions", type=named_path)
    parser.add_argument("grades", type=named_path)
    parser.add_argument(
        "--roster", type=named_path, help="a CSV with id, name and e-mail of each person"
    )
    parser.add_argument(
        "--seconds",
        type=positive,
        default=exercise.GRADING_SECONDS,
        help="of processor time for each",
    )
    parser.add_argument(
        "--megabytes", type=positive, default=exercise.GRADING_MEGABYTES, help="of memory for each"
    )
    workers.add_argument(parser)
    with command():
        run(parser.parse_args())


def run(arguments):
    """Grade what the command's arguments say, and print what that was."""
    for what in sandbox.isolation()[1]:
        print(f"On this system a submission can reach {what}.")
    try:
        people = roster.people_in(arguments.roster) if arguments.roster else None
        limits = arguments.seconds, arguments.megabytes
        with workers.workers(arguments.dask):
            rows = grade_all(arguments.submissions, arguments.grades, people, *limits)
    except table.Unusable as error:
        sys.exit(str(error))
    if not rows:
        return
    counts = collections.Counter(row[table.VERDICT] for row in rows)
    told = ", ".join(f"{count} {verdict}" for verdict, count in counts.items())
    cost = statistics.mean(table.number(row[table.CORE_SECONDS]) for row in rows)
    print(f"{told}; {cost:.1f} core-seconds each")
    if counts["grader failed"]:
        sys.exit(
            "Some could not be graded: grades.csv says why. The same command tries them again."
        )


if __name__ == "__main__":
    main()
