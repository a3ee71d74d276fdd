"""What the study's runs show: means over seeds, and differences with their intervals.

Differences are of perplexity, relative, and intervals are of 95 %. Where the losses by blocks of
the test text are kept (of the family, "as in the notebook" and "until early stopping"), an interval
covers seeds and test text together: a bootstrap that draws the seeds of each model and, for all
models alike, the blocks of the text. Blocks are drawn whole because neighbouring characters are not
independent (Carlstein, "The Use of Subseries Values for Estimating the Variance of a General
Statistic from a Stationary Sequence", 1986), of n seeds n - 1, which keeps the variance of a mean
of few unbiased (Rao and Wu, "Resampling Inference With Complex Survey Data", 1988). Within one
training the differences are a family: one is shown when its p-value is below 0.05 after Holm's
correction ("A Simple Sequentially Rejective Multiple Test Procedure", 1979). All others are
exploratory: over seeds only, by Welch's t, not corrected.

Seeds are not paired: a seed gives two architectures neither the same weights nor a like fortune.
"""

import itertools

import numpy as np
import pandas as pd
from scipy import stats

from benchmarks.study import jobs, plan
from lab.exercise import DROPOUT, EPOCHS, MODELS
from lab.study import NGRAM

RESAMPLES = 9_999
SMALLEST_P = 2 / (1 + RESAMPLES)  # that so many can show: where it stands, p is at most that
COMPARISON = ["comparison", "corpus"]  # the columns that say which


def rates(runs):
    """Return the mean best validation loss of the grids: a row for each rate, by models."""
    models = [*MODELS, "Attention"]
    grids = pd.DataFrame([run for model in models for run in plan.grid(model)])
    return grids.merge(runs).pivot_table("best_val_loss", "rate", "model")[models]


def best_rate(losses):
    """Return the rate with the lowest loss of a grid.

    Losses that agree to three decimals count as equal, since seeds spread further; the smallest of
    their rates is taken.
    """
    return float(losses.round(3).idxmin())


def compared(runs, learned):
    """Return a DataFrame: the runs of each comparison, by the columns of COMPARISON, in order.

    ``runs`` and ``learned`` are the CSV files of that name.
    """
    asked = plan.comparisons()
    rate = best_rate(rates(runs)["Attention"])
    plain = [run for run in plan.trainings() if run.model == "RNN"]
    asked["with attention"] = plain + [run for run in plan.grid("Attention") if run.rate == rate]
    wanted = [(name, *run) for name, of_name in asked.items() for run in of_name]
    found = pd.DataFrame(wanted, columns=["comparison", *jobs.Run._fields]).merge(runs)
    last = learned.query("corpus == 'sample'").set_index("model").loc[[*MODELS]].reset_index()
    last["comparison"] = last["dropout"].map(jobs.LEARNED)
    both = pd.concat([found, last.sort_values("comparison", kind="stable")], ignore_index=True)
    return both.assign(perplexity=np.exp(both["test_loss"]))


def text_sizes(learned, counted):
    """Return a DataFrame: the losses of trainings and of counting on more text, by its size.

    Of the networks the rows of learned.csv with the notebook's dropout, at the best rate of their
    text and size, on validation; "tried" says which rates there were.
    """
    training = ["corpus", "characters", "model"]
    learned = learned[learned["dropout"] == DROPOUT]
    pilots = learned[learned["seed"] == plan.SEEDS[0]].sort_values("rate")
    tried = pilots.groupby(training)["rate"].agg(lambda rates: ", ".join(map(str, rates)))
    best = pilots.sort_values("best_val_loss").drop_duplicates(training)[[*training, "rate"]]
    networks = learned.merge(best).merge(tried.rename("tried").reset_index())
    rows = pd.concat([networks, counted.assign(model=NGRAM, seed=0)])
    rows = rows.assign(text=rows["corpus"].map(jobs.TEXTS))
    return rows.sort_values(["text", "characters", "parameters"])  # counting, which has none, last


def contexts(rows):
    """Return the test perplexities by how many of the last characters a prediction may read.

    ``rows`` is what text_sizes returned. A row for each size of the training text and model, a
    column for each number of characters, and the least of these that comes within 1 % of the most,
    as "enough".
    """
    rows = rows.assign(trained=[f"{row.characters:,}, {row.model}" for row in rows.itertuples()])
    columns = {f"within_{context}": context for context in jobs.CONTEXTS}
    table = np.exp(rows.groupby("trained", sort=False)[[*columns]].mean()).rename(columns=columns)
    return table.assign(enough=table.le(1.01 * table[max(table)], axis=0).idxmax(axis=1))


