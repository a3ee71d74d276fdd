"""What folded cells show of the study: tables and figures over seeds, texts, sizes and contexts.

Like lab/study.py, whose readings they arrange, they are of the bundled sample or of WikiText-2.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from helpers import by_model, waits_for
from lab import exercise
from lab.exercise import MODELS, STYLES
from lab.study import (
    BUDGET,
    LEARNED,
    PAIRS,
    STUDY,
    UNITS,
    difference,
    interval,
    of_this_text,
    perplexities,
    read,
    sample,
    spans,
    value_range,
    verdict_of,
)


def plot_beside(table, text, folder=STUDY):
    """Return a figure: the test perplexities of this run beside those of the study's seeds.

    Says so in one line instead when ``text`` is not the text that the study used.
    """
    if waits_for("7: performance_table", table):
        return None
    if not of_this_text(text, folder):
        return None
    summary = perplexities(folder=folder)
    seeds = sample(folder, "comparisons").set_index("model")["perplexity"]
    own = by_model(table, "Test Perplexity")["Test Perplexity"]
    figure, axes = plt.subplots(figsize=(7, 3), layout="constrained")
    for place, (name, perplexity) in enumerate(own.items()):
        values, mean = seeds[name], summary.loc[name]
        style = {key: STYLES[name][key] for key in ("color", "marker")}
        axes.plot(values, [place - 0.15] * len(values), linestyle="", alpha=0.6, **style)
        reach = [[mean["perplexity"] - mean["low"]], [mean["high"] - mean["perplexity"]]]
        axes.errorbar(mean["perplexity"], place + 0.15, xerr=reach, color=style["color"], capsize=4)
        axes.plot(perplexity, place, "k*", markersize=12)
    for marks in ({"marker": "o"}, {"linestyle": "-"}, {"marker": "*", "markersize": 12}):
        axes.plot([], [], **({"color": "black", "linestyle": ""} | marks))
    labels = [f"the study's {len(values)} seeds", "their 95 % interval of the mean", "your run"]
    axes.legend(axes.lines[-3:], labels, fontsize="small")
    axes.set_yticks(range(len(own)), own.index)
    axes.set(title="Your run among other seeds", xlabel="test perplexity", ylabel="model")
    axes.margins(y=0.25)
    axes.grid(axis="x", alpha=0.3)
    return figure


def differences(text, folder=STUDY):
    """Return a DataFrame: each two models' difference in perplexity, and what of it is shown.

    Within the notebook's budget of epochs, and until each has learned, with intervals of 95 % over
    seeds and test text together and Holm's correction over the six pairs. The last column, with as
    many parameters for each model instead of the same hidden size, is exploratory.
    """
    if not of_this_text(text, folder):
        return None
    rows = {}
    for first, second in PAIRS:
        cells = rows[f"{first} against {second}"] = {}
        for comparison, name in ((BUDGET, "20 epochs"), (LEARNED, LEARNED)):
            row = difference(first, second, comparison, folder)
            cells[name], cells[f"{name}: verdict"] = interval(row), verdict_of(row)
        if second != "counting":
            alike = difference(first, second, "equal parameters", folder)
            cells["equal parameters"] = interval(alike)
    return pd.DataFrame(rows).T.fillna("")


def learning(text, folder=STUDY):
    """Return a DataFrame: each network's perplexity within 20 epochs and when it has learned."""
    if not of_this_text(text, folder):
        return None
    budget, learned = perplexities(BUDGET, folder), perplexities(LEARNED, folder)
    columns = {
        "perplexity, 20 epochs": budget["perplexity"].map("{:.2f}".format),
        "perplexity, learned": learned["perplexity"].map("{:.2f}".format),
        "best epoch (median)": learned["best_epoch"].map("{:.0f}".format),
    }
    return pd.DataFrame(columns).T


def starts(folder=STUDY):
    """Return a DataFrame of the spans at load 4 by how a model begins and by batches for a lag."""
    measured = read(folder, "spans")
    measured = measured.query("seed > 0 and load == 4 and hidden_dim == 128 and num_layers == 1")
    reach = measured.groupby(["model", "budget"])["span"].apply(sorted).map(value_range)
    table = reach.unstack("budget").fillna("")
    batches = exercise.SPAN_BATCHES * table.columns
    return table.set_axis(batches, axis=1).rename_axis(columns="batches for a lag")


