"""What the study's runs say: means, intervals and differences, as files, tables and figures.

    python -m benchmarks.study.report    write them anew; benchmarks.study does so too when it ends

Reads data/study/ and writes there comparisons.csv (a row per run of a comparison), summary.csv and
differences.csv, and docs/study.md with its figures. Intervals are 95 % and not corrected for their
number: over seeds, those of Student's t; over the test text, a bootstrap of its blocks, which are
drawn as a whole because neighbouring characters are not independent (Carlstein, "The Use of
Subseries Values for Estimating the Variance of a General Statistic from a Stationary Sequence",
1986).
"""

import itertools
import json
import math
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from scipy import stats

import helpers
from benchmarks.speed import protocols
from benchmarks.study import jobs

FOLDER = helpers.DATA / "study"
DOCS = Path(helpers.__file__).parent / "docs"
STYLES = helpers.STYLES | {"Attention": {"color": "#CC79A7", "linestyle": "-.", "marker": "D"}}
AS_IN_THE_NOTEBOOK = "as in the notebook"
BITS = 1 / math.log(2)  # bits in a nat
# Bits per character at matched size: Bai, Kolter and Koltun, "An Empirical Evaluation of Generic
# Convolutional and Recurrent Networks for Sequence Modeling" (2018), table 1.
PUBLISHED = {
    "Penn Treebank": {"RNN": 1.48, "LSTM": 1.36, "GRU": 1.37},
    "text8": {"RNN": 1.69, "LSTM": 1.50, "GRU": 1.53},
}


# ----- Statistics ---------------------------------------------------------------------------------


def comparisons(runs, vocab_size):
    """Yield (name, corpus, runs of that comparison) for those that are complete.

    ``runs`` is runs.csv as a DataFrame; every comparison has one run per model and seed.
    """
    rates, few = helpers.LEARNING_RATES, jobs.FEW_SEEDS

    def of(**changed):
        return [
            jobs.Run("sample", m, s, **({"rate": rates[m]} | {k: v[m] for k, v in changed.items()}))
            for s, m in itertools.product(few, jobs.MODELS)
        ]

    def same(value):
        return dict.fromkeys(jobs.MODELS, value)

    matched = {
        m: jobs.matched_hidden_dim(m, vocab_size, jobs.MATCHED_PARAMETERS) for m in jobs.MODELS
    }
    asked = {
        (AS_IN_THE_NOTEBOOK, "sample"): jobs.seeds(vocab_size, {}),
        (AS_IN_THE_NOTEBOOK, "wikitext-2"): jobs.wikitext(vocab_size, {}),
        ("equal parameters", "sample"): of(hidden_dim=matched),
        ("no dropout", "sample"): of(dropout=same(0.0)),
        ("rates of the original exercise", "sample"): of(rate=protocols.LAST_STEP_RATES),
    }
    for size in jobs.HIDDEN_DIMS:
        asked[f"{size} units", "sample"] = of(hidden_dim=same(size))
    for length in jobs.SEQ_LENS:
        asked[f"windows of {length}", "sample"] = of(seq_len=same(length))
    if attention := best_rate(grid(runs, "Attention")):
        plain = [jobs.Run("sample", "RNN", seed, rates["RNN"]) for seed in few]
        asked["with attention", "sample"] = plain + [
            job for job in jobs.attention(vocab_size, {}) if job.rate == attention
        ]
    by_job = runs.set_index(list(jobs.Run._fields), drop=False)
    for (name, corpus), wanted in asked.items():
        if all(tuple(job) in by_job.index for job in wanted):
            yield name, corpus, by_job.loc[[tuple(job) for job in wanted]].reset_index(drop=True)


def grid(runs, model):
    """Return mean best validation loss by learning rate, a Series, for the runs of the grid."""
    rows = runs[(runs["model"] == model) & (runs["corpus"] == "sample")]
    rows = rows[rows["seed"].isin(jobs.FEW_SEEDS) & rows["rate"].isin(jobs.GRID)]
    if model != "Attention":
        for setting in ("hidden_dim", "dropout", "seq_len"):
            rows = rows[rows[setting] == jobs.Run._field_defaults[setting]]
    losses = rows.groupby("rate")["best_val_loss"]
    return losses.mean()[losses.size() == len(jobs.FEW_SEEDS)]


