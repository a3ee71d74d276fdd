"""The generator: nothing leaks, nothing drifts, and a wrong marker is an error naming its place."""

import itertools
import json
import re

import pytest

from course import make_exercise
from course.make_exercise import EXERCISE, SOLUTION, strip_solutions

SOLUTION_CELLS = json.loads(SOLUTION.read_text(encoding="utf-8"))["cells"]
EXERCISE_CELLS = json.loads(EXERCISE.read_text(encoding="utf-8"))["cells"]


def solution_regions():
    """Yield the lines between markers, with those of stubs left out."""
    for cell in SOLUTION_CELLS:
        for region in make_exercise.REGION.findall("".join(cell["source"])):
            yield from map(str.strip, make_exercise.STUB.sub("", region).split("\n"))


def test_no_line_of_the_solution_leaks():
    shown = {
        line.strip() for cell in EXERCISE_CELLS for line in "".join(cell["source"]).split("\n")
    }
    leaked = {line for line in solution_regions() if len(line) > 3} & shown
    assert len(list(solution_regions())) > 50
    assert not leaked


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
    for cell in SOLUTION_CELLS:
        number = make_exercise.todo_number(cell)
        personal = "no-preview" in cell["metadata"].get("tags", [])
        assert number is None or (f"{cell['id']}-preview" in previews) != personal


def test_each_line_with_a_gap_becomes_the_answer():
    gaps = 0
    for cell in SOLUTION_CELLS:
        source = "".join(cell["source"])
        answer = [re.sub(r"  # .*", "", line).strip() for line in source.split("\n")]
        for stub in re.findall(r"STUB: # (.*\?.*)", source):
            line = re.sub(r"  # .*", "", stub).strip()
            if "CharRNN's" in line or line.startswith("paragraph"):  # words; what the key computes
                continue
            wanted = re.escape(line).replace(r"\?", ".+")
            gaps += 1
            assert any(re.fullmatch(wanted, text) for text in answer), (cell["id"], line)
    assert gaps > 25


def test_stubs_replace_the_region_at_their_own_indentation():
    source = "def f():\n    # BEGIN SOLUTION\n    # STUB: pass\n    return 1\n    # END SOLUTION"
    assert strip_solutions(source, "c") == "def f():\n    pass"


def test_markers_work_in_markdown():
    source = "<!-- BEGIN SOLUTION -->\n<!-- STUB: *here* -->\nmine\n<!-- END SOLUTION -->"
    assert strip_solutions(source, "c") == "*here*"


@pytest.mark.parametrize(
    "source, complaint",
    [
        ("# BEGIN SOLUTION\n# STUB: x", "BEGIN SOLUTION stands alone"),
        ("x\n# END SOLUTION", "END SOLUTION stands alone"),
        ("# BEGIN SOLUTION\n# STUB: x\n# BEGIN SOLUTION", "BEGIN SOLUTION stands alone"),
        ("# BEGIN SOLUTION\n# BEGIN SOLUTION\n# STUB: x\n# END SOLUTION", "or one in it"),
        ("# BEGIN SOLUTION\nx\n# END SOLUTION", "has no STUB"),
        ("# STUB: x", "STUB: stands alone"),
        ("x = 1  # BEGIN SOLUTION", "BEGIN SOLUTION stands alone"),
    ],
)
def test_wrong_markers_are_errors_that_name_the_place(source, complaint):
    with pytest.raises(ValueError, match=f"'cell-7'.*{complaint}"):
        strip_solutions(source, "cell-7")


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
