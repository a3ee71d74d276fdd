"""Run the tests of what goes wrong in a classroom, and keep what came out for docs/classroom.md.

python -m course.reliability    write docs/reliability.csv, a row per input that was tried
"""

import csv
import subprocess
import sys
import tempfile
import xml.etree.ElementTree
from pathlib import Path

from course.make_exercise import ROOT

RESULTS = ROOT / "docs" / "reliability.csv"
TESTS = {
    "the dataset hub and its faults": "test_wikitext",
    "texts": "test_any_text",
    "interrupts, divergence, restarts, cells run again": "test_classroom",
    "submissions that misbehave": "test_grade",
}


def main():
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        files = [str(ROOT / "tests" / f"{name}.py") for name in TESTS.values()]
        command = [sys.executable, "-m", "pytest", "-q", *files, f"--junitxml={report}"]
        subprocess.run(command, cwd=ROOT)
        cases = xml.etree.ElementTree.parse(report).iter("testcase")
        rows = [
            (tried, case.get("name"), "not handled" if len(case) else "handled")
            for case in cases
            for tried, name in TESTS.items()
            if case.get("classname").endswith(name) and case.find("skipped") is None
        ]
    with RESULTS.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerows([("tried", "test", "outcome"), *rows])
    if failed := [test for _, test, outcome in rows if outcome != "handled"]:
        sys.exit(f"not handled: {', '.join(failed)}")


if __name__ == "__main__":
    main()
