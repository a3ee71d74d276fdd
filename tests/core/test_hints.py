"""Each rule, and each check before it is attempted, has three hints: a question, then the line."""

import itertools
import re
import tomllib
from pathlib import Path

import pytest

from course import read_solution
from lab import checks, exercise
from lab.checks import results
from lab.checks.rule import Broken

FILED = tomllib.loads(Path(results.__file__).with_name("hints.toml").read_text(encoding="utf-8"))
SAID = FILED.pop("said")  # by words of an exception


def test_hints_are_filed_under_the_rules_and_the_checks():
    assert set(FILED) == set(checks.RULES) | set(exercise.CHECKS)


@pytest.mark.parametrize("filed", [*FILED, *SAID])
def test_a_rule_has_three_hints_that_begin_with_a_question(filed):
    check = filed if filed in exercise.CHECKS else "char_lstm"
    rule = "raised" if filed in SAID else filed
    texts = results.hints(check, None if filed == check else rule, f"model(x) raised {filed}")
    assert len(texts) == len(set(texts)) == 3 and "?" in texts[0]
    assert "{layer}" not in "".join(texts) and "{state}" not in "".join(texts)


@pytest.fixture
def hint_on(capsys, monkeypatch):
    """A function that gives the next hint, as its number and its text, after a check's message."""
    monkeypatch.setattr(results, "latest", {})
    monkeypatch.setattr(results, "_hinted", {})

    def next_hint(rule, message=""):
        def judge(*found):
            if rule:
                raise Broken(rule, message)
            return "as asked"

        results.check("char_gru", judge)(None)
        results.hint("char_gru")
        told = " ".join(capsys.readouterr().out.partition("Hint ")[2].split())
        return int(told[0]), told

    return next_hint


def test_hints_go_on_as_long_as_the_mistake_is_the_same(hint_on):
    assert [hint_on("batch-first")[0] for _ in range(4)] == [1, 2, 3, 3]
    assert "nn.GRU(" in hint_on("batch-first")[1]


@pytest.mark.parametrize("between", ["raw-logits", None])
def test_hints_begin_again_after_another_mistake_or_a_pass(hint_on, between):
    assert [hint_on("batch-first")[0] for _ in range(2)] == [1, 2]
    hint_on(between)
    assert hint_on("batch-first")[0] == 1


@pytest.mark.parametrize("rule, told", [("raised", "model(x) raised"), ("cell-failed", "ended in")])
def test_each_exception_has_hints_counted_by_themselves(hint_on, rule, told):
    assert [hint_on(rule, f"{told} TypeError: no")[0] for _ in range(3)] == [1, 2, 3]
    number, text = hint_on(rule, f"{told} NameError: name 'Embedding' is not defined")
    assert number == 1 and "name" in text and "Restart" not in text
    assert hint_on(rule, f"{told} NameError: name 'embeded' is not defined")[0] == 2
    assert hint_on(rule, f"{told} ValueError: no")[0] == 1


@pytest.mark.parametrize("arguments", [(), ("rnn",)])
def test_a_hint_that_does_not_exist_is_named(arguments):
    with pytest.raises(ValueError, match="name of a check: char_rnn"):
        checks.hint(*arguments)


def test_hints_and_the_lines_for_a_restart_name_the_text_as_the_notebook_does():
    sources = ["".join(cell["source"]) for cell in read_solution.required_cells()]
    loaded = re.findall(r"(\w+) = helpers\.load_text\(CORPUS\)", "\n".join(sources))
    said = "\n".join([*sources, *itertools.chain(*FILED.values())])
    given = re.findall(r"(?:Saved|memory_span)\((?:cls, |model_class, )?(\w*text)\b", said)
    assert len(given) > 4 and set(given) == set(loaded)
