"""The study's report: its tables as files, docs/study.md and the figures.

    python -m benchmarks.study.report    write them anew; benchmarks.study does so too when it ends

Reads data/study/ and writes there comparisons.csv (a row per run of a comparison), summary.csv and
differences.csv, and docs/study.md with its figures. benchmarks/study/compare.py says how.
"""

import json
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

import helpers
from benchmarks.study import compare, jobs, parts
from benchmarks.study.compare import AS_IN_THE_NOTEBOOK, best_rate, grid
from course.generate import markdown
from lab import exercise, study
from lab.extras import last_step, study_views

FOLDER = helpers.DATA / "study"
DOCS = Path(helpers.__file__).parent / "docs"
STYLES = exercise.STYLES | {"Attention": {"color": "#CC79A7", "linestyle": "-.", "marker": "D"}}
# Bits per character at equal size: Bai, Kolter and Koltun, "An Empirical Evaluation of Generic
# Convolutional and Recurrent Networks for Sequence Modeling" (2018), table 1.
PUBLISHED = {
    "Penn Treebank": {"RNN": 1.48, "LSTM": 1.36, "GRU": 1.37},
    "text8": {"RNN": 1.69, "LSTM": 1.50, "GRU": 1.53},
}


def _interval(row, form):
    return f"{row.estimate:{form}} ({row.low:{form}} to {row.high:{form}})"


def _comparison_rows(means):
    return {
        f"{row.comparison}, {row.corpus}: {row.model}": {
            "parameters": f"{row.parameters:,}",
            "test perplexity": f"{row.perplexity:.3f} ({row.low:.3f} to {row.high:.3f}; "
            f"SD {row.sd:.3f})",
            "bits per character": f"{row.bits:.3f}",
            "best epoch (median)": f"{row.best_epoch:.0f}",
            "best epoch is the last": f"{row.not_converged} of {row.seeds}",
        }
        for row in means.itertuples()
    }


def _difference_rows(pairs):
    order = ("Attention", "RNN", "GRU", "LSTM", compare.COUNTING)
    rows = {}
    for _, row in pairs.iterrows():
        first, second = row["first"], row["second"]
        if order.index(first) < order.index(second):
            exploratory = np.isnan(row.holm)
            rows[f"{row.comparison}, {row.corpus}: {first} against {second}"] = {
                "interval over": row.over,
                "difference": _interval(row, "+.1%"),
                "p (Holm)": "exploratory" if exploratory else _at_least(row.holm),
                "verdict": study.verdict_of(row),
            }
    return rows


def _at_least(p):
    """Return p as text; the smallest that the resamples can show says that it is one."""
    smallest = 6 * 2 / (compare.RESAMPLES + 1)
    return f"at most {smallest:.2g}" if p <= smallest else f"{p:.2g}"


def _rate_rows(runs):
    rows = {}
    for model in (*jobs.MODELS, "Attention"):
        if (losses := grid(runs, model)).empty:
            continue
        best, rates = best_rate(losses), list(losses.index)
        cells = {f"{rate:g}": f"{losses[rate]:.4f}" for rate in rates}
        cells[f"{best:g}"] = f"**{losses[best]:.4f}**"
        inside = "inside" if best not in (rates[0], rates[-1]) else "at the end of its grid"
        rows[model] = {f"{rate:g}": "" for rate in parts.GRID} | cells | {"best": inside}
    return rows


def complete_spans(spans):
    """Return the rows of spans.csv without the pilots, of those settings that have all seeds."""
    rows = spans[spans["seed"] != parts.PILOT_SEED]
    seeds = rows.groupby(["model", "load", "hidden_dim", "num_layers", "budget"])["seed"]
    wanted = np.where(rows["budget"] == 1, len(parts.SEEDS), len(parts.FEW_SEEDS))
    return rows[seeds.transform("size") == wanted]


def _span_rows(spans):
    keys, rows = ["hidden_dim", "num_layers", "load", "budget", "model"], {}
    for (hidden_dim, layers, load, budget, model), group in complete_spans(spans).groupby(keys):
        size = f"{layers} layer{'s' * (layers > 1)} of {hidden_dim} units"
        long = f", {budget} times the budget" if budget > 1 else ""
        rows[f"{size}, {load} symbol{'s' * (load > 1)}{long}: {model}"] = {
            "spans (characters)": ", ".join(map(str, sorted(group["span"]))),
            "rate": f"{group['rate'].iloc[0]:g}",
            "batches (median)": f"{group['batches'].median():,.0f}",
        }
    return rows


