"""phone/savings.py: the words that are suggested, and what a typist who takes them saves."""

import itertools
import re
import unicodedata

import numpy as np
import pandas as pd
import pytest
import torch

from lab.extras.phone import savings
from lab.extras.phone.keystrokes import SAVINGS, NGramStep, Step
from lab.ngram import NGram


@pytest.fixture
def reader(tiny):
    return Step(tiny[0])


@pytest.fixture
def chars(tiny):
    return list(tiny[2])


@pytest.fixture
def text(tiny):
    _, splits, *_ = tiny
    return [*splits[4][0].tolist(), *splits[5].tolist()]


def after(reader, text):
    """Return log probabilities and state after a text that is read character by character."""
    logs, states = savings.read_along(reader, text)
    return logs[-1:], [state[:, -1:] for state in states]


def of_an_ngram_model():
    model = NGram(np.random.default_rng(0).choice(4, 300, p=[0.3, 0.4, 0.2, 0.1]), 4, order=3)
    return NGramStep(model)


def test_a_word_is_letters_digits_and_their_marks_in_every_script():
    inside = ["a", "é", "ß", "中", "'", "\u2019", "-", "1", "½", "\u0301", "\u093f", "\u064e"]
    inside += ["\u200c", "\u200d"]  # spelling, in Persian and in Sinhala
    outside = [" ", ".", "_", "\n", "\u0964", "\U0001f600", "\u060c", "\ufe0f"]
    assert savings.in_words(inside + outside).tolist() == [True] * 14 + [False] * 8


@pytest.mark.parametrize(
    "sentence",
    ["वह किताब पढ़ रही थी। ", "tiếng Việt rất đẹp. ", "كَتَبَ الوَلَدُ الدَرسَ. ", "می‌روم به خانه. "],
)
def test_a_mark_does_not_end_a_word(sentence):
    text = unicodedata.normalize("NFD", sentence)
    chars = sorted(set(text))
    inside = savings.in_words([*text])
    words = [text[start:end] for start, end in savings.whole_words(inside, -1)]
    assert words == re.split("[ .।]+", text)[:-1]
    indices = [chars.index(character) for character in text]
    reader = NGramStep(NGram(indices * 20, len(chars), order=6))
    saved = savings.keys_saved(reader, indices * 3, len(text), chars)
    assert saved.sum() > 0.8 * len(text)  # of twice as many keys; the text is known by heart


def test_savings_by_words_are_doubted_where_nothing_separates_the_words(capsys):
    def said_of(text):
        chars = sorted(set(text))
        indices = torch.tensor([chars.index(character) for character in text])
        model = NGramStep(NGram(indices.tolist(), len(chars), order=3))
        savings.keystroke_savings({"n-gram model": model}, indices[None, :5], indices[5:], chars)
        return capsys.readouterr().out

    chinese = "我今天在家里看书\u3002他去学校\u3002" * 9
    assert said_of(chinese).startswith("Only 0.0% of the characters of the test text are spaces.")
    assert "spaces" not in said_of("she reads at home, he works. " * 5)


def test_the_likeliest_words_are_found(monkeypatch):
    monkeypatch.setattr(savings, "LONGEST", 3)
    monkeypatch.setattr(savings, "BEAM", 30)  # as many as there are: an exhaustive search
    reader, inside = of_an_ngram_model(), torch.tensor([False, True, True, False])
    begun, scores = [1, 0, 2], {}
    for length in (1, 2, 3):
        for word in itertools.product([1, 2], repeat=length):
            logs, _ = savings.read_along(reader, [*begun, *word])
            letters = sum(logs[2 + k, index].item() for k, index in enumerate(word))
            scores[word] = letters + logs[-1, ~inside].logsumexp(0).item()
    best = sorted(scores, key=lambda word: -scores[word])[:3]
    assert savings.words_ahead(reader, *after(reader, begun), inside) == [best]


def test_many_texts_are_searched_as_each_alone(reader, chars, text):
    inside, places = savings.in_words(chars), [2, 7, 29]
    logs, states = savings.read_along(reader, text[:30])
    together = savings.words_ahead(reader, logs[places], [s[:, places] for s in states], inside)
    for place, found in zip(places, together, strict=True):
        alone = after(reader, text[: place + 1])
        assert savings.words_ahead(reader, *alone, inside) == [found]


def test_a_word_that_is_suggested_before_it_begins_costs_one_key():
    chars, word = [" ", "a", "b", "c"], [1, 2, 3, 0]
    reader = NGramStep(NGram(word * 50, 4, order=4))
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
            (found,) = savings.words_ahead(reader, *after(reader, text[:typed]), inside)
            if tuple(text[typed:end]) in found:
                spaced = chars[text[end]] == " "
                saved[start - begin] = max(0, end - typed + spaced - 1)
                break
        start = end
    return saved


def test_the_typist_takes_the_right_word_as_soon_as_it_is_shown(reader, chars, text):
    for one in (reader, NGramStep(NGram(text[:60], len(chars), order=3))):
        saved = savings.keys_saved(one, text, 40, chars)
        assert saved.tolist() == by_a_patient_typist(one, text, 40, chars).tolist()
    assert saved.sum() > 0


def test_savings_have_an_interval_and_differences_are_printed(tiny, chars, capsys):
    model, splits, *_ = tiny
    ngram = NGram.of_windows(*splits[:4], len(chars))
    steps = {"GRU": Step(model), ngram.name: NGramStep(ngram)}
    found = savings.keystroke_savings(steps, splits[4], splits[5].repeat(5), chars)
    assert "too short for intervals" in capsys.readouterr().out
    found = savings.keystroke_savings(steps, splits[4], splits[5].repeat(20), chars)
    assert list(found.index) == ["GRU", ngram.name] and list(found.columns) == SAVINGS
    for mean, lower, upper in found.itertuples(index=False):
        assert 0 <= lower <= mean <= upper <= 100
    saved = found[SAVINGS[0]]
    assert saved[ngram.name] > 50 > saved["GRU"]  # a text that repeats itself; untrained
    assert capsys.readouterr().out.startswith(f"{ngram.name} saves ")


def test_an_interval_is_over_blocks(capsys):
    assert savings.with_interval(np.full(9, 25.0)).tolist() == [25, 25, 25]
    blocks = np.random.default_rng(1).normal(25, 3, 400)
    mean, lower, upper = savings.with_interval(blocks)
    half = 1.96 * blocks.std() / 20  # of a mean of 400
    assert lower == pytest.approx(mean - half, abs=0.05)
    assert upper == pytest.approx(mean + half, abs=0.05)
    savings.print_differences(pd.DataFrame({"a": blocks, "b": blocks + 2, "c": blocks + 1}))
    assert capsys.readouterr().out == (
        "b saves 1.0 keys of 100 more than c (95 % interval 1.0 to 1.0).\n"
        "c saves 1.0 keys of 100 more than a (95 % interval 1.0 to 1.0).\n"
    )


def test_a_short_text_has_an_interval_too(tiny, chars):
    model, splits, *_ = tiny
    for y in (splits[5], splits[5][:3]):
        found = savings.keystroke_savings({"GRU": Step(model)}, splits[4], y, chars)
        assert np.isfinite(found).all(axis=None)
