"""A language model that only counts: what any network has to beat to be worth shipping."""

import math
import statistics
import time
from collections import Counter, defaultdict

import pandas as pd

import helpers


class NGram:
    """Interpolated n-gram model over characters, counted from the training text.

    Witten-Bell smoothing as in Chen and Goodman, "An Empirical Study of Smoothing Techniques for
    Language Modeling" (1998), section 2.5: the more different characters have followed a context,
    the more weight the shorter context gets; below single characters it is 1 / ``vocab_size``.
    """

    def __init__(self, indices, vocab_size, order=5):
        self.order, self.vocab_size = order, vocab_size
        self.counts = defaultdict(Counter)  # context -> how often each character followed it
        for length in range(order):
            for i in range(length, len(indices)):
                self.counts[tuple(indices[i - length : i])][indices[i]] += 1

    @classmethod
    def of_windows(cls, X, y, vocab_size):
        """Return the model of the text that windows and their targets were cut from."""
        return cls([*X[0].tolist(), *y.tolist()], vocab_size)

    def probabilities(self, context):
        """Return the probability of each index after the indices ``context``."""
        mixed = [1 / self.vocab_size] * self.vocab_size
        for length in range(min(self.order, len(context) + 1)):
            followers = self.counts.get(tuple(context[len(context) - length :]))
            if followers is None:
                break
            kinds, total = len(followers), followers.total()
            mixed = [kinds * probability / (total + kinds) for probability in mixed]
            for index, count in followers.items():
                mixed[index] += count / (total + kinds)
        return mixed

    def perplexity(self, X, y):
        """Return the perplexity on the final timestep of windows (windows, seq_len)."""
        contexts = X[:, 1 - self.order :].tolist()
        losses = [
            -math.log(self.probabilities(context)[target])
            for context, target in zip(contexts, y.tolist(), strict=True)
        ]
        return math.exp(statistics.fmean(losses))


def show_beside_counting(models, train_X, train_y, test_X, test_y, vocab_size):
    """Print the test perplexity of each model beside that of counting the same training text."""
    if helpers.waits_for("5: train the models", models):
        return
    counted = NGram.of_windows(train_X, train_y, vocab_size)
    perplexity = counted.perplexity(test_X, test_y)
    for name, model in models.items():
        own = helpers.calculate_perplexity(model, test_X, test_y)
        size = f"{helpers.count_parameters(model):,} parameters"
        print(f"{name}, {size}: test perplexity {own:.2f}; {counted.order}-gram {perplexity:.2f}")


def compare_with_counting(performance_table, train_X, train_y, test_X, test_y, vocab_size):
    """Return the performance table as shown, beside a 5-gram model of the same training text.

    Its parameters are the counts that it keeps, its epoch the seconds of counting, its inference
    speed the milliseconds of scoring all next characters. Says which networks predict no better.
    """
    if helpers.waits_for("7: performance_table", performance_table):
        return None
    start = time.perf_counter()
    model = NGram.of_windows(train_X, train_y, vocab_size)
    counted = time.perf_counter()
    model.probabilities(test_X[0].tolist())
    answered = time.perf_counter()
    perplexity = model.perplexity(*helpers.within_budget(test_X, test_y))
    row = {
        "Model": f"{model.order}-gram",
        "Parameters": sum(map(len, model.counts.values())),
        "Test Perplexity": perplexity,
        "Bits per Character": math.log2(perplexity),
        "Avg Epoch Time (s)": counted - start,
        "Inference Speed (ms)": 1000 * (answered - counted),
    }
    table = performance_table.set_index("Model")
    losers = table.index[table["Test Perplexity"] >= perplexity]
    if len(losers):
        print(f"Not worth shipping, since counting predicts as well: {', '.join(losers)}.")
    else:
        print("Every network predicts better than counting does.")
    return helpers.show_table(pd.concat([performance_table, pd.DataFrame([row])]))
