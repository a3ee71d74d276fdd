"""From measurements to conclusions: the requirements, the study over seeds, claims and guesses.

One training run cannot tell models apart that differ by a per cent or two. data/study/ holds the
runs that can: ``python -m benchmarks.study`` made them, benchmarks/study/report.py the intervals.
"""

import hashlib
import json
import math
from typing import NamedTuple

import matplotlib.pyplot as plt
import pandas as pd

from helpers import DATA, STYLES, waits_for

STUDY = DATA / "study"


# ---------------------------------------------------------------------------------------------
# Requirements
# ---------------------------------------------------------------------------------------------


class Requirements(NamedTuple):
    """What a model must meet."""

    latency_ms: float  # at most, for the forward pass on one window
    parameters: int  # at most
    load: int  # symbols to remember at once
    span: int  # characters to remember them over, at least
    perplexity_margin: float  # at most this far above the best model, 0.05 for 5 %


def requirements_met(table, spans, requirements):
    """Return a DataFrame of booleans: which model (row) meets which requirement (column)."""
    table = table.set_index("Model")
    best = table["Test Perplexity"].min()
    return pd.DataFrame(
        {
            "Parameters": table["Parameters"] <= requirements.parameters,
            "Inference Speed (ms)": table["Inference Speed (ms)"] <= requirements.latency_ms,
            "Test Perplexity": table["Test Perplexity"]
            <= best * (1 + requirements.perplexity_margin),
            "Memory Span": pd.Series(spans).reindex(table.index) >= requirements.span,
        }
    )


def requirements_table(table, spans, requirements):
    """Return a DataFrame: each requirement, and how each model meets it, the smallest first."""
    if waits_for("7 and 9: performance_table and spans", table, spans):
        return None
    met = requirements_met(table, spans, requirements)
    measured = table.sort_values("Parameters").set_index("Model")
    measured["Memory Span"] = pd.Series(spans)
    limit = measured["Test Perplexity"].min() * (1 + requirements.perplexity_margin)
    rows = {
        "Parameters": (f"at most {requirements.parameters:,}", ",.0f"),
        "Inference Speed (ms)": (f"at most {requirements.latency_ms}", ".1f"),
        "Test Perplexity": (f"at most {limit:.2f}", ".2f"),
        "Memory Span": (f"at least {requirements.span}", ".0f"),
    }
    shown = {"required": {name: text for name, (text, _) in rows.items()} | {"meets all": ""}}
    for model, values in measured.iterrows():
        shown[model] = {
            name: f"{values[name]:{form}} {'✓' if met.loc[model, name] else '✗'}"
            for name, (_, form) in rows.items()
        }
        shown[model]["meets all"] = "yes" if met.loc[model].all() else "no"
    return pd.DataFrame(shown)


# ---------------------------------------------------------------------------------------------
# The study
# ---------------------------------------------------------------------------------------------


