"""What the study says: the runs over seeds that can tell models apart, where one run cannot.

data/study/ holds them: ``python -m benchmarks.study`` made them, and the intervals.
"""

import hashlib
import json
import math

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.ticker import MaxNLocator

from helpers import DATA, STYLES, waits_for, without_diverged

STUDY = DATA / "study"


def fingerprint(text):
    """Return the SHA-256 of a text, by which the study's files name what they were measured on."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _sample(folder, name, comparison="as in the notebook"):
    """Return a table of the study: one of its comparisons on the sample."""
    table = pd.read_csv(folder / f"{name}.csv")
    return table.query("comparison == @comparison and corpus == 'sample'")


def difference(first, second, folder=STUDY):
    """Return (estimate, interval over seeds, interval over the test text) of one pair of models.

    All are relative differences in perplexity, 0.05 for 5 % above the second.
    """
    rows = _sample(folder, "differences").query("measure == 'relative perplexity'")
    rows = rows[(rows["first"] == first) & (rows["second"] == second)].set_index("over")
    seeds, text = rows.loc["seeds"], rows.loc["test text"]
    return seeds["estimate"], (seeds["low"], seeds["high"]), (text["low"], text["high"])


def verdict(first, second, folder=STUDY):
    """Return which of two models predicts better, as far as both intervals show it."""
    _, *intervals = difference(first, second, folder)
    if all(high < 0 for _, high in intervals):
        return f"{first} better"
    if all(low > 0 for low, _ in intervals):
        return f"{second} better"
    return "no difference shown"


def percent(*values):
    """Return fractions as text in per cent: "-1.0% to +3.0%"."""
    return " to ".join(f"{value:+.1%}" for value in values)


def plot_beside(table, text, folder=STUDY):
    """Return a figure: the test perplexities of this run beside those of the study's seeds.

    Says so in one line instead when ``text`` is not the text that the study used.
    """
    if waits_for("7: performance_table", table):
        return None
    recorded = json.loads((folder / "settings.json").read_text(encoding="utf-8"))
    if fingerprint(text) != recorded["corpora"]["sample"]["sha256"]:
        print("The study used the bundled sample: a run on another text has no place beside it.")
        return None
    summary = perplexities(folder)
    seeds = _sample(folder, "comparisons").set_index("model")["perplexity"]
    own = table.set_index("Model")["Test Perplexity"]
    figure, axes = plt.subplots(figsize=(7, 3), layout="constrained")
    for place, (name, perplexity) in enumerate(own.items()):
        values, mean = seeds[name], summary.loc[name]
        style = {key: STYLES[name][key] for key in ("color", "marker")}
        axes.plot(values, [place - 0.15] * len(values), linestyle="", alpha=0.6, **style)
        reach = [[mean["mean"] - mean["low"]], [mean["high"] - mean["mean"]]]
        axes.errorbar(mean["mean"], place + 0.15, xerr=reach, color=style["color"], capsize=4)
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


def perplexities(folder=STUDY):
    """Return the summary of the perplexities over seeds: a row for each model."""
    return _sample(folder, "summary").query("measure == 'perplexity'").set_index("model")


def differences(folder=STUDY):
    """Return a DataFrame: each two models' difference in perplexity, and what of it is shown.

    A difference is shown when neither interval, over seeds and over the test text, includes zero.
    The last column is the difference, with its interval over seeds, when the models are given as
    many parameters instead of the same hidden size.
    """
    equal = _sample(folder, "differences", "equal parameters")
    equal = equal.set_index(["measure", "first", "second"])
    rows = {}
    for first, second in (("GRU", "LSTM"), ("RNN", "LSTM"), ("RNN", "GRU")):
        estimate, seeds, text = difference(first, second, folder)
        rows[f"{first} against {second}"] = {
            "perplexity": percent(estimate),
            "95 % over seeds": percent(*seeds),
            "95 % over the test text": percent(*text),
            "verdict": verdict(first, second, folder),
        }
        alike = equal.loc["relative perplexity", first, second]
        rows[f"{first} against {second}"]["at equal parameters"] = (
            f"{percent(alike['estimate'])} ({percent(alike['low'], alike['high'])})"
        )
    return pd.DataFrame(rows).T


def spans(folder=STUDY):
    """Return the study's memory spans: a Series of the seeds' spans by size, load and model.

    A size is (hidden_dim, num_layers); each model had the best of its learning rates, which a pilot
    seed of 0 chose.
    """
    measured = pd.read_csv(folder / "spans.csv").query("seed > 0")
    return measured.groupby(["hidden_dim", "num_layers", "load", "model"])["span"].apply(sorted)


def recommendation(requirements, folder=STUDY):
    """Return a DataFrame: by load, the study's memory spans and the model that they recommend.

    Says first what the study shows about perplexity, and last what another margin would change. A
    model remembers enough when all seeds reach the span, and is near the best when both intervals
    of its perplexity lie within the margin.
    """
    farthest = _farthest_above_the_best(requirements.perplexity_margin, folder)
    rows, smallest = {}, {}
    by_load = spans(folder).loc[128, 1]
    for load in sorted(by_load.index.unique("load")):
        reach = [name for name in farthest if min(by_load[load, name]) >= requirements.span]
        near = [name for name in reach if farthest[name] <= requirements.perplexity_margin]
        smallest[load] = reach[0] if reach else "none"
        rows[load] = {
            **{f"{name}: span": value_range(by_load[load, name]) for name in farthest},
            f"remember {requirements.span}": ", ".join(reach) or "none",
            "smallest of them": smallest[load],
            "and near the best": near[0] if near else "none",
        }
    for name, above in farthest.items():
        loads = [str(load) for load, other in smallest.items() if name == other]
        if loads and above > requirements.perplexity_margin:
            print(
                f"Holding {' or '.join(loads)} at once, the {name} remembers enough and is the "
                f"smallest; with a margin of {math.ceil(100 * above)}% it would be the "
                "recommendation there."
            )
    return pd.DataFrame(rows).T.rename_axis("symbols")


def _farthest_above_the_best(margin, folder):
    """Return how far each model's perplexity may lie above the best, the smallest model first.

    That is the upper end of the wider interval. Prints for each whether it is within the margin.
    """
    summary = perplexities(folder).sort_values("parameters")
    best, farthest = summary["mean"].idxmin(), dict.fromkeys(summary.index, 0.0)
    for name in summary.index.drop(best):
        estimate, *intervals = difference(name, best, folder)
        lows, highs = zip(*intervals, strict=True)
        farthest[name] = max(highs)
        within = f"{margin:.0%} or not is open"
        if max(highs) <= margin or min(lows) > margin:
            within = f"{'within' if max(highs) <= margin else 'beyond'} {margin:.0%}"
        print(
            f"Perplexity, {name} against {best}: {percent(estimate)} "
            f"(95 %: {percent(min(lows), max(highs))}), {within}; {verdict(name, best, folder)}."
        )
    return farthest


def value_range(values):
    """Return the values of all seeds, sorted, as text: one number, or the lowest to the highest."""
    return f"{values[0]}" if values[0] == values[-1] else f"{values[0]} to {values[-1]}"


def plot_sweeps(folder=STUDY):
    """Return a figure: the study's test perplexity by length of the windows and by hidden size."""
    summary = pd.read_csv(folder / "summary.csv").query("measure == 'perplexity'")
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
            reach = [of_model["mean"] - of_model["low"], of_model["high"] - of_model["mean"]]
            axes.errorbar(
                of_model["place"],
                of_model["mean"],
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
    summary = pd.read_csv(folder / "summary.csv").query(
        "comparison == 'with attention' and measure == 'perplexity'"
    )
    measured = pd.read_csv(folder / "spans.csv").query("seed > 0 and load == 4 and num_layers == 1")
    reach = measured.groupby("model")["span"].apply(sorted)
    rows = {
        row.model: {
            "parameters": f"{row.parameters:,}",
            "test perplexity (95 %)": f"{row.mean:.2f} ({row.low:.2f} to {row.high:.2f})",
            "memory span, 4 symbols": value_range(reach[row.model]),
        }
        for row in summary.itertuples()
    }
    return pd.DataFrame(rows)


def seed_noise(folder=STUDY):
    """Return by how much the perplexities of two single runs may differ by their seeds alone.

    Relative, at 95 %: 1.96 standard deviations of a difference of two, the largest of the models.
    """
    summary = perplexities(folder)
    return 1.96 * math.sqrt(2) * (summary["sd"] / summary["mean"]).max()


def plot_last_step_protocol(metrics, table):
    """Return a figure: validation loss and test perplexity under the last-step protocol and ours.

    The last-step curves are those of data/study/last_step.csv, measured on the bundled sample.
    """
    if waits_for("7: performance_table", metrics, table):
        return None
    recorded = pd.read_csv(STUDY / "last_step.csv")
    perplexity = table.set_index("Model")["Test Perplexity"]
    figure, panels = plt.subplots(1, 2, figsize=(10, 4), sharey=True, layout="constrained")
    for name, measured in metrics.items():
        style = STYLES.get(name, {}) | {"markersize": 4}
        rows = recorded[recorded["model"] == name]
        label = f"{name}: {rows['test_perplexity'].iloc[-1]:.2f}"
        panels[0].plot(rows["epoch"], rows["val_loss"], label=label, **style)
        losses = without_diverged(measured["val_losses"])
        panels[1].plot(
            range(1, len(losses) + 1), losses, label=f"{name}: {perplexity[name]:.2f}", **style
        )
    panels[0].set(title="Last-step protocol (recorded on the sample)")
    panels[1].set(title="This notebook's protocol (your run)")
    for axes in panels:
        axes.set(xlabel="epoch", ylabel="validation loss (nats per character)")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.legend(title="test perplexity")
        axes.grid(alpha=0.3)
    return figure
