"""A TODO's first run goes wrong: what a student sees of its cell, its check and the first hint."""

import re
import sys

import pytest
from IPython.core.interactiveshell import InteractiveShell

import helpers
from course import read_solution
from course.make_exercise import make_exercise
from lab import checks, exercise
from lab.checks import results, runs

EXERCISE = make_exercise(read_solution.read())["cells"]
STUBS = {cell["id"]: "".join(cell["source"]) for cell in EXERCISE if cell["cell_type"] == "code"}
SOURCES = {cell["id"]: "".join(cell["source"]) for cell in read_solution.read()["cells"]}
SETUP = f"""
import torch, helpers
from torch import nn
from lab import checks
VERSION = {exercise.VERSION!r}
vocab_size = 73
"""
IN_LSTM = SOURCES["char-lstm"]
IN_RNN = SOURCES["char-rnn"]


class Notebook:
    """The cells of a notebook, run one after the other in a shell."""

    def __init__(self, shell, capsys):
        self.shell, self.capsys = shell, capsys
        self.run(SETUP)

    def run(self, source, cell_id=None):
        """Run a cell; return what it printed, or the exception that it ended in."""
        self.capsys.readouterr()
        ended = self.shell.run_cell(source, store_history=True, cell_id=cell_id)
        printed = self.capsys.readouterr().out
        return ended.error_before_exec or ended.error_in_exec or printed

    def check(self, name):
        """Run the cell with a check as the exercise has it; return its result."""
        (cell,) = (s for s in STUBS.values() if f"checks.{name}(" in s)
        printed = self.run(cell)
        assert not isinstance(printed, BaseException), printed
        return checks.latest[name]

    def hint(self, name):
        return " ".join(self.run(f"checks.hint({name!r})").split())


@pytest.fixture
def notebook(monkeypatch, capsys):
    """A Notebook after its first cells."""
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])
    shell = InteractiveShell()
    for name, value in (("shell", lambda: shell), ("_runs", {}), ("_absent", set())):
        monkeypatch.setattr(runs, name, value)
    monkeypatch.setattr(results, "_hinted", {})
    checks.latest.clear()
    shell.events.register("pre_run_cell", runs.begin_cell)
    shell.events.register("post_run_cell", runs.end_cell)
    yield Notebook(shell, capsys)
    checks.latest.clear()


def test_a_question_mark_left_in_the_first_class_is_what_its_check_says(notebook):
    error = notebook.run(IN_RNN.replace("num_layers, batch_first", "?, batch_first"))
    assert isinstance(error, SyntaxError)
    result = notebook.check("char_rnn")
    assert (result.status, result.rule) == ("failed", "cell-failed")
    assert "The cell of TODO 1 ended in SyntaxError: invalid syntax" in result.message
    assert re.search(r"at line 9: +self.rnn = nn.RNN\(.*, \?, batch_first", result.message)
    assert "In [2]" in str(result)
    assert "Hint 1 of 3: Is there a ? left in the line" in notebook.hint("char_rnn")


def test_a_method_without_lines_is_an_indentation_error_with_hints_of_its_own(notebook):
    notebook.run(STUBS["char-rnn"].replace("        pass  # delete this line\n", ""))
    result = notebook.check("char_rnn")
    assert result.rule == "cell-failed" and "IndentationError: expected an ind" in result.message
    assert "Hint 1 of 3: Does the line that is quoted begin" in notebook.hint("char_rnn")


def test_a_first_run_that_ends_in_an_error_counts_as_attempted(notebook):
    notebook.run("MODEL_CLASSES, text, REQUIREMENTS, QUICK = {'RNN': None}, 'abc', None, True")
    source = STUBS["memory-spans"].replace(
        "# spans = {name: measure(?, ?)", "spans = {name: measur(1)"
    )
    assert "spans = {name: measur(1)" in source
    assert isinstance(notebook.run(source), NameError)
    result = notebook.check("long_context")
    assert (result.status, result.rule) == ("failed", "cell-failed")
    assert "The cell of TODO 9 ended in NameError: name 'measur' is not defined" in result.message
    hint = notebook.hint("long_context")
    assert "Hint 1 of 3: Which name does the error quote" in hint
    assert "Hint 2 of 3" in notebook.hint("long_context")


