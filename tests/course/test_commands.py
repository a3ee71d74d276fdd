"""Every command: in a folder of any name, on any console, with arguments that make no sense."""

import os
import re
import shutil
import subprocess
import sys

import pytest

from course import bundle, gradescope, nbgrader
from course.grade import __main__ as grade
from course.make_exercise import ROOT

ODD = "课程 it's" if os.name == "nt" else '课程 "one" it\'s'  # Windows has no such quotation marks
SUBMISSIONS = ["提交/Zoë.ipynb"]
if sys.platform == "linux":  # where a name is bytes, whatever they mean
    SUBMISSIONS += [os.fsdecode(b"caf\xe9.ipynb")]
COMMANDS = {
    "course.bundle": "exercise.zip",
    "course.handout": "handout.html",
    "course.nbgrader ODD": "source",
    "course.gradescope": "autograder.zip",
    "course.grade submissions ODD": f"{len(SUBMISSIONS)} not graded",
    "course.generate --check": "",
}


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """A copy of this checkout, in a folder with blanks, quotation marks and Chinese in its name."""
    folder = tmp_path_factory.mktemp("anywhere") / ODD
    shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(".*", "exported", "__pycache__"))
    for name in SUBMISSIONS:
        (folder / "submissions" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "submissions" / name).write_text("no notebook", encoding="utf-8")
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
    print_a_name = f"from course import command\nwith command():\n    print({ODD!r})"
    done = subprocess.run(
        [sys.executable, "-c", print_a_name],
        cwd=ROOT,
        env=os.environ | {"PYTHONIOENCODING": encoding},
        capture_output=True,
        check=True,
    )
    assert done.stdout.decode(encoding).startswith(r"\u8bfe\u7a0b")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "in_the_way", "said"),
    [
        ("course.bundle", "exported", "exported: "),
        ("course.bundle", "exported/exercise.zip/", "exercise.zip: "),
        ("course.handout", "exported/handout.html/", "handout.html: "),
        ("course.nbgrader place", "place", "place"),
        ("course.nbgrader place/below", "place", "place"),
        ("course.grade submissions place", "place", "place"),
        ("course.grade submissions place/below", "place", "place"),
        ("course.grade submissions place --roster nowhere.csv", "exported", "nowhere.csv: "),
        ("course.grade submissions place", "place/grades.csv/", "grades.csv: "),
        ("course.grade submissions place", "place/提交/Zoë.html/", "Zoë.html: "),
    ],
)
def test_a_place_that_cannot_be_written_is_named(command, in_the_way, said, checkout):
    for name in ("exported", "place"):
        shutil.rmtree(checkout / name, ignore_errors=True)
        (checkout / name).unlink(missing_ok=True)
    (checkout / in_the_way).parent.mkdir(parents=True, exist_ok=True)
    if in_the_way.endswith("/"):
        (checkout / in_the_way).mkdir(parents=True)
    else:
        (checkout / in_the_way).write_text("a file", encoding="utf-8")
    line = [sys.executable, "-m", *command.split()]
    done = subprocess.run(line, cwd=checkout, capture_output=True, encoding="utf-8")
    (sentence,) = done.stderr.splitlines()
    assert done.returncode == 1 and said in sentence
    assert sentence.endswith("Choose a place that you can read and write.")


@pytest.mark.parametrize(
    ("command", "arguments", "said"),
    [
        (grade.main, ["", "grades"], "argument submissions: the name is empty"),
        (
            gradescope.main,
            [str(ROOT)],
            f"{ROOT}: give the folder of a submission, then the results file.",
        ),
        (nbgrader.main, [""], "argument folder: the name is empty"),
        (
            grade.main,
            [".", "grades", "--seconds", "0"],
            "argument --seconds: '0' is not an integer above 0",
        ),
        (grade.main, [".", "grades", "--megabytes", "-5"], "'-5' is not an integer above 0"),
        (
            grade.main,
            [str(ROOT), "grades", "--dask", "nonsense"],
            "--dask 'nonsense': we could not reach",
        ),
    ],
)
def test_an_argument_that_makes_no_sense_is_named(command, arguments, said, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["command", *arguments])
    with pytest.raises(SystemExit) as ended:
        command()
    assert said in f"{capsys.readouterr().err}{ended.value}"


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="limits the size of files")
def test_an_archive_that_cannot_be_written_whole_leaves_the_one_that_was_there(tmp_path):
    path = tmp_path / "exercise.zip"
    before = bundle.write(path).read_bytes()
    write = f"import pathlib; from course import bundle; bundle.write(pathlib.Path({str(path)!r}))"
    limited = ["bash", "-c", 'ulimit -f 10; exec "$@"', "bash", sys.executable, "-c", write]
    done = subprocess.run(limited, cwd=ROOT, capture_output=True)
    assert done.returncode and path.read_bytes() == before


def test_every_command_is_tried():
    pages = [ROOT / "README.md", ROOT / "docs" / "instructors.md", *(ROOT / ".github").glob("*.md")]
    told = {
        command
        for page in pages
        for command in re.findall(r"python -m (course\.\w+)", page.read_text(encoding="utf-8"))
    }
    assert told == {command.split()[0] for command in COMMANDS}