def recommendation(requirements, text, folder=STUDY):
    """Return a DataFrame: what the requirements recommend under other circumstances.

    A model can be taught enough when all seeds reach the span, with one layer of 128 units and with
    two of 256; it is near the best network when its perplexity's interval lies within the margin.
    What some seeds, one of the sizes or only a part of the interval satisfies is open. On more text
    there is no interval.
    """
    if not of_this_text(text, folder):
        return None
    sizes = perplexities(BUDGET, folder)["parameters"].sort_values()
    rows = {}
    for what, load, above in _circumstances(requirements, folder):
        reach = {name: _reach(name, load, requirements.span, folder) for name in sizes.index}
        near = {name: _near(*above[name], requirements.perplexity_margin) for name in sizes.index}
        rows[what] = {
            f"taught {requirements.span}": _names(reach, "yes"),
            "near the best": _names(near, "yes"),
            "open": _names({n: _open(reach[n], near[n]) for n in sizes.index}, "yes"),
            "recommended": next((n for n in sizes.index if reach[n] == near[n] == "yes"), "none"),
        }
    return pd.DataFrame(rows).T


def _names(verdicts, wanted):
    return ", ".join(name for name, verdict in verdicts.items() if verdict == wanted) or "none"


def _open(*verdicts):
    return "yes" if "open" in verdicts and "no" not in verdicts else "no"


def _reach(name, load, span, folder):
    """Return whether all seeds of both sizes reach a span: "yes", "no", or "open" for some."""
    reached = [s >= span for size in UNITS for s in spans(size, load, folder).get(name, [])]
    if not reached or any(reached) != all(reached):
        return "open"
    return "yes" if all(reached) else "no"


def _near(low, high, margin):
    """Return whether an interval lies within a margin: "yes", "no", or "open" for a part of it."""
    return "yes" if high <= margin else "no" if low > margin else "open"


def _circumstances(requirements, folder):
    """Yield (what, load, {model: interval of its perplexity above the best network's})."""
    for comparison, loads in ((BUDGET, (4, 2, 1)), (LEARNED, (requirements.load,))):
        best = perplexities(comparison, folder)["perplexity"].idxmin()
        above = {name: (0.0, 0.0) for name in MODELS}
        for name in set(MODELS) - {best}:
            row = difference(name, best, comparison, folder)
            above[name] = row["low"], row["high"]
        for load in loads:
            holding = f"{comparison}, holding {load} at once"
            yield holding, load, above
    for characters, row in text_sizes(folder=folder).iterrows():
        apart = {name: row[name] / row[list(MODELS)].min() - 1 for name in MODELS}
        what = f"{characters:,} characters of WikiText-2, holding {requirements.load}"
        yield what, requirements.load, {name: (value, value) for name, value in apart.items()}


def text_sizes(column="test_loss", folder=STUDY):
    """Return the test perplexities by characters of WikiText-2 trained on: a row for each size.

    Networks are means over seeds, each until it has learned, at its best rate on validation.
    """
    learned = _best_rates(folder)
    networks = learned.groupby(["characters", "model"])[column].mean().unstack()
    counted = read(folder, "counted").query("corpus != 'sample'")
    table = networks.reindex(columns=MODELS)
    return np.exp(table.assign(counting=counted.set_index("characters")[column])).dropna()


def _best_rates(folder):
    """Return the rows of learned.csv on WikiText-2 at each network's best rate for its size."""
    learned = read(folder, "learned").query("corpus != 'sample'")
    first = learned[learned["seed"] == learned["seed"].min()].sort_values("best_val_loss")
    best = first.drop_duplicates(["characters", "model"])[["characters", "model", "rate"]]
    return learned.merge(best)


def seeds_on_more_text(folder=STUDY):
    """Return how many seeds each network has at its best rate, by size of the text, in words."""
    counts = _best_rates(folder).groupby(["characters", "model"]).size().unstack().fillna(0)
    return "; ".join(
        f"{characters:,} characters " + ", ".join(f"{name} {row[name]:.0f}" for name in MODELS)
        for characters, row in counts.iterrows()
    )