def test_a_wrong_key_has_hints_of_its_own(notebook):
    cell = STUBS["recommendation"]
    notebook.run("import pandas as pd\nperformance_table = pd.DataFrame({'Model': ['GRU']})")
    notebook.run("spans = REQUIREMENTS = None\nQUICK = True")
    rows = "rows = performance_table.set_index('model')"
    assert isinstance(notebook.run(f"{cell}\n{rows}\nrecommendation = 'GRU'"), KeyError)
    result = notebook.check("recommendation")
    assert result.rule == "cell-failed" and "KeyError" in result.message
    assert "Hint 1 of 3: Which key does the error quote" in notebook.hint("recommendation")


@pytest.mark.parametrize(
    "cell, check", [("parameter-counts", "parameters"), ("char-rnn", "char_rnn")]
)
def test_a_cell_as_handed_out_is_not_attempted_whatever_it_ends_in(cell, check, notebook):
    notebook.run("del nn")
    assert isinstance(notebook.run(STUBS[cell]), NameError)
    result = notebook.check(check)
    assert (result.status, result.rule) == ("not attempted", None)
    assert "ended in NameError: name" in result.message and "Run the cells above" in result.message


def test_an_error_in_one_todo_leaves_the_others_their_verdict(notebook):
    notebook.run(IN_RNN.replace("[:, -1, :]", "[?]"))
    notebook.run(IN_LSTM)
    assert notebook.check("char_rnn").rule == "cell-failed"
    assert notebook.check("char_lstm").status == "passed"


@pytest.mark.parametrize("name", exercise.CHECKS)
def test_a_check_whose_todo_has_not_run_says_what_to_do(name, notebook):
    result = notebook.check(name)
    assert (result.status, result.rule) == ("not attempted", None)
    assert re.search(
        r"Fill in TODO \d+ above, and run its cell|then run its cell and the cells before it",
        result.message,
    )
    notebook.check(name)
    assert isinstance(notebook.run("CharRNN"), NameError)  # it is not None from now on


def test_names_in_a_cell_with_a_check_that_are_made_in_it_are_left_alone(notebook):
    notebook.run("parameter_counts = None\nchecks.parameters(parameter_counts, vocab_size)")
    assert "None" in notebook.run("print(parameter_counts)")
    each = "print([result.points for result in (lambda one: [one])(checks.char_rnn(None))])"
    notebook.run(each)
    assert "above, and run its cell" in checks.latest["char_rnn"].message


def test_a_copied_class_that_kept_its_name_is_named(notebook):
    notebook.run(IN_RNN)
    notebook.run(IN_LSTM.replace("class CharLSTM", "class CharRNN"))
    result = notebook.check("char_lstm")
    assert (result.status, result.rule) == ("failed", "other-name")
    assert "The cell of TODO 2 ran to its end, but it did not make CharLSTM" in result.message
    assert "Hint 1 of 3: Which name does the check below ask for" in notebook.hint("char_lstm")


@pytest.mark.parametrize("cell_id", [None, "an-id"])
def test_an_older_class_does_not_pass_for_one_that_the_cell_no_longer_makes(cell_id, notebook):
    notebook.run(IN_RNN)
    notebook.run(IN_LSTM, cell_id)
    assert notebook.check("char_lstm").status == "passed"
    notebook.run(IN_LSTM.replace("class CharLSTM", "class CharRNN"), cell_id)
    assert notebook.check("char_lstm").rule == "other-name"


def test_what_a_run_before_has_left_is_not_judged(notebook):
    notebook.run(f"{IN_RNN}\n{SOURCES['char-lstm']}\n{SOURCES['char-gru']}")
    right = SOURCES["parameter-counts"]
    notebook.run(right)
    assert notebook.check("parameters").status == "passed"
    notebook.run(right.replace("(vocab_size)", "(?)"))
    result = notebook.check("parameters")
    assert result.rule == "cell-failed" and "In [5]" in str(result)
    notebook.run(right)
    assert notebook.check("parameters").status == "passed"


