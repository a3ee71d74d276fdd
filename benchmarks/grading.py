"""Measure the time and memory of grading: python -m benchmarks.grading.

course/grade/ grades thirty submissions on the cores of this machine: a class of seventeen with its
mistakes, one notebook without cell ids, seven with harmful code, and five files that are not
notebooks. Writes benchmarks/grading.csv.
"""

import tempfile
from pathlib import Path

import nbformat
import pandas as pd

import benchmarks
from course import workers
from course.generate import GRADING
from course.grade import __main__ as grade
from course.make_exercise import EXERCISE
from tests import submissions

KEPT = ["submission", "verdict", "points", "core_seconds", "peak_mb"]


def main():
    with tempfile.TemporaryDirectory() as folder, workers.workers():
        submissions.write_all(Path(folder) / "class", nbformat.read(EXERCISE, as_version=4))
        rows = grade.grade_all(Path(folder) / "class", Path(folder) / "grades")
    benchmarks.record(GRADING, pd.DataFrame(rows)[KEPT].sort_values("submission"))


if __name__ == "__main__":
    main()
