"""The nbgrader course: its metadata, and a real course in which a class is graded."""

import copy
import os
import re
import subprocess
import sys
import time
from html import escape
from pathlib import Path

import nbformat
import pandas as pd
import pytest

from course import nbgrader as nbgrader_course, workers
from course.grade import __main__ as grade, merge
from course.grade.after_nbgrader import differences, is_course
from course.make_exercise import ROOT
from course.nbgrader import ASSIGNMENT as NAME
from lab import exercise
from tests import submissions
from tests.course.test_commands import ODD
from tests.running import cell_of, printed_by

FULL = f"{exercise.POINTS} of {exercise.POINTS}"


@pytest.fixture
def course(tmp_path):
    """A folder, with an odd name, and nothing in it but what the command writes."""
    nbgrader_course.write(tmp_path / ODD)
    return tmp_path / ODD


@pytest.fixture
def notebook(course):
    return nbformat.read(course / "source" / NAME / "exercise.ipynb", 4)


def graded(notebook):
    """Return nbgrader's metadata of the cells that have points, by the cells' ids."""
    cells = {c.id: c.metadata.nbgrader for c in notebook.cells if c.cell_type == "code"}
    return {cell_id: metadata for cell_id, metadata in cells.items() if metadata.grade}


def test_the_points_are_those_of_the_checks_and_the_paragraph(notebook):
    points = graded(notebook)
    assert sum(metadata.points for metadata in points.values()) == exercise.TOTAL
    assert points["paragraph"].points == exercise.PARAGRAPH_POINTS
    assert len(points) == len(exercise.CHECKS) + 1


def test_answers_are_stubs_and_all_other_code_is_put_back_when_grading(notebook):
    for cell in notebook.cells:
        if cell.cell_type == "code":
            metadata = cell.metadata.nbgrader
            assert metadata.solution == (cell.id in submissions.ANSWERS) != metadata.locked
            assert "SOLUTION" not in cell.source


def test_a_check_cell_ends_with_the_points(notebook):
    for cell_id in graded(notebook).keys() - {"paragraph"}:
        source = cell_of(notebook, cell_id).source
        assert re.search(r"^checks\.\w+\(.*\)\.points\Z", source, re.M | re.S)


def test_a_configuration_that_is_there_is_left_alone(course, capsys):
    config = course / "nbgrader_config.py"
    config.write_text("c = get_config()\n", encoding="utf-8")
    nbgrader_course.write(course)
    assert config.read_text(encoding="utf-8") == "c = get_config()\n"
    said = capsys.readouterr().out
    assert (
        "add_missing_cells = True" in said and "create a separate course for this exercise" in said
    )


def test_a_released_folder_is_no_course(course):
    assert not is_course(course / "source" / NAME)
    assert list(grade.to_grade(course / "source" / NAME, course)) == ["exercise"]


def nbgrader(command, course, status=0):
    """Run an nbgrader command in a folder as a person would; return its output."""
    environment = os.environ | {
        # Both nbgrader and the kernel that it starts are those of this environment.
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "JUPYTER_CONFIG_DIR": str(course / "jupyter"),
    }
    environment.pop("EXERCISE_QUICK")  # the course's own configuration sets it
    line = [sys.executable, "-m", "nbgrader", *command.split()]
    done = subprocess.run(line, cwd=course, env=environment, capture_output=True, text=True)
    assert done.returncode == status, done.stdout + done.stderr
    assert "without encryption" not in done.stdout + done.stderr  # a warning of the kernel's
    return done.stdout


def released(course):
    """Release the assignment; return the notebook that students get."""
    nbgrader(f"generate_assignment {NAME}", course)
    return nbformat.read(course / "release" / NAME / "exercise.ipynb", 4)


def hand_in(course, place, notebook):
    """Put a notebook into the folder of submissions, in a place there."""
    path = course / "submitted" / place
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, path)
    return path


