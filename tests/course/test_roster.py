"""Whose submission is whose: the roster, the names of submissions, the gradebook."""

import csv
import io

import nbformat
import pytest

from course import gradescope
from course.grade import roster, table
from course.make_exercise import EXERCISE, NAME
from lab import exercise
from lab.exercise import VERSION
from tests import submissions

ROSTER = """id,name,e-mail
1001,Ada Lovelace,ada.l@example.org
1002,José Ñandú,nandu@example.org
1003,Li,
07,Ann Lee,ann@example.org
8,Lee Ann,lee@example.org
"""


@pytest.fixture
def people(tmp_path):
    path = tmp_path / "roster.csv"
    path.write_text(ROSTER, encoding="utf-8")
    return roster.people_in(path)


@pytest.mark.parametrize(
    ("submission", "ids"),
    [
        ("1001/exercise", ["1001"]),
        ("ada.l@example.org/exercise", ["1001"]),
        ("Ada.L/rnn-lstm-gru/exercise", ["1001"]),
        ("lovelaceada_LATE_815_4711_exercise", ["1001"]),  # Canvas
        ("Ada Lovelace_4711_assignsubmission_file/exercise", ["1001"]),  # Moodle
        ("homework 1001 final/exercise", ["1001"]),
        ("Jose Nandu_4711_assignsubmission_file/exercise", ["1002"]),
        ("NANDU/exercise", ["1002"]),
        ("li_exercise", ["1003"]),
        ("olli_exercise", []),
        ("10011/exercise", []),
        ("exercise", []),
        ("7/exercise", []),  # an id is no number: 07 is another
        ("07/exercise", ["07"]),
        ("Ann Lee_4711/exercise", ["07", "8"]),  # nobody is guessed
        ("8/Ada Lovelace", ["8"]),  # a folder's whole name decides
        ("Ada Lovelace 07/exercise", ["1001", "07"]),
    ],
)
def test_a_submission_is_a_persons_by_its_name(submission, ids, people):
    assert [person.id for person in roster.people_of(submission, people.values())] == ids


@pytest.mark.parametrize(
    "content",
    [
        ROSTER.encode("utf-8-sig"),
        ROSTER.replace(",", ";").replace("id;name;e-mail", "ID;Name;Email").encode("cp1252"),
        ROSTER.encode("utf-16"),
        ROSTER.replace("id,", "group,id,").replace("\n", "\nA,", 5).replace("A,g", "g").encode(),
    ],
)
def test_a_roster_from_a_spreadsheet_is_read(content, people, tmp_path):
    (tmp_path / "other.csv").write_bytes(content)
    found = roster.people_in(tmp_path / "other.csv")
    assert [person.name for person in found.values()] == [p.name for p in people.values()]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "Missing: id, name, email"),
        ("id,name\n1,Ada\n", "Missing: email"),
        ("id,name,e-mail\n1,Ada,\n1,Li,\n", "'1' in line 3"),
        ("id,name,e-mail\n,Ada,\n", "'' in line 2"),
        ("id,name,e-mail\n" + "x" * 200_000, "cannot be read as a table"),
    ],
)
def test_what_is_no_roster_is_named(content, said, tmp_path):
    path = tmp_path / "roster.csv"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(table.Unusable, match=said):
        roster.people_in(path)


@pytest.fixture
def graded(people, tmp_path, capsys):
    """Grade submissions of these names; return the rows of gradebook.csv and what was said."""

    def one(name, cells, answers, unreadable, seed, seconds, megabytes):
        verdict = ("not graded", "empty") if unreadable else ("graded", "")
        row = {"submission": name, "verdict": verdict[0], "points": 83, "detail": verdict[1]}
        return row | {"core_seconds": 1, "peak_mb": 1}, "<header>old</header>rest"

    def run(*names):
        for name in names:
            (tmp_path / "class" / name).mkdir(parents=True, exist_ok=True)
            text = "" if "empty" in name else nbformat.writes(nbformat.read(EXERCISE, 4))
            (tmp_path / "class" / name / "a.ipynb").write_text(text, encoding="utf-8")
        submissions.grade_all(tmp_path / "class", tmp_path / "grades", people, grade=one)
        text = (tmp_path / "grades" / "gradebook.csv").read_text(encoding="utf-8")
        return list(csv.DictReader(io.StringIO(text))), capsys.readouterr().out

    return run


