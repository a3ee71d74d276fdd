"""Every command, in a checkout with an odd name, on a console that cannot encode it."""

import os
import re
import shutil
import subprocess
import sys

import pytest

from course.make_exercise import ROOT

ODD = "课程 it's" if os.name == "nt" else '课程 "one" it\'s'  # Windows has no such quotation marks
SUBMISSION = "提交/Zoë.ipynb"
COMMANDS = {
    "course.bundle": "exercise.zip",
    "course.handout": "handout.html",
    "course.nbgrader ODD": "source",
    "course.grade submissions ODD": "1 not graded",
    "course.clock": "TODO 5",
    "course.make_exercise --check": "",
    "course.make_docs --check": "",
}


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """A copy of this checkout, in a folder with blanks, quotation marks and Chinese in its name."""
    folder = tmp_path_factory.mktemp("anywhere") / ODD
    shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(".*", "exported", "__pycache__"))
    (folder / "submissions" / SUBMISSION).parent.mkdir(parents=True)
    (folder / "submissions" / SUBMISSION).write_text("no notebook", encoding="utf-8")
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_works_in_a_folder_of_any_name(command, checkout):
    environment = os.environ | {"PYTHONIOENCODING": "cp1252"}
    line = [sys.executable, "-m", *(ODD if word == "ODD" else word for word in command.split())]
    done = subprocess.run(line, cwd=checkout, env=environment, capture_output=True)
    said = (done.stdout + done.stderr).decode("cp1252")
    assert done.returncode == 0 and "Traceback" not in said, said
    assert COMMANDS[command] in said


@pytest.mark.parametrize("encoding", ["cp1252", "ascii"])
def test_a_name_that_a_console_cannot_encode_is_printed(encoding):
    print_a_name = f"from course import print_names; print_names(); print({ODD!r})"
    done = subprocess.run(
        [sys.executable, "-c", print_a_name],
        cwd=ROOT,
        env=os.environ | {"PYTHONIOENCODING": encoding},
        capture_output=True,
        check=True,
    )
    assert done.stdout.decode(encoding).startswith(r"\u8bfe\u7a0b")


def test_every_command_is_tried():
    pages = [ROOT / "README.md", ROOT / "docs" / "instructors.md", *(ROOT / ".github").glob("*.md")]
    told = {
        command
        for page in pages
        for command in re.findall(r"python -m (course\.\w+)", page.read_text(encoding="utf-8"))
    }
    assert told == {command.split()[0] for command in COMMANDS}