def scores(course):
    """Return what nbgrader exports, by student."""
    nbgrader("export --to grades.csv", course)
    return pd.read_csv(course / "grades.csv").set_index("student_id")["score"].to_dict()


KINDS = (
    "full",
    "half-5",  # five TODOs of ten
    "unfilled",  # none
    "first-timestep",  # a wrong class, which takes other checks with it in nbgrader only
    "no-labels",  # a wrong answer that nothing rests on
    "syntax-error",  # a cell that does not run
    "no-check",  # without a check, and with a module of that name
)


@pytest.mark.slow
def test_a_class_gets_the_points_that_the_checks_give_from_both_graders(course, tmp_path):
    every = submissions.a_class(released(course))
    handed_in = {student: every[student] for student in KINDS}
    for student, (notebook, _) in handed_in.items():
        hand_in(course, f"{student}/{NAME}/exercise.ipynb", notebook)
    forged = course / "submitted" / "no-check" / NAME / "checks.py"
    forged.write_text("raise SystemExit('my own checks')", encoding="utf-8")
    nbgrader(f"autograde {NAME}", course)
    nbgrader(f"generate_feedback {NAME}", course)
    given = scores(course)
    assert given == {s: submissions.points(broken) for s, (_, broken) in handed_in.items()}
    for student in handed_in:
        graded = nbformat.read(course / "autograded" / student / NAME / "exercise.ipynb", 4)
        said = f"{given[student]:.0f} of {exercise.POINTS} points"
        assert printed_by(graded, "summary").startswith(said), student
        assert "without encryption" not in str(graded)
        assert (course / "feedback" / student / NAME / "exercise.html").exists()
    with workers.workers():
        rows = grade.grade_all(course / "submitted", tmp_path / "grades")
    assert [line.partition("/")[0] for line in differences(course, rows)] == ["first-timestep"]
    ours = {row["submission"].partition("/")[0]: row["points"] for row in rows}
    own = {s: submissions.own_faults(broken) for s, (_, broken) in handed_in.items()}
    assert ours == {student: submissions.points(broken) for student, broken in own.items()}


@pytest.mark.slow
def test_who_marks_sees_what_the_student_wrote_and_saw(course):
    notebook = submissions.fill(released(course), range(11))
    own = nbformat.v4.new_code_cell("print('mine')")
    notebook.cells.append(own)
    cells = {cell.id: cell for cell in notebook.cells}
    saw = {
        "performance-table": "Test Perplexity 6.616",
        "requirements-met": "GRU: meets both",
        "memory-spans": "{'RNN': 2, 'LSTM': 128}",
        "paragraph": "remembers 128 characters back",
        own.id: "mine, then",
    }
    for cell_id, text in saw.items():
        cells[cell_id].outputs = [nbformat.v4.new_output("stream", text=f"<i>{text}</i>")]
    cells["check-recommendation"].outputs = [nbformat.v4.new_output("stream", text=FULL)]
    hand_in(course, f"ada/{NAME}/exercise.ipynb", notebook)
    nbgrader(f"autograde {NAME}", course)
    assert scores(course) == {"ada": exercise.POINTS}
    graded = nbformat.read(course / "autograded" / "ada" / NAME / "exercise.ipynb", 4)
    cells = {cell.id: cell for cell in graded.cells}
    for cell_id, text in saw.items():
        shown = [output.get("text", "") for output in cells[cell_id].outputs]
        then, now = (
            shown.index("Output in the submitted notebook:\n"),
            shown.index("Output of a short test run for grading, which measures nothing:\n"),
        )
        assert shown[then + 1 : now] == [f"<i>{text}</i>"], cell_id
        assert "handed_in" not in cells[cell_id].metadata
    assert submissions.SOURCES["paragraph"] in cells["paragraph"].source
    assert FULL not in str(cells["check-recommendation"].outputs)
    nbgrader(f"generate_feedback {NAME}", course)
    html = (course / "feedback" / "ada" / NAME / "exercise.html").read_text(encoding="utf-8")
    assert all(escape(f"<i>{text}</i>", quote=False) in html for text in saw.values())


