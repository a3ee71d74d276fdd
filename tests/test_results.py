"""What checks say: banners, points, what was raised, the summary. And that they change nothing."""

import copy
import time

import pytest
import torch
from torch import nn

from helpers import MODELS
from lab import checks
from lab.checks import results, rule
from tests.answers import changed
from tests.answers.todo_1_models import LOOKUP, SOURCE
from tests.answers.todo_9_spans import SPANS
from tests.answers.todo_10_recommendation import ASKED

CLASSES = dict.fromkeys(MODELS, nn.Module)
STUB = """
class CharX(nn.Module):
    def __init__(self, vocab_size, embedding_dim=128, hidden_dim=256, num_layers=2, dropout=0.3):
        super().__init__()
    def forward(self, x, hidden=None, return_sequences=False): pass
    def init_hidden(self, batch_size):
        device = next(self.parameters()).device
"""


def test_a_failure_says_how_to_get_a_hint():
    assert 'checks.hint("long_context")' in str(checks.long_context({}))
    assert "hint" not in str(checks.long_context(SPANS))


@pytest.mark.parametrize("name", checks.CHECKS)
def test_nothing_filled_in_is_not_attempted(name):
    scope = {"nn": nn}
    exec(STUB, scope)
    given = {"parameters": (None, 73), "figures": (None, None, None)}
    given |= {"training": (lambda *args, epochs=20: (None, None), CLASSES)}
    given |= {"recommendation": (None, None, None, None, None, ASKED)}
    given |= {"samples": (None, "The", None, {}), "performance": (None, None, None, None, None)}
    default = (scope["CharX"],) if name.startswith("char") else (None,)
    result = getattr(checks, name)(*given.get(name, default))
    assert (result.status, result.rule, result.points) == ("not attempted", None, 0)


def test_an_exception_quotes_the_line_of_the_student(tmp_path):
    path = tmp_path / "answer.py"
    path.write_text(changed(SOURCE["RNN"], {LOOKUP: "self.embeddings(x)"}))
    scope = {"nn": nn, "torch": torch}
    exec(compile(path.read_text(), str(path), "exec"), scope)
    message = checks.char_rnn(scope["CharRNN"]).message
    assert "at your line: embedded = self.dropout(self.embeddings(x))" in message


def test_an_answer_that_no_rule_foresaw_is_a_failure_not_a_traceback():
    class Odd(dict):
        def __eq__(self, other):
            raise RuntimeError("never compare me")

        __hash__ = None

    result = checks.training(lambda *args, epochs: Odd(), CLASSES)
    assert (result.status, result.rule) == ("failed", "raised")
    assert "train_and_compare_models is a function; MODEL_CLASSES is a dict with" in result.message


def test_checks_change_nothing(namespace):
    torch.manual_seed(3)
    model = namespace["CharGRU"](11)
    before, mode = copy.deepcopy(model.state_dict()), model.training
    state, threads = torch.get_rng_state(), torch.get_num_threads()
    checks.char_gru(namespace["CharGRU"])
    checks.training(namespace["train_and_compare_models"], namespace["MODEL_CLASSES"])
    checks.training(lambda *args, epochs: torch.set_num_threads(threads + 1), CLASSES)
    assert torch.equal(torch.get_rng_state(), state) and torch.get_num_threads() == threads
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())
    assert model.training == mode and all(p.grad is None for p in model.parameters())


def test_a_check_prints_its_banner_once_and_nothing_else(namespace, capsys):
    checks.training(namespace["train_and_compare_models"], namespace["MODEL_CLASSES"])
    out, err = capsys.readouterr()
    assert out.count("\n") == 1 and "TODO 5" in out and err == ""


def test_summary_tells_the_state_of_every_check_and_what_to_do_next(namespace, capsys):
    checks.char_rnn(namespace["CharRNN"])
    checks.char_lstm(namespace["CharGRU"])
    checks.long_context(None)
    table = checks.summary()
    assert list(table["check"]) == [*checks.CHECKS, "paragraph"]
    assert table["of"].sum() == 100
    assert f"{table['points'].sum()} of {100 - checks.PARAGRAPH_POINTS}" in capsys.readouterr().out
    table = table.set_index("check")
    assert table.loc["char_rnn", "status"] == "passed" and table.loc["char_rnn", "next"] == ""
    assert 'checks.hint("char_lstm")' in table.loc["char_lstm", "next"]
    assert "fill in TODO 9" in table.loc["long_context", "next"]
    assert table.loc["paragraph", "points"] == 0


def endless():
    while True:
        pass


def waiting():
    while True:
        time.sleep(0.05)


@pytest.mark.parametrize("function", [endless, waiting])
def test_code_that_does_not_end_is_stopped_and_named(function):
    said = r"answer\(\) had not ended after"
    with pytest.raises(rule.Broken, match=said) as broken, rule.within(0.2):
        rule.run("answer()", function)
    assert broken.value.rule == "too-slow" and "at your line: " in str(broken.value)


def test_code_on_a_busy_machine_has_its_processor_time():
    def starved():  # a quarter of the processor, for longer than who waits may take
        start = time.process_time()
        while (used := time.process_time() - start) < 0.2:
            while time.process_time() - start < used + 0.02:
                pass
            time.sleep(0.06)

    with rule.within(0.35):
        rule.run("answer()", starved)


def test_what_ends_in_time_is_not_stopped_afterwards():
    with rule.within(0.05):
        pass
    time.sleep(0.1)


class Shell:
    """What IPython says of a cell that has run."""

    def __init__(self, source, error=None):
        self.info, self.error_before_exec, self.error_in_exec = self, None, error
        self.raw_cell = source


def test_a_cell_that_ended_in_an_error_is_not_judged_by_what_an_earlier_run_left(namespace):
    source = "# TODO 9: the memory span of each model class\nspans = ?"
    failed = Shell(source, SyntaxError("invalid syntax"))
    try:
        results.note_cell(failed)  # there was no earlier run
        assert checks.long_context(SPANS).status == "passed"
        results.note_cell(Shell(source))
        results.note_cell(failed)
        result = checks.long_context(SPANS)
        assert (result.status, result.rule) == ("failed", "cell-failed")
        assert "the cell of TODO 9 ended in SyntaxError: invalid syntax" in result.message
        results.note_cell(Shell("print('another cell')", ValueError()))
        results.note_cell(Shell(source))
        assert checks.long_context(SPANS).status == "passed"
    finally:
        results._ended.clear()


def test_a_copied_class_that_kept_its_name_is_told_so():
    scope = {"nn": nn, "torch": torch}
    exec(STUB.replace("CharX", "CharLSTM"), scope)
    exec(changed(SOURCE["LSTM"], {"class CharLSTM": "class CharRNN"}), scope)
    result = checks.char_lstm(scope["CharLSTM"], scope["CharRNN"])
    assert (result.status, result.rule) == ("failed", "class-name")
    assert "CharRNN now has nn.LSTM" in result.message
