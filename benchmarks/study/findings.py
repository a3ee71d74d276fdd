"""The results of the study: tables as CSV files, docs/study.md and its plots.

    python -m benchmarks.study.findings    write them again; benchmarks.study does this at its end

Reads data/study/ and writes five files there: comparisons.csv (a row per run of a comparison),
summary.csv, differences.csv, text_sizes.csv and contexts.csv. It also writes docs/study.md and its
plots. compare.py computes the tables. findings.md, next to this file, is the template of
docs/study.md. If a line of the template begins with a field of a table, for example
"| {summary.model}", the line is repeated for each row of the table.
"""

import json
import re
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.scale import LogScale, SymmetricalLogScale

import helpers
from benchmarks.study import compare, jobs, plan
from course import workers
from lab import exercise
from lab.extras import study_views
from lab.study import AS_IN_THE_NOTEBOOK, EQUAL_PARAMETERS, NGRAM, STUDY, read_study

DOCS = Path(helpers.__file__).parent / "docs"
STYLES = exercise.STYLES | {"Attention": {"color": "#CC79A7", "linestyle": "-.", "marker": "D"}}
MARKS = {"linestyle": "", "alpha": 0.6}  # a mark for each run, and no line
# Bits per character at equal size: Bai, Kolter and Koltun, "An Empirical Evaluation of Generic
# Convolutional and Recurrent Networks for Sequence Modeling" (2018), table 1.
PUBLISHED = {
    "Penn Treebank": {"RNN": 1.48, "LSTM": 1.36, "GRU": 1.37},
    "text8": {"RNN": 1.69, "LSTM": 1.50, "GRU": 1.53},
}


def texts():
    """Return everything that is written except the plots: a dict of texts by their paths."""
    runs = compare.compared(read_study("runs"), read_study("learned"))
    sizes = compare.text_sizes(read_study("learned"), read_study("counted"))
    long = sizes[sizes["corpus"] == jobs.LONG_TEXT]
    tables = {
        "comparisons": runs[[*compare.COMPARISON, "model", "seed", "best_epoch", "perplexity"]],
        "summary": compare.summary(runs),
        "differences": compare.differences(runs, read_study("blocks")),
        "text_sizes": sizes[
            ["text", "characters", "model", "seed", "rate", "tried", "test_loss", "outside_unk"]
        ],
        "contexts": compare.contexts(long).reset_index(),
    }
    files = {
        STUDY / f"{name}.csv": table.to_csv(index=False, float_format="%.6g", lineterminator="\n")
        for name, table in tables.items()
    }
    return files | {DOCS / "study.md": document(tables)}


def document(tables):
    """Return the text of docs/study.md."""
    recorded = json.loads((STUDY / "settings.json").read_text(encoding="utf-8"))
    text, lines = Path(__file__).with_suffix(".md").read_text(encoding="utf-8"), []
    if tables["contexts"].empty:  # the study ran without WikiText-2
        text = re.sub(r"## More text, .*?(?=## )", "", text, flags=re.DOTALL)
    seeds = tables["comparisons"].query("comparison == @AS_IN_THE_NOTEBOOK and corpus == 'sample'")
    perplexities = seeds.pivot(index="seed", columns="model", values="perplexity")
    numbers = {
        "exercise": exercise,
        "jobs": jobs,
        "plan": plan,
        "recorded": recorded,
        "alike": np.log(perplexities).corr(),
    }
    rows = _rows(tables) | {"corpora": pd.DataFrame(recorded["corpora"]).T}
    rows["machines"] = pd.DataFrame({"machine": recorded["machines"]})
    for line in text.splitlines(keepends=True):
        name = re.match(r"[|-] \{(\w+)|", line)[1]
        each = rows[name].itertuples() if name else [None]
        lines += [line.format(**numbers, **{str(name): row}) for row in each]
    return "".join(lines)


def _rows(tables):
    """Return the tables of docs/study.md by their names in findings.md."""
    sizes = tables["text_sizes"].fillna({"rate": 0, "tried": ""})
    place = ["text", "characters"]
    on_test = np.exp(sizes.pivot_table(["test_loss", "outside_unk"], place, "model"))
    seeds = sizes.groupby([*place, "model", "rate", "tried"], as_index=False).size()
    seeds["told"] = [f"{of.size} at {of.rate:g} ({of.tried})" for of in seeds.itertuples()]
    spans = _spans().sort_values("span").astype({"span": str})
    setting = ["hidden_dim", "num_layers", "size", "load", "budget", "model"]
    return {
        "summary": tables["summary"],
        "differences": _each_pair_once(tables["differences"]),
        "rates": _rates(),
        "seeds": seeds.pivot(index=place, columns="model", values="told"),
        "text_sizes": on_test["test_loss"],
        "outside_unk": on_test["outside_unk"].filter(like=jobs.TEXTS[jobs.LONG_TEXT], axis=0),
        "contexts": tables["contexts"],
        "spans": spans.groupby(setting, as_index=False).agg(
            {"span": ", ".join, "rate": "first", "batches": "median"}
        ),
        "last_step": _last_step_variants(),
        "published": _beside_published(tables["summary"]),
    }


def _last_step_variants():
    # Test perplexity after the last epoch, and the lowest validation loss, by model and variant.
    told = {}
    for (model, variant), epochs in read_study("last_step").groupby(["model", "variant"]):
        lowest = epochs.loc[epochs["val_loss"].idxmin()]
        told.setdefault(model, {})[variant] = (
            f"{epochs['test_perplexity'].iloc[-1]:.1f} (lowest validation loss "
            f"{lowest['val_loss']:.2f} in epoch {lowest['epoch']})"
        )
    table = pd.DataFrame(told)
    order = sorted(table.index, key=lambda name: (name != "original", name == "both"))
    return table.loc[order, list(exercise.MODELS)]