def _published_rows(means):
    """Return the published figures and ours, ours at equal size too, as theirs are."""
    found = dict(PUBLISHED)
    for name in ("equal parameters", AS_IN_THE_NOTEBOOK):
        ours = means[(means["comparison"] == name) & (means["corpus"] == "sample")]
        found[f"this study, {name.replace('as in the notebook', 'equal hidden size')}"] = (
            ours.set_index("model")["bits"].to_dict()
        )
    rows = {}
    for corpus, bits in found.items():
        rows[corpus] = {name: f"{bits[name]:.2f}" for name in jobs.MODELS}
        for name in ("RNN", "GRU"):
            rows[corpus][f"{name} against LSTM"] = f"{bits[name] / bits['LSTM'] - 1:+.1%}"
    return rows


def report(recorded, runs, spans, found, means, pairs):
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
        f"{corpora}. WikiText-2 is its validation split in the tokenised form, in which rare words "
        "are the literal `<unk>`.",
        "Test figures are those of the best epoch's weights on the final timestep of every test "
        "window. Intervals are of 95 %.",
        *_comparison_sections(recorded, found, means, pairs),
        "## Learning rates",
        "Mean best validation loss (nats per character) over the first "
        f"{len(parts.FEW_SEEDS)} seeds; the test split is not looked at. Losses that agree "
        "to three decimals count as equal, and the smallest of their rates is taken.",
        markdown("", _rate_rows(runs)),
        "![Best validation loss by learning rate](study-rates.png)",
        *_text_sections(),
        *_span_sections(recorded, spans),
        *_last_step_sections(),
        "## Published figures",
        "Bits per character at equal size: Bai, Kolter and Koltun (2018), table 1; models and "
        "corpora there are many times larger.",
        markdown("", _published_rows(means)),
    ]
    return "\n\n".join(sections) + "\n"


def _comparison_sections(recorded, found, means, pairs):
    as_told = next(runs for name, _, runs in found if name == AS_IN_THE_NOTEBOOK)
    alike = ", ".join(
        f"{' and '.join(p)} {r:+.2f}" for p, r in compare.correlations(as_told).items()
    )
    return [
        "![Test perplexity of each seed, by comparison](study-perplexity.png)",
        "## Comparisons",
        markdown("", _comparison_rows(means)),
        "A model whose best epoch is the last, or near it, has not converged: within "
        f"{recorded['protocol']['EPOCHS']} epochs its figures are those of this budget. "
        f'"Until it has learned" ends a training when {jobs.PATIENCE} epochs have not lowered the '
        "validation loss. All but the original exercise's rates and Attention have those chosen "
        "on the sample at 256 units, in 20 epochs; others could serve better. Equal parameters are "
        f"about {parts.MATCHED_PARAMETERS:,} each, by the hidden size.",
        "## Differences",
        markdown("perplexity", _difference_rows(pairs)),
        'Those of "as in the notebook" and of "until it has learned" on the sample are two '
        "families, each corrected by Holm's method; their intervals cover five seeds and the "
        "blocks of the test text together, by one bootstrap. All others are exploratory: three "
        "seeds or five, Welch's t, the test text as it is, no correction, so that some would not "
        "survive one. Seeds are not paired: a seed gives two architectures other weights, and five "
        f"are too few to tell how their losses correlate ({alike}).",
    ]


