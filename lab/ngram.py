"""The n-gram model: a language model that only counts, to compare the networks with."""

import math
import time
from collections import deque
from functools import partial
from typing import NamedTuple

import numpy as np
import pandas as pd

import helpers
from lab.memory import characters_used

WORTH_A_CHARACTER = 0.001  # a longer context has to lower the perplexity by at least this share


class Level(NamedTuple):
    """The n-grams of one length, sorted, so that those with the same context are neighbours."""

    keys: np.ndarray  # sorted: number of the context, times vocab_size, plus the last character
    share: np.ndarray  # what each n-gram's own count gives it
    rest: np.ndarray  # by context: what is left for the next shorter one
    start: np.ndarray  # by context: where its n-grams begin; one more at the end


class NGram:
    """An n-gram model of characters, with interpolated modified Kneser-Ney smoothing.

    The method is from Chen and Goodman, "An Empirical Study of Smoothing Techniques for Language
    Modeling" (1999). A discount is subtracted from each count. Its closed form needs the numbers of
    n-grams that were seen once, twice, three and four times. The probability that the discounts set
    free goes to the next shorter context. There a character's count is the number of different
    contexts in which it was seen. Below single characters, the probability is 1 / ``vocab_size``.
    ``discounts`` replaces the closed form: for each length, the discounts of counts 1, 2 and more.
    """

    def __init__(self, indices, vocab_size, order, discounts=None):
        self.order, self.vocab_size = order, vocab_size
        text = np.asarray(indices)
        self.levels = []
        number = np.zeros(len(text) + 1, dtype=np.int64)  # of the context that ends before a place
        contexts, previous = 1, None
        for length in range(1, order + 1):
            ends = number[: len(text) - length + 1] * vocab_size + text[length - 1 :]
            keys, first, number, counts = np.unique(
                ends, return_index=True, return_inverse=True, return_counts=True
            )
            if previous:  # the shorter ones count in how many contexts they were seen
                longer = np.bincount(previous[1][first + 1], minlength=len(previous[0]))
                self._add(previous[0], longer, contexts, discounts)
                contexts = len(previous[0])
            previous = keys, number
        self._add(keys, counts, contexts, discounts)

    def _add(self, keys, counts, contexts, discounts):
        discount = closed_form(counts) if discounts is None else discounts[len(self.levels)]
        taken = np.array([0, *discount])[np.minimum(counts, 3)]
        context = keys // self.vocab_size
        total = np.bincount(context, counts, contexts)
        left = np.bincount(context, taken, contexts)
        rest = np.divide(left, total, out=np.ones(contexts), where=total > 0)
        start = np.searchsorted(context, np.arange(contexts + 1))
        share = (counts - taken) / np.maximum(total[context], 1)
        self.levels.append(Level(keys, share, rest, start))

    @classmethod
    def of_windows(cls, train_X, train_y, val_X, val_y, vocab_size):
        """Return the model of the text that the training windows and their targets were cut from.

        Its order is the first that the next order does not improve: the perplexity of the
        validation windows would fall by less than a thousandth. ``seconds`` says how long it took.
        """
        text = [*train_X[0].tolist(), *train_y.tolist()]
        best, lowest = None, math.inf
        for order in range(1, train_X.shape[1] + 2):
            start = time.perf_counter()
            model = cls(text, vocab_size, order)
            model.seconds = time.perf_counter() - start
            perplexity = model.perplexity(val_X, val_y)
            if perplexity > lowest * (1 - WORTH_A_CHARACTER):
                break
            best, lowest = model, perplexity
        return best

    @property
    def name(self):
        return "n-gram model"

    @property
    def counts(self):
        """The number of counts that the model keeps."""
        return sum(len(level.keys) for level in self.levels)

    def _find(self, contexts, length):
        """Return the numbers of the last ``length`` characters of contexts, -1 for unseen ones."""
        numbers = np.zeros(len(contexts), dtype=np.int64)
        columns = contexts[:, contexts.shape[1] - length :].T
        for level, characters in zip(self.levels, columns, strict=False):
            numbers = self._follow(level, numbers, characters)
        return numbers

    def _follow(self, level, numbers, characters):
        keys = np.where(numbers < 0, -1, numbers * self.vocab_size + characters)
        places = np.minimum(np.searchsorted(level.keys, keys), len(level.keys) - 1)
        return np.where(level.keys[places] == keys, places, -1)

    def probability_of(self, X, y):
        """Return the probability of each target after its window: array (windows,)."""
        X, y = np.asarray(X), np.asarray(y)
        X = X[:, max(0, X.shape[1] - self.order + 1) :]  # all that it can look back
        probability = np.full(len(y), 1 / self.vocab_size)
        for length, level in enumerate(self.levels[: X.shape[1] + 1]):
            context = self._find(X, length)
            gram = self._follow(level, context, y)
            own = np.where(gram < 0, 0, level.share[gram])
            rest = np.where(context < 0, 1, level.rest[context])
            probability = own + rest * probability
        return probability

    def probabilities(self, context):
        """Return the probability of each index after the indices ``context``: (vocab_size,)."""
        mixed = np.full(self.vocab_size, 1 / self.vocab_size)
        for length, level in enumerate(self.levels[: len(context) + 1]):
            number = 0
            characters = context[len(context) - length :]
            for shorter, character in zip(self.levels, characters, strict=False):
                key = number * self.vocab_size + character
                number = int(shorter.keys.searchsorted(key))
                if number == len(shorter.keys) or shorter.keys[number] != key:
                    return mixed
            here = slice(level.start[number], level.start[number + 1])
            mixed *= level.rest[number]
            mixed[level.keys[here] % self.vocab_size] += level.share[here]
        return mixed

    def perplexity(self, X, y):
        """Return the perplexity on the final timestep of windows (windows, seq_len)."""
        return math.exp(-np.log(self.probability_of(X, y)).mean())


