"""What the study's runs show: means over seeds, and differences with their intervals.

Differences are of perplexity, relative, and intervals are of 95 %. Where the losses by blocks of
the test text are kept (of the family, "as in the notebook" and "until it has learned"), an interval
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

from benchmarks.speed import protocols
from benchmarks.study import jobs, parts
from lab.exercise import EPOCHS, LEARNING_RATES

AS_IN_THE_NOTEBOOK, LEARNED = "as in the notebook", "until it has learned"
TRAININGS = {AS_IN_THE_NOTEBOOK: "20 epochs", LEARNED: LEARNED}  # as blocks.csv calls them
COUNTING = "counting"
RESAMPLES = 9_999


def comparisons(runs, learned, vocab_size):
    """Yield (name, corpus, runs of that comparison) for those that are complete.

    ``runs`` and ``learned`` are the CSV files of that name; every comparison has one run per model
    and seed.
    """
    by_job = runs.set_index(list(jobs.Run._fields), drop=False)
    for (name, corpus), wanted in _asked(runs, vocab_size).items():
        if all(tuple(job) in by_job.index for job in wanted):
            yield name, corpus, by_job.loc[[tuple(job) for job in wanted]].reset_index(drop=True)
    of_sample = learned[learned["corpus"] == "sample"]
    if len(of_sample) == len(parts.SEEDS) * len(jobs.MODELS):
        yield LEARNED, "sample", of_sample.set_index("model").loc[list(jobs.MODELS)].reset_index()


def _asked(runs, vocab_size):
    """Return {(name, corpus): the jobs of that comparison}."""
    rates, few = LEARNING_RATES, parts.FEW_SEEDS

    def of(**changed):
        return [
            jobs.Run("sample", m, s, **({"rate": rates[m]} | {k: v[m] for k, v in changed.items()}))
            for s, m in itertools.product(few, jobs.MODELS)
        ]

    def same(value):
        return dict.fromkeys(jobs.MODELS, value)

    target = parts.MATCHED_PARAMETERS
    matched = {m: jobs.matched_hidden_dim(m, vocab_size, target) for m in jobs.MODELS}
    asked = {
        (AS_IN_THE_NOTEBOOK, "sample"): parts.seeds(vocab_size, {}),
        (AS_IN_THE_NOTEBOOK, "wikitext-2"): parts.wikitext(vocab_size, {}),
        ("equal parameters", "sample"): of(hidden_dim=matched),
        ("no dropout", "sample"): of(dropout=same(0.0)),
        ("rates of the original exercise", "sample"): of(rate=protocols.LAST_STEP_RATES),
    }
    asked |= {(f"{n} units", "sample"): of(hidden_dim=same(n)) for n in parts.HIDDEN_DIMS}
    asked |= {(f"windows of {n}", "sample"): of(seq_len=same(n)) for n in parts.SEQ_LENS}
    if attention := best_rate(grid(runs, "Attention")):
        plain = [jobs.Run("sample", "RNN", seed, rates["RNN"]) for seed in few]
        asked["with attention", "sample"] = plain + [
            job for job in parts.attention(vocab_size, {}) if job.rate == attention
        ]
    return asked


def grid(runs, model):
    """Return mean best validation loss by learning rate, a Series, for the runs of the grid."""
    rows = runs[(runs["model"] == model) & (runs["corpus"] == "sample")]
    rows = rows[rows["seed"].isin(parts.FEW_SEEDS) & rows["rate"].isin(parts.GRID)]
    if model != "Attention":
        for setting in ("hidden_dim", "dropout", "seq_len"):
            rows = rows[rows[setting] == jobs.Run._field_defaults[setting]]
    losses = rows.groupby("rate")["best_val_loss"]
    return losses.mean()[losses.size() == len(parts.FEW_SEEDS)]


def best_rate(losses):
    """Return the rate with the lowest loss of a grid, or None for an empty one.

    Losses that agree to three decimals count as equal, since seeds spread further; the smallest of
    their rates is taken.
    """
    return None if losses.empty else float(losses.round(3).idxmin())


def summary(found):
    """Return a DataFrame: for each comparison and model the perplexity's mean, SD and interval.

    The interval is over seeds, by Student's t; bits per character are those of the mean loss.
    """
    rows = []
    for name, corpus, runs in found:
        for model, of_model in runs.groupby("model", sort=False):
            perplexities = np.exp(of_model["test_loss"])
            mean, error = perplexities.mean(), stats.sem(perplexities)
            low, high = stats.t.interval(0.95, len(perplexities) - 1, mean, error)
            budget = EPOCHS if name != LEARNED else jobs.MOST_EPOCHS
            rows.append(
                {
                    "comparison": name,
                    "corpus": corpus,
                    "model": model,
                    "parameters": of_model["parameters"].iloc[0],
                    "seeds": len(of_model),
                    "not_converged": int((of_model["best_epoch"] == budget).sum()),
                    "best_epoch": of_model["best_epoch"].median(),
                    "perplexity": mean,
                    "sd": perplexities.std(ddof=1),
                    "low": low,
                    "high": high,
                    "bits": of_model["test_loss"].mean() / np.log(2),
                }
            )
    return pd.DataFrame(rows)


def differences(found, blocks):
    """Return a DataFrame: for each comparison and ordered pair of models, first against second.

    ``estimate`` is the ratio of the perplexities (of their geometric means over seeds) less 1, with
    ``low`` and ``high``; ``p`` is two-sided, ``holm`` corrected within the family, or missing.
    """
    rows = []
    for name, corpus, runs in found:
        losses = {m: group["test_loss"].to_numpy() for m, group in runs.groupby("model")}
        drawn = {}
        if name in TRAININGS and corpus == "sample":
            by_block = _by_block(blocks, TRAININGS[name])
            drawn = _resampled(by_block)
            losses |= {m: by_block[m].mean(axis=1) for m in by_block.keys() - losses.keys()}
        pairs = list(itertools.combinations(losses, 2))
        measured = {pair: _difference(*pair, losses, drawn) for pair in pairs}
        corrected = holm([p for *_, p in measured.values()]) if drawn else [np.nan] * len(pairs)
        for (first, second), p_holm in zip(pairs, corrected, strict=True):
            change, low, high, p = measured[first, second]
            shared = {"comparison": name, "corpus": corpus, "p": p, "holm": p_holm}
            shared["over"] = "seeds and test text" if drawn else "seeds"
            ways = ((first, second, change, low, high), (second, first, -change, -high, -low))
            for one, other, *interval in ways:
                names = ("estimate", "low", "high")
                figures = dict(zip(names, np.expm1(interval), strict=True))
                rows.append(shared | {"first": one, "second": other} | figures)
    return pd.DataFrame(rows)


def _by_block(blocks, training):
    """Return {model: losses (seeds, blocks)}; counting, which has no seed, as one."""
    rows = blocks[(blocks["training"] == training) | (blocks["model"] == COUNTING)]
    return {
        model: group.pivot(index="seed", columns="block", values="test_loss").to_numpy()
        for model, group in rows.groupby("model")
    }


def _resampled(by_block):
    """Return {model: mean losses (resamples,)} less the mean of all, drawn as the module says."""
    rng = np.random.default_rng(0)
    count = next(iter(by_block.values())).shape[1]
    drawn = rng.integers(count, size=(RESAMPLES, 1, count))
    means = {}
    for model, losses in by_block.items():
        seeds = rng.integers(len(losses), size=(RESAMPLES, max(1, len(losses) - 1), 1))
        means[model] = losses[seeds, drawn].mean(axis=(1, 2)) - losses.mean()
    return means


def _difference(first, second, losses, drawn):
    """Return (difference of mean losses, low, high, p), by bootstrap where there is one."""
    one, other = losses[first], losses[second]
    change = one.mean() - other.mean()
    if not drawn:
        test = stats.ttest_ind(one, other, equal_var=False)
        return change, *test.confidence_interval(0.95), test.pvalue
    spread = drawn[first] - drawn[second]
    low, high = change + np.quantile(spread, (0.025, 0.975))
    beyond = min((change + spread <= 0).sum(), (change + spread >= 0).sum())
    return change, low, high, min(1.0, 2 * (1 + beyond) / (1 + RESAMPLES))


def holm(p_values):
    """Return p-values corrected for their number by Holm's method, in the order given."""
    order = np.argsort(p_values)
    steps = np.asarray(p_values)[order] * np.arange(len(order), 0, -1)
    corrected = np.empty(len(order))
    corrected[order] = np.minimum(np.maximum.accumulate(steps), 1)
    return corrected


def correlations(runs):
    """Return the correlations of two models' losses over seeds, {(first, second): r}."""
    losses = runs.pivot(index="seed", columns="model", values="test_loss")[list(jobs.MODELS)]
    pairs = itertools.combinations(jobs.MODELS, 2)
    return {pair: float(losses.corr().loc[pair]) for pair in pairs}
