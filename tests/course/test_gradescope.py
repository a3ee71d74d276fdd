"""What Gradescope gets: results.json, and an archive with its two files."""

import json
import os
import subprocess
import sys
import zipfile

import nbformat
import pytest

from course import gradescope
from course.grade import sandbox
from lab import exercise
from tests import submissions
from tests.course.test_commands import ODD


@pytest.fixture
def autograder(tmp_path):
    """The folders of Gradescope's image, with this environment in place of what setup.sh makes."""
    folder = tmp_path / ODD
    for name in ("source", "submission", "results"):
        (folder / name).mkdir(parents=True)
    with zipfile.ZipFile(gradescope.archive(tmp_path / "autograder.zip")) as archive:
        archive.extractall(folder / "source")
        modes = {entry.filename: entry.external_attr >> 16 for entry in archive.infolist()}
    assert modes["setup.sh"] == modes["run_autograder"] == 0o755
    (folder / "run_autograder").write_bytes((folder / "source" / "run_autograder").read_bytes())
    (folder / "venv").symlink_to(sys.prefix, target_is_directory=True)
    return folder


def run(folder):
    environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    command = ["bash", str(folder / "run_autograder")]
    done = subprocess.run(command, cwd="/", env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads((folder / "results" / "results.json").read_text(encoding="utf-8"))


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Gradescope runs Linux")
def test_a_submission_is_graded_as_by_the_folder_grader(autograder):
    notebook = submissions.fill(submissions.BASE, range(11))
    submissions.change(notebook, "parameter-counts", "_size)) for", "_size)) + 1 for")
    nbformat.write(notebook, autograder / "submission" / "mine (1).ipynb")
    (autograder / "submission" / "notes.txt").write_text("mine", encoding="utf-8")
    told = run(autograder)
    lost = exercise.CHECKS["parameters"].points
    assert told["score"] == exercise.POINTS - lost and told["output"] == "graded"
    *tests, reach = told["tests"]
    assert [test["max_score"] for test in tests] == [
        todo.points for todo in exercise.CHECKS.values()
    ]
    assert sum(test["score"] for test in tests) == told["score"]
    (failed,) = (test for test in tests if test["status"] == "failed")
    assert "counts-wrong: " in failed["output"] and "TODO 4" in failed["name"]
    assert reach["visibility"] == "hidden" and "max_score" not in reach
    assert all(what in reach["output"] for what in sandbox.reach())


@pytest.mark.parametrize("names", [(), ("a.ipynb", "b.ipynb"), ("report.pdf",)])
def test_what_is_not_one_notebook_is_said(names, tmp_path):
    for name in names:
        (tmp_path / name).write_text("{}", encoding="utf-8")
    told = gradescope.results(tmp_path)
    assert told["score"] == 0 and told["output"].startswith("Hand in one notebook, exercise.ipynb")
    assert all(name.removesuffix(".ipynb") in told["output"] for name in names)


def test_what_cannot_be_read_is_said_and_has_no_points(tmp_path):
    (tmp_path / "exercise.ipynb").write_text("", encoding="utf-8")
    told = gradescope.results(tmp_path)
    assert told["score"] == 0 and told["output"] == "not graded: the file is empty"
    *tests, reach = told["tests"]
    assert {test["output"] for test in tests} == {"The grader did not reach this check."}
    assert reach["output"].startswith("only its own folder")