def fingerprint(text):
    """Return the SHA-256 of a text, by which the study's files name what they were measured on."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _study(name, comparison="as in the notebook"):
    """Return a table of the study: one of its comparisons on the sample."""
    table = pd.read_csv(STUDY / f"{name}.csv")
    return table.query("comparison == @comparison and corpus == 'sample'")


def _difference(first, second):
    """Return (estimate, interval over seeds, interval over the test text) of one pair of models.

    All are relative differences in perplexity, 0.05 for 5 % above the second.
    """
    rows = _study("differences").query("measure == 'relative perplexity'")
    rows = rows[(rows["first"] == first) & (rows["second"] == second)].set_index("over")
    seeds, text = rows.loc["seeds"], rows.loc["test text"]
    return seeds["estimate"], (seeds["low"], seeds["high"]), (text["low"], text["high"])


def _verdict(first, second):
    """Return which of two models predicts better, as far as both intervals show it."""
    _, *intervals = _difference(first, second)
    if all(high < 0 for _, high in intervals):
        return f"{first} better"
    if all(low > 0 for low, _ in intervals):
        return f"{second} better"
    return "no difference shown"


def _percent(*values):
    return " to ".join(f"{value:+.1%}" for value in values)


def plot_beside_study(table, text):
    """Return a figure: the test perplexities of this run beside those of the study's seeds.

    Says so in one line instead when ``text`` is not the text that the study used.
    """
    if waits_for("7: performance_table", table):
        return None
    recorded = json.loads((STUDY / "settings.json").read_text(encoding="utf-8"))
    if fingerprint(text) != recorded["corpora"]["sample"]["sha256"]:
        print("The study used the bundled sample: a run on another text has no place beside it.")
        return None
    summary = _study("summary").query("measure == 'perplexity'").set_index("model")
    seeds = _study("comparisons").set_index("model")["perplexity"]
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


def study_differences():
    """Return a DataFrame: each two models' difference in perplexity, and what of it is shown.

    A difference is shown when neither interval, over seeds and over the test text, includes zero.
    The last column is the difference, with its interval over seeds, when the models are given as
    many parameters instead of the same hidden size.
    """
    equal = _study("differences", "equal parameters").set_index(["measure", "first", "second"])
    rows = {}
    for first, second in (("GRU", "LSTM"), ("RNN", "LSTM"), ("RNN", "GRU")):
        estimate, seeds, text = _difference(first, second)
        rows[f"{first} against {second}"] = {
            "perplexity": _percent(estimate),
            "95 % over seeds": _percent(*seeds),
            "95 % over the test text": _percent(*text),
            "verdict": _verdict(first, second),
        }
        alike = equal.loc["relative perplexity", first, second]
        rows[f"{first} against {second}"]["at equal parameters"] = (
            f"{_percent(alike['estimate'])} ({_percent(alike['low'], alike['high'])})"
        )
    return pd.DataFrame(rows).T


def study_spans():
    """Return the study's memory spans: a Series of the seeds' spans by size, load and model.

    A size is (hidden_dim, num_layers); each model had the best of its learning rates, which a pilot
    seed of 0 chose.
    """
    spans = pd.read_csv(STUDY / "spans.csv").query("seed > 0")
    return spans.groupby(["hidden_dim", "num_layers", "load", "model"])["span"].apply(sorted)


def study_recommendation(requirements):
    """Return a DataFrame: by load, the study's memory spans and the model that they recommend.

    Says first what the study shows about perplexity, and last what another margin would change. A
    model remembers enough when all seeds reach the span, and is near the best when both intervals
    of its perplexity lie within the margin.
    """
    margin = requirements.perplexity_margin
    summary = _study("summary").query("measure == 'perplexity'").set_index("model")
    best, size = summary["mean"].idxmin(), summary["parameters"].sort_values()
    farthest = {best: 0.0}  # above the best, at the upper end of the wider interval
    for name in size.index.drop(best):
        estimate, *intervals = _difference(name, best)
        lows, highs = zip(*intervals, strict=True)
        farthest[name] = max(highs)
        within = f"{margin:.0%} or not is open"
        if max(highs) <= margin or min(lows) > margin:
            within = f"{'within' if max(highs) <= margin else 'beyond'} {margin:.0%}"
        print(
            f"Perplexity, {name} against {best}: {_percent(estimate)} "
            f"(95 %: {_percent(min(lows), max(highs))}), {within}; {_verdict(name, best)}."
        )
    rows, remember = {}, {}
    spans = study_spans().loc[128, 1]
    for load in sorted(spans.index.unique("load")):
        reach = [name for name in size.index if min(spans[load, name]) >= requirements.span]
        near = [name for name in reach if farthest[name] <= margin]
        remember[load] = reach
        rows[load] = {
            **{f"{name}: span": value_range(spans[load, name]) for name in size.index},
            f"remember {requirements.span}": ", ".join(reach) or "none",
            "smallest of them": reach[0] if reach else "none",
            "and near the best": near[0] if near else "none",
        }
    for name in size.index[[farthest[name] > margin for name in size.index]]:
        loads = [load for load, reach in remember.items() if name == (reach or [None])[0]]
        if loads:
            print(
                f"Holding {' or '.join(map(str, loads))} at once, the {name} remembers enough and "
                f"is the smallest; with a margin of {math.ceil(100 * farthest[name])}% it would be "
                "the recommendation there."
            )
    return pd.DataFrame(rows).T.rename_axis("symbols")


def value_range(values):
    """Return the values of all seeds, sorted, as text: one number, or the lowest to the highest."""
    return f"{values[0]}" if values[0] == values[-1] else f"{values[0]} to {values[-1]}"


def plot_sweeps():
    """Return a figure: the study's test perplexity by length of the windows and by hidden size."""
    summary = pd.read_csv(STUDY / "summary.csv").query("measure == 'perplexity'")
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


def study_attention():
    """Return a DataFrame: the RNN with attention beside the plain one of as many parameters."""
    summary = pd.read_csv(STUDY / "summary.csv").query(
        "comparison == 'with attention' and measure == 'perplexity'"
    )
    spans = pd.read_csv(STUDY / "spans.csv").query("seed > 0 and load == 4 and num_layers == 1")
    spans = spans.groupby("model")["span"].apply(sorted)
    rows = {
        row.model: {
            "parameters": f"{row.parameters:,}",
            "test perplexity (95 %)": f"{row.mean:.2f} ({row.low:.2f} to {row.high:.2f})",
            "memory span, 4 symbols": value_range(spans[row.model]),
        }
        for row in summary.itertuples()
    }
    return pd.DataFrame(rows)