def _text_sections():
    if study_views.text_sizes().empty:  # the part has not been run yet
        return []
    sizes = ", ".join(f"{size:,}" for size in study_views.text_sizes().index)
    of_grid = ", ".join(map(str, parts.SPAN_GRID))
    return [
        "## More text",
        f"WikiText-2, {sizes} characters trained on from its start; the {jobs.HELD_OUT:,} "
        f"characters after the first {max(jobs.SIZES):,} validate, the next as many test. Each "
        "network until "
        f"it has learned (the larger two until {jobs.PATIENCE_OF_MANY} epochs have not lowered the "
        "validation loss). Rates by validation loss of the first seed: on the smallest text the "
        f"best of {of_grid}, on the next that one or half of it, whose choice the largest takes.",
        f"Seeds: {study_views.seeds_on_more_text()}.",
        "![Test perplexity by characters trained on](study-text.png)",
        markdown("test perplexity", _rows(study_views.text_sizes())),
        "Without the characters of `<unk>`, all of which but the first are nearly free:",
        markdown("test perplexity", _rows(study_views.text_sizes("outside_unk"))),
        "How far back a prediction looks: test perplexity when it may read only so many of the "
        f"last characters, on every {jobs.EVERY}th character, and how many are enough to come "
        "within 1 % of 128.",
        markdown("trained on, model", _rows(study_views.contexts())),
    ]


def _rows(table):
    """Return a table of numbers as rows by name, for markdown."""
    return {
        name if isinstance(name, str) else f"{name:,}": {
            str(c): f"{v:g}" if c == "enough" else f"{v:.2f}" for c, v in row.items()
        }
        for name, row in table.iterrows()
    }


def _span_sections(recorded, spans):
    return [
        "## Memory spans",
        "Each at the best rate of a pilot with a seed of its own; "
        f"{recorded['protocol']['LONGEST_LAG']} is as long as a span can be. A lag gets "
        f"{recorded['protocol']['SPAN_BATCHES']:,} batches of 64, or as many times that as it "
        'says. "RNN, identity" is a plain RNN whose recurrent weights begin at the identity; IRNN '
        "has ReLU, zero biases and small input weights too (Le, Jaitly and Hinton 2015).",
        markdown("", _span_rows(spans)),
        "![Memory spans by load and size](study-spans.png)",
    ]


def _last_step_sections():
    return [
        "## The last-step protocol",
        "The protocol of the original exercise, once: the loss on the last step of 8,000 "
        "overlapping windows (7,936 of them: what does not fill a batch is dropped), the weights "
        "of the last epoch, scored on the first 1,000 test windows (960): as the original has it, "
        "with dropout and decay equal, with the rates of this notebook, and with both.",
        markdown("test perplexity", last_step.variants().T.to_dict()),
    ]


def figures(found, runs, spans):
    """Return the figures of docs/study.md by file name."""
    drawn = {
        "study-perplexity.png": _plot_perplexities(found),
        "study-rates.png": _plot_rates(runs),
        "study-spans.png": _plot_spans(spans),
    }
    if not study_views.text_sizes().empty:
        drawn["study-text.png"] = study_views.plot_text_sizes()
    return drawn


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
    axes.set_xticks(parts.GRID, [f"{rate:g}" for rate in parts.GRID])
    axes.set(title="Each optimum lies inside the grid", xlabel="learning rate")
    axes.set_ylabel("best validation loss (nats per character)")
    axes.legend()
    axes.grid(alpha=0.3)
    return figure


def _plot_spans(spans):
    rows = complete_spans(spans)
    rows = rows[rows["model"].isin(jobs.MODELS) & (rows["budget"] == 1)]
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
        axes.set_xticks(parts.LOADS, parts.LOADS)
        axes.set_xlim(min(parts.LOADS) / 1.3, max(parts.LOADS) * 1.3)
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
    names = ("runs", "blocks", "spans", "learned")
    runs, blocks, spans, learned = (pd.read_csv(folder / f"{name}.csv") for name in names)
    vocab_size = len(set(helpers.load_text("sample")))
    found = list(compare.comparisons(runs, learned, vocab_size))
    each = pd.concat(
        pd.DataFrame({"comparison": name, "corpus": corpus}, index=rows.index)
        .join(rows[["model", "seed", "best_epoch"]])
        .assign(perplexity=np.exp(rows["test_loss"]))
        for name, corpus, rows in found
    )
    means, pairs = compare.summary(found), compare.differences(found, blocks)
    tables = {"comparisons.csv": each, "summary.csv": means, "differences.csv": pairs}
    texts = {
        folder / name: table.to_csv(index=False, float_format="%.6g", lineterminator="\n")
        for name, table in tables.items()
    }
    texts[docs / "study.md"] = report(recorded, runs, spans, found, means, pairs)
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