def best_rate(losses):
    """Return the rate with the lowest loss of a grid, or None for an empty one.

    Losses that agree to three decimals count as equal, since seeds spread further; the smallest of
    their rates is taken.
    """
    return None if losses.empty else float(losses.round(3).idxmin())


def _measures(losses):
    """Return perplexity and bits per character for losses in nats per character."""
    return {"perplexity": np.exp(losses), "bits per character": losses * BITS}


def _interval(values):
    """Return the mean of a sample and its 95 % interval by Student's t."""
    mean, error = np.mean(values), stats.sem(values)
    return mean, *stats.t.interval(0.95, len(values) - 1, mean, error)


def summary(found):
    """Return a DataFrame: for each comparison, model and measure the mean, SD and interval."""
    rows = []
    for name, corpus, runs in found:
        for model, of_model in runs.groupby("model", sort=False):
            last = int((of_model["best_epoch"] == helpers.budget().epochs).sum())
            for measure, values in _measures(of_model["test_loss"]).items():
                mean, low, high = _interval(values)
                rows.append(
                    {
                        "comparison": name,
                        "corpus": corpus,
                        "model": model,
                        "parameters": of_model["parameters"].iloc[0],
                        "seeds": len(of_model),
                        "not_converged": last,  # seeds whose best epoch is the last
                        "measure": measure,
                        "mean": mean,
                        "sd": values.std(ddof=1),
                        "low": low,
                        "high": high,
                    }
                )
    return pd.DataFrame(rows)


def differences(found, blocks):
    """Return a DataFrame: for each comparison, two models and measure, first less second.

    Over seeds it is paired by seed, which also fixes the order of the batches. "relative
    perplexity" is the ratio of the perplexities (of their geometric means) less 1.
    """
    rows = []

    def add(name, corpus, over, count, pair, measure, interval):
        row = {"comparison": name, "corpus": corpus, "first": pair[0], "second": pair[1]}
        row |= {"over": over, "count": count, "measure": measure}
        rows.append(row | dict(zip(("estimate", "low", "high"), interval, strict=True)))

    for name, corpus, runs in found:
        losses = runs.pivot(index="seed", columns="model", values="test_loss")
        for pair in itertools.permutations(runs["model"].unique(), 2):
            first, second = losses[pair[0]], losses[pair[1]]
            key = (name, corpus, "seeds", len(losses), pair)
            for measure, values in _measures(first).items():
                add(*key, measure, _interval(values - _measures(second)[measure]))
            add(*key, "relative perplexity", np.expm1(_interval(first - second)))

    losses = blocks.pivot(index="block", columns="model", values="test_loss")
    for pair in itertools.permutations(losses.columns, 2):
        change = (losses[pair[0]] - losses[pair[1]]).to_numpy()
        resampled = stats.bootstrap(
            (change,), np.mean, n_resamples=9999, rng=np.random.default_rng(0)
        ).confidence_interval
        interval = np.array([change.mean(), resampled.low, resampled.high])
        key = (AS_IN_THE_NOTEBOOK, "sample", "test text", len(change), pair)
        add(*key, "bits per character", interval * BITS)
        add(*key, "relative perplexity", np.expm1(interval))
    return pd.DataFrame(rows)


# ----- The report ---------------------------------------------------------------------------------


