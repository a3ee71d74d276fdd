"""What grading a class of submissions costs: python -m benchmarks.grading.

Seventeen submissions (nothing filled in, everything, five half-filled, ten with a mistake) graded
on this machine's cores by course/grade/. Writes benchmarks/grading.csv.
"""

import tempfile
from pathlib import Path

import nbformat
import pandas as pd

import helpers
from course import workers
from course.grade import __main__ as grade
from course.make_docs import GRADING
from course.make_exercise import EXERCISE
from tests import submissions

KEPT = ["submission", "verdict", "points", "core_seconds", "peak_mb"]


def main():
    made = submissions.a_class(nbformat.read(EXERCISE, as_version=4))
    with tempfile.TemporaryDirectory() as folder, workers.workers():
        for name, (notebook, _) in made.items():
            nbformat.write(notebook, Path(folder) / f"{name}.ipynb")
        rows = grade.grade_all(Path(folder), Path(folder) / "grades")
    table = pd.DataFrame(rows)[KEPT].to_csv(index=False, lineterminator="\n")
    machine = helpers.describe_machine()
    GRADING.write_text(f"# {machine}\n{table}", encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
