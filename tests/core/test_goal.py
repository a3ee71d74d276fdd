"""lab/goal.py: each requirement is judged on its own, and the table says who meets them all."""

import pandas as pd
import pytest

from lab import exercise, goal

ASKED = goal.Requirements(**exercise.REQUIREMENTS)
SPANS = {"RNN": 8, "LSTM": 128, "GRU": 128}


def test_requirements_stand_beside_the_numbers_without_the_answer(table):
    shown = goal.requirements_table(table, SPANS, ASKED)
    assert list(shown.columns) == ["RNN", "GRU", "LSTM"]  # the smallest first
    spans = shown.loc["Memory Span at least 64"].to_list()
    assert spans == ["8", "128", "128"]
    assert shown.loc["Test Perplexity at most 5.25", "RNN"] == "6.00"
    assert "Parameters at most 1,400k" in shown.index


@pytest.mark.parametrize(
    ("asked", "missed"),
    [
        ({"latency_ms": 2}, {"LSTM": ["Keystroke (ms)"]}),
        ({"parameters": 35}, {"LSTM": ["Parameters"]}),
        ({"perplexity_margin": 0.01}, {"GRU": ["Test Perplexity"]}),
        ({"span": 256}, {"LSTM": ["Memory Span"], "GRU": ["Memory Span"]}),
        ({"latency_ms": 3.0, "parameters": 40, "span": 128}, {}),  # as much as asked is enough
    ],
)
def test_each_requirement_is_judged_on_its_own(table, asked, missed):
    met = goal.requirements_met(table, SPANS, ASKED._replace(**asked)).drop("RNN")
    found = {name: list(row.index[~row]) for name, row in met.iterrows() if not row.all()}
    assert found == missed


def test_the_ngram_model_is_compared_with_the_networks_and_moves_no_goal(table):
    row = {"Model": "n-gram model", "Parameters": 5, "Test Perplexity": 4.0, "Keystroke (ms)": 0.1}
    beside = pd.concat([table, pd.DataFrame([row | {"Characters Used": 7}])])
    shown = goal.requirements_table(beside, SPANS, ASKED)
    assert list(shown.columns) == ["n-gram model", "RNN", "GRU", "LSTM"]
    assert shown.loc["Memory Span at least 64", "n-gram model"] == "cannot learn it"
    assert shown.loc["Characters Used (not required)", "n-gram model"] == "7"
    counts = shown.loc["Parameters at most 1,400k", "n-gram model"]
    assert counts == "5 counts"  # no parameters of a byte each
    without = goal.requirements_table(table, SPANS, ASKED)
    assert (shown.drop(columns="n-gram model").loc[without.index] == without).all(axis=None)


@pytest.mark.parametrize(("used", "told"), [([6, 7, 8], True), ([6, 7, 50], False)])
def test_a_whole_window_in_use_says_nothing_of_what_lies_before_it(used, told, table, capsys):
    goal.requirements_table(table.assign(**{"Characters Used": used}), SPANS, ASKED)
    said = capsys.readouterr().out
    assert ("only the last 8 character(s)" in said) == told == bool(said)
