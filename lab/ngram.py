"""A language model that only counts: what any network has to beat to be worth shipping."""

import math
import time
from collections import deque
from functools import partial
from typing import NamedTuple

import numpy as np
import pandas as pd

import helpers
from lab.memory import characters_used

WORTH_A_CHARACTER = 0.001  # by so much a longer context has to lower the perplexity


class Level(NamedTuple):
    """The n-grams of one length; one that follows the same context as another stands beside it."""

    keys: np.ndarray  # sorted: number of the context, times vocab_size, plus the last character
    share: np.ndarray  # what each n-gram's own count gives it
    rest: np.ndarray  # by context: what is left for the next shorter one
    start: np.ndarray  # by context: where its n-grams begin; one more at the end


class NGram:
    """Interpolated modified Kneser-Ney over characters, counted from the training text.

    Chen and Goodman, "An Empirical Study of Smoothing Techniques for Language Modeling" (1999):
    from each count a discount is taken, in closed form from how many n-grams were seen once, twice,
    three and four times, and given to the next shorter context, whose counts are in
    how many different contexts a character has been seen; below single characters it is
    1 / ``vocab_size``. ``discounts``, for each length those of counts 1, 2 and more, replaces the
    closed form.
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

        Its order is the last that is worth its size: the next would lower the perplexity of the
        validation windows by less than a thousandth. ``seconds`` says how long it took to count.
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

    Where a number of n-grams that it needs is zero, Kneser and Ney's single discount, or a half.
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
    """Return the performance table with a row for counting, and print how far each network is off.

    Its parameters are the counts that it keeps, its epoch the seconds of counting; a keystroke and
    a window take it the same milliseconds, those of scoring all next characters. A column says how
    many of the last characters the predictions of each use.
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
        f"The n-gram model has order {ngram_model.order}: it predicts from the last "
        f"{ngram_model.order - 1} characters. Its test perplexity is {perplexity:.2f}. Compared with "
        "it: " + ", ".join(f"{name} {apart[name]:+.1%}" for name in models)
    )
    predict = {name: partial(helpers.calculate_perplexity, model) for name, model in models.items()}
    predict |= {ngram_model.name: ngram_model.perplexity}
    used = {name: characters_used(each, test_X, test_y) for name, each in predict.items()}
    return table.assign(**{"Characters Used": pd.Series(used)}).reset_index()


def show_perplexities(models, ngram_model, test_X, test_y):
    """Print the test perplexity of each model beside that of counting the same training text."""
    if helpers.waits_for("training", models):
        return
    counted = ngram_model.perplexity(test_X, test_y)
    for name, model in models.items():
        own = helpers.calculate_perplexity(model, test_X, test_y)
        size = f"{helpers.count_parameters(model):,} parameters"
        helpers.say(f"{name}, {size}: test perplexity {own:.2f}; {ngram_model.name} {counted:.2f}")
