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
    digest = hashlib.sha256(json.dumps(merge.our_cells()[0]).encode())
    for name in supplies():
        digest.update((ROOT / name).read_bytes())
    return digest.hexdigest()


def to_grade(folder, grades):
    """Return what is to be graded in a folder: paths by the names of the submissions."""
    if after_nbgrader.is_course(folder):
        return {name: path for name, (path, _) in after_nbgrader.left(folder).items()}
    return handed_in.find(folder, grades)


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
    found, prints = to_grade(folder, grades), {}
    before, added = table.read(grades / "grades.csv")
    given = table.paragraphs(grades / "paragraph.csv", found)
    columns = table.COLUMNS + added
    rows = {name: _totalled(row, given) for name, row in before.items() if name in found}
    for name in before.keys() - found.keys():  # withdrawn
        (grades / f"{name}.html").unlink(missing_ok=True)
    table.write(grades / "grades.csv", rows, columns)
    with (grades / "grades.csv").open("ab") as file:
        work = _new(found, rows, prints, (seconds, megabytes), grade)
        for row, text in workers.as_completed(work):
            name = row["submission"]
            workers.put(grades / f"{name}.html", text.encode(**table.ENCODING))
            again = row["verdict"] == "grader failed" or sandbox.WAITED in row["detail"]
            limits = f" {seconds} s {megabytes} MB" if row["verdict"] == "stopped" else ""
            row |= {"fingerprint": "" if again else prints[name] + limits}
            rows[name] = _totalled(rows.get(name, {}) | row, given)
            file.write(table.line(rows[name], columns))
            file.flush()  # who is stopped here has lost nothing
            points = "no grade" if row["points"] == "" else f"{row['points']} points"
            print(f"{name}: {row['verdict']}, {points}", flush=True)
    if people is not None:
        print(*roster.join(rows, people), sep="\n")
        workers.put(grades / "gradebook.csv", roster.gradebook(rows, people))
    table.write(grades / "grades.csv", rows, columns)
    _renew_pages(grades, rows)
    return list(rows.values())


def _new(found, rows, prints, limits, grade):
    """Yield joblib's calls for what is new or changed; put the fingerprints of all into prints."""
    for name, path in found.items():
        read = submission.read(path)
        said = json.dumps([read, _ours()])
        prints[name] = f"f{hashlib.sha256(said.encode()).hexdigest()[:16]}"  # no number
        same = prints[name], "{} {} s {} MB".format(prints[name], *limits)  # limits stopped it
        if rows.get(name, {}).get("fingerprint") not in same:
            yield joblib.delayed(grade)(name, *read, *limits)


def _renew_pages(grades, rows):
    """Give each page the person and the total of its row."""
    for name, row in rows.items():
        path = grades / f"{name}.html"
        if path.exists():
            before = path.read_text(encoding="utf-8")
            if (now := page.renewed(before, row)) != before:
                workers.put(path, now.encode(**table.ENCODING))


def _totalled(row, given):
    """Return a row with the points for the paragraph, where there are some, and the total."""
    paragraph = given.get(row["submission"], "")
    total = "" if row["points"] == "" else int(row["points"]) + (paragraph or 0)
    return row | {"paragraph": paragraph, "total": total}


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
    folder = arguments.submissions
    if after_nbgrader.is_course(folder):
        left = after_nbgrader.left(folder)
        print(f"nbgrader left {len(left) or 'nobody'} out.")
        for name, (_, why) in left.items():
            print(f"{name}: {why}")
    elif not folder.exists() or not handed_in.find(folder, arguments.grades):
        sys.exit(f"{folder} holds no submission: name the folder that they lie in, or a notebook.")
    for what in sandbox.isolation()[1]:
        print(f"This system does not let us keep from a submission: {what}.")
    try:
        people = roster.read(arguments.roster) if arguments.roster else None
        limits = arguments.seconds, arguments.megabytes
        with workers.workers(arguments.dask):
            rows = grade_all(folder, arguments.grades, people, *limits)
    except table.Unusable as error:
        sys.exit(str(error))
    if not rows:
        return
    counts = collections.Counter(row["verdict"] for row in rows)
    print(", ".join(f"{count} {verdict}" for verdict, count in counts.items()), end="; ")
    cost = statistics.mean(float(str(row["core_seconds"]).replace(",", ".") or 0) for row in rows)
    print(f"{cost:.1f} core-seconds each")
    if counts["grader failed"]:
        sys.exit("some could not be graded; grades.csv says why, and the same command tries again")


if __name__ == "__main__":
    main()