def contexts(folder=STUDY):
    """Return the test perplexities by how many of the last characters a prediction may read.

    A row for each size of the training text and model, a column for each number of characters, and
    the least of these that comes within 1 % of the most, as "enough".
    """
    counted = read(folder, "counted").query("corpus != 'sample'")
    rows = pd.concat([_best_rates(folder), counted.assign(model="counting")])
    rows["trained"] = rows["characters"].map("{:,}, ".format) + rows["model"]
    within = rows.groupby("trained", sort=False)[
        [c for c in rows if c.startswith("within_")]
    ].mean()
    order = rows.drop_duplicates("trained").sort_values(["characters", "parameters"])["trained"]
    table = np.exp(within.loc[order]).rename(columns=lambda name: int(name.removeprefix("within_")))
    return table.assign(enough=table.le(1.01 * table[max(table)], axis=0).idxmax(axis=1))


def plot_text_sizes(folder=STUDY):
    """Return a figure: test perplexity against characters of training text, for all four."""
    table, seeds = text_sizes(folder=folder), _best_rates(folder)
    figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
    for name in table:
        style = STYLES.get(name, {"color": "black", "linestyle": "-.", "marker": "D"})
        axes.plot(table.index, table[name], label=name, **style)
        runs = seeds[seeds["model"] == name]
        marks = style | {"linestyle": ""}
        axes.plot(runs["characters"], np.exp(runs["test_loss"]), alpha=0.4, **marks)
    axes.set_xscale("log")
    axes.set_xticks(table.index, [f"{characters:,}" for characters in table.index])
    axes.minorticks_off()
    apart = table[list(MODELS)].min(axis=1) / table["counting"] - 1
    axes.set(xlabel="characters trained on", ylabel="test perplexity")
    axes.set_title(
        "WikiText-2 (validation split, tokenised form), each network until it has learned:\n"
        f"the best against counting {', '.join(f'{value:+.1%}' for value in apart)}",
        fontsize="medium",
    )
    axes.legend()
    axes.grid(alpha=0.3)
    return figure


def plot_sweeps(folder=STUDY):
    """Return a figure: the study's test perplexity by length of the windows and by hidden size."""
    summary = read(folder, "summary")
    figure, panels = plt.subplots(1, 2, figsize=(10, 3.5), sharey=True, layout="constrained")
    sweeps = (("windows of ", "", 50, "length of the windows (characters)"),)
    sweeps += (("", " units", 256, "hidden size (units per layer)"),)
    for axes, (before, after, usual, label) in zip(panels, sweeps, strict=True):
        places = summary["comparison"].str.extract(f"^{before}(\\d+){after}$")[0].astype(float)
        places[
            (summary["comparison"] == "as in the notebook") & (summary["corpus"] == "sample")
        ] = usual
        rows = summary.assign(place=places).dropna(subset="place").sort_values("place")
        for name, of_model in rows.groupby("model", sort=False):
            mean = of_model["perplexity"]
            reach = [mean - of_model["low"], of_model["high"] - mean]
            axes.errorbar(
                of_model["place"],
                mean,
                yerr=reach,
                capsize=3,
                label=name,
                **STYLES[name],
            )
        axes.set_xscale("log", base=2)
        axes.set_xticks(
            rows["place"].unique(), [f"{place:.0f}" for place in rows["place"].unique()]
        )
        axes.set(xlabel=label, ylabel="test perplexity")
        axes.legend()
        axes.grid(alpha=0.3)
    figure.suptitle("The study's means and 95 % intervals over seeds")
    return figure


def attention(folder=STUDY):
    """Return a DataFrame: the RNN with attention beside the plain one of as many parameters."""
    summary = sample(folder, "summary", "with attention")
    measured = read(folder, "spans").query("seed > 0 and load == 4 and num_layers == 1")
    reach = measured[measured["budget"] == 1].groupby("model")["span"].apply(sorted)
    rows = {
        row.model: {
            "parameters": f"{row.parameters:,}",
            "test perplexity (95 %)": f"{row.perplexity:.2f} ({row.low:.2f} to {row.high:.2f})",
            "memory span, 4 symbols, 1 layer": value_range(reach[row.model]),
        }
        for row in summary.itertuples()
    }
    return pd.DataFrame(rows)
