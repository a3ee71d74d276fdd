"""Right work in an unusual form gets its points."""

import json

import nbformat
import pytest

from course.grade import submission
from lab import exercise
from tests import submissions
from tests.running import cell_of


def solved():
    return submissions.fill(submissions.BASE, range(11))


def put_before(notebook, cell_id, line):
    cell_of(notebook, cell_id).source = f"{line}\n{cell_of(notebook, cell_id).source}"
    return notebook


def imports_in_the_setup_cell():
    notebook = put_before(solved(), "setup", "from torch.nn import Embedding as Table")
    return submissions.change(notebook, "char-rnn", "nn.Embedding(", "Table(")


def imports_in_a_check_cell():
    notebook = put_before(solved(), "check-char-rnn", "from torch.nn import Embedding as Table")
    return submissions.change(notebook, "char-lstm", "nn.LSTM(", "(Table, nn.LSTM)[1](")


def a_helper_in_the_training_cell():
    notebook = put_before(solved(), "train", "def rounded(x):\n    return {n: x[n] for n in x}\n")
    return put_before(notebook, "recommendation", "seen = rounded({'a': 1})")


def on_a_gpu():
    notebook = put_before(
        solved(), "train-and-compare", "mine = torch.device('cuda:0')\ntorch.ones(1).cuda()"
    )
    source = cell_of(notebook, "train-and-compare").source
    assert ".to(device)" in source
    return submissions.change(notebook, "train-and-compare", ".to(device)", '.to("cuda")')


def a_default_device():
    return put_before(solved(), "char-rnn", 'torch.set_default_device("cuda")')


def all_answers_in_the_last_cell():
    notebook = submissions.fill(submissions.BASE, ())
    answers = [cell.source for cell in solved().cells if cell.id in submissions.ANSWERS]
    notebook.cells.append(nbformat.v4.new_code_cell("\n\n".join(answers)))
    return notebook


def answers_in_the_check_cells():
    notebook, right = submissions.fill(submissions.BASE, ()), solved()
    for answer, check in [("char-rnn", "check-char-rnn"), ("char-lstm", "check-char-lstm"),
                          ("parameter-counts", "check-parameters")]:  # fmt: skip
        put_before(notebook, check, cell_of(right, answer).source)
    for cell in right.cells:
        if cell.id in submissions.ANSWERS - {"char-rnn", "char-lstm", "parameter-counts"}:
            cell_of(notebook, cell.id).source = cell.source
    return notebook


def words_on_stderr():
    loud = "import logging, os, sys\nlogging.basicConfig()\nlogging.warning('a word')\n"
    loud += "os.write(2, b'another')\nprint('a third', file=sys.stderr)"
    return put_before(solved(), "train-and-compare", loud)


def data_from_other_processes():
    source = (
        "from torch.utils.data import DataLoader, TensorDataset\n"
        "loader = DataLoader(TensorDataset(torch.arange(100)), 10, num_workers=1, timeout=20)\n"
        "assert sum(len(batch) for (batch,) in loader) == 100"
    )
    return put_before(solved(), "train-and-compare", source)


FORMS = [
    data_from_other_processes,
    imports_in_the_setup_cell,
    imports_in_a_check_cell,
    a_helper_in_the_training_cell,
    on_a_gpu,
    a_default_device,
    all_answers_in_the_last_cell,
    answers_in_the_check_cells,
    words_on_stderr,
]


def graded(text, tmp_path):
    (tmp_path / "one.ipynb").write_text(text, encoding="utf-8")
    row, _ = submission.grade("one", *submission.prepare(tmp_path / "one.ipynb"), 3, 60, 1_000)
    return row


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
def test_right_work_gets_all_points_in_any_form(form, tmp_path):
    row = graded(nbformat.writes(form()), tmp_path)
    assert row["points"] == exercise.POINTS, row


def test_a_notebook_whose_cells_have_no_outputs_is_a_notebook(tmp_path):
    notebook = json.loads(nbformat.writes(solved()))
    for cell in notebook["cells"]:
        for key in ("outputs", "execution_count"):
            cell.pop(key, None)
    (tmp_path / "one.ipynb").write_text(json.dumps(notebook), encoding="utf-8")
    cells, _, refused = submission.prepare(tmp_path / "one.ipynb")
    assert refused is None and len(cells) == len(submission.merge.merge(solved()).cells)


@pytest.mark.parametrize(
    "source",
    [
        "x = a" + ".b" * 20_000,
        "x = 0x" + "f" * 5_000 + "\ny = x",
        "x = " + "(" * 5_000,
        "x = " + "[" * 90 + "]" * 90,
        "x = " + "-" * 50_000 + "1",
        "\x00",
    ],
    ids=["attributes", "digits", "brackets", "lists", "signs", "a zero byte"],
)
def test_what_python_cannot_read_costs_its_own_points_only(source, tmp_path):
    notebook = submissions.change(solved(), "guess", None, source)
    notebook.cells = notebook.cells[: 2 + [c.id for c in notebook.cells].index("check-char-rnn")]
    notebook.cells.append(nbformat.v4.new_code_cell(source))
    row = graded(nbformat.writes(notebook), tmp_path)
    assert row["verdict"] in ("graded", "stopped")  # Python itself may end
    assert row["points"] == exercise.CHECKS["char_rnn"].points
