"""Counting: probabilities by hand, and the row that it adds to the performance table."""

import math

import pandas as pd
import pytest
import torch

import helpers
from lab import ngram
from lab.ngram import NGram


def test_probabilities_are_those_of_witten_and_bell():
    # "0 0 1": a unigram (2 of 3, 2 kinds), and after 0 once 0 and once 1 (2 kinds, 2 seen).
    model = NGram([0, 0, 1], vocab_size=4, order=2)
    unigram = (2 + 2 * (1 / 4)) / (3 + 2)
    assert model.probabilities([])[0] == pytest.approx(unigram)
    assert model.probabilities([0])[0] == pytest.approx((1 + 2 * unigram) / (2 + 2))


@pytest.mark.parametrize("context", [[], [0], [1, 0, 1, 0, 1], [2, 2, 2, 2], [5, 0, 5]])
def test_probabilities_of_all_characters_add_up_to_one(context):
    model = NGram([0, 1, 0, 2, 0, 1, 0, 1], vocab_size=6)
    assert sum(model.probabilities(context)) == pytest.approx(1)


def test_a_text_that_repeats_is_known():
    model = NGram([0, 1, 2, 3] * 50, vocab_size=4)
    X, y = torch.tensor([[0, 1, 2, 3], [1, 2, 3, 0]]), torch.tensor([0, 1])
    assert 1 < model.perplexity(X, y) < 1.1
    assert model.perplexity(X, y + 1) > 20


def test_no_text_leaves_a_guess():
    X, y = torch.zeros(3, 50, dtype=torch.long), torch.tensor([0, 1, 2])
    assert NGram([], vocab_size=7).perplexity(X, y) == pytest.approx(7)


def test_only_the_training_text_is_counted():
    text = "abcd" * 50
    splits = helpers.prepare_sequences(text, helpers.build_vocabulary(text)[1], seq_len=10)
    counted = NGram.of_windows(*splits[:2], 4).counts[()].total()
    assert counted == 10 + len(splits[1])


def _table(perplexity):
    columns = ("Parameters", "Test Perplexity", "Bits per Character")
    rows = [{"Model": name} | dict.fromkeys(columns, perplexity) for name in ("RNN", "LSTM")]
    return pd.DataFrame(rows)


@pytest.mark.parametrize(
    ("perplexity", "says"),
    [(1.0, "better than counting"), (1000.0, "Not worth shipping")],
)
def test_networks_that_predict_no_better_are_named(perplexity, says, capsys, sample):
    text, chars, char2idx, _ = sample
    train_X, train_y, _, _, test_X, test_y = helpers.prepare_sequences(text, char2idx)
    table = ngram.compare_with_counting(
        _table(perplexity), train_X[:500], train_y[:500], test_X[:99], test_y[:99], len(chars)
    )
    printed = capsys.readouterr().out
    assert says in printed and ("RNN, LSTM" in printed) == (perplexity == 1000)
    counted = table["5-gram"]
    assert int(counted["Parameters"].replace(",", "")) > 500
    bits = math.log2(float(counted["Test Perplexity"]))
    assert float(counted["Bits per Character"]) == pytest.approx(bits, abs=0.001)


def test_it_waits_for_the_table(capsys):
    assert ngram.compare_with_counting(None, *[None] * 5) is None
    assert "Waiting for TODO 7" in capsys.readouterr().out


def test_models_are_shown_beside_counting(tiny, capsys):
    model, splits, char2idx, _ = tiny
    ngram.show_beside_counting({"GRU": model}, *splits[:2], *splits[4:], len(char2idx))
    perplexity = helpers.calculate_perplexity(model, *splits[4:])
    printed = capsys.readouterr().out
    assert printed.startswith(f"GRU, {helpers.count_parameters(model):,} parameters")
    assert f"test perplexity {perplexity:.2f}; 5-gram 1." in printed
