"""What folded cells show of the study: tables and figures over seeds, texts, sizes and contexts.

Like lab/study.py, whose readings they arrange, they are of the bundled sample or of WikiText-2.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.lines import Line2D

from helpers import by_model, waits_for
from lab.exercise import EPOCHS, MODELS, SIZES, SPAN_BATCHES, SPAN_SIZES, STYLES
from lab.study import (
    AS_IN_THE_NOTEBOOK,
    DROPOUT_OF,
    EQUAL_PARAMETERS,
    LESS_DROPOUT_LEARNED,
    NGRAM,
    NO_DROPOUT,
    STUDY,
    UNTIL_LEARNED,
    of_sample,
    of_this_text,
    perplexities,
    read_study,
    seed_noise,
    value_range,
)

LOADS = (4, 2, 1)  # the symbols that a model held at once in the study
SETTINGS = (  # comparisons that differ in one setting
    AS_IN_THE_NOTEBOOK,
    DROPOUT_OF,
    NO_DROPOUT,
    EQUAL_PARAMETERS,
    UNTIL_LEARNED,
    LESS_DROPOUT_LEARNED,
)


def plot_with_seeds(table, text, folder=STUDY):
    """Return a figure: the test perplexities of this run beside those of the study's seeds.

    Says so in one line instead when ``text`` is not the text that the study used.
    """
    if waits_for("performance", table) or not of_this_text(text, folder):
        return None
    seeds = of_sample("comparisons", folder=folder).set_index("model")["perplexity"]
    own = by_model(table, "Test Perplexity")["Test Perplexity"]
    means = perplexities(folder=folder).loc[own.index]
    figure, axes = plt.subplots(figsize=(7, 3), layout="constrained")
    ink = plt.rcParams["text.color"]  # white on a dark page
    for place, (name, mean) in enumerate(means.iterrows()):
        values, style = seeds[name], STYLES[name] | {"linestyle": "", "alpha": 0.6}
        axes.plot(values, [place - 0.15] * len(values), **style)
        reach = [[mean["perplexity"] - mean["low"]], [mean["high"] - mean["perplexity"]]]
        errors = {"xerr": reach, "color": style["color"], "capsize": 4}
        axes.errorbar(mean["perplexity"], place + 0.15, **errors)
        axes.plot(own[name], place, "*", color=ink, markersize=12)
    looks = {
        f"the study's {len(values)} seeds": {"marker": "o"},
        "their 95 % interval of the mean": {"linestyle": "-"},
        "your run": {"marker": "*", "markersize": 12},
    }
    looked = {"color": ink, "linestyle": ""}
    handles = [Line2D([], [], label=label, **(looked | look)) for label, look in looks.items()]
    axes.legend(handles=handles, fontsize="small")
    axes.set(title="Your run among other seeds", xlabel="test perplexity", ylabel="model")
    axes.set_yticks(range(len(own)), own.index)
    axes.margins(y=0.25)
    told = "; ".join(f"{name} {value_range(seeds[name].round(2))}" for name in own.index)
    figure.set_label(f"Test perplexities of the seeds: {told}. A star for your run")
    axes.grid(visible=False, axis="y")
    return figure


def differences(text, folder=STUDY):
    """Return a DataFrame: each two models' difference in perplexity, and what of it is shown.

    Within the notebook's budget of epochs, and until each has learned, with intervals of 95 % over
    seeds and test text together and Holm's correction over the six pairs.
    """
    if not of_this_text(text, folder):
        return None
    cells = _pairs(folder)[["shown", "verdict"]]
    columns = {
        ("shown", AS_IN_THE_NOTEBOOK): f"{EPOCHS} epochs",
        ("verdict", AS_IN_THE_NOTEBOOK): f"{EPOCHS} epochs: verdict",
        ("shown", UNTIL_LEARNED): UNTIL_LEARNED,
        ("verdict", UNTIL_LEARNED): f"{UNTIL_LEARNED}: verdict",
    }
    pairs = [("GRU", "LSTM"), ("RNN", "LSTM"), ("RNN", "GRU"), *((m, NGRAM) for m in MODELS)]
    table = cells.loc[[" against ".join(pair) for pair in pairs], [*columns]]
    return table.set_axis(columns.values(), axis=1).rename_axis(None)


def _pairs(folder):
    """Return what differences.csv says of each two models on the sample, columns by comparison."""
    rows = read_study("differences", folder).query("corpus == 'sample'")
    rows["pair"] = rows["first"] + " against " + rows["second"]
    told = rows.pivot(index="pair", columns="comparison", values=["shown", "verdict"])
    return told.fillna("")


def settings(text, folder=STUDY):
    """Return a DataFrame: the networks under other settings, a row for each.

    Of each network the mean perplexity over seeds and the median of the best epochs; then two
    differences with their intervals.
    """
    if not of_this_text(text, folder):
        return None
    shown, rows = _pairs(folder)["shown"], {}
    for comparison in SETTINGS:
        means = perplexities(comparison, folder).loc[[*MODELS]]
        rows[comparison] = {
            name: f"{mean.perplexity:.2f} (epoch {mean.best_epoch:.0f})"
            for name, mean in means.iterrows()
        }
        rows[comparison] |= shown.loc[["RNN against LSTM", "GRU against LSTM"], comparison]
    return pd.DataFrame(rows).T


def starts(folder=STUDY):
    """Return a DataFrame of the spans at load 4 by how a model begins and by batches for a lag."""
    spans = read_study("spans", folder).query(
        "seed > 0 and load == 4 and hidden_dim == 128 and num_layers == 1"
    )
    reach = spans.groupby(["model", "budget"])["span"].agg(value_range).unstack().fillna("")
    batches = SPAN_BATCHES * reach.columns
    return reach.set_axis(batches, axis=1).rename_axis(columns="on the sample, batches for a lag")


def recommended_by_study(requirements, text, folder=STUDY):
    """Return a DataFrame: what the requirements recommend under other circumstances.

    A model can be taught enough when all seeds reach the span, at both sizes that the notebook
    has, or of equal parameters at theirs; it is near the best network when its perplexity's
    interval lies within the margin. What some seeds, one of the sizes or only a part of the
    interval satisfies is open; while a smaller network is, nothing is decided.
    """
    if not of_this_text(text, folder):
        return None
    by_size = perplexities(folder=folder)["parameters"].sort_values().index
    spans = read_study("spans", folder).query("seed > 0 and budget == 1")
    notebook = spans["hidden_dim"].isin([SIZES["hidden_dim"], SPAN_SIZES["hidden_dim"]])
    span, margin, rows = requirements.span, requirements.perplexity_margin, {}
    for what, load, above in _circumstances(requirements, folder):
        chosen = spans[(spans["load"] == load) & (notebook != what.startswith(EQUAL_PARAMETERS))]
        reach = chosen.groupby("model")["span"].agg(["min", "max"])
        found = above.join(reach).loc[by_size]  # of a load not tried NaN: neither yes nor no
        taught, near = found["min"] >= span, found["high"] <= margin
        fails = (found["max"] < span) | (found["low"] > margin)
        possible = found.index[~fails]  # the smallest first
        meets = (taught & near)[possible]
        rows[what] = {
            f"taught {span}": _names(taught),
            "near the best": _names(near),
            "open": _names(~fails & ~(taught & near)),
            "recommended": "none"
            if not meets.any()
            else possible[0]
            if meets.iloc[0]
            else "undecided",
        }
    return pd.DataFrame(rows).T


def _names(chosen):
    return ", ".join(chosen.index[chosen]) or "none"


def _circumstances(requirements, folder):
    """Yield (what, load, the interval of each model's perplexity above the best network's).

    The interval is a DataFrame: low and high, a row for each model. On other texts it is what seeds
    alone do to means of so many runs, as measured on the sample.
    """
    asked = requirements.load
    for comparison, loads in (
        (AS_IN_THE_NOTEBOOK, LOADS),
        (UNTIL_LEARNED, LOADS),
        (EQUAL_PARAMETERS, [asked]),
    ):
        best = perplexities(comparison, folder)["perplexity"].idxmin()
        above = of_sample("differences", comparison, folder).set_index(["second", "first"])
        above = above.loc[best, ["low", "high"]].reindex(MODELS, fill_value=0.0)
        yield from ((f"{comparison}, holding {load} at once", load, above) for load in loads)
    networks = read_study("text_sizes", folder).query("text != 'the sample' and model in @MODELS")
    for (name, characters), rows in networks.groupby(["text", "characters"]):
        means = np.exp(rows.groupby("model")["test_loss"].mean())
        apart, noise = means / means.min() - 1, seed_noise(folder) / np.sqrt(rows["seed"].nunique())
        interval = pd.DataFrame({"low": apart - noise, "high": apart + noise})
        interval.loc[means.idxmin()] = 0.0
        yield f"{name}, {characters:,} characters, holding {asked} at once", asked, interval


def text_sizes(column="test_loss", folder=STUDY):
    """Return the test perplexities by text and characters trained on: a row for each of them.

    Networks are means over seeds, each until early stopping, at its best rate on validation. The
    last column says how far the GRU is from the LSTM.
    """
    losses = read_study("text_sizes", folder).pivot_table(column, ["text", "characters"], "model")
    table = np.exp(losses.reindex(columns=[*MODELS, NGRAM]))
    apart = table["GRU"] / table["LSTM"] - 1
    return table.assign(**{"GRU against LSTM": apart.map("{:+.1%}".format)})


def plot_text_sizes(folder=STUDY):
    """Return a figure: test perplexity against characters of WikiText-2, for all four."""
    table = text_sizes(folder=folder).loc["WikiText-2", [*MODELS, NGRAM]]
    rows = read_study("text_sizes", folder).query("text == 'WikiText-2'")
    figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
    for name, means in table.items():
        ink = plt.rcParams["text.color"]  # white on a dark page
        style = STYLES.get(name, {"color": ink, "linestyle": "-.", "marker": "D"})
        axes.plot(means, label=name, **style)
        seeds, marks = rows[rows["model"] == name], style | {"linestyle": "", "alpha": 0.4}
        axes.plot(seeds["characters"], np.exp(seeds["test_loss"]), **marks)
    apart = table[[*MODELS]].min(axis=1) / table[NGRAM] - 1
    axes.set_title(
        "WikiText-2 (validation split, tokenised form), each network until early stopping:\n"
        f"the best against counting {', '.join(f'{value:+.1%}' for value in apart)}",
        fontsize="medium",
    )
    axes.set(xlabel="characters trained on", ylabel="test perplexity", xscale="log")
    axes.set_xticks(table.index, [f"{characters:,}" for characters in table.index])
    axes.minorticks_off()
    axes.legend()
    return figure


def sweeps(folder=STUDY):
    """Return a DataFrame: the perplexity with its 95 % by hidden size and by length of the windows.

    All of them are the notebook's but for what the row says.
    """
    rows = read_study("summary", folder).query("corpus == 'sample'")
    rows = rows[rows["comparison"].str.match(f"{AS_IN_THE_NOTEBOOK}|[0-9]+ units|windows of")]
    texts = [f"{row.perplexity:.2f} ({row.low:.2f} to {row.high:.2f})" for row in rows.itertuples()]
    table = rows.assign(shown=texts).pivot(index="comparison", columns="model", values="shown")
    return table.loc[rows["comparison"].unique(), [*MODELS]].rename_axis("on the sample")


def attention(folder=STUDY):
    """Return a DataFrame: the RNN with attention beside the plain one of as many parameters."""
    summary = perplexities("with attention", folder)
    spans = read_study("spans", folder).query(
        "seed > 0 and budget == 1 and load == 4 and num_layers == 1"
    )
    rows = {
        "parameters": summary["parameters"].map("{:,}".format),
        "test perplexity (95 %)": [
            f"{row.perplexity:.2f} ({row.low:.2f} to {row.high:.2f})"
            for row in summary.itertuples()
        ],
        "memory span, 4 symbols, 1 layer": spans.groupby("model")["span"].agg(value_range),
    }
    return pd.DataFrame(rows, index=summary.index).T.rename_axis(columns="on the sample")
