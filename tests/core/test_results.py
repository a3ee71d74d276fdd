"""What checks say: banners, points, what was raised, the summary. And that they change nothing."""

import copy
from types import SimpleNamespace

import pytest
import torch
from torch import nn

import helpers
from lab import checks, exercise
from lab.checks import results, runs
from lab.checks.rule import Broken
from lab.exercise import MODELS
from tests.answers import changed
from tests.answers.todo_1_models import LOOKUP, SOURCE
from tests.answers.todo_10_recommendation import ASKED
from tests.answers.todo_questions import RATIO

CLASSES = dict.fromkeys(MODELS, nn.Module)
STUB = """
class CharX(nn.Module):
    def __init__(self, vocab_size, embedding_dim=128, hidden_dim=256, num_layers=2, dropout=0.3):
        super().__init__()
    def forward(self, x, hidden=None, return_sequences=False): pass
    def init_hidden(self, batch_size):
        device = next(self.parameters()).device
"""


def spans_of(spans):
    """Return the CheckResult of TODO 9 for these spans, on a short text."""
    return checks.long_context(11 / 32, spans, CLASSES, "the quick brown fox. " * 20, ASKED, 20)


def counts(number=0):
    given = {"RNN": 258_505 + number, "LSTM": 949_705, "GRU": 719_305}
    return checks.parameters(RATIO, given, 73)


def test_a_failure_says_how_to_get_a_hint():
    assert 'checks.hint("parameters")' in str(counts(1))
    assert "hint" not in str(counts())


@pytest.mark.parametrize("name", exercise.CHECKS)
def test_nothing_filled_in_is_not_attempted(name):
    scope = {"nn": nn}
    exec(STUB, scope)
    given = {"parameters": (None, None, 73), "figures": (None, None, None)}
    given |= {"training": (lambda *args, **more: (None, None),)}
    given |= {"long_context": (None, None, CLASSES, "", ASKED, 20)}
    given |= {"recommendation": (None, None, None, "\n?\n", None, None, ASKED, False)}
    given |= {"samples": (None, None, "The", None, {}), "performance": (None, 73, *[None] * 5)}
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
    class Odd:
        def __eq__(self, other):
            raise RuntimeError("never compare me")

        __hash__ = None

    result = checks.parameters(RATIO, {"RNN": 1, "LSTM": Odd(), "GRU": 2}, Odd())
    assert (result.status, result.rule) == ("failed", "raised")
    assert (
        "parameter_counts is a dict with the keys 'RNN', 'LSTM', 'GRU'; vocab_size is an Odd"
        in (result.message)
    )


def test_checks_change_nothing(namespace):
    torch.manual_seed(3)
    model = namespace["CharGRU"](11)
    before, mode = copy.deepcopy(model.state_dict()), model.training
    state, threads = torch.get_rng_state(), torch.get_num_threads()
    checks.char_gru(namespace["CharGRU"])
    checks.training(namespace["train_and_compare_models"])
    checks.training(lambda *args, **more: torch.set_num_threads(threads + 1))
    assert torch.equal(torch.get_rng_state(), state) and torch.get_num_threads() == threads
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())
    assert model.training == mode and all(p.grad is None for p in model.parameters())


def test_a_check_prints_its_banner_once_and_nothing_else(namespace, capsys):
    checks.training(namespace["train_and_compare_models"])
    out, err = capsys.readouterr()
    assert out.count("\n") == 1 and "TODO 5" in out and err == ""


def test_summary_tells_the_state_of_every_check_and_what_to_do_next(namespace, capsys):
    checks.char_rnn(namespace["CharRNN"])
    checks.char_lstm(namespace["CharGRU"])
    spans_of(None)
    table = checks.summary()
    assert list(table["check"]) == [*exercise.CHECKS, "paragraph"]
    assert table["of"].sum() == exercise.TOTAL
    assert f"{table['points'].sum()} of {exercise.POINTS}" in capsys.readouterr().out
    table = table.set_index("check")
    assert table.loc["char_rnn", "status"] == "passed" and table.loc["char_rnn", "next"] == ""
    assert 'checks.hint("char_lstm")' in table.loc["char_lstm", "next"]
    assert "fill in TODO 9" in table.loc["long_context", "next"]
    assert table.loc["paragraph", "points"] == 0


@pytest.mark.parametrize("seen", ["1.5", None])
def test_a_notebook_of_another_version_is_told_so(seen, monkeypatch):
    notebook = SimpleNamespace(user_ns={"VERSION": seen})
    monkeypatch.setattr(runs, "shell", lambda: notebook)
    with pytest.raises(Broken, match=f"is of version {seen or 1} of the exercise") as broken:
        results._need_this_version()
    assert broken.value.rule == "other-version" and exercise.VERSION in str(broken.value)


@pytest.mark.parametrize(
    "forward",
    [
        "rnn_out, _ = self.rnn(self.embedding(x)); return self.output(rnn_out[:, -1]), hidden",
        "return None, None",
        "return torch.zeros(4, 73), 'hidden'",
        "return 1",
        "raise SystemError('odd')",
    ],
)
def test_what_a_check_cell_does_before_its_check_never_raises(forward, namespace, capsys):
    scope = {"CharRNN": namespace["CharRNN"], "torch": torch}
    body = forward.replace("; ", "\n        ")
    exec(
        "class Char(CharRNN):\n"
        "    def forward(self, x, hidden=None, return_sequences=False):\n"
        f"        {body}\n",
        scope,
    )
    helpers.show_shapes(scope["Char"], 73)
    helpers.show_shapes(None, 73)
    printed = capsys.readouterr().out
    assert "Char does not yet do what its cell asks for (" in printed
    assert checks.char_rnn(scope["Char"]).status == "failed"