@pytest.mark.slow
def test_a_student_can_validate_a_right_answer_in_the_folder_handed_out(course):
    notebook = submissions.fill(released(course), range(11))
    folder = course / "release" / NAME
    assert "Hand in" in (folder / "README.md").read_text(encoding="utf-8")
    nbformat.write(notebook, folder / "exercise.ipynb")
    assert "Success! Your notebook passes all the tests." in nbgrader(
        "validate exercise.ipynb", folder
    )


ANSWERED = (1, 2, 3)  # TODOs, which need little time
WORTH = sum(exercise.CHECKS[check].points for check in merge.CLASSES)


def faulty(base):
    """Return what nbgrader does not grade, by its place: (notebook, points)."""
    answered = submissions.fill(base, ANSWERED)
    copied, lost = copy.deepcopy(answered), copy.deepcopy(answered)
    place = [cell.id for cell in copied.cells].index("char-rnn")
    copied.cells.insert(place, copy.deepcopy(copied.cells[place]))
    copied.cells[place].id = "copied"
    for cell in lost.cells:
        cell.metadata.pop("nbgrader", None)
    return {
        f"copied/{NAME}/exercise.ipynb": (copied, WORTH),
        f"lost/{NAME}/exercise.ipynb": (lost, WORTH),
        f"renamed/{NAME}/exercise (1).ipynb": (answered, WORTH),
        "misplaced/exercise.ipynb": (answered, WORTH),
        "alone.ipynb": (answered, WORTH),
        f"broken/{NAME}/exercise.ipynb": ("{", 0),
    }


@pytest.mark.slow
def test_whose_points_nbgrader_does_not_have_is_said(course, tmp_path):
    base = released(course)
    given = faulty(base)
    for place, (notebook, _) in given.items():
        path = course / "submitted" / place
        path.parent.mkdir(parents=True, exist_ok=True)
        text = notebook if isinstance(notebook, str) else nbformat.writes(notebook)
        path.write_text(text, encoding="utf-8")
    good = hand_in(course, f"good/{NAME}/exercise.ipynb", submissions.fill(base, (1,)))
    nbgrader(f"autograde {NAME}", course, status=1)
    assert {score for student, score in scores(course).items() if student != "good"} == {0}
    worth = {place.removesuffix(".ipynb"): points for place, (_, points) in given.items()}
    worth |= {f"good/{NAME}/exercise": exercise.CHECKS["char_rnn"].points}
    assert told(course, tmp_path / "grades") == {name: p for name, p in worth.items() if p == WORTH}
    points = pd.read_csv(tmp_path / "grades" / "grades.csv").set_index("submission")["points"]
    assert points.to_dict() == worth
    # A second submission, which nbgrader passes over without --force.
    nbformat.write(submissions.fill(base, ANSWERED), good)
    os.utime(good, (time.time() + 60,) * 2)
    nbgrader(f"autograde {NAME} --student good", course)
    assert scores(course)["good"] == exercise.CHECKS["char_rnn"].points
    assert told(course, tmp_path / "grades")[f"good/{NAME}/exercise"] == WORTH
    nbgrader(f"autograde {NAME} --student good --force", course)
    assert scores(course)["good"] == WORTH
    assert f"good/{NAME}/exercise" not in told(course, tmp_path / "grades")


def told(course, grades):
    """Return our points for the submissions that have others in nbgrader, by name."""
    command = [sys.executable, "-m", "course.grade", str(course), str(grades)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    lines = re.findall(r"^(.+): (\d+) points here, but nbgrader", done.stdout, re.MULTILINE)
    assert f"Submissions with other points than in nbgrader: {len(lines)}." in done.stdout
    return {name: int(points) for name, points in lines}