def summary(runs):
    """Return a DataFrame: for each comparison and model the perplexity's mean, SD and interval.

    ``runs`` is what compared returned. The interval is over seeds, by Student's t; bits per
    character are those of the mean loss.
    """
    budget = np.where(runs["epochs"].isna(), EPOCHS, jobs.MOST_EPOCHS)
    groups = runs.assign(last=runs["best_epoch"] == budget)
    table = groups.groupby([*COMPARISON, "model"], sort=False).agg(
        parameters=("parameters", "first"),
        seeds=("seed", "size"),
        not_converged=("last", "sum"),
        best_epoch=("best_epoch", "median"),
        perplexity=("perplexity", "mean"),
        sd=("perplexity", "std"),
        bits=("test_loss", "mean"),
    )
    half = stats.t.ppf(0.975, table["seeds"] - 1) * table["sd"] / np.sqrt(table["seeds"])
    bits = table.pop("bits") / np.log(2)
    return table.assign(
        low=table["perplexity"] - half, high=table["perplexity"] + half, bits=bits
    ).reset_index()


def differences(runs, blocks):
    """Return a DataFrame: for each comparison and ordered pair of models, first against second.

    ``runs`` is what compared returned, ``blocks`` the CSV file. ``estimate`` is the ratio of the
    perplexities (of their geometric means over seeds) less 1, with ``low`` and ``high``; ``p`` is
    two-sided, ``holm`` corrected within the family, or missing. ``shown`` is the estimate with its
    interval as text, and ``verdict`` says which model predicts better, as far as ``p`` shows it.
    """
    columns, tables = ["first", "second", "p", "estimate", "low", "high"], []
    for (name, corpus), of_comparison in runs.groupby(COMPARISON, sort=False):
        losses, drawn = dict([*of_comparison.groupby("model")["test_loss"]]), {}
        if corpus == "sample" and (training := jobs.TRAININGS.get(name)):
            rows = blocks[blocks["training"].eq(training) | blocks["model"].eq(NGRAM)]
            by_block = rows.pivot(index=["model", "seed"], columns="block", values="test_loss")
            losses[NGRAM] = by_block.loc[NGRAM].mean(axis=1)
            drawn = _resampled(by_block)
        pairs = [both for one in itertools.combinations(losses, 2) for both in (one, one[::-1])]
        table = pd.DataFrame([_difference(*pair, losses, drawn) for pair in pairs], columns=columns)
        table["holm"] = holm(table["p"][::2]) if drawn else np.nan  # a pair stands there twice
        over = "seeds and test text" if drawn else "seeds"
        tables.append(table.ffill().assign(comparison=name, corpus=corpus, over=over))
    table = pd.concat(tables)
    p = table["holm"].fillna(table["p"])
    better = table["first"].where(table["estimate"] < 0, table["second"])
    verdict = (better + " better").where(p < 0.05, "no difference shown")
    shown = [f"{r.estimate:+.1%} ({r.low:+.1%} to {r.high:+.1%})" for r in table.itertuples()]
    columns = [*COMPARISON, "p", "holm", "over", "first", "second", "estimate", "low", "high"]
    return table[columns].assign(shown=shown, verdict=verdict)


def _resampled(by_block):
    """Return {model: mean losses (resamples,)} less the mean of all, drawn as the module says.

    ``by_block`` has a row for each model and seed and a column for each block; counting, which has
    no seed, has one row.
    """
    rng = np.random.default_rng(0)
    blocks = rng.integers(by_block.shape[1], size=(RESAMPLES, 1, by_block.shape[1]))
    means = {}
    for model, rows in by_block.groupby(level="model"):
        losses = rows.to_numpy()  # (seeds, blocks)
        seeds = rng.integers(len(losses), size=(RESAMPLES, max(1, len(losses) - 1), 1))
        means[model] = losses[seeds, blocks].mean(axis=(1, 2)) - losses.mean()
    return means


def _difference(first, second, losses, drawn):
    """Return the row of a pair of models, by bootstrap where there is one."""
    change = losses[first].mean() - losses[second].mean()
    if drawn:
        changes = change + (drawn[first] - drawn[second])
        low, high = np.quantile(changes, (0.025, 0.975))
        beyond = min((changes <= 0).sum(), (changes >= 0).sum())
        p = min(1.0, 2 * (1 + beyond) / (1 + RESAMPLES))
    else:
        test = stats.ttest_ind(losses[first], losses[second], equal_var=False)
        (low, high), p = test.confidence_interval(0.95), test.pvalue
    return first, second, p, *np.expm1([change, low, high])


def holm(p_values):
    """Return a Series of p-values corrected for their number by Holm's method."""
    ranked = p_values.sort_values()
    return (ranked * np.arange(len(ranked), 0, -1)).cummax().clip(upper=1)
