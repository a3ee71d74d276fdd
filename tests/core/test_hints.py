"""Each rule, and each check before it is attempted, has three hints: a question, then the line."""

import tomllib
from pathlib import Path

import pytest

from lab import checks, exercise
from lab.checks import results

FILED = tomllib.loads(Path(results.__file__).with_name("hints.toml").read_text(encoding="utf-8"))


def test_hints_are_filed_under_the_rules_and_the_checks():
    assert set(FILED) == set(checks.RULES) | set(exercise.CHECKS)


@pytest.mark.parametrize("filed", FILED)
def test_a_rule_has_three_hints_that_begin_with_a_question(filed):
    check = filed if filed in exercise.CHECKS else "char_lstm"
    texts = results.hints(check, None if filed == check else filed)
    assert len(texts) == len(set(texts)) == 3 and "?" in texts[0]
    assert "{layer}" not in "".join(texts) and "{state}" not in "".join(texts)


def test_hints_are_counted_for_each_rule_by_itself(capsys):
    def next_hint(rule):
        result = checks.CheckResult("char_gru", "failed", rule, "", 0, 1)
        checks.latest["char_gru"] = result
        checks.hint("char_gru")
        return capsys.readouterr().out

    results._hinted.clear()
    for step in (1, 2, 3, 3):
        out = next_hint("batch-first")
        assert f"Hint {step} of 3" in out and checks.RULES["batch-first"] in out
    assert "nn.GRU(" in out
    assert "Hint 1 of 3" in next_hint("raw-logits") and "Hint 3 of 3" in next_hint("batch-first")


@pytest.mark.parametrize("arguments", [(), ("rnn",)])
def test_a_hint_that_does_not_exist_is_named(arguments):
    with pytest.raises(ValueError, match="name of a check, char_rnn"):
        checks.hint(*arguments)
