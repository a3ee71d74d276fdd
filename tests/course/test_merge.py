"""What of a submission is run: ours, with the student's answers wherever they stand."""

import nbformat
import pytest

from course.grade import merge
from course.grade.handed_in import Refused
from lab import exercise
from tests import submissions

FULL = submissions.fill(submissions.BASE, range(11))
CODE = {cell.id: cell.source for cell in FULL.cells if cell.cell_type == "code"}


def test_only_answers_and_added_cells_are_the_students():
    notebook = submissions.fill(submissions.BASE, range(11))
    submissions.change(notebook, "check-char-rnn", None, "forged = 12")
    submissions.change(notebook, "data", None, 'CORPUS = "wikitext-2"')
    place = [cell.id for cell in notebook.cells].index("char-rnn")
    notebook.cells.insert(place + 1, nbformat.v4.new_code_cell("mine = 1"))
    notebook.cells = [cell for cell in notebook.cells if cell.id != "check-char-lstm"]
    cells = merge.merge(notebook).cells
    ids = [cell_id for cell_id, *_ in cells]
    sources = {cell_id: source for cell_id, source, *_ in cells}
    ours = merge.our_cells()
    last = [one.id for one in ours].index("check-recommendation")
    ours = ours[: last + 1]  # nothing judges the rest
    assert [i for i in ids if i != "a cell of your own"] == [one.id for one in ours]
    assert cells[ids.index("char-rnn") + 1][:3] == ("a cell of your own", "mine = 1", None)
    assert {one.id for one in ours if one.answers} == submissions.ANSWERS
    assert all(sources[one.id] == one.source for one in ours if not one.answers)
    assert "nn.RNN(" in sources["char-rnn"]
    assert {check for *_, check in cells} - {None} == set(exercise.CHECKS)


def notebook(*sources, ids=()):
    """Return a notebook of these sources; of the cells with these ids first, as we have them."""
    cells = [cell for cell in FULL.cells if cell.id in ids]
    cells += [nbformat.v4.new_code_cell(source) for source in sources]
    return nbformat.v4.new_notebook(cells=cells, metadata=FULL.metadata)  # with our version


def without_todo_lines(sources):
    lines = [source.split("\n") for source in sources]
    return ["\n".join(line for line in of if not line.startswith("# TODO")) for of in lines]


ANSWERS = [CODE[i] for i in CODE if i in submissions.ANSWERS]
GIVEN = [CODE[i] for i in CODE if i not in submissions.ANSWERS]
OUR_CELLS = {  # answers in cells like ours
    "no ids": notebook(*CODE.values()),
    "no ids, no TODO lines": notebook(*without_todo_lines(CODE.values())),
    "answers only": notebook(*without_todo_lines(ANSWERS)),
    "answers only, with their lines": notebook(*ANSWERS),
}
OTHER_CELLS = {
    "the models in one cell": notebook(
        *GIVEN[:3], "\n\n".join(without_todo_lines(ANSWERS[:3])), *without_todo_lines(ANSWERS[3:])
    ),
    "each name in a cell of its own": notebook(
        *(part for s in without_todo_lines(ANSWERS) for part in s.split("\n\n\n"))
    ),
}


def order_of(cells):
    """Return the place of each name's last definition, and of each check."""
    places = {n: p for p, (_, source, *_) in enumerate(cells) for n in merge.defined(source)}
    return places, {check: place for place, (*_, check) in enumerate(cells) if check}


@pytest.mark.parametrize("name", OUR_CELLS)
def test_answers_without_their_ids_run_like_those_that_have_them(name):
    theirs, usual = (merge.merge(one).cells for one in (OUR_CELLS[name], FULL))
    assert [check for *_, check in theirs] == [check for *_, check in usual]
    theirs, usual = (without_todo_lines(s for _, s, _ in cells) for cells in (theirs, usual))
    assert theirs == usual


@pytest.mark.parametrize("name", OTHER_CELLS)
def test_answers_are_found_by_what_they_define(name):
    cells = merge.merge(OTHER_CELLS[name]).cells
    defined, checked = order_of(cells)
    assert set(defined) == merge.ANSWERS and set(checked) == set(exercise.CHECKS)
    for check, names in merge.JUDGED.items():
        assert max(defined[name] for name in names) < checked[check]
    assert sum("nn.LSTM(" in source for _, source, *_ in cells) == 1


def test_an_own_cell_beside_a_stub_counts_wherever_it_stands():
    for where in (0, 1, 2):  # before the stub, after it, after its check
        changed = submissions.fill(submissions.BASE, (1, 2, 3))
        place = [cell.id for cell in changed.cells].index("parameter-counts")
        answer = nbformat.v4.new_code_cell("parameter_counts = {'RNN': 1}")
        changed.cells.insert(place + where, answer)
        defined, checked = order_of(cells := merge.merge(changed).cells)
        assert cells[defined["parameter_counts"]][1] == answer.source
        assert defined["parameter_counts"] < checked["parameters"]


@pytest.mark.parametrize(
    ("changed", "verdict"),
    [
        (notebook("print('hello')", "x = 1"), "not this exercise"),
        (notebook(), "not this exercise"),
        (notebook(ids=["setup", "data", "check-char-rnn"]), "answers not recognised"),
    ],
)
def test_a_notebook_without_an_answer_has_a_verdict_of_its_own(changed, verdict):
    with pytest.raises(Refused, match="did not find an answer in them") as refused:
        merge.merge(changed)
    assert refused.value.verdict == verdict


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("class CharRNN(nn.Module):\n    samples = 1", {"CharRNN"}),
        ("%matplotlib inline\nspans = {}", {"spans"}),
        ("recommendation, evidence = 'RNN', {}", {"recommendation", "evidence"}),
        ("if True:\n    samples: dict = {}", {"samples"}),
        ("for spans in []: pass\ndef f():\n    samples = 1", {"spans"}),
        ("def train_and_compare_models(\n    x = = 1", {"train_and_compare_models"}),
        ("class CharLSTM(nn.Module):\n  def f():\n pass", {"CharLSTM"}),
        ("print(samples)", set()),
    ],
)
def test_the_answers_that_a_cell_defines_are_known(source, names):
    assert merge.defined(source) == names


def test_an_answer_that_defines_nothing_is_shown_too():
    changed = submissions.change(submissions.fill(submissions.BASE, ()), "char-rnn", None, "1 / 0")
    assert [cell.source for cell in merge.merge(changed).by_our_id["char-rnn"]] == ["1 / 0"]
