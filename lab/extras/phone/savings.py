"""Keystroke savings: the share of keys that a simulated typist need not press.

The simulated typist accepts the right word as soon as it is among the suggestions, here three
(Trnka and McCoy, "Evaluating Word Prediction: Framing Keystroke Savings", ACL 2008). To accept a
word is one key. It also types the space after the word. If another character follows the word, the
typist needs no extra key to remove the space, because a phone's keyboard removes it.
"""

import heapq
import itertools
import math
import operator
import re
import unicodedata
from collections import defaultdict

import numpy as np
import pandas as pd
import torch

import helpers
from lab.exercise import SEED, SUGGESTIONS
from lab.extras.phone.keystrokes import SAVINGS

BEAM, LONGEST = 3, 18  # hypotheses of a search, characters of the rest of a word
BETWEEN = "'\u2019-\u200c\u200d"  # in words, too; the last two join or separate letters
STYLES = "\ufe0e\ufe0f"  # of emoji: Unicode calls them marks, but no word has them
FEW_SPACES = 0.05  # as a share of the characters; in English about every sixth one is a space
FEWEST = 10  # blocks, for an interval
BLOCK = 150  # characters: for the interval, blocks of the text are resampled


def in_words(chars):
    """Return which characters can be in a word: a bool tensor (vocab_size,).

    They are the letters, digits and marks of every script (Unicode's categories L, N and M), and
    what stands between them. WORD in keyboard/page.js says the same.
    """
    return torch.tensor(
        [(unicodedata.category(c)[0] in "LMN" and c not in STYLES) or c in BETWEEN for c in chars]
    )


def words_ahead(step, logs, states, inside):
    """Return the most likely rests of a word after n texts: SUGGESTIONS tuples of indices for each.

    The rests are found by beam search, as in words() of keyboard/engine.js. ``logs`` (n,
    vocab_size) are the log probabilities after the texts, and ``states`` are the states there. The
    Step ``step`` continues from these states. ``inside`` (vocab_size,) is True for characters of
    words.
    """
    found = [[] for _ in logs]  # for each text: (log probability, rest)
    live = [(text, 0.0, (), text) for text in range(len(logs))]  # and its row in logs and states
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
    """Return two dicts by text: the rests that end here, and rests with one more letter."""
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
    """Return the most likely longer rests, without those that cannot be suggested any more."""
    least = found[-1][0] if len(found) == SUGGESTIONS else -math.inf
    return [one for one in _likeliest(BEAM, grown) if one[0] > least and len(one[1]) <= LONGEST]


def _likeliest(count, scored):
    return heapq.nlargest(count, scored, key=operator.itemgetter(0))


def whole_words(inside, begin):
    """Return (start, end) of the words that begin after ``begin`` and end before the text ends.

    ``inside`` has one value per character of the text: True if the character can be in a word.
    """
    letters = "".join("x" if yes else " " for yes in inside)
    spans = [found.span() for found in re.finditer("x+", letters)]
    return [(start, end) for start, end in spans if start > begin and end < len(letters)]


@torch.inference_mode()
def keys_saved(step, text, begin, chars):
    """Return an array with a number for each character of ``text[begin:]``: the keys saved there.

    The keys that a word saves are counted at the first character of the word. ``text`` is a list of
    indices. The characters before ``begin`` are only read.
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

    The states are a list of tensors of shape (num_layers, t, hidden_dim).
    """
    logs, states, state = [], [], step.start()
    for index in text:
        logits, *state = step(torch.tensor([[index]]), *state)
        logs.append(logits)
        states.append(state)
    return torch.cat(logs).log_softmax(1), [torch.cat(one, 1) for one in zip(*states, strict=True)]


def keystroke_savings(steps, test_X, test_y, chars):
    """Return a DataFrame of keystroke savings in per cent with intervals; print the differences.

    ``steps`` is a dict of Step or NGramStep by the names of the models; each has a row. The
    simulated typist writes the test text, and the models read the same characters. The 95 %
    intervals come from a block bootstrap over the test text, with the same blocks for all models.
    They do not include the variation between random seeds.
    """
    text, begin = [*test_X[0].tolist(), *test_y.tolist()], test_X.shape[1]
    saved = {}
    with helpers.one_thread():
        for name, step in steps.items():
            keys = keys_saved(step, text, begin, chars)
            blocks = np.array_split(keys, max(1, round(len(keys) / BLOCK)))
            saved[name] = [100 * block.mean() for block in blocks]
    saved = pd.DataFrame(saved)  # one row per block of text
    spaces = np.mean([chars[index].isspace() for index in text])
    if spaces < FEW_SPACES:
        helpers.say(
            f"Only {spaces:.1%} of the characters of the test text are spaces. Where spaces do not "
            "separate the words, savings by words mean little."
        )
    print_differences(saved)
    return saved.apply(with_interval).T


def with_interval(blocks, draws=2_000):
    """Return the mean of blocks of text and the two ends of its 95 % interval, by bootstrap."""
    drawn = np.random.default_rng(SEED).choice(blocks, (draws, len(blocks))).mean(1)
    return pd.Series([np.mean(blocks), *np.quantile(drawn, [0.025, 0.975])], SAVINGS)


def print_differences(saved):
    """Print for each model how many keys of 100 it saves more than the next one in the ranking.

    If the 95 % interval includes 0, the line says that the difference is not significant.
    """
    if len(saved) < FEWEST:
        helpers.say(
            f"The test text is too short for intervals: it has only {len(saved)} blocks of {BLOCK} "
            "characters."
        )
        return
    ranked = saved.mean().sort_values(ascending=False).index
    for better, worse in itertools.pairwise(ranked):
        more, lower, upper = with_interval(saved[better] - saved[worse])
        verdict = "" if lower > 0 else " This difference is not significant."
        helpers.say(
            f"{better} saves {more:.1f} keys of 100 more than {worse} (95 % interval "
            f"{lower:.1f} to {upper:.1f}).{verdict}"
        )
