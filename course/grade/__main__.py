"""Grade a folder of submissions in parallel, each submission in its own process with limits.

    python -m course.grade SUBMISSIONS GRADES                   on the cores of this machine
    python -m course.grade SUBMISSIONS GRADES --dask ADDRESS    on a Dask cluster
    python -m course.grade SUBMISSIONS GRADES --roster FILE     and find each person (roster.py)

SUBMISSIONS is a folder, one notebook, or a course of nbgrader. Every submission in a folder gets a
row in the table (handed_in.py finds the submissions). In a course of nbgrader, the command grades
all that was submitted, and it prints whose points differ from nbgrader's (after_nbgrader.py), which
can be talked into points. Each notebook is merged with our exercise (merge.py) and runs in a
sandbox (sandbox.py). This is a short test run. If a submission takes too much time or memory, it is
ended, and the checks that it passed until then count.

The command writes into the folder GRADES: grades.csv, a page of feedback for each submission, and
paragraph.csv. Write the points for the paragraphs into paragraph.csv: the next run adds them. With
a roster, there is also gradebook.csv, for Canvas or Moodle. If the command was stopped, or if there
are more submissions, run it again: it grades new and changed submissions, and again those that
ran out of time or on which the grader failed. It keeps columns
that you add to grades.csv.
"""

import argparse
import collections
import functools
import hashlib
import json
import statistics
import sys

import joblib
from joblib.externals.loky.process_executor import TerminatedWorkerError

from course import command, named_path, positive, workers
from course.bundle import supplies
from course.grade import after_nbgrader, handed_in, merge, page, roster, sandbox, submission, table
from course.make_exercise import ROOT
from lab import exercise


@functools.cache
def _ours():
    """Return a hash of everything that a grade depends on, except the submission."""
    digest = hashlib.sha256(json.dumps(merge.to_run([])).encode())
    for name in supplies():
        digest.update((ROOT / name).read_bytes())
    return digest.hexdigest()


def to_grade(folder, grades):
    """Return the submissions to grade in a folder, as {name: path}.

    In a course of nbgrader, these are all submissions. Raises table.Unusable if there is no
    submission in the folder.
    """
    if after_nbgrader.is_course(folder):
        folder = folder / "submitted"
    if not folder.exists() or not (found := handed_in.find(folder, grades)):
        raise table.Unusable(
            f"{folder} does not contain a submission. Give the folder with the submissions, or a "
            "notebook."
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
    """Grade new and changed submissions on joblib's current backend; return all rows.

    With ``people``, the people of a roster, this also writes gradebook.csv and prints the cases in
    which a submission or a person needs attention.
    """
    found, path = to_grade(folder, grades), grades / "grades.csv"
    known, before = table.by_submission(path)
    seed = workers.seed_in(grades / "questions.txt")
    given = table.paragraphs(grades / "paragraph.csv", found)
    columns = [*table.COLUMNS, *(name for name in known if name not in table.COLUMNS)]
    rows = {name: _totalled(before[name], given) for name in found if name in before}
    for name in before.keys() - found.keys():  # withdrawn
        _page_of(grades, name).unlink(missing_ok=True)
    table.write(path, rows.values(), columns)
    with path.open("ab") as file:
        for row, html in workers.as_completed(_new(found, rows, (seed, seconds, megabytes), grade)):
            name = row[table.SUBMISSION]
            workers.put(_page_of(grades, name), html.encode(errors="backslashreplace"))
            rows[name] = _totalled(rows.get(name, {}) | row, given)
            file.write(table.lines([rows[name]], columns))
            file.flush()  # if the command is stopped here, no row is lost
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
    """Yield joblib's calls for new and changed submissions."""
    for name, path in found.items():
        read = submission.prepare(path)
        said = json.dumps([read, _ours()])
        # Because of the f, a spreadsheet does not read the fingerprint as a number.
        fingerprint = f"f{hashlib.sha256(said.encode()).hexdigest()[:16]}"
        stopped = "{} {} s {} MB".format(fingerprint, *limits[1:])  # by these limits
        if rows.get(name, {}).get(table.FINGERPRINT) not in (fingerprint, stopped):
            yield joblib.delayed(_graded)(grade, (name, *read, *limits), fingerprint, stopped)


def _graded(grade, arguments, fingerprint, stopped):
    """Return the row and the page from ``grade``; the row also gets its fingerprint."""
    row, html = grade(*arguments)
    if row[table.VERDICT] == "stopped":
        fingerprint = stopped
    if row[table.VERDICT] == "grader failed" or sandbox.WAITED in row[table.DETAIL]:
        fingerprint = ""  # it is graded again
    return row | {table.FINGERPRINT: fingerprint}, html


def _totalled(row, given):
    """Return a row with the total and with the points for the paragraph, if there are any."""
    paragraph = given.get(row[table.SUBMISSION], "")
    total = "" if row[table.POINTS] == "" else int(row[table.POINTS]) + (paragraph or 0)
    return row | {table.PARAGRAPH: paragraph, table.TOTAL: total}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument(
        "submissions",
        type=named_path,
        help="folder with the submissions, or one notebook, or a course of nbgrader",
    )
    parser.add_argument("grades", type=named_path, help="folder for the grades")
    parser.add_argument(
        "--roster", type=named_path, help="CSV file with the columns id, name and e-mail"
    )
    parser.add_argument(
        "--seconds",
        type=positive,
        default=exercise.GRADING_SECONDS,
        help="limit of processor time for each submission, in seconds (default: %(default)s)",
    )
    parser.add_argument(
        "--megabytes",
        type=positive,
        default=exercise.GRADING_MEGABYTES,
        help="limit of memory for each submission, in MB (default: %(default)s)",
    )
    workers.add_argument(parser)
    with command():
        run(parser.parse_args())


def run(arguments):
    """Grade with the arguments of the command, and print a summary."""
    for what in sandbox.reach():
        print(f"Warning: on this system, a submission can reach {what}.")
    try:
        people = roster.people_in(arguments.roster) if arguments.roster else None
        limits = arguments.seconds, arguments.megabytes
        with workers.workers(arguments.dask):
            rows = grade_all(arguments.submissions, arguments.grades, people, *limits)
    except (table.Unusable, ConnectionError) as error:
        sys.exit(str(error))
    except TerminatedWorkerError:
        sys.exit(
            "The system has ended a process of this command, for example because memory ran out. "
            "Nothing that was graded is lost. Run the same command again: it goes on."
        )
    if not rows:
        return
    if after_nbgrader.is_course(arguments.submissions):
        told = list(after_nbgrader.differences(arguments.submissions, rows))
        print(f"Submissions with other points than in nbgrader: {len(told)}.", *told, sep="\n")
    counts = collections.Counter(row[table.VERDICT] for row in rows)
    told = ", ".join(f"{count} {verdict}" for verdict, count in counts.items())
    cost = statistics.mean(table.number(row[table.CORE_SECONDS]) for row in rows)
    print(f"{told}. On average, a submission took {cost:.1f} core-seconds.")
    if counts["grader failed"]:
        sys.exit(
            "The grader failed on some submissions. See the column detail of grades.csv for the "
            "reasons. Run the same command again to grade these submissions again."
        )


if __name__ == "__main__":
    main()
