"""What was handed in, in whatever form: a row each."""

import json
import zipfile

import nbformat
import pytest

from course.grade import handed_in
from lab.exercise import VERSION

TEXT = json.dumps({"cells": [], "é": "ü"}, ensure_ascii=False)


@pytest.mark.parametrize(
    "content",
    [
        TEXT.encode(),
        TEXT.encode("utf-8-sig"),
        TEXT.encode("utf-16"),
        TEXT.encode("cp1252"),
    ],
    ids=["UTF-8", "UTF-8 with BOM", "UTF-16", "cp1252"],
)
@pytest.mark.parametrize("name", ["a.ipynb", "a.IPYNB", "a.ipynb.txt", "a.ipynb.json"])
def test_a_notebook_is_read(name, content, tmp_path):
    (tmp_path / name).write_bytes(content)
    ((found, path),) = handed_in.find(tmp_path).items()
    assert found == "a" and handed_in.text_of(path) == TEXT


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.ipynb", b"", "the file is empty"),
        ("a.ipynb", b" \n", "the file is empty"),
        ("a.py", b"x = 1", "a .py file, not a notebook"),
        ("a.pdf", b"%PDF", "a .pdf file, not a notebook"),
        ("a", b"x", "a file without a suffix, not a notebook"),
        ("a.zip", b"no zip", "cannot be opened: File is not a zip file"),
        ("a.ipynb", b'{\n<<<<<<< HEAD\n"cells": []\n', "line 2 has a mark of a merge conflict"),
        ("a.ipynb", b"{" + b" " * handed_in.LARGEST, "larger than 50 MB"),
    ],
)
def test_what_cannot_be_read_has_a_row_that_says_why(name, content, said, tmp_path):
    (tmp_path / name).write_bytes(content)
    ((_, path),) = handed_in.find(tmp_path).items()
    with pytest.raises(handed_in.Refused, match=said):
        handed_in.text_of(path)


def zipped(path, *names):
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, TEXT)


def test_an_archive_with_one_notebook_is_opened(tmp_path):
    beside = "__MACOSX/._a.ipynb", "x/.ipynb_checkpoints/a-checkpoint.ipynb", "x/helpers.py"
    zipped(tmp_path / "anna.zip", "x/a.ipynb", *beside)
    assert handed_in.text_of(handed_in.find(tmp_path)["anna.zip"]) == TEXT


@pytest.mark.parametrize(
    ("names", "said"),
    [((), "but this has 0$"), (("a.ipynb", "x/b.ipynb"), "but this has 2: a.ipynb, b")],
)
def test_an_archive_without_one_or_with_several_is_named(names, said, tmp_path):
    zipped(tmp_path / "anna.zip", "helpers.py", *names)
    with pytest.raises(handed_in.Refused, match=said):
        handed_in.text_of(tmp_path / "anna.zip")


def test_nobody_is_lost_and_nothing_counts_twice(tmp_path):
    files = (
        "anna/exercise.ipynb", "anna/helpers.py", "anna/lab/checks/rule.py", "anna/notes.txt",
        "anna/.ipynb_checkpoints/exercise-checkpoint.ipynb", "anna/.venv/lib/a.ipynb",
        "anna/__MACOSX/exercise.ipynb", "ben/exercise.py", "chris/deep/down/exercise.ipynb",
        "dora/essay.pdf", "dora/more/essay.txt", "eve/one.ipynb", "eve/two.ipynb", "eve/essay.md",
        "finn.ipynb", "gina.py", "helpers.py", "section/hugo/a.ipynb", "section/ida/a.py",
        "grades/finn.html", "jon/jon.zip",
    )  # fmt: skip
    for name in files:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(TEXT, encoding="utf-8")
    (tmp_path / "nothing").mkdir()
    assert list(handed_in.find(tmp_path, tmp_path / "grades")) == [
        "anna/exercise", "ben", "chris/deep/down/exercise", "dora", "eve/essay.md", "eve/one",
        "eve/two", "finn", "gina.py", "jon/jon.zip", "section/hugo/a", "section/ida",
    ]  # fmt: skip
    with pytest.raises(handed_in.Refused, match="the folder does not contain a notebook"):
        handed_in.text_of(tmp_path / "ben")


def test_a_single_notebook_is_a_submission(tmp_path):
    (tmp_path / "a.ipynb").write_text(TEXT, encoding="utf-8")
    assert handed_in.find(tmp_path / "a.ipynb") == {"a": tmp_path / "a.ipynb"}


@pytest.mark.parametrize(
    ("version", "source", "said"),
    [
        (VERSION, "", None),
        (None, f'VERSION = "{VERSION}"  # of this exercise', None),
        ("0.9", f'VERSION = "{VERSION}"', "the notebook is from version 0.9 of"),
        (None, 'import torch\nVERSION = "3.1"', "the notebook is from version 3.1 of"),
        (None, "import torch", "the notebook is from version 1 (without a version number) of"),
    ],
)
def test_a_notebook_of_another_version_is_known_by_its_metadata_or_its_setup(version, source, said):
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
    if version:
        notebook.metadata["rnn-lstm-gru"] = {"version": version}
    found = handed_in.other_version(notebook)
    if said is None:
        assert found is None
    else:
        assert found.startswith(said) and f"but this is version {VERSION}." in found
