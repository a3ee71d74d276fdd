"""Keystroke savings: how much of the typing a perfect user leaves to the suggestions.

Trnka and McCoy, "Evaluating Word Prediction: Framing Keystroke Savings" (ACL 2008): the share of
keys that need not be pressed by who takes the right word as soon as it is among those shown, here
three. Taking one is a key too, and types the space behind the word, which costs no key to be rid
of where something else follows: a phone's keyboard takes it back.
"""

import heapq
import itertools
import math
import operator
import re
from collections import defaultdict

import numpy as np
import pandas as pd
import torch

import helpers
from lab.exercise import SEED, SUGGESTIONS
from lab.extras.phone.keystrokes import SAVINGS

BEAM, LONGEST = 3, 18  # hypotheses of a search, characters of a word's rest
BLOCK = 150  # characters: for the interval, the text is drawn again in blocks of so many


def in_words(chars):
    """Return which characters words are made of: bool (vocab_size,)."""
    return torch.tensor([c.isalpha() or c in "'\u2019-" for c in chars])


def words_ahead(step, logs, states, inside):
    """Return the likeliest rests of a word after n texts: SUGGESTIONS tuples of indices for each.

    By beam search, as words() of keyboard/engine.js: ``logs`` (n, vocab_size) are the log
    probabilities and ``states`` the state after the last characters, which a Step ``step`` goes on
    from; ``inside`` (vocab_size,) is true for what is in words.
    """
    found = [[] for _ in logs]  # of each text: (log probability, rest)
    live = [(text, 0.0, (), text) for text in range(len(logs))]  # and its place in logs and states
    while live:
        ended, grown = _extended(live, logs, inside)
        live = []
        for text in range(len(found)):
            found[text] = _likeliest(SUGGESTIONS, found[text] + ended[text])
            for score, rest, row in _worth_it(grown[text], found[text]):
                live.append((text, score, rest, row))
        if live:
            last = torch.tensor([[rest[-1]] for _, _, rest, _ in live])
            rows = [row for *_, row in live]
            logs, *states = step(last, *(state[:, rows] for state in states))
            logs = logs.log_softmax(1)
    return [[rest for _, rest in rests] for rests in found]


def _extended(live, logs, inside):
    """Return the rests that end here and those that are a letter longer, two dicts by text."""
    ends = logs.masked_fill(inside, -math.inf).logsumexp(1).tolist()
    best = logs.masked_fill(~inside, -math.inf).topk(min(BEAM, len(inside)))
    values, letters = best.values.tolist(), best.indices.tolist()
    ended, grown = defaultdict(list), defaultdict(list)
    for row, (text, score, rest, _) in enumerate(live):
        if rest:
            ended[text].append((score + ends[row], rest))
        for value, letter in zip(values[row], letters[row], strict=True):
            grown[text].append((score + value, (*rest, letter), row))
    return ended, grown


def _worth_it(grown, found):
    """Return the likeliest longer rests, less those that cannot be among what is shown."""
    least = found[-1][0] if len(found) == SUGGESTIONS else -math.inf
    return [one for one in _likeliest(BEAM, grown) if one[0] > least and len(one[1]) <= LONGEST]


def _likeliest(count, scored):
    return heapq.nlargest(count, scored, key=operator.itemgetter(0))


def whole_words(inside, begin):
    """Return (start, end) of the words that begin after ``begin`` and end before the text does.

    ``inside`` says of each character of the text whether it is in a word.
    """
    letters = "".join("x" if yes else " " for yes in inside)
    spans = [found.span() for found in re.finditer("x+", letters)]
    return [(start, end) for start, end in spans if start > begin and end < len(letters)]


@torch.inference_mode()
def keys_saved(step, text, begin, chars):
    """Return the keys saved at each character of ``text[begin:]``, an array, at the words' starts.

    ``text`` is a list of indices; what stands before ``begin`` is read only.
    """
    inside = in_words(chars)
    words = whole_words(inside[text], begin)
    logs, states = read_along(step, text)
    saved, typed = np.zeros(len(text) - begin), 0
    while words:
        places = [start + typed - 1 for start, _ in words]
        ahead = words_ahead(step, logs[places], [s[:, places] for s in states], inside)
        left = []
        for (start, end), suggested in zip(words, ahead, strict=True):
            rest = text[start + typed : end]
            if tuple(rest) in suggested:
                space = chars[text[end]] == " "
                saved[start - begin] = max(0, len(rest) + space - 1)
            elif start + typed + 1 < end:
                left.append((start, end))
        words, typed = left, typed + 1
    return saved


def read_along(step, text):
    """Return the log probabilities (t, vocab_size) and the states after each character of a text.

    The states are a list of tensors (num_layers, t, hidden_dim).
    """
    logs, states, state = [], [], step.start()
    for index in text:
        logits, *state = step(torch.tensor([[index]]), *state)
        logs.append(logits)
        states.append(state)
    return torch.cat(logs).log_softmax(1), [torch.cat(one, 1) for one in zip(*states, strict=True)]


def keystroke_savings(steps, test_X, test_y, chars):
    """Return a DataFrame of per cent of the keys saved, with its interval; print the differences.

    A row for each of ``steps``, a Step or NGramStep by its model's name. The simulated typist
    writes the held-out text, the models reading along. Intervals of 95 % are over blocks of the
    text drawn again (bootstrap), the same for all models; seeds are not in them.
    """
    text, begin = [*test_X[0].tolist(), *test_y.tolist()], test_X.shape[1]
    saved = {}
    with helpers.one_thread():
        for name, step in steps.items():
            keys = keys_saved(step, text, begin, chars)
            blocks = np.array_split(keys, max(1, round(len(keys) / BLOCK)))
            saved[name] = [100 * block.mean() for block in blocks]
    saved = pd.DataFrame(saved)  # a row per block of text
    print_differences(saved)
    return saved.apply(with_interval).T


def with_interval(blocks, draws=2_000):
    """Return the mean of blocks of text, and the ends of its 95 % over blocks drawn again."""
    drawn = np.random.default_rng(SEED).choice(blocks, (draws, len(blocks))).mean(1)
    return pd.Series([np.mean(blocks), *np.quantile(drawn, [0.025, 0.975])], SAVINGS)


def print_differences(saved):
    """Print by how many keys of 100 each model saves more than the next one, on the same blocks.

    Where the interval reaches 0 no difference is shown.
    """
    ranked = saved.mean().sort_values(ascending=False).index
    for better, worse in itertools.pairwise(ranked):
        more, lower, upper = with_interval(saved[better] - saved[worse])
        shown = "" if lower > 0 else ": no difference shown"
        helpers.say(
            f"{better} saves {more:.1f} keys of 100 more than {worse} ({lower:.1f} to {upper:.1f})"
            f"{shown}."
        )
