"""Tables and plots of the study for the optional cells of the notebook.

The study is our longer experiment with several random seeds (docs/study.md). The data come from
lab/study.py. They are about the bundled sample, about WikiText-2 or about Shakespeare's plays.
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

LOADS = (4, 2, 1)  # the numbers of symbols to remember in the study
SETTINGS = (  # comparisons with other settings
    AS_IN_THE_NOTEBOOK,
    DROPOUT_OF,
    NO_DROPOUT,
    EQUAL_PARAMETERS,
    UNTIL_LEARNED,
    LESS_DROPOUT_LEARNED,
)

COMPARED = " compared with "  # between the names of two models


def plot_with_seeds(table, text, folder=STUDY):
    """Return a figure: the test perplexities of this run and of the runs in the study.

    ``table`` is the performance table of this run. If ``text`` is not the text of the study, one
    line says so and None is returned.
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
        f"{len(values)} runs of the study (different seeds)": {"marker": "o"},
        "95 % interval of the mean of these runs": {"linestyle": "-"},
        "your run": {"marker": "*", "markersize": 12},
    }
    looked = {"color": ink, "linestyle": ""}
    handles = [Line2D([], [], label=label, **(looked | look)) for label, look in looks.items()]
    axes.legend(handles=handles, fontsize="small")
    axes.set(title="Your run and runs with other seeds", xlabel="test perplexity", ylabel="model")
    axes.set_yticks(range(len(own)), own.index)
    axes.margins(y=0.25)
    told = "; ".join(f"{name} {value_range(seeds[name].round(2))}" for name in own.index)
    figure.set_label(f"Test perplexities of the runs in the study: {told}. A star marks your run")
    axes.grid(visible=False, axis="y")
    return figure


def differences(folder=STUDY):
    """Return a DataFrame with a row for each pair of models: the difference in perplexity.

    There are two columns for the notebook's number of epochs and two for training until early
    stopping. The first is the relative difference with its 95 % interval over random seeds and test
    text together. The second is the verdict: which model is better, or "no significant difference".
    The p-values are corrected by Holm's method, because six pairs are tested together.
    """
    cells = _pairs(folder)[["shown", "verdict"]]
    columns = {
        ("shown", AS_IN_THE_NOTEBOOK): f"{EPOCHS} epochs",
        ("verdict", AS_IN_THE_NOTEBOOK): f"{EPOCHS} epochs: verdict",
        ("shown", UNTIL_LEARNED): UNTIL_LEARNED,
        ("verdict", UNTIL_LEARNED): f"{UNTIL_LEARNED}: verdict",
    }
    pairs = [("GRU", "LSTM"), ("RNN", "LSTM"), ("RNN", "GRU"), *((m, NGRAM) for m in MODELS)]
    table = cells.loc[[COMPARED.join(pair) for pair in pairs], [*columns]]
    return table.set_axis(columns.values(), axis=1).rename_axis(None)


def _pairs(folder):
    """Return the differences between each two models on the sample, with columns by comparison."""
    rows = read_study("differences", folder).query("corpus == 'sample'")
    rows["pair"] = rows["first"] + COMPARED + rows["second"]
    told = rows.pivot(index="pair", columns="comparison", values=["shown", "verdict"])
    return told.fillna("")


def settings(folder=STUDY):
    """Return a DataFrame with a row for each setting (dropout, number of parameters, epochs).

    There is a column for each network: the mean perplexity over random seeds and, in brackets, the
    median of the best epochs. Two more columns have differences with their 95 % intervals.
    """
    shown, rows = _pairs(folder)["shown"], {}
    for comparison in SETTINGS:
        means = perplexities(comparison, folder).loc[[*MODELS]]
        rows[comparison] = {
            name: f"{mean.perplexity:.2f} (best epoch {mean.best_epoch:.0f})"
            for name, mean in means.iterrows()
        }
        pairs = [f"{name}{COMPARED}LSTM" for name in ("RNN", "GRU")]
        rows[comparison] |= shown.loc[pairs, comparison]
    return pd.DataFrame(rows).T


def starts(folder=STUDY):
    """Return a DataFrame of memory spans, in characters, for 4 symbols to remember.

    There is a row for each model and start of its weights, and a column for each number of batches
    that a lag may take. A cell has the span of all runs, or the shortest and the longest span.
    """
    spans = read_study("spans", folder).query(
        "seed > 0 and load == 4 and hidden_dim == 128 and num_layers == 1"
    )
    reach = spans.groupby(["model", "budget"])["span"].agg(value_range).unstack().fillna("")
    batches = SPAN_BATCHES * reach.columns
    return reach.set_axis(batches, axis=1).rename_axis(columns="batches for each lag (at most)")


