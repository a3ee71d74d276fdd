"""The study: our experiment with several random seeds, which shows what a single run cannot show.

``python -m benchmarks.study`` made its files in data/study/. They are about the bundled sample: on
another text the functions here print a line that says so, and return None.
"""

import hashlib
import json
import math

import pandas as pd

from helpers import DATA, say
from lab import exercise

STUDY = DATA / "study"
LESS_DROPOUT = 0.1  # which the study tried, next to the notebook's
# The names of the comparisons of the study, and of the n-gram model among its models.
AS_IN_THE_NOTEBOOK, UNTIL_LEARNED = "as in the notebook", "until early stopping"
NO_DROPOUT, DROPOUT_OF = "no dropout", f"dropout of {LESS_DROPOUT}"
LESS_DROPOUT_LEARNED = f"{DROPOUT_OF}, {UNTIL_LEARNED}"
EQUAL_PARAMETERS, NGRAM = "equal parameters", "n-gram model"


def fingerprint(text):
    """Return the SHA-256 of a text. The files of the study name their texts by it."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def read_study(name, folder=STUDY):
    """Return a table of the study. Raises ValueError if its file is damaged or missing."""
    path = folder / f"{name}.csv"
    try:
        return pd.read_csv(path)
    except (OSError, ValueError) as error:  # pandas' own are ValueErrors
        raise ValueError(
            f"{path} is damaged or missing ({error}): take it from the exercise's folder again."
        ) from error


def of_this_text(text, folder=STUDY):
    """Return whether the study used this text and the numbers of lab/exercise.py.

    If it did not, a printed line says so.
    """
    recorded = json.loads((folder / "settings.json").read_text(encoding="utf-8"))
    measured = fingerprint(text) == recorded["corpora"]["sample"]["sha256"]
    if not measured:
        say("This part of our experiment used the bundled sample. It says nothing about your text.")
    for number, now in exercise_numbers().items():
        if (was := recorded["protocol"][number]) != now:
            say(f"Our experiment used {number} = {was}. It says nothing about {number} = {now}.")
            measured = False
    return measured


def exercise_numbers():
    """Return the numbers of the exercise that the study rests on, as settings.json records them."""
    names = (
        "SIZES DROPOUT SEQ_LEN BATCH_SIZE EPOCHS LEARNING_RATES MAX_GRADIENT_NORM "
        "SPAN_SIZES SPAN_BATCHES LONGEST_LAG"
    )
    return {name: getattr(exercise, name) for name in names.split()}


def of_sample(name, comparison=AS_IN_THE_NOTEBOOK, folder=STUDY):
    """Return the rows of a table of the study on one of its comparisons on the sample."""
    table = read_study(name, folder)
    return table.query("comparison == @comparison and corpus == 'sample'")


def difference(first, second, comparison=AS_IN_THE_NOTEBOOK, folder=STUDY):
    """Return the row of differences.csv on two models. An estimate of 0.05 means 5 % above.

    Its "shown" has the estimate with its interval as text, its "verdict" which model is better.
    """
    rows = of_sample("differences", comparison, folder)
    return rows.query("first == @first and second == @second").iloc[0]


def perplexities(comparison=AS_IN_THE_NOTEBOOK, folder=STUDY):
    """Return the summary of the perplexities of all runs: a row for each model."""
    return of_sample("summary", comparison, folder).set_index("model")


def spans_of_seeds(size, load, folder=STUDY):
    """Return the study's memory spans at a size and load: {model: sorted spans of the seeds}.

    A size is (hidden_dim, num_layers). Each model had the best of its learning rates, which a run
    with seed 0 chose. A load that the study did not try has no spans.
    """
    rows = read_study("spans", folder).query("seed > 0 and budget == 1 and load == @load")
    rows = rows[(rows[["hidden_dim", "num_layers"]] == [*size]).all(axis=1)]
    return rows.groupby("model")["span"].apply(sorted).to_dict()


def value_range(values):
    """Return the values of all runs as text: one number, or the lowest and the highest."""
    low, high = min(values), max(values)
    return f"{low}" if low == high else f"{low} to {high}"


def seed_noise(folder=STUDY):
    """Return how far two perplexities of one model may differ because of their seeds alone.

    It is relative, at 95 %: 1.96 standard deviations of the difference of two runs, for the model
    where this is largest.
    """
    summary = perplexities(folder=folder)
    return 1.96 * math.sqrt(2) * (summary["sd"] / summary["perplexity"]).max()
