"""Grade one submission as an autograder on Gradescope.

    python -m course.gradescope                            write exported/autograder.zip, to upload
    python -m course.gradescope SUBMISSION results.json    grade the notebook in a folder

The archive has all files for grading, and the two files that Gradescope needs: setup.sh, which
Gradescope runs once, and run_autograder, which runs the second command above for each submission.
The format of results.json is described at gradescope-autograders.readthedocs.io, "Autograder
Specifications". It has a test for each check; the student sees these tests. One more test without
points is hidden from the student: it says what the submission could reach. The instructor grades
the paragraph on Gradescope itself.
"""

import argparse
import json
import sys
import time

from course import command, named_path, workers
from course.bundle import pack, supplies
from course.grade import handed_in, page, sandbox, submission
from course.make_exercise import EXERCISE, ROOT, SOLUTION
from lab import exercise

QUESTIONS = "exported/questions.txt"  # the seed, always the same for one course
ARCHIVE = ROOT / "exported" / "autograder.zip"
SETUP = """\
#!/usr/bin/env bash
# Gradescope runs this once, as root, on Ubuntu 22.04 or later. It installs the CUDA build of
# PyTorch, which is large but does no harm. To have the CPU build instead, install it before that:
# see pytorch.org/get-started/locally.
set -e
cd "$(dirname "$0")"
apt-get update
for version in 3.13 3.12 3.11; do
  apt-get install -y "python$version-venv" && break
done
"/usr/bin/python$version" -m venv ../venv
../venv/bin/python -m pip install -r tests/requirements.txt
"""
RUN = """\
#!/usr/bin/env bash
# Gradescope copies this file to /autograder and runs it there for each submission.
set -e
cd "$(dirname "$0")"
here=$PWD
chmod go-rwx source  # the submission runs as another user, who must not read the solution
cd source
../venv/bin/python -m course.gradescope "$here/submission" "$here/results/results.json"
"""


def archive(path=ARCHIVE):
    """Write the archive and return its path."""
    kinds = (".py", ".sh", ".html", ".txt")
    graders = [path for path in (ROOT / "course").rglob("*.*") if path.suffix in kinds]
    paths = [SOLUTION, *sorted(graders), ROOT / "tests" / "requirements.txt"]
    names = [*(path.relative_to(ROOT) for path in paths), *supplies()]
    contents = {name.as_posix(): (ROOT / name).read_bytes() for name in names}
    workers.seed_in(ROOT / QUESTIONS)
    contents[QUESTIONS] = (ROOT / QUESTIONS).read_bytes()
    return pack(path, contents | {"setup.sh": SETUP.encode(), "run_autograder": RUN.encode()})


def results(folder):
    """Return the results for Gradescope of a folder with one submission, a dict."""
    start = time.monotonic()
    found = handed_in.find(folder)
    notebooks = [path for path in found.values() if handed_in.may_hold_one(path)]
    if len(notebooks) != 1:
        names = ", ".join(found) or "nothing"
        return {
            "score": 0,
            "output": f"Hand in one notebook, {EXERCISE.name}. The submission contains {names}.",
        }
    (path,) = notebooks
    cells, _, refused = submission.prepare(path)
    limits = exercise.GRADING_SECONDS, exercise.GRADING_MEGABYTES
    judged = submission.judge(cells, refused, workers.seed_in(ROOT / QUESTIONS), *limits)
    points = judged.points()
    return {
        "score": sum(points.values()),
        "output": f"{judged.verdict}: {judged.detail}".removesuffix(": "),
        "execution_time": round(time.monotonic() - start),
        "tests": [
            *(_test(check, points[check], judged.found.get(check)) for check in points),
            _for_the_marker(judged.facts),
        ],
    }


def _test(check, points, fact):
    """Return the result of a check as a test for Gradescope."""
    lines = (
        [page.rule_line(fact), fact["message"]]
        if fact
        else ["The grader did not reach this check."]
    )
    return {
        "name": exercise.CHECKS[check].title,
        "score": points,
        "max_score": exercise.CHECKS[check].points,
        "status": "passed" if points else "failed",
        "output": "\n".join(filter(None, lines)),
    }


def _for_the_marker(facts):
    """Return a test without points that only the instructor sees."""
    reach = " and ".join(sandbox.reach() if facts else [])
    return {
        "name": "Things that the submission could reach while it ran",
        "output": reach or "only its own folder and the programs",
        "visibility": "hidden",
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument(
        "submission",
        type=named_path,
        nargs="?",
        help="folder of a submission; without it, the command writes the archive",
    )
    parser.add_argument(
        "results", type=named_path, nargs="?", help="file for the results, results.json"
    )
    arguments = parser.parse_args()
    with command():
        if not arguments.submission:
            print(archive())
        elif not arguments.results or not arguments.submission.exists():
            sys.exit(
                f"{arguments.submission}: give the folder of a submission, then the results file."
            )
        else:
            told = json.dumps(results(arguments.submission), indent=1)
            workers.put(arguments.results, told.encode())


if __name__ == "__main__":
    main()
