"""The exercise with its first k TODOs filled in from the solution runs, for every k.

nbval runs both notebooks as they are (see pyproject.toml); here they are half-filled, as students
have them.
"""

import json

import nbformat
import pytest
from nbclient.exceptions import CellExecutionError

from course.make_exercise import EXERCISE, FOLDED, SOLUTION, todo_number
from lab import exercise
from tests.running import printed_by, run_notebook

SOLUTION_SOURCES = {
    cell["id"]: "".join(cell["source"])
    for cell in json.loads(SOLUTION.read_text(encoding="utf-8"))["cells"]
}
TODOS = sorted(
    {
        number
        for cell in json.loads(EXERCISE.read_text(encoding="utf-8"))["cells"]
        if (number := todo_number(cell)) is not None
    }
)


def run_filled(k, cells=slice(None)):
    """Run the exercise with the TODOs up to k filled in; return the notebook and its summary."""
    notebook = nbformat.read(EXERCISE, as_version=4)
    notebook.cells = notebook.cells[cells]
    for cell in notebook.cells:
        if (todo_number(cell) or k + 1) <= k:
            cell.source = SOLUTION_SOURCES[cell.id]
    notebook.cells.append(
        nbformat.v4.new_code_cell(
            "states = checks.summary().set_index('check')['status']\n"
            "print('\\n' + states.to_json(), end='')",
            id="statuses",
        )
    )
    printed = printed_by(run_notebook(notebook), "statuses")
    return notebook, json.loads(printed.splitlines()[-1])


def test_the_first_cell_says_which_folder_it_needs(tmp_path):
    notebook = nbformat.read(EXERCISE, as_version=4)
    with pytest.raises(CellExecutionError, match=r"helpers\.py next to this notebook") as failed:
        run_notebook(notebook, tmp_path)
    assert f"In {tmp_path.resolve()} we need" in failed.value.evalue


def test_todos_are_numbered_without_a_gap():
    assert [check.number for check in exercise.CHECKS.values()] == TODOS


@pytest.mark.slow
@pytest.mark.parametrize("k", [0, *TODOS])
def test_exercise_with_the_first_todos_filled_in_runs(k, quick):
    notebook, status = run_filled(k)
    assert status == {
        name: "passed" if check.number <= k else "not attempted"
        for name, check in exercise.CHECKS.items()
    } | {"paragraph": "graded by the instructor"}
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert not [o for o in outputs if o.get("name") == "stderr"]


@pytest.mark.slow
def test_the_required_part_runs_without_what_follows_it(quick):
    folded = [FOLDED in cell.metadata for cell in nbformat.read(EXERCISE, as_version=4).cells]
    _, status = run_filled(max(TODOS), slice(folded.index(True)))
    assert set(status.values()) == {"passed", "graded by the instructor"}


def test_committed_solution_is_executed_without_errors():
    size = SOLUTION.stat().st_size
    cells = json.loads(SOLUTION.read_text(encoding="utf-8"))["cells"]
    counts = [cell["execution_count"] for cell in cells if cell["cell_type"] == "code"]
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    assert counts == list(range(1, len(counts) + 1)) and size < 1_500_000
    assert not [o for o in outputs if o["output_type"] == "error" or o.get("name") == "stderr"]