def recommended_by_study(requirements, text, folder=STUDY):
    """Return a DataFrame: the model that the requirements recommend in other situations.

    A model can learn the span if all runs reach it, with both sizes that the notebook uses. (For
    equal parameters, it is the size with that number of parameters.) Its perplexity is close to the
    best if the whole interval lies within the margin. A model is undecided in four cases: its span
    was not measured, only some runs reach the span, the runs of only one size reach it, or only a
    part of the interval lies within the margin. The recommendation is undecided while a smaller
    network is undecided. If ``text`` is not the text of the study, one line says so and None is
    returned.
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
        found = above.join(reach).loc[by_size]  # NaN, neither yes nor no, for a load not tried
        taught, near = found["min"] >= span, found["high"] <= margin
        fails = (found["max"] < span) | (found["low"] > margin)
        possible = found.index[~fails]  # the smallest first
        meets = (taught & near)[possible]
        rows[what] = {
            f"learns the recall task at lag {span}": _names(taught),
            "perplexity close to the best": _names(near),
            "undecided": _names(~fails & ~(taught & near)),
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
    """Yield (name of the situation, load, intervals), for each situation.

    The intervals are a DataFrame with the columns low and high and a row for each model: how far
    its perplexity is above the best network's, relatively. For other texts, the width of the
    interval is the variation that different seeds cause in means of that many runs; it was measured
    on the sample.
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
        yield from ((f"{comparison}, {_symbols(load)}", load, above) for load in loads)
    networks = read_study("text_sizes", folder).query("text != 'the sample' and model in @MODELS")
    for (name, characters), rows in networks.groupby(["text", "characters"]):
        means = np.exp(rows.groupby("model")["test_loss"].mean())
        apart, noise = means / means.min() - 1, seed_noise(folder) / np.sqrt(rows["seed"].nunique())
        interval = pd.DataFrame({"low": apart - noise, "high": apart + noise})
        interval.loc[means.idxmin()] = 0.0
        yield f"{name}, {characters:,} characters, {_symbols(asked)}", asked, interval


def _symbols(load):
    return f"{load} symbol{'s' * (load > 1)} to remember"


def text_sizes(column="test_loss", folder=STUDY):
    """Return a DataFrame of test perplexities: a row for each text and number of characters.

    The number is that of the characters of training text. The networks were trained until early
    stopping, with the learning rate that was best on the validation text; their values are means
    over random seeds. The last column is the relative difference between GRU and LSTM.
    """
    losses = read_study("text_sizes", folder).pivot_table(column, ["text", "characters"], "model")
    table = np.exp(losses.reindex(columns=[*MODELS, NGRAM]))
    apart = table["GRU"] / table["LSTM"] - 1
    return table.assign(**{f"GRU{COMPARED}LSTM": apart.map("{:+.1%}".format)})


def plot_text_sizes(folder=STUDY):
    """Return a figure: test perplexity by the number of training characters of WikiText-2.

    Lines are means over random seeds, pale marks are single runs, for the three networks and the
    n-gram model.
    """
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
        "WikiText-2 (validation split, tokenised form); networks until early stopping\n"
        "Best network compared with the n-gram model: "
        + ", ".join(f"{value:+.1%}" for value in apart),
        fontsize="medium",
    )
    axes.set(xlabel="characters of training text", ylabel="test perplexity", xscale="log")
    axes.set_xticks(table.index, [f"{characters:,}" for characters in table.index])
    axes.minorticks_off()
    axes.legend()
    return figure


def sweeps(folder=STUDY):
    """Return a DataFrame: test perplexity by hidden size and by window length, on the sample.

    Each cell is the mean over random seeds with its 95 % interval. The name of the row says which
    setting differs from the notebook; all other settings are the notebook's.
    """
    rows = read_study("summary", folder).query("corpus == 'sample'")
    rows = rows[rows["comparison"].str.match(f"{AS_IN_THE_NOTEBOOK}|[0-9]+ units|windows of")]
    texts = [f"{row.perplexity:.2f} ({row.low:.2f} to {row.high:.2f})" for row in rows.itertuples()]
    table = rows.assign(shown=texts).pivot(index="comparison", columns="model", values="shown")
    return table.loc[rows["comparison"].unique(), [*MODELS]].rename_axis(
        "mean test perplexity (95 % interval)"
    )


def attention(folder=STUDY):
    """Return a DataFrame: the RNN with attention, and the simple RNN with as many parameters.

    The rows are the number of parameters, the mean test perplexity with its 95 % interval, and the
    memory span (all runs, or the shortest and the longest span), measured on the sample.
    """
    summary = perplexities("with attention", folder)
    spans = read_study("spans", folder).query(
        "seed > 0 and budget == 1 and load == 4 and num_layers == 1"
    )
    rows = {
        "parameters": summary["parameters"].map("{:,}".format),
        "mean test perplexity (95 % interval)": [
            f"{row.perplexity:.2f} ({row.low:.2f} to {row.high:.2f})"
            for row in summary.itertuples()
        ],
        "memory span (characters; 4 symbols, 1 layer)": spans.groupby("model")["span"].agg(
            value_range
        ),
    }
    return pd.DataFrame(rows, index=summary.index).T.rename_axis(columns="model")