class Typing:
    """An NGram that is fed as helpers.Typing is, without PyTorch, which would take longer."""

    def __init__(self, ngram):
        self.ngram, self.context = ngram, deque(maxlen=ngram.order - 1)

    def feed(self, index):
        self.context.append(index)
        return np.log(self.ngram.probabilities(list(self.context)))


def closed_form(counts):
    """Return the discounts of counts 1, 2 and more (Chen and Goodman 1999).

    If the formula needs a number of n-grams that is zero, Kneser and Ney's single discount is used,
    or 0.5 if that cannot be computed either.
    """
    one, two, three, four = (int((counts == times).sum()) for times in (1, 2, 3, 4))
    single = one / (one + 2 * two) if one and two else 0.5
    ratios = ((one, two), (two, three), (three, four))
    found = []
    for times, (few, more) in enumerate(ratios, 1):
        discount = times - (times + 1) * single * more / few if few and more else 0
        found.append(discount if discount > 0 else single)
    return found


def compare(performance_table, models, ngram_model, test_X, test_y):
    """Return the performance table, with the n-gram model's row and the column "Characters Used".

    In this row, "Parameters" are the counts that it keeps, and the epoch time is the time of
    counting. A keystroke and a window take the same time: that of computing the probabilities of
    all next characters. "Characters Used" says how many of the last characters the predictions of
    each model use. Prints how far the perplexity of each network is from that of the n-gram model.
    """
    if helpers.waits_for("training performance", models, performance_table):
        return None
    table = helpers.by_model(performance_table, "Test Perplexity")
    keystrokes = helpers.keystrokes_of(test_X)
    times = helpers.keystroke_times({"": Typing(ngram_model)}, keystrokes)[""]
    perplexity = ngram_model.perplexity(test_X, test_y)
    row = {
        "Parameters": ngram_model.counts,
        "Test Perplexity": perplexity,
        "Bits per Character": math.log2(perplexity),
        "Avg Epoch Time (s)": ngram_model.seconds,
        "Keystroke (ms)": times.median(),
        "Inference Speed (ms)": times.median(),
    }
    table = pd.concat([table, pd.DataFrame(row, index=[ngram_model.name])]).rename_axis("Model")
    apart = table["Test Perplexity"] / perplexity - 1
    helpers.say(
        f"The n-gram model predicts from the last {ngram_model.order - 1} character(s) (n = "
        f"{ngram_model.order}). Its test perplexity is {perplexity:.2f}. Compared with it: "
        + ", ".join(f"{name} {apart[name]:+.1%}" for name in models)
    )
    predict = {name: partial(helpers.calculate_perplexity, model) for name, model in models.items()}
    predict |= {ngram_model.name: ngram_model.perplexity}
    used = {name: characters_used(each, test_X, test_y) for name, each in predict.items()}
    return table.assign(**{"Characters Used": pd.Series(used)}).reset_index()


def show_perplexities(models, ngram_model, test_X, test_y):
    """Print the test perplexity of each model and that of the n-gram model."""
    if helpers.waits_for("training", models):
        return
    counted = ngram_model.perplexity(test_X, test_y)
    for name, model in models.items():
        own = helpers.calculate_perplexity(model, test_X, test_y)
        size = f"{helpers.count_parameters(model):,} parameters"
        helpers.say(f"{name}, {size}: test perplexity {own:.2f}, {ngram_model.name} {counted:.2f}")
