"""The nbgrader course: its metadata, and a real course in which a class is graded."""

import csv
import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from course import nbgrader as nbgrader_course
from lab import checks
from tests import submissions
from tests.test_commands import ODD


@pytest.fixture
def course(tmp_path):
    """A folder, with an odd name, and nothing in it but what the command writes."""
    nbgrader_course.write(tmp_path / ODD)
    return tmp_path / ODD


@pytest.fixture
def notebook(course):
    return nbformat.read(course / "source" / nbgrader_course.ASSIGNMENT / "exercise.ipynb", 4)


def graded(notebook):
    """Return nbgrader's metadata of the cells that have points, by the cells' ids."""
    cells = {c.id: c.metadata.nbgrader for c in notebook.cells if c.cell_type == "code"}
    return {cell_id: metadata for cell_id, metadata in cells.items() if metadata.grade}


def test_the_points_are_those_of_the_checks_and_the_paragraph(notebook):
    points = graded(notebook)
    assert sum(metadata.points for metadata in points.values()) == 100
    assert points["recommendation"].points == checks.PARAGRAPH_POINTS
    assert points["recommendation"].solution and not points["recommendation"].locked
    assert len(points) == len(checks.POINTS) + 1


def test_a_check_cell_is_locked_and_ends_with_the_points(notebook):
    for cell in notebook.cells:
        if cell.id in graded(notebook) and cell.id != "recommendation":
            assert cell.metadata.nbgrader.locked and not cell.metadata.nbgrader.solution
            assert re.match(r"checks\.\w+\(.*\)\.points$", cell.source.split("\n")[-1])


def test_answers_are_stubs_and_all_other_code_is_put_back_when_grading(notebook):
    for cell in notebook.cells:
        if cell.cell_type == "code":
            metadata = cell.metadata.nbgrader
            assert metadata.solution == (cell.id in submissions.ANSWERS) != metadata.locked
            assert "SOLUTION" not in cell.source


def test_a_configuration_that_is_there_is_left_alone(course, capsys):
    config = course / "nbgrader_config.py"
    config.write_text("c = get_config()\n", encoding="utf-8")
    nbgrader_course.write(course)
    assert config.read_text(encoding="utf-8") == "c = get_config()\n"
    assert "add_missing_cells = True" in capsys.readouterr().out


def nbgrader(command, course):
    """Run an nbgrader command in a course as an instructor would."""
    environment = os.environ | {
        # Both nbgrader and the kernel that it starts are those of this environment.
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "JUPYTER_CONFIG_DIR": str(course / "jupyter"),
    }
    environment.pop("EXERCISE_QUICK")  # the course's own configuration sets it
    line = [sys.executable, "-m", "nbgrader", *command.split()]
    done = subprocess.run(line, cwd=course, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "without encryption" not in done.stdout + done.stderr  # a warning of the kernel's


@pytest.mark.slow
def test_a_class_gets_the_points_that_the_checks_give(course):
    name = nbgrader_course.ASSIGNMENT
    nbgrader(f"generate_assignment {name}", course)
    released = nbformat.read(course / "release" / name / "exercise.ipynb", 4)
    handed_in = submissions.a_class(released)
    for student, (notebook, _) in handed_in.items():
        folder = course / "submitted" / student / name
        folder.mkdir(parents=True)
        nbformat.write(notebook, folder / "exercise.ipynb")
    forged = course / "submitted" / "no-check" / name / "checks.py"
    forged.write_text("raise SystemExit('my own checks')", encoding="utf-8")
    nbgrader(f"autograde {name}", course)
    nbgrader(f"generate_feedback {name}", course)
    nbgrader("export --to grades.csv", course)
    with (course / "grades.csv").open(encoding="utf-8") as file:
        scores = {row["student_id"]: float(row["score"]) for row in csv.DictReader(file)}
    assert len(scores) == 17
    for student, (_, broken) in handed_in.items():
        assert scores[student] == submissions.points(broken), student
        graded = nbformat.read(course / "autograded" / student / name / "exercise.ipynb", 4)
        assert scores[student] == summary(graded), student
        assert "without encryption" not in str(graded)
        assert (course / "feedback" / student / name / "exercise.html").exists()


def summary(notebook):
    """Return the points that ``checks.summary()`` printed at the end of a graded notebook."""
    (cell,) = (cell for cell in notebook.cells if cell.id == "summary")
    printed = "".join(output.get("text", "") for output in cell.outputs)
    return float(re.match(r"(\d+) of 90 points", printed)[1])
