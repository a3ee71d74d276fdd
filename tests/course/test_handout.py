"""What instructors hand out: the bundle before, the solution as one page after."""

import itertools
import re
import shutil
import zipfile

import nbformat
import pytest
from bs4 import BeautifulSoup

from course import bundle, handout, make_exercise, read_solution
from course.make_exercise import ROOT
from lab import checks
from tests.running import run_notebook


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    path = handout.write(tmp_path_factory.mktemp("handout") / "solution.html")
    return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


def test_the_page_needs_nothing_from_elsewhere(page):
    loaded = [tag.get("src") for tag in page("img")] + [tag.get("href") for tag in page("link")]
    assert all(address.startswith("data:") for address in loaded) and not page("script")
    assert not re.search(r"url\(['\"]?http|@import", "".join(tag.text for tag in page("style")))


def test_every_figure_is_described_in_words(page):
    drawn = {
        cell["id"]: sum("image/png" in output.get("data", {}) for output in cell["outputs"])
        for cell in read_solution.read()["cells"]
        if cell["cell_type"] == "code"
    }
    described = [image["alt"] for image in page("img")]
    assert all(described) and len(described) == sum(drawn.values()) > 0
    assert "No description has been provided for this image" not in described  # nbconvert's


def test_the_page_holds_the_solution_and_its_outputs(page):
    text = page.get_text()
    assert "nn.LSTM(" in text and "Test Perplexity" in text
    assert "How to mark" not in text and "10 of 10" not in text  # for who marks


def test_the_bundle_works_where_it_is_unpacked_and_has_no_answers(tmp_path, quick):
    shutil.unpack_archive(bundle.write(tmp_path / "exercise.zip"), tmp_path)
    folder = tmp_path / "rnn-lstm-gru"
    assert not list(folder.rglob("solution*")) and not (folder / "tests").exists()
    notebook = nbformat.read(folder / "exercise.ipynb", as_version=4)
    run_notebook(notebook, folder)


def test_the_bundle_has_few_entries_and_all_modules_but_no_stray_file(tmp_path):
    stray = ROOT / "data" / "note-of-a-test.txt"
    stray.write_text("what nobody meant to hand out")
    try:
        with zipfile.ZipFile(bundle.write(tmp_path / "exercise.zip")) as archive:
            names = {name.partition("/")[2] for name in archive.namelist()}
    finally:
        stray.unlink()
    assert len({name.partition("/")[0] for name in names}) <= 8
    assert f"data/{stray.name}" not in names
    modules = [*(ROOT / "lab").rglob("*.py"), *(ROOT / "data").rglob("*.py")]
    assert {path.relative_to(ROOT).as_posix() for path in modules} <= names


def stripped(source):
    """Return the lines of a source without their indentation."""
    return "\n".join(line.strip() for line in source.split("\n"))


def answers():
    """Return what students have to write, every two lines of it that follow each other."""
    stubs = make_exercise.read_stubs()
    for cell in read_solution.required_cells():
        if cell["id"] in stubs:
            given = stripped(stubs[cell["id"]])
            pairs = itertools.pairwise(stripped("".join(cell["source"])).split("\n"))
            yield from (pair for pair in map("\n".join, pairs) if pair not in given)


def test_nothing_in_the_bundle_answers_a_todo(tmp_path):
    with zipfile.ZipFile(bundle.write(tmp_path / "exercise.zip")) as archive:
        names = [n for n in archive.namelist() if n.endswith((".py", ".ipynb", ".md"))]
        handed_out = {name: stripped(archive.read(name).decode()) for name in names}
    assert len(list(answers())) > 40
    leaked = [(name, a) for name, text in handed_out.items() for a in answers() if a in text]
    assert not leaked


def test_the_bundles_instructions_set_up_both_kinds_of_system():
    text = bundle.instructions()
    assert "python3 -m venv" in text and "py -m venv" in text and "EPOCHS = 5" in text
    assert "name 'models' is not defined" in text and "requirements-dev" not in text
    assert "**Hand in** `exercise.ipynb`" in text
    assert not re.search(r"clone|this repository|solution\.ipynb", text)  # where the key is


def test_the_same_files_give_the_same_bundle(tmp_path):
    first, second = (bundle.write(tmp_path / name).read_bytes() for name in ("a.zip", "b.zip"))
    assert first == second


def test_the_instructors_page_names_rules_that_exist():
    text = (ROOT / "docs" / "instructors.md").read_text(encoding="utf-8")
    table = re.search(r"\| rule \|\n(.*?)\n\n", text, re.DOTALL)[1]
    last_column = [line.split("|")[-2] for line in table.split("\n")[1:]]
    rules = [rule for cell in last_column for rule in re.findall(r"`(.*?)`", cell)]
    assert len(rules) >= 18 and set(rules) <= set(checks.RULES)
