"""phone/savings.py: the words that are suggested, and what a typist who takes them saves."""

import itertools

import numpy as np
import pytest
import torch

from lab.extras.phone import savings
from lab.ngram import NGram


@pytest.fixture
def reader(tiny):
    return savings.Reader(tiny[0])


@pytest.fixture
def chars(tiny):
    return list(tiny[2])


@pytest.fixture
def text(tiny):
    _, splits, *_ = tiny
    return [*splits[4][0].tolist(), *splits[5].tolist()]


def after(reader, text):
    """Return log probabilities and state after a text that is read character by character."""
    state = reader.start(1)
    for index in text:
        log, state = reader.step(torch.tensor([index]), state)
    return log, state


def of_a_counting_model():
    model = NGram(np.random.default_rng(0).choice(4, 300, p=[0.3, 0.4, 0.2, 0.1]), 4, order=3)
    return savings.CountingReader(model)


def test_a_letter_is_what_words_are_made_of():
    chars = ["a", "é", "ß", "中", "'", "\u2019", "-", " ", ".", "1", "½", "_", "\n"]
    assert savings.in_words(chars).tolist() == [True] * 7 + [False] * 6


def test_the_likeliest_words_are_found(monkeypatch):
    monkeypatch.setattr(savings, "LONGEST", 3)
    monkeypatch.setattr(savings, "BEAM", 30)  # as many as there are: an exhaustive search
    reader, inside = of_a_counting_model(), torch.tensor([False, True, True, False])
    log, state = after(reader, [1, 0, 2])
    scores = {}
    for length in (1, 2, 3):
        for word in itertools.product([1, 2], repeat=length):
            probability, (one, its) = 0.0, (log, state)
            for index in word:
                probability += one[0, index].item()
                one, its = reader.step(torch.tensor([index]), its)
            ends = one[0, ~inside].logsumexp(0).item()
            scores[word] = probability + ends
    best = sorted(scores, key=lambda word: -scores[word])[:3]
    found = savings.words_ahead(reader, log, state, inside)[0].tolist()
    assert [tuple(k for k in rest if k >= 0) for rest in found] == best


def test_many_texts_are_searched_as_each_alone(reader, chars, text):
    inside = savings.in_words(chars)
    logs, states = zip(*(after(reader, text[:end]) for end in (3, 8, 30)), strict=True)
    together = savings.words_ahead(
        reader, torch.cat(logs), tuple(map(torch.cat, zip(*states, strict=True))), inside
    )
    for log, state, found in zip(logs, states, together, strict=True):
        assert savings.words_ahead(reader, log, state, inside)[0].tolist() == found.tolist()


def test_a_word_that_is_suggested_before_it_begins_costs_one_key():
    chars, word = [" ", "a", "b", "c"], [1, 2, 3, 0]
    reader = savings.CountingReader(NGram(word * 50, 4, order=4))
    saved = savings.keys_saved(reader, word * 6, 4, chars)
    # Of four keys with the space; the word at the beginning is read only, the others are complete.
    assert saved.tolist() == [0, 0, 0, 0] + [3, 0, 0, 0] * 4


def by_a_patient_typist(reader, text, begin, chars):
    """Return what keys_saved should: one word after the other, each key from the beginning."""
    inside = savings.in_words(chars)
    saved, start = np.zeros(len(text) - begin), begin + 1
    while start < len(text):
        if not inside[text[start]] or inside[text[start - 1]]:
            start += 1
            continue
        end = start
        while end < len(text) and inside[text[end]]:
            end += 1
        for typed in range(start, end if end < len(text) else start):
            found = savings.words_ahead(reader, *after(reader, text[:typed]), inside)[0].tolist()
            if text[typed:end] in [[k for k in rest if k >= 0] for rest in found]:
                spaced = chars[text[end]] == " "
                saved[start - begin] = max(0, end - typed + spaced - 1)
                break
        start = end
    return saved


def test_the_typist_takes_the_right_word_as_soon_as_it_is_shown(reader, chars, text):
    counting = savings.CountingReader(NGram(text[:60], len(chars), order=3))
    for one in (reader, counting):
        saved = savings.keys_saved(one, text, 40, chars)
        assert saved.tolist() == by_a_patient_typist(one, text, 40, chars).tolist()
    assert saved.sum() > 0


def test_savings_have_an_interval_and_differences_are_printed(tiny, chars, capsys):
    model, splits, *_ = tiny
    counting = NGram.of_windows(*splits[:4], len(chars))
    test_X, test_y = splits[4], splits[5].repeat(5)
    found = savings.keystroke_savings({"GRU": model}, counting, test_X, test_y, chars)
    assert list(found) == ["GRU", counting.name]
    for mean, lower, upper in found.values():
        assert 0 <= lower <= mean <= upper <= 100
    assert found[counting.name][0] > 50 > found["GRU"][0]  # a text that repeats itself; untrained
    assert capsys.readouterr().out.startswith(f"{counting.name} saves ")


def test_an_interval_is_over_blocks(capsys):
    assert savings.with_interval(np.full(9, 25.0)) == (25, 25, 25)
    blocks = np.random.default_rng(1).normal(25, 3, 400)
    mean, lower, upper = savings.with_interval(blocks)
    half = 1.96 * blocks.std() / 20  # of a mean of 400
    assert lower == pytest.approx(mean - half, abs=0.05)
    assert upper == pytest.approx(mean + half, abs=0.05)
    savings.print_differences({"a": blocks, "b": blocks + 2, "c": blocks + 1})
    assert capsys.readouterr().out == (
        "b saves 1.0 keys of 100 more than c (1.0 to 1.0).\n"
        "c saves 1.0 keys of 100 more than a (1.0 to 1.0).\n"
    )


def test_a_short_text_has_an_interval_too(tiny, chars):
    model, splits, *_ = tiny
    counting = NGram.of_windows(*splits[:4], len(chars))
    for y in (splits[5], splits[5][:3]):
        found = savings.keystroke_savings({"GRU": model}, counting, splits[4], y, chars)
        assert all(np.isfinite(values).all() for values in found.values())