def test_an_answer_that_another_cell_has_made_since_is_judged(notebook):
    classes = f"{IN_RNN}\n{SOURCES['char-lstm']}\n{SOURCES['char-gru']}"
    notebook.run(classes)
    notebook.run(SOURCES["parameter-counts"].replace("(vocab_size)", "(?)"), "one")
    assert notebook.check("parameters").rule == "cell-failed"
    notebook.run("\n" + SOURCES["parameter-counts"].replace("TODO 4", "mine"), "another")
    assert notebook.check("parameters").status == "passed"


def test_a_class_made_from_one_that_was_replaced_is_stale(notebook):
    notebook.run(IN_RNN)
    layer = next(line for line in SOURCES["char-gru"].splitlines() if "nn.GRU(" in line)
    made = f"""# TODO 3: implement CharGRU
class CharGRU(CharRNN):
    def __init__(self, vocab_size, embedding_dim=128, hidden_dim=256, num_layers=2, dropout=0.3):
        super().__init__(vocab_size, embedding_dim, hidden_dim, num_layers, dropout)
{layer}
"""
    notebook.run(made)
    assert notebook.check("char_gru").status == "passed"
    notebook.run(IN_RNN.replace("[:, -1, :]", "[:, 0, :]"))
    result = notebook.check("char_gru")
    assert (result.status, result.rule) == ("failed", "stale")
    assert "CharGRU is made from an older CharRNN. You have replaced that class" in result.message
    assert "Hint 1 of 3" in notebook.hint("char_gru")
    notebook.run(made)
    assert notebook.check("char_gru").rule == "final-timestep"


def test_a_check_asked_again_names_the_run_that_it_judges(notebook):
    notebook.run(IN_RNN)
    assert "In [" not in str(notebook.check("char_rnn"))  # as in every run of the notebook
    assert "The check judged In [2]. After a change, run the TODO's cell" in str(
        notebook.check("char_rnn")
    )


MISFITS = {  # of forward: the line, what stands there, what the message says, the first hint
    "indices": (
        "self.rnn(embedded, hidden)",
        "self.rnn(x, hidden)",
        "that have not been embedded",
        "What are the numbers in x",
    ),
    "linear": (
        "self.output(self.dropout(rnn_out))",
        "self.output(self.dropout(embedded[:, -1]))",
        "A Linear layer got vectors of another length",
        "How long are the vectors that reach the Linear layer",
    ),
    "recurrent": (
        "self.rnn(embedded, hidden)",
        "self.rnn(torch.cat([embedded, embedded], -1), hidden)",
        "The recurrent layer got vectors of another length",
        "How long are the vectors that reach the recurrent layer",
    ),
}


@pytest.mark.parametrize("misfit", MISFITS)
def test_a_tensor_that_does_not_fit_a_layer_has_hints_of_its_own(misfit, notebook):
    line, other, said, hint = MISFITS[misfit]
    assert line in IN_RNN
    notebook.run(IN_RNN.replace(line, other))
    result = notebook.check("char_rnn")
    assert result.rule == "raised" and said in result.message
    assert f"Hint 1 of 3: {hint}" in notebook.hint("char_rnn")


def test_a_check_that_reads_many_windows_says_so_before(namespace, capsys, sample):
    *_, X, y = helpers.prepare_sequences(sample[0][:15_000], sample[2])
    models = {name: cls(len(sample[1])) for name, cls in namespace["MODEL_CLASSES"].items()}
    vocab_size = len(sample[1])
    checks.performance(vocab_size, vocab_size, {}, models, None, X[:20], y[:20])
    assert "Checking" not in capsys.readouterr().out
    checks.performance(vocab_size, vocab_size, {}, models, None, X, y)
    assert capsys.readouterr().out.startswith(
        f"Checking TODO 7 takes some seconds, because the check reads {len(X):,}"
    )


def test_the_summary_reminds_of_what_has_no_points(notebook):
    notebook.run('guess = {"perplexity": "GRU", "speed": "?", "memory": "GRU"}')
    summary = " ".join(notebook.run("_ = checks.summary()").split())
    assert "Fill in guess too (before TODO 5)" in summary
    assert "Fill in coherence too (after TODO 6)" in summary
    notebook.run('guess["speed"], coherence = "RNN", "The text of the GRU at 0.5."')
    assert "Fill in" not in notebook.run("_ = checks.summary()")
