"""The generator: nothing leaks, nothing drifts, and a wrong stub is an error naming its place."""

import ast
import itertools
import json
import re

import pytest

from course import make_exercise
from course.make_exercise import EXERCISE, SOLUTION

SOLUTION_CELLS = json.loads(SOLUTION.read_text(encoding="utf-8"))["cells"]
EXERCISE_CELLS = json.loads(EXERCISE.read_text(encoding="utf-8"))["cells"]


def test_no_line_of_an_answer_is_shown():
    """But for those that the stub itself has, with a gap or without."""
    shown = {
        line.strip() for cell in EXERCISE_CELLS for line in "".join(cell["source"]).split("\n")
    }
    stubs, answers = make_exercise.read_stubs(), set()
    for cell in SOLUTION_CELLS:
        if cell["id"] in stubs:
            given = {line.strip() for line in stubs[cell["id"]].split("\n")}
            lines = {line.strip() for line in "".join(cell["source"]).split("\n")}
            answers |= {line for line in lines - given if len(line) > 3}
    assert len(answers) > 40 and not answers & shown


def test_exercise_has_neither_outputs_nor_markers():
    for cell in EXERCISE_CELLS:
        assert not cell.get("outputs") and cell.get("execution_count") is None
        source = "".join(cell["source"])
        assert "SOLUTION" not in source and "STUB" not in source


def test_every_cell_keeps_its_id():
    kept = [cell["id"] for cell in EXERCISE_CELLS if not cell["id"].endswith("-preview")]
    assert kept == [
        cell["id"]
        for cell in SOLUTION_CELLS
        if "solution-only" not in cell["metadata"].get("tags", [])
    ]


def test_every_todo_but_the_personal_ones_has_a_preview():
    previews = {cell["id"] for cell in EXERCISE_CELLS if cell["id"].endswith("-preview")}
    todos = [cell for cell in SOLUTION_CELLS if make_exercise.todo_number(cell) is not None]
    personal = [cell for cell in todos if "no-preview" in cell["metadata"].get("tags", [])]
    assert previews == {f"{cell['id']}-preview" for cell in todos if cell not in personal}


def test_the_words_of_a_figure_stand_in_its_preview():
    drawn = {"image/png": "aGk=", "text/plain": "Loss against epoch. RNN from 3 to 2"}
    cell = {"id": "curves", "source": "# TODO 8", "metadata": {}, "outputs": [{"data": drawn}]}
    preview = "".join(make_exercise._preview([cell])["source"])
    assert "![Loss against epoch. RNN from 3 to 2](attachment:figure-1.png)" in preview


def filled(stub, answer):
    """Return a stub whose lines with a gap have become those of the answer."""
    answers = [make_exercise.code(line) for line in answer.split("\n")]
    for line in stub.split("\n"):
        if "?" in line:
            indent, _, deeper, text = re.fullmatch("( *)(# )?( *)(.*)", line).groups()
            wanted = re.escape(make_exercise.code(text)).replace(r"\?", ".+")
            yield indent + deeper + next(a for a in answers if re.fullmatch(wanted, a))
        elif "delete this line" not in line and not line.endswith("= None"):
            yield line


@pytest.mark.parametrize("cell_id", ["char-rnn", "train-and-compare", "samples", "tradeoff"])
def test_uncommenting_the_lines_with_a_gap_and_no_others_makes_the_answer(cell_id):
    (answer,) = ("".join(c["source"]) for c in SOLUTION_CELLS if c["id"] == cell_id)
    made = "\n".join(filled(make_exercise.read_stubs()[cell_id], answer))
    assert ast.unparse(ast.parse(made)) == ast.unparse(ast.parse(answer))


@pytest.mark.parametrize(
    "stub",
    [
        "y = f(?)",  # of another function
        "# x = 2",  # needed, without a gap
        "x = 3",  # neither the answer's nor a placeholder
        "# which of the two?",  # words with a gap
    ],
)
def test_a_stub_that_cannot_become_the_answer_is_an_error_that_names_it(stub):
    make_exercise.need_fitting("x = None\n# x = ?\npass", "x = 2", "cell-7")
    with pytest.raises(ValueError, match=f"'cell-7'.*{re.escape(stub)}"):
        make_exercise.need_fitting(stub, "x = 2", "cell-7")


def test_a_stub_of_no_cell_is_an_error():
    solution = {"cells": SOLUTION_CELLS[:3], "metadata": {}}
    with pytest.raises(ValueError, match=r"'char-gru'.*the solution does not have this cell"):
        make_exercise.make_exercise(solution)


@pytest.mark.parametrize(
    ("section", "switch"),
    [("on-the-phone", "ON_THE_PHONE"), ("going-further", "GOING_FURTHER")],
)
def test_what_is_not_for_the_18_minutes_is_folded_and_off(section, switch):
    ids = [cell["id"] for cell in EXERCISE_CELLS]
    heading = ids.index(section)
    assert EXERCISE_CELLS[heading]["metadata"] == {"jp-MarkdownHeadingCollapsed": True}
    assert heading > ids.index("summary")
    first, *after = itertools.takewhile(
        lambda cell: not "".join(cell["source"]).startswith("## "), EXERCISE_CELLS[heading + 1 :]
    )
    assert f"{switch} = False" in "".join(first["source"])
    after = [cell for cell in after if cell["cell_type"] == "code"]
    assert after and all("".join(c["source"]).startswith(f"if {switch}:") for c in after)


def test_machine_metadata_is_normalised():
    solution = json.loads(SOLUTION.read_text(encoding="utf-8"))
    before = make_exercise.render(make_exercise.make_exercise(solution))
    solution["metadata"]["language_info"]["version"] = "9.9.9"
    solution["metadata"]["widgets"] = {"state": 1}
    solution["cells"][1]["metadata"]["execution"] = {"iopub.status.busy": "2026-01-01"}
    assert make_exercise.render(make_exercise.make_exercise(solution)) == before