def test_the_gradebook_has_the_columns_of_canvas_and_a_line_for_each_person(graded):
    lines, said = graded("1001", "8")
    assert list(lines[0]) == [
        *["Student", "ID", "SIS User ID", "SIS Login ID", "Section"],
        "rnn-lstm-gru",
    ]
    assert [line["rnn-lstm-gru"] for line in lines] == ["83", "", "", "", "83"]
    assert [line["SIS User ID"] for line in lines] == ["1001", "1002", "1003", "07", "8"]
    assert lines[0]["Student"] == "Ada Lovelace" and lines[0]["SIS Login ID"] == "ada.l@example.org"
    assert (
        "1002, José Ñandú, does not get a grade: we did not find a submission of this person."
        in said
        and "1001, Ada" not in said
    )


def test_who_has_no_grade_is_said_and_is_not_a_zero(graded):
    lines, said = graded("1001 empty", "1002 a", "1002 b", "Ann Lee", "unknown")
    assert [line["rnn-lstm-gru"] for line in lines] == [""] * 5
    assert "1001, Ada Lovelace, does not get a grade: not graded, empty." in said
    assert (
        "1002, José Ñandú, does not get a grade: there are 2 submissions (1002 a/a, 1002 b/a), so"
        in said
    )
    assert "Ann Lee/a may belong to 07 or 8. Write one person's id into its name." in said
    assert "07, Ann Lee, does not get a grade: we did not find a submission of this person." in said
    assert "unknown/a does not match any person on the roster." in said


def test_a_page_names_the_person_and_the_points_for_the_paragraph(graded, tmp_path):
    assert "Paragraphs without points: 1." in graded("1001")[1]
    passed = f"83 of {exercise.POINTS} points"
    page = tmp_path / "grades" / "1001" / "a.html"
    assert f"<h1>Ada Lovelace, 1001: {passed}</h1>" in page.read_text(encoding="utf-8")
    (tmp_path / "grades" / "paragraph.csv").write_text("submission,points\n1001/a,7\n")
    lines, said = graded()
    text = page.read_text(encoding="utf-8")
    assert lines[0]["rnn-lstm-gru"] == "90" and "without points" not in said
    assert f"{passed}, and 7 for the paragraph: 90 of {exercise.TOTAL}" in text
    assert text.endswith("rest") and text.count("<header>") == 1


def test_no_name_is_a_formula(tmp_path):
    people = {"=1+1": roster.Person("=1+1", "@Ada", "-")}
    table.write(tmp_path / "gradebook.csv", roster.join({}, people)[0], roster.HEADER)
    lines = (tmp_path / "gradebook.csv").read_bytes().split(b"\n")
    assert lines[1] == b"'@Ada,,'=1+1,'-,,"


@pytest.mark.parametrize("version", ["1.5", None])
def test_a_notebook_of_another_version_has_a_row_and_no_grade(version, people, tmp_path, capsys):
    notebook = nbformat.read(EXERCISE, as_version=4)
    notebook.metadata.pop("rnn-lstm-gru")
    for cell in notebook.cells:
        named = f'VERSION = "{version}"' if version else "# no number"
        cell.source = cell.source.replace(f'VERSION = "{VERSION}"', named)
        cell.source = cell.source.replace("parameter_counts = None", "parameter_counts = {}")
    folder = tmp_path / "class" / "1001"
    folder.mkdir(parents=True)
    nbformat.write(notebook, folder / "exercise.ipynb")
    for _ in range(2):  # the second time the rows are read from grades.csv
        (row,) = submissions.grade_all(tmp_path / "class", tmp_path / "grades", people)
        assert row["verdict"] == "other version" and row["points"] == row["total"] == ""
    named = f"the notebook is from version {version or 1} "
    assert (
        row["detail"].startswith(named)
        and "Grade the notebook with its own version" in row["detail"]
    )
    written = (tmp_path / "grades" / "gradebook.csv").read_text(encoding="utf-8")
    assert written.split("\n")[1].endswith("Ada Lovelace,,1001,ada.l@example.org,,")
    page = (tmp_path / "grades" / "1001" / "exercise.html").read_text(encoding="utf-8")
    assert "Ada Lovelace, 1001: no grade" in page
    assert "1001/exercise: other version, no grade" in capsys.readouterr().out


def test_gradescope_names_a_notebook_of_another_version(tmp_path):
    notebook = nbformat.read(EXERCISE, as_version=4)
    notebook.metadata["rnn-lstm-gru"]["version"] = "1.5"
    place = tmp_path / "submitted" / "ada" / NAME
    place.mkdir(parents=True)
    nbformat.write(notebook, place / "exercise.ipynb")
    told = gradescope.results(place)
    assert told["score"] == 0 and told["output"].startswith(
        "other version: the notebook is from version 1.5 "
    )