def _each_pair_once(pairs):
    order = ("Attention", "RNN", "GRU", "LSTM", NGRAM).index
    pairs = pairs[pairs["first"].map(order) < pairs["second"].map(order)]
    least = np.where(np.isclose(pairs["p"], compare.SMALLEST_P), "at most ", "")
    told = pairs["holm"].map("{:.2g}".format).replace("nan", "exploratory")
    return pairs.assign(holm=least + told)


def _rates():
    rates = compare.rates(read_study("runs"))
    cells = rates.T.map("{:.4f}".format).replace("nan", "")
    for model, losses in rates.items():
        best, ends = compare.best_rate(losses), losses.dropna().index[[0, -1]]
        cells.loc[model, best] = f"**{cells.loc[model, best]}**"
        cells.loc[model, "best"] = "at an end of the grid" if best in ends else "inside the grid"
    return cells


def _spans():
    """Return the memory spans without the pilot runs, with the size of the model in words."""
    spans = read_study("spans").query("seed != @plan.PILOT_SEED")
    units = " of " + spans["hidden_dim"].astype(str) + " units"
    return spans.assign(size=spans["num_layers"].map({1: "1 layer", 2: "2 layers"}) + units)


def _beside_published(means):
    """Return the published values and ours, for equal hidden size and for equal parameters."""
    bits = means.query("corpus == 'sample'").pivot(
        index="comparison", columns="model", values="bits"
    )
    table = pd.DataFrame(
        PUBLISHED
        | {
            f"this study, {EQUAL_PARAMETERS}": bits.loc[EQUAL_PARAMETERS],
            "this study, equal hidden size": bits.loc[AS_IN_THE_NOTEBOOK],
        }
    ).T
    return table.assign(rnn=table["RNN"] / table["LSTM"] - 1, gru=table["GRU"] / table["LSTM"] - 1)


# ----- The plots ----------------------------------------------------------------------------------


def _figure(rows, x, y, figsize, looks, **settings):
    """Return a figure with a panel for each title in ``rows``, and a line for each model in it.

    ``looks`` is a dict of line properties that are added to the style of the model. ``settings``
    are properties of every panel, such as the labels of the axes.
    """
    figure, panels = plt.subplots(
        1,
        rows["title"].nunique(),
        figsize=figsize,
        sharey=True,
        squeeze=False,
        layout="constrained",
    )
    for axes, (title, of_panel) in zip(panels[0], rows.groupby("title"), strict=True):
        for model, of_model in of_panel.groupby("model", sort=False):
            axes.plot(of_model[x], of_model[y], label=model, **(STYLES[model] | looks))
        axes.set(title=title, **settings)
        axes.grid(alpha=0.3)
    figure.legend(handles=axes.lines, loc="outside right upper")
    return figure


def _plot_perplexities():
    runs = read_study("comparisons").assign(title="Each mark is one run")
    names = runs[compare.COMPARISON].drop_duplicates().agg(", ".join, axis=1)
    beside = runs["model"].map({"RNN": -0.2, "LSTM": 0, "Attention": 0, "GRU": 0.2})
    runs["place"] = runs.groupby(compare.COMPARISON, sort=False).ngroup() + beside
    return _figure(
        runs,
        "perplexity",
        "place",
        (8, 0.6 * len(names) + 1),
        MARKS,
        xlabel="test perplexity",
        ylabel="comparison, text",
        yticks=range(len(names)),
        yticklabels=names,
        ylim=(len(names) - 0.5, -0.5),
    )


def _plot_rates():
    rates = compare.rates(read_study("runs")).melt(ignore_index=False).dropna().reset_index()
    return _figure(
        rates.assign(title="The best rate of each model lies inside the grid"),
        "rate",
        "value",
        (6, 4),
        {},
        xlabel="learning rate",
        ylabel="best validation loss (nats per character)",
        xscale=LogScale("x", base=2),
        xticks=plan.GRID,
        xticklabels=plan.GRID,
    )


def _plot_spans():
    spans = _spans().query("budget == 1").rename(columns={"size": "title"})
    beside = spans["model"].map({"RNN": -0.08, "LSTM": 0, "GRU": 0.08})
    lags = [0, *(2**i for i in range(8))]
    return _figure(
        spans.assign(place=spans["load"] * 2**beside).dropna(),  # of the three
        "place",
        "span",
        (9, 3.5),
        MARKS,
        xlabel="symbols to remember",
        ylabel="memory span (characters)",
        xscale=LogScale("x", base=2),
        yscale=SymmetricalLogScale("y", base=2, linthresh=1),
        xticks=plan.LOADS,
        xticklabels=plan.LOADS,
        xlim=(min(plan.LOADS) / 1.3, max(plan.LOADS) * 1.3),
        yticks=lags,
        yticklabels=lags,
    )


def main():
    for path, text in texts().items():
        workers.put(path, text.encode())
    drawn = {"perplexity": _plot_perplexities(), "rates": _plot_rates(), "spans": _plot_spans()}
    if len(read_study("contexts")):
        drawn["text"] = study_views.plot_text_sizes()
    for name, figure in drawn.items():
        figure.savefig(DOCS / f"study-{name}.png", dpi=100, metadata={"Software": None})


if __name__ == "__main__":
    main()
