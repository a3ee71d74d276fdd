"""Counting: Kneser-Ney beside another implementation, and the row that it adds to the table."""

import math

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings, strategies as st
from nltk.lm import KneserNeyInterpolated
from nltk.util import everygrams

import helpers
from lab import ngram
from lab.ngram import NGram

TEXT = "it was the best of times, it was the worst of times, it was the age of wisdom " * 2


@pytest.mark.parametrize("order", [2, 3, 5])
def test_with_one_discount_it_is_the_model_of_nltk(order):
    char2idx = helpers.build_vocabulary(TEXT)[1]
    indices = [char2idx[character] for character in TEXT]
    theirs = KneserNeyInterpolated(order, discount=0.3)
    theirs.fit([list(everygrams(TEXT, max_len=order))], vocabulary_text=list(TEXT))
    none, same = (0, 0, 0), (0.3, 0.3, 0.3)  # nltk takes none from single characters
    ours = NGram(indices, len(char2idx), order, [none] + [same] * (order - 1))
    for i in range(order, len(TEXT)):
        expected = theirs.score(TEXT[i], tuple(TEXT[i - order + 1 : i]))
        assert ours.probabilities(indices[:i])[indices[i]] == pytest.approx(expected)


def test_discounts_are_those_of_chen_and_goodman():
    counts = np.array([1] * 10 + [2] * 4 + [3] * 3 + [4] * 2 + [9])
    single = 10 / (10 + 2 * 4)
    expected = [1 - 2 * single * 4 / 10, 2 - 3 * single * 3 / 4, 3 - 4 * single * 2 / 3]
    assert ngram.closed_form(counts) == pytest.approx(expected)
    assert ngram.closed_form(np.array([50, 50])) == [0.5] * 3  # nothing to take them from


@settings(max_examples=50, deadline=None)
@given(
    text=st.lists(st.integers(0, 5), min_size=12, max_size=60),
    context=st.lists(st.integers(0, 5), max_size=8),
    order=st.integers(1, 6),
)
def test_probabilities_of_all_characters_add_up_to_one_and_none_is_impossible(text, context, order):
    model = NGram(text, 6, order)
    probabilities = model.probabilities(context)
    assert probabilities.sum() == pytest.approx(1) and (probabilities > 0).all()
    for target, probability in enumerate(probabilities):
        one = model.probability_of(torch.tensor([context]).long(), torch.tensor([target]))
        assert one.item() == pytest.approx(probability)


def test_a_text_that_repeats_is_known():
    model = NGram([0, 1, 2, 3] * 50, vocab_size=4, order=4)
    X, y = torch.tensor([[0, 1, 2, 3], [1, 2, 3, 0]]), torch.tensor([0, 1])
    assert 1 < model.perplexity(X, y) < 1.1
    assert model.perplexity(X, y + 1) > 20


def test_typing_looks_at_the_last_characters_only():
    model = NGram([0, 1, 2, 3, 4] * 20, vocab_size=5, order=3)
    stream = ngram.Typing(model)
    logits = [stream.feed(index) for index in (4, 4, 4, 0, 1)][-1]
    assert np.exp(logits) == pytest.approx(model.probabilities([0, 1]))


def test_validation_chooses_the_order_and_only_the_training_text_is_counted(sample):
    text, chars, char2idx, _ = sample
    splits = helpers.prepare_sequences(text, char2idx)
    chosen = NGram.of_windows(*splits[:4], len(chars))
    indices = [*splits[0][0].tolist(), *splits[1].tolist()]
    assert len(indices) == 50 + len(splits[1])
    on_validation = {
        order: NGram(indices, len(chars), order).perplexity(*splits[2:4])
        for order in range(chosen.order - 1, chosen.order + 2)
    }
    before, own, after = on_validation.values()
    assert own < (1 - ngram.WORTH_A_CHARACTER) * before and after > 0.999 * own
    assert chosen.perplexity(*splits[2:4]) == own and chosen.seconds > 0


def test_its_row_stands_below_those_of_the_networks(capsys, table, short, tiny):
    splits, chars, *_ = short
    ngram_model = NGram.of_windows(*splits[:4], len(chars))
    models = dict.fromkeys(table["Model"], tiny[0])
    beside = ngram.compare(table, models, ngram_model, *splits[4:])
    row = beside.iloc[-1]
    assert row["Model"] == ngram_model.name and list(beside["Model"][:3]) == list(table["Model"])
    assert row["Parameters"] == sum(len(level.keys) for level in ngram_model.levels)
    assert row["Characters Used"] < ngram_model.order and (beside["Characters Used"] >= 1).all()
    assert row["Keystroke (ms)"] == row["Inference Speed (ms)"] > 0
    assert row["Bits per Character"] == pytest.approx(math.log2(row["Test Perplexity"]))
    assert f"RNN {6 / row['Test Perplexity'] - 1:+.1%}, LSTM" in capsys.readouterr().out
    assert isinstance(helpers.show_table(beside), pd.DataFrame)


def test_perplexities_are_shown_with_that_of_the_ngram_model(tiny, capsys):
    model, splits, char2idx, _ = tiny
    ngram_model = NGram.of_windows(*splits[:4], len(char2idx))
    ngram.show_perplexities({"GRU": model}, ngram_model, *splits[4:])
    perplexity = helpers.calculate_perplexity(model, *splits[4:])
    printed = capsys.readouterr().out
    assert printed.startswith(f"GRU, {helpers.count_parameters(model):,} parameters")
    assert f"test perplexity {perplexity:.2f}, {ngram_model.name} 1." in printed
