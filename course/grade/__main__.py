"""Grade a folder of submissions in parallel, each in a process of its own with limits.

    python -m course.grade SUBMISSIONS GRADES                   on this machine's cores
    python -m course.grade SUBMISSIONS GRADES --dask ADDRESS    on a Dask cluster

Every notebook below SUBMISSIONS is one submission, run in quick mode (submission.py says what of
it, sandbox.py where). One that takes too much time or memory is ended; the checks that it passed
until then count. GRADES gets grades.csv, a row each, and a page of feedback each. A command
that was stopped, or run again after more was handed in, grades only what is new or changed.
"""

import argparse
import collections
import csv
import functools
import hashlib
import io
import json
import statistics
import sys

import joblib

from course import command, named_path, positive, workers
from course.bundle import supplies
from course.grade import merge, sandbox, submission
from course.make_exercise import ROOT
from lab import checks

SECONDS = 60  # of processor time for a submission; of the clock, four times as many
MEGABYTES = 1_000
CSV = {"encoding": "utf-8", "errors": "backslashreplace", "newline": ""}  # any text is written
COLUMNS = (
    ["submission", "verdict", "points", *checks.POINTS]
    + ["detail", "core_seconds", "peak_mb", "fingerprint"]
)  # fmt: skip


def notebooks(folder):
    """Return the submissions below a folder: their paths by their names."""
    paths = [p for p in sorted(folder.rglob("*.ipynb")) if ".ipynb_checkpoints" not in p.parts]
    return {p.relative_to(folder).with_suffix("").as_posix(): p for p in paths if not p.is_dir()}


@functools.cache
def _ours():
    """Return a hash of everything that a grade depends on beside the submission."""
    digest = hashlib.sha256(json.dumps(merge.exercise()[0]).encode())
    for name in supplies():
        digest.update((ROOT / name).read_bytes())
    return digest.hexdigest()


def grade_all(folder, grades, seconds=SECONDS, megabytes=MEGABYTES, grade=submission.grade):
    """Grade what is new or changed in a folder, on joblib's current backend; return all rows."""
    grades.mkdir(parents=True, exist_ok=True)
    table = grades / "grades.csv"
    found, rows, fingerprints = notebooks(folder), {}, {}
    if table.exists():
        with table.open(**CSV) as file:
            rows = {row["submission"]: row for row in csv.DictReader(file)}
    rows = {name: row for name, row in rows.items() if name in found}

    def new():
        for name, path in found.items():
            read = submission.read(path)
            said = json.dumps([read, seconds, megabytes, _ours()])
            fingerprints[name] = hashlib.sha256(said.encode()).hexdigest()[:16]
            if rows.get(name, {}).get("fingerprint") != fingerprints[name]:
                yield joblib.delayed(grade)(name, *read, seconds, megabytes)

    _write(table, rows)
    with table.open("a", **CSV) as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        for row, page in workers.as_completed(new()):
            name = row["submission"]
            workers.put(grades / f"{name}.html", page.encode(errors=CSV["errors"]))
            again = row["verdict"] == "grader failed" or sandbox.WAITED in row["detail"]
            rows[name] = row | {"fingerprint": "" if again else fingerprints[name]}
            writer.writerow(rows[name])
            file.flush()  # who is stopped here has lost nothing
            print(f"{name}: {row['verdict']}, {row['points']} points", flush=True)
    _write(table, rows)
    return list(rows.values())


def _write(path, rows):
    """Write all rows in one step, in the order of the submissions."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows[name] for name in sorted(rows))
    workers.put(path, text.getvalue().encode(errors=CSV["errors"]))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("submissions", type=named_path)
    parser.add_argument("grades", type=named_path)
    parser.add_argument(
        "--seconds", type=positive, default=SECONDS, help="of processor time for each"
    )
    parser.add_argument("--megabytes", type=positive, default=MEGABYTES, help="of memory for each")
    workers.add_argument(parser)
    with command():
        run(parser.parse_args())


def run(arguments):
    folder = arguments.submissions
    if not folder.is_dir() or not notebooks(folder):
        sys.exit(f"{folder} holds no notebook: name the folder that the submissions lie in.")
    if not sandbox.isolation():
        print("This system does not let submissions be shut off from the network.")
    with workers.workers(arguments.dask):
        rows = grade_all(folder, arguments.grades, arguments.seconds, arguments.megabytes)
    counts = collections.Counter(row["verdict"] for row in rows)
    print(", ".join(f"{count} {verdict}" for verdict, count in counts.items()), end="; ")
    cost = statistics.mean(float(row["core_seconds"]) for row in rows)
    print(
        f"{cost:.1f} core-seconds each; 100,000 would take {cost * 100_000 / 3600:,.0f} core-hours"
    )
    if counts["grader failed"]:
        sys.exit("some could not be graded; grades.csv says why, and the same command tries again")


if __name__ == "__main__":
    main()
