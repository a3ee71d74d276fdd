"""Statistics of the study's runs: means over random seeds, and differences with their intervals.

Differences are relative differences of perplexity. All intervals are 95 % intervals. For "as in the
notebook" and "until early stopping", the losses of blocks of the test text are stored. There the
interval covers seeds and test text together. It comes from a bootstrap that resamples the seeds of
each model and the blocks of the text; the blocks are the same for all models. Whole blocks are
resampled because neighbouring characters are not independent (Carlstein, "The Use of Subseries
Values for Estimating the Variance of a General Statistic from a Stationary Sequence", 1986). Of n
seeds, n - 1 are drawn, because then the variance of a mean of few values is unbiased (Rao and Wu,
"Resampling Inference With Complex Survey Data", 1988). Within one kind of training the differences
are a family: a difference is significant if its p-value is below 0.05 after Holm's correction ("A
Simple Sequentially Rejective Multiple Test Procedure", 1979). All other differences are
exploratory: over seeds only, by Welch's t-test, not corrected.

Runs with the same seed are not paired, because one seed gives two architectures different weights,
and a seed that is good for one need not be good for the other.
"""

import itertools

import numpy as np
import pandas as pd
from scipy import stats

from benchmarks.study import jobs, plan
from lab.exercise import DROPOUT, EPOCHS, MODELS
from lab.study import NGRAM

RESAMPLES = 9_999
SMALLEST_P = 2 / (1 + RESAMPLES)  # the smallest p of so many resamples: "at most" this
COMPARISON = ["comparison", "corpus"]  # the columns that name a comparison


def rates(runs):
    """Return the mean best validation loss by learning rate (rows) and model (columns)."""
    models = [*MODELS, "Attention"]
    grids = pd.DataFrame([run for model in models for run in plan.grid(model)])
    return grids.merge(runs).pivot_table("best_val_loss", "rate", "model")[models]


def best_rate(losses):
    """Return the learning rate with the lowest loss of a grid.

    Losses that are equal to three decimals are treated as equal, because runs with different seeds
    differ by more. If several rates have the lowest loss, the smallest rate is returned.
    """
    return float(losses.round(3).idxmin())


def compared(runs, learned):
    """Return a DataFrame with the runs of each comparison, in the order of the comparisons.

    The columns COMPARISON name the comparison. ``runs`` and ``learned`` are the tables of the CSV
    files with these names.
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
    """Return a DataFrame: the losses of networks and n-gram model by text and size of the text.

    For the networks these are the rows of learned.csv with the notebook's dropout and the rate that
    was best on the validation text, for each text and size. The column "tried" has the rates that
    were tried.
    """
    training = ["corpus", "characters", "model"]
    learned = learned[learned["dropout"] == DROPOUT]
    pilots = learned[learned["seed"] == plan.SEEDS[0]].sort_values("rate")
    tried = pilots.groupby(training)["rate"].agg(lambda rates: ", ".join(map(str, rates)))
    best = pilots.sort_values("best_val_loss").drop_duplicates(training)[[*training, "rate"]]
    networks = learned.merge(best).merge(tried.rename("tried").reset_index())
    rows = pd.concat([networks, counted.assign(model=NGRAM, seed=0)])
    rows = rows.assign(text=rows["corpus"].map(jobs.TEXTS))
    # The parameters of the n-gram model are NaN, so it is last.
    return rows.sort_values(["text", "characters", "parameters"])


def contexts(rows):
    """Return test perplexities when a prediction may read only the last characters.

    ``rows`` is what text_sizes returned. There is a row for each size of the training text and
    model, and a column for each number of characters. The column "enough" has the smallest number
    of characters whose perplexity is at most 1 % above that of the largest number.
    """
    rows = rows.assign(trained=[f"{row.characters:,}, {row.model}" for row in rows.itertuples()])
    columns = {f"within_{context}": context for context in jobs.CONTEXTS}
    table = np.exp(rows.groupby("trained", sort=False)[[*columns]].mean()).rename(columns=columns)
    return table.assign(enough=table.le(1.01 * table[max(table)], axis=0).idxmax(axis=1))


def summary(runs):
    """Return a DataFrame: for each comparison and model the mean, SD and interval of perplexity.

    ``runs`` is what compared returned. The interval is over seeds, by Student's t. Bits per
    character are computed from the mean loss.
    """
    most = np.where(runs["epochs"].isna(), EPOCHS, jobs.MOST_EPOCHS)
    groups = runs.assign(last=runs["best_epoch"] == most)
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
    """Return a DataFrame: a row for each comparison and ordered pair of models (first, second).

    ``runs`` is what compared returned, ``blocks`` the table of the CSV file. The column
    ``estimate`` is the ratio of the two perplexities minus 1; each perplexity is a geometric mean
    over seeds. ``low`` and ``high`` are the ends of its interval. ``p`` is two-sided. ``holm`` is
    the p-value corrected within the family, or NaN if there is no correction. ``shown`` is the
    estimate with its interval as text. ``verdict`` says which model is better, or "no significant
    difference" if the p-value is not below 0.05.
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
        table["holm"] = holm(table["p"][::2]) if drawn else np.nan  # each pair is there twice
        over = "seeds and test text" if drawn else "seeds"
        tables.append(table.ffill().assign(comparison=name, corpus=corpus, over=over))
    table = pd.concat(tables)
    p = table["holm"].fillna(table["p"])
    better = table["first"].where(table["estimate"] < 0, table["second"])
    verdict = (better + " better").where(p < 0.05, "no significant difference")
    shown = [f"{r.estimate:+.1%} ({r.low:+.1%} to {r.high:+.1%})" for r in table.itertuples()]
    columns = [*COMPARISON, "p", "holm", "over", "first", "second", "estimate", "low", "high"]
    return table[columns].assign(shown=shown, verdict=verdict)


def _resampled(by_block):
    """Return {model: means of resampled losses (resamples,), minus the mean of all losses}.

    ``by_block`` has a row for each model and seed and a column for each block. The n-gram model has
    no seed, so it has one row.
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
    """Return the row of a pair of models, by bootstrap if there are resampled means."""
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
    """Return a Series of p-values, corrected by Holm's method for the number of tests."""
    ranked = p_values.sort_values()
    return (ranked * np.arange(len(ranked), 0, -1)).cummax().clip(upper=1)
