"""grades.csv and paragraph.csv: no mark is lost, whoever edits them."""

import pandas as pd
import pytest

from course.grade import submission, table
from lab import exercise
from tests import submissions

WORTH = exercise.CHECKS["char_rnn"].points
FACTS = [{"check": "char_rnn", "facts": "right"}, {"left": 0}]


@pytest.fixture(autouse=True)
def judged(monkeypatch):
    passed = {"status": "passed", "rule": None, "message": ""}
    monkeypatch.setattr(submission, "_judged", lambda *given: passed)


@pytest.fixture
def graded(tmp_path):
    """A function that grades three submissions without running them: (rows, what it graded)."""
    names = ("anna", "=1+1", "zoë")
    for name in names:
        (tmp_path / "class").mkdir(exist_ok=True)
        (tmp_path / "class" / f"{name}.ipynb").write_text("{", encoding="utf-8")

    def run():
        asked = []

        def grade_one(name, *read):
            asked.append(name)
            return submissions.reporting(*FACTS)(name, [], [], None, 0, 1, 1)

        rows = submissions.grade_all(tmp_path / "class", tmp_path / "grades", grade=grade_one)
        return {row["submission"]: row for row in rows}, asked

    return run


def edit(path, change):
    path.write_bytes(change(path.read_bytes().decode("utf-8")).encode("utf-8"))


SPREADSHEETS = {
    "byte order mark": lambda text: "\ufeff" + text,
    "semicolons": lambda text: text.replace(",", ";"),
    "both, and Windows' line ends": lambda text: (
        "\ufeff" + text.replace(",", ";").replace("\n", "\r\n")
    ),
    "tabs": lambda text: text.replace(",", "\t"),
    "decimal commas": lambda text: text.replace("1.0", '"1,0"'),
}


@pytest.mark.parametrize("name", SPREADSHEETS)
def test_a_table_that_was_in_a_spreadsheet_is_read(name, graded, tmp_path):
    before, asked = graded()
    assert len(asked) == 3
    edit(tmp_path / "grades" / "grades.csv", SPREADSHEETS[name])
    after, asked = graded()
    assert asked == [] and set(after) == set(before)
    assert {row["total"] for row in after.values()} == {WORTH}


def test_columns_that_somebody_added_stay(graded, tmp_path):
    graded()
    path = tmp_path / "grades" / "grades.csv"
    edit(path, lambda text: text.replace("\n", ",me\n").replace(",me", ",seen by", 1))
    (tmp_path / "class" / "anna.ipynb").write_text("[", encoding="utf-8")  # handed in again
    rows, asked = graded()
    assert asked == ["anna"] and {row["seen by"] for row in rows.values()} == {"me"}
    assert pd.read_csv(path)["seen by"].to_list() == ["me"] * 3


def test_points_for_paragraphs_are_added_and_never_overwritten(graded, tmp_path):
    graded()
    path = tmp_path / "grades" / "paragraph.csv"
    edit(path, lambda text: text.replace("anna,", "anna,7").replace("zoë,", 'zoë,"2,5"'))
    written = path.read_bytes()
    (tmp_path / "class" / "ben.ipynb").write_text("{", encoding="utf-8")
    rows, asked = graded()
    assert asked == ["ben"]
    paragraphs = {name: row["total"] - WORTH for name, row in rows.items()}
    assert paragraphs == {"=1+1": 0, "anna": 7, "ben": 0, "zoë": 2.5}
    assert set(written.splitlines()) < set(path.read_bytes().splitlines()) | {b'zo\xc3\xab,"2,5"'}


@pytest.mark.parametrize("points", ["many", "11", "-1", "nan"])
def test_points_that_are_none_are_named(points, graded, tmp_path):
    graded()
    edit(
        tmp_path / "grades" / "paragraph.csv", lambda text: text.replace("anna,", f"anna,{points}")
    )
    with pytest.raises(ValueError, match=f"has '{points}' for 'anna'. Write a number from 0 to 10"):
        graded()


def test_a_name_is_never_a_formula(graded, tmp_path):
    graded()
    for name in ("grades.csv", "paragraph.csv"):
        lines = (tmp_path / "grades" / name).read_text(encoding="utf-8").splitlines()
        assert any(line.startswith("'=1+1,") for line in lines)
        assert not any(line.startswith(table.FORMULA) for line in lines)


def test_the_page_of_who_withdrew_goes(graded, tmp_path):
    graded()
    (tmp_path / "class" / "anna.ipynb").unlink()
    rows, _ = graded()
    assert set(rows) == {"=1+1", "zoë"}
    pages = {path.stem for path in (tmp_path / "grades").glob("*.html")}
    assert pages == {"=1+1", "zoë"}


@pytest.mark.parametrize("content", ["a,b\n1,2\n", "submission\n" + "x" * 200_000, "\0\0"])
def test_what_is_no_table_of_grades_is_named(content, graded, tmp_path):
    (tmp_path / "grades").mkdir()
    (tmp_path / "grades" / "grades.csv").write_text(content, encoding="utf-8")
    with pytest.raises(
        ValueError, match=r"grades\.csv (is not|cannot be read as) a table.* Move this file"
    ):
        graded()


def test_with_other_limits_only_who_was_stopped_is_graded_again(tmp_path):
    folder, asked = tmp_path / "class", []
    folder.mkdir()
    for name in ("ada", "zoë"):
        (folder / f"{name}.ipynb").write_text("{", encoding="utf-8")

    def grade_one(name, *read):
        asked.append(name)
        took = f"took more than {exercise.GRADING_SECONDS} s of processor time"
        ended = took if name == "ada" else None
        says = submissions.reporting({"cell": "samples"}, *FACTS, ended=ended)
        return says(name, [], [], None, 0, 1, 1)

    for seconds in (60, 60, 90, 90):
        submissions.grade_all(folder, tmp_path / "grades", seconds=seconds, grade=grade_one)
    assert asked == ["ada", "zoë", "ada"]