def _table(header, rows):
    """Return a Markdown table whose first column is text and whose others are numbers."""
    lines = [header, ["---"] + ["---:"] * (len(header) - 1), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def _comparison_rows(means):
    keys = ["comparison", "corpus", "model", "parameters", "seeds", "not_converged"]
    for (name, corpus, model, size, seeds, last), rows in means.groupby(keys, sort=False):
        figures = [
            f"{row.mean:.3f} ({row.low:.3f} to {row.high:.3f}; SD {row.sd:.3f})"
            for row in rows.itertuples()  # perplexity, then bits per character
        ]
        yield [f"{name}, {corpus}: {model}", f"{size:,}", *figures, f"{last} of {seeds}"]


def _rate_rows(runs):
    for model in (*jobs.MODELS, "Attention"):
        losses = grid(runs, model)
        if losses.empty:
            continue
        best, rates = best_rate(losses), list(losses.index)
        inside = "inside" if best not in (rates[0], rates[-1]) else "at the end of its grid"
        cells = [
            f"**{losses[rate]:.4f}**"
            if rate == best
            else f"{losses[rate]:.4f}"
            if rate in rates
            else ""
            for rate in jobs.GRID
        ]
        yield [model, *cells, f"{best:g}, {inside}"]


def complete_spans(spans):
    """Return the rows of spans.csv without the pilots, of those settings that have all seeds."""
    rows = spans[spans["seed"] != jobs.PILOT_SEED]
    seeds = rows.groupby(["model", "load", "hidden_dim", "num_layers"])["seed"]
    return rows[seeds.transform("size") == len(jobs.SEEDS)]


def _span_rows(spans):
    keys = ["hidden_dim", "num_layers", "load", "model"]
    for (hidden_dim, num_layers, load, model), group in complete_spans(spans).groupby(keys):
        found = ", ".join(map(str, sorted(group["span"])))
        layers = f"{num_layers} layer{'s' * (num_layers > 1)} of {hidden_dim} units"
        size = f"{layers}, {load} symbol{'s' * (load > 1)}: {model}"
        yield [size, found, f"{group['rate'].iloc[0]:g}", f"{group['batches'].median():,.0f}"]


def published(means):
    """Return {corpus: {model: bits per character}}, the published figures and then ours."""
    ours = means[
        (means["comparison"] == AS_IN_THE_NOTEBOOK) & (means["measure"] == "bits per character")
    ]
    return PUBLISHED | {
        f"{corpus} (this study)": rows.set_index("model")["mean"].to_dict()
        for corpus, rows in ours.groupby("corpus")
    }


def _published_rows(bits_by_corpus):
    for corpus, bits in bits_by_corpus.items():
        behind = [f"{bits[name] / bits['LSTM'] - 1:+.1%}" for name in ("RNN", "GRU")]
        order = " < ".join(sorted(bits, key=bits.get))
        yield [corpus, *(f"{bits[name]:.2f}" for name in jobs.MODELS), *behind, order]


def _published_sentence(bits_by_corpus):
    """Return where the published figures and ours agree, in words."""
    last = {max(bits, key=bits.get) for bits in bits_by_corpus.values()}
    agree = "agree" if last == {"RNN"} else "do not agree"
    behind = {name: bits["RNN"] / bits["LSTM"] - 1 for name, bits in bits_by_corpus.items()}
    theirs = [behind.pop(name) for name in PUBLISHED]
    ours = behind.values()
    gap = {name: bits["GRU"] / bits["LSTM"] - 1 for name, bits in bits_by_corpus.items()}
    smaller = "a smaller" if max(ours) < min(theirs) else "an overlapping"
    return (
        f"They {agree} that the plain RNN comes last. Its distance from the LSTM is {smaller} one "
        f"here: {min(ours):.1%} to {max(ours):.1%}, published {min(theirs):.1%} to "
        f"{max(theirs):.1%}. Between GRU and LSTM it is at most "
        f"{max(map(abs, gap.values())):.1%} everywhere, in bits per character."
    )


def _difference_rows(pairs):
    order = ("Attention", "RNN", "GRU", "LSTM")
    for row in pairs[pairs["measure"] == "relative perplexity"].itertuples():
        if order.index(row.first) < order.index(row.second):
            shown = "no difference shown"
            if row.low > 0 or row.high < 0:
                shown = f"{row.first if row.high < 0 else row.second} better"
            yield [
                f"{row.comparison}, {row.corpus}: {row.first} against {row.second}",
                f"{row.count} {'seeds' if row.over == 'seeds' else 'blocks of test text'}",
                f"{row.estimate:+.1%} ({row.low:+.1%} to {row.high:+.1%})",
                shown,
            ]


def _last_step_rows(last_step):
    for model, epochs in last_step.groupby("model", sort=False):
        best = epochs.loc[epochs["val_loss"].idxmin()]
        last = epochs.iloc[-1]
        lowest = f"{best['val_loss']:.3f} ({best['epoch']})"
        yield [model, lowest, f"{last['val_loss']:.3f}", f"{last['test_perplexity']:.2f}"]


def report(recorded, runs, spans, last_step, means, pairs):
    """Return the Markdown of docs/study.md."""
    versions = ", ".join(f"{name} {version}" for name, version in recorded["versions"].items())
    corpora = "; ".join(
        f"{name}: {corpus['characters']:,} characters, sha256 {corpus['sha256'][:12]}"
        for name, corpus in recorded["corpora"].items()
    )
    sections = [
        "# The study",
        "Written by `python -m benchmarks.study.report` from the files in `data/study/`, which "
        f"`{recorded['command']}` measured. Machine: {recorded['machine']}; {versions}. Corpora: "
        f"{corpora}.",
        "Intervals are 95 %, over seeds by Student's t, and not corrected for their number. Test "
        "figures are those of the best epoch's weights on the final timestep of every test window.",
        "![Test perplexity of each seed, by comparison](study-perplexity.png)",
        "## Comparisons",
        _table(
            ["", "parameters", "test perplexity", "bits per character", "best epoch is the last"],
            _comparison_rows(means),
        ),
        "A model whose best epoch is the last has not converged within "
        f"{recorded['protocol']['epochs']} epochs: its figures are those of this budget, not "
        "the best that it could reach. Every comparison but that of the original exercise's rates "
        "has the rates chosen at 256 units with dropout; one of its own could serve it better. "
        f"Equal parameters are about {jobs.MATCHED_PARAMETERS:,} each, by the hidden size.",
        "## Differences",
        _table(["perplexity", "interval over", "difference", "verdict"], _difference_rows(pairs)),
        "## Learning rates",
        "Mean best validation loss (nats per character) over the first "
        f"{len(jobs.FEW_SEEDS)} seeds; the test split is not looked at. Losses that agree "
        "to three decimals count as equal, and the smallest of their rates is taken.",
        _table(["", *(f"{rate:g}" for rate in jobs.GRID), "best"], _rate_rows(runs)),
        "![Best validation loss by learning rate](study-rates.png)",
        *_span_sections(recorded, spans),
        *_last_step_sections(last_step),
        *_published_sections(published(means)),
    ]
    return "\n\n".join(sections) + "\n"


def _span_sections(recorded, spans):
    return [
        "## Memory spans",
        f"Of {len(jobs.SEEDS)} seeds, each at the best rate of a pilot with a seed of its own; "
        f"{recorded['protocol']['longest_lag']} is as long as a span can be.",
        _table(["", "spans (characters)", "rate", "batches (median)"], _span_rows(spans)),
        "![Memory spans by load and size](study-spans.png)",
    ]


def _last_step_sections(last_step):
    return [
        "## The last-step protocol",
        "The protocol of the original exercise, once, to the letter: the loss on the last step of "
        "8,000 overlapping windows, and the weights of the last epoch, scored on the first 1,000 "
        "test windows.",
        _table(
            ["", "best validation loss (epoch)", "in the last epoch", "test perplexity"],
            _last_step_rows(last_step),
        ),
    ]


def _published_sections(rows):
    return [
        "## Published figures",
        "Bits per character at matched size: Bai, Kolter and Koltun (2018), table 1; models "
        "and corpora there are many times larger.",
        _table(
            ["", *jobs.MODELS, "RNN against LSTM", "GRU against LSTM", "order"],
            _published_rows(rows),
        ),
        _published_sentence(rows),
    ]


def figures(found, runs, spans):
    """Return the figures of docs/study.md by file name."""
    return {
        "study-perplexity.png": _plot_perplexities(found),
        "study-rates.png": _plot_rates(runs),
        "study-spans.png": _plot_spans(spans),
    }


def _plot_perplexities(found):
    names = list(dict.fromkeys((name, corpus) for name, corpus, _ in found))
    figure, axes = plt.subplots(figsize=(8, 0.6 * len(names) + 1), layout="constrained")
    for place, (_, _, of_comparison) in enumerate(found):
        for offset, (model, rows) in enumerate(of_comparison.groupby("model", sort=False)):
            style = STYLES[model] | {"linestyle": ""}
            values = np.exp(rows["test_loss"])
            label = model if place == 0 or model == "Attention" else None
            height = [-place - 0.2 * (offset - 1)] * len(values)
            axes.plot(values, height, alpha=0.7, label=label, **style)
    axes.set_yticks([-place for place in range(len(names))], [", ".join(n) for n in names])
    axes.set(title="One mark per seed", xlabel="test perplexity", ylabel="comparison, corpus")
    axes.margins(y=0.5 / len(names))
    figure.legend(loc="outside right upper")
    axes.grid(axis="x", alpha=0.3)
    return figure


def _plot_rates(runs):
    figure, axes = plt.subplots(figsize=(6, 4), layout="constrained")
    for model, style in STYLES.items():
        if len(losses := grid(runs, model)):
            axes.plot(losses.index, losses, label=model, **style)
    axes.set_xscale("log", base=2)
    axes.set_xticks(jobs.GRID, [f"{rate:g}" for rate in jobs.GRID])
    axes.set(title="Each optimum lies inside the grid", xlabel="learning rate")
    axes.set_ylabel("best validation loss (nats per character)")
    axes.legend()
    axes.grid(alpha=0.3)
    return figure


def _plot_spans(spans):
    rows = complete_spans(spans)
    rows = rows[rows["model"] != "Attention"]
    sizes = sorted({*zip(rows["hidden_dim"], rows["num_layers"], strict=True)})
    figure, panels = plt.subplots(
        1, len(sizes), figsize=(9, 3.5), sharey=True, squeeze=False, layout="constrained"
    )
    for axes, (hidden_dim, num_layers) in zip(panels[0], sizes, strict=True):
        chosen = rows[(rows["hidden_dim"] == hidden_dim) & (rows["num_layers"] == num_layers)]
        for shift, model in zip((-0.08, 0, 0.08), jobs.MODELS, strict=True):
            of_model = chosen[chosen["model"] == model]
            style = STYLES[model] | {"linestyle": ""}
            places = of_model["load"] * 2**shift
            axes.plot(places, of_model["span"], alpha=0.6, label=model, **style)
        axes.set_xscale("log", base=2)
        axes.set_yscale("symlog", base=2, linthresh=1)
        axes.set_xticks(jobs.LOADS, jobs.LOADS)
        axes.set_xlim(min(jobs.LOADS) / 1.3, max(jobs.LOADS) * 1.3)
        axes.set_yticks([0, *(2**i for i in range(8))], [0, *(2**i for i in range(8))])
        title = f"{num_layers} layer{'s' * (num_layers > 1)} of {hidden_dim} units"
        axes.set(title=title, xlabel="symbols to remember")
        axes.grid(alpha=0.3)
        axes.legend()
    panels[0, 0].set_ylabel("memory span (characters)")
    return figure


def make(folder=FOLDER, docs=DOCS):
    """Return (texts by path, figures by path) of what the runs in a folder say."""
    recorded = json.loads((folder / "settings.json").read_text(encoding="utf-8"))
    runs, blocks, spans = (pd.read_csv(folder / f"{n}.csv") for n in ("runs", "blocks", "spans"))
    found = list(comparisons(runs, vocab_size=len(set(helpers.load_text("sample")))))
    each = pd.concat(
        pd.DataFrame({"comparison": name, "corpus": corpus}, index=rows.index)
        .join(rows[["model", "seed", "best_epoch"]])
        .assign(**_measures(rows["test_loss"]))
        for name, corpus, rows in found
    )
    means, pairs = summary(found), differences(found, blocks)
    tables = {"comparisons.csv": each, "summary.csv": means, "differences.csv": pairs}
    texts = {
        folder / name: table.to_csv(index=False, float_format="%.6g", lineterminator="\n")
        for name, table in tables.items()
    }
    last_step = pd.read_csv(folder / "last_step.csv")
    texts[docs / "study.md"] = report(recorded, runs, spans, last_step, means, pairs)
    return texts, {docs / name: drawn for name, drawn in figures(found, runs, spans).items()}


def main(folder=FOLDER, docs=DOCS):
    texts, drawn = make(folder, docs)
    for path, text in texts.items():
        path.write_text(text, encoding="utf-8", newline="\n")
    for path, figure in drawn.items():
        figure.savefig(path, dpi=100, metadata={"Software": None})
        plt.close(figure)


if __name__ == "__main__":
    main()
