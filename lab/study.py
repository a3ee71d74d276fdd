"""What the study says: the runs over seeds that can tell models apart, where one run cannot.

data/study/ holds them: ``python -m benchmarks.study`` made them, and the intervals. They are those
of the bundled sample: on another text the functions here say so in a line, and return None.
"""

import hashlib
import json
import math

import pandas as pd

from helpers import DATA
from lab import exercise
from lab.exercise import MODELS, SIZES, SPAN_SIZES

STUDY = DATA / "study"
BUDGET, LEARNED = "as in the notebook", "until it has learned"  # two of the study's comparisons
PAIRS = [("GRU", "LSTM"), ("RNN", "LSTM"), ("RNN", "GRU")]
PAIRS += [(name, "counting") for name in MODELS]
UNITS = [(sizes["hidden_dim"], sizes["num_layers"]) for sizes in (SPAN_SIZES, SIZES)]


def fingerprint(text):
    """Return the SHA-256 of a text, by which the study's files name what they were measured on."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def read(folder, name):
    """Return a table of the study; ValueError, with the remedy, where its file is damaged."""
    path = folder / f"{name}.csv"
    try:
        return pd.read_csv(path)
    except (OSError, ValueError) as error:  # pandas' own are ValueErrors
        raise ValueError(
            f"{path} is damaged or missing ({error}): take it from the exercise's folder again."
        ) from error


def of_this_text(text, folder=STUDY):
    """Return whether the study is one of this text, and of models and rates like these.

    Where it is not, a line says so.
    """
    recorded = json.loads((folder / "settings.json").read_text(encoding="utf-8"))
    measured = fingerprint(text) == recorded["corpora"]["sample"]["sha256"]
    if not measured:
        print("The study used the bundled sample: it says nothing of a run on another text.")
    for number, now in exercise_numbers().items():
        if (was := recorded["protocol"][number]) != now:
            print(f"The study was measured with {number} = {was}: it says nothing of {now}.")
            measured = False
    return measured


def exercise_numbers():
    """Return the numbers of the exercise that the study rests on, as settings.json records them."""
    names = ("SIZES", "DROPOUT", "SEQ_LEN", "BATCH_SIZE", "EPOCHS", "LEARNING_RATES")
    names += ("MAX_GRADIENT_NORM", "SPAN_SIZES", "SPAN_BATCHES", "LONGEST_LAG")
    return {name: getattr(exercise, name) for name in names}


def sample(folder, name, comparison=BUDGET):
    """Return a table of the study: one of its comparisons on the sample."""
    table = read(folder, name)
    return table.query("comparison == @comparison and corpus == 'sample'")


def difference(first, second, comparison=BUDGET, folder=STUDY):
    """Return the row of differences.csv on two models: the estimate is 0.05 for 5 % above."""
    rows = sample(folder, "differences", comparison).set_index(["first", "second"])
    row = rows.loc[(first, second)].copy()
    row["first"], row["second"] = first, second
    return row


def verdict_of(row):
    """Return which of two models predicts better, as far as a row of differences.csv shows it."""
    p = row.p if math.isnan(row.holm) else row.holm
    if p >= 0.05:
        return "no difference shown"
    first, second = row["first"], row["second"]  # row.first is a method in pandas 2
    return f"{first if row.estimate < 0 else second} better"


def interval(row):
    """Return a row of differences.csv as text: "+1.0% (-1.0% to +3.0%)"."""
    return f"{row.estimate:+.1%} ({row.low:+.1%} to {row.high:+.1%})"


def perplexities(comparison=BUDGET, folder=STUDY):
    """Return the summary of the perplexities over seeds: a row for each model."""
    return sample(folder, "summary", comparison).set_index("model")


def spans(size, load, folder=STUDY):
    """Return the study's memory spans at a size and load: {model: sorted spans of the seeds}.

    A size is (hidden_dim, num_layers); each model had the best of its learning rates, which a pilot
    seed of 0 chose. A load that the study did not try has no spans.
    """
    measured = read(folder, "spans").query("seed > 0 and budget == 1")
    keys = measured[["hidden_dim", "num_layers", "load"]]
    rows = measured[(keys == [*size, load]).all(axis=1)]
    return rows.groupby("model")["span"].apply(sorted).to_dict()


def value_range(values):
    """Return the values of all seeds, sorted, as text: one number, or the lowest to the highest."""
    return f"{values[0]}" if values[0] == values[-1] else f"{values[0]} to {values[-1]}"


def seed_noise(folder=STUDY):
    """Return by how much the perplexities of two single runs may differ by their seeds alone.

    Relative, at 95 %: 1.96 standard deviations of a difference of two, the largest of the models.
    """
    summary = perplexities(BUDGET, folder)
    return 1.96 * math.sqrt(2) * (summary["sd"] / summary["perplexity"]).max()