# ---------------------------------------------------------------------------------------------
# Guesses and claims
# ---------------------------------------------------------------------------------------------


def seed_noise():
    """Return by how much the perplexities of two single runs may differ by their seeds alone.

    Relative, at 95 %: 1.96 standard deviations of a difference of two, the largest of the models.
    """
    summary = _study("summary").query("measure == 'perplexity'")
    return 1.96 * math.sqrt(2) * (summary["sd"] / summary["mean"]).max()


def _winners(values, tolerance):
    """Return the names with the lowest value, as text; what lies within the tolerance is equal."""
    best = values.min()
    return " and ".join(values.index[values <= best + tolerance * abs(best)])


def compare_guess(guess, table, spans):
    """Return a DataFrame: what was guessed before the training beside what was measured.

    Perplexities that seeds alone could make differ as much count as equal, and so do times and
    spans within 1 %.
    """
    if waits_for("7 and 9: performance_table and spans", table, spans):
        return None
    table = table.set_index("Model")
    measured = {
        "perplexity": _winners(table["Test Perplexity"], seed_noise()),
        "speed": _winners(table["Inference Speed (ms)"], 0.01),
        "memory": _winners(-pd.Series(spans), 0.01),
    }
    rows = {
        topic: {"your guess": guess.get(topic) or "no guess", "measured winner": winners}
        for topic, winners in measured.items()
    }
    return pd.DataFrame(rows).T


def key_takeaways(table, spans, required_span):
    """Return a DataFrame: four common claims, part by part, whether this run agrees, the study."""
    if waits_for("7 and 9: performance_table and spans", table, spans):
        return None
    t = table.set_index("Model")
    if missing := [name for name in STYLES if name not in t.index or name not in spans]:
        print(f"The claims compare all three models: train {' and '.join(missing)} too (TODO 5).")
        return None
    perplexity, size = t["Test Perplexity"], t["Parameters"]
    epoch, latency = t["Avg Epoch Time (s)"], t["Inference Speed (ms)"]

    def gru_against_lstm(values):
        return float(values["GRU"]) / float(values["LSTM"]) - 1  # no warning where both diverged

    estimate, over_seeds, _ = _difference("GRU", "LSTM")
    study_alike = f"{_percent(estimate)} ({_percent(*over_seeds)})"
    by_load = study_spans().loc[128, 1].unstack("model")[::-1]  # the heaviest load first
    study_rnn = "; ".join(f"holding {n}: {value_range(s)}" for n, s in by_load["RNN"].items())
    smallest = by_load[list(size.sort_values().index)].map(min).ge(required_span).idxmax(axis=1)
    study_load = "; ".join(f"holding {load}: {name}" for load, name in smallest.items())
    largest = size.idxmax()
    smaller = perplexity.drop(largest)
    quality = _winners(perplexity, seed_noise())
    rows = [
        (
            "1. LSTM and GRU perform alike (within 5 %)",
            f"perplexity of the GRU: {gru_against_lstm(perplexity):+.1%}",
            abs(gru_against_lstm(perplexity)) <= 0.05,
            study_alike,
        ),
        *(
            (
                f"1. the GRU is more efficient: {what}",
                f"against the LSTM: {gru_against_lstm(values):+.0%}",
                gru_against_lstm(values) < 0,
                "",
            )
            for what, values in (
                ("smaller", size),
                ("trains faster", epoch),
                ("answers faster", latency),
            )
        ),
        (
            "2. the vanilla RNN is the fastest",
            f"trains fastest: {epoch.idxmin()}, answers fastest: {latency.idxmin()}",
            epoch.idxmin() == latency.idxmin() == "RNN",
            "",
        ),
        (
            "2. but it struggles with long sequences",
            f"memory span {spans['RNN']}, required {required_span}, best {max(spans.values())}",
            spans["RNN"] < required_span <= max(spans.values()),
            study_rnn,
        ),
        (
            "3. more parameters are not always better",
            f"largest ({largest}): {perplexity[largest]:.2f}, best smaller: {smaller.min():.2f}",
            smaller.min() <= (1 + seed_noise()) * perplexity[largest],
            f"GRU against LSTM: {_verdict('GRU', 'LSTM')}",
        ),
        (
            "4. the use case decides",
            f"quality: {quality}; size: {size.idxmin()}",
            quality != size.idxmin(),
            f"smallest that remembers {required_span}, {study_load}",
        ),
    ]
    verdicts = [
        (claim, seen, "agrees" if holds else "disagrees", study)
        for claim, seen, holds, study in rows
    ]
    columns = ["claim", "this run", "verdict", "the study, over seeds"]
    return pd.DataFrame(verdicts, columns=columns).set_index("claim")
