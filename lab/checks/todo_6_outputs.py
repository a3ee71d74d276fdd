"""TODO 6 to 8: texts, the table and the figures, as they are shown."""

import copy
import math
from typing import NamedTuple

import matplotlib.figure
import numpy as np
import pandas as pd
import torch
from torch import nn

import helpers
from helpers import MODELS
from lab.checks.rule import Looks, describe, not_one_per_model

samples, performance, figures = Looks(), Looks(), Looks()


# ----- TODO 6: samples ----------------------------------------------------------------------------


class Samples(NamedTuple):
    samples: object
    prompt: str

    def texts(self):
        """Return {how the student writes it: text}."""
        return {
            f"samples[{name!r}][{temperature!r}]": text
            for name, texts in self.samples.items()
            for temperature, text in texts.items()
        }


@samples.at("samples-missing", "samples lacks a model, a second temperature or a text")
def _(t):
    if missing := not_one_per_model(t.samples, "samples", "a dict {temperature: text}"):
        return missing
    for name, texts in t.samples.items():
        if not isinstance(texts, dict) or len(texts) < 2:
            return (
                f"samples[{name!r}] is {describe(texts)}: expected a dict with a text for each of "
                "two temperatures."
            )


@samples.at("samples-missing")
def _(t):
    for call, text in t.texts().items():
        if not isinstance(text, str) or not text:
            return f"{call} is {describe(text)}: expected a text."


@samples.at("prompt-missing", "a text does not begin with the prompt and go on from there")
def _(t):
    for call, text in t.texts().items():
        if not text.startswith(t.prompt) or text == t.prompt:
            return (
                f"{call} begins {text[:30]!r}: expected the prompt {t.prompt!r} and what the model "
                "makes of it."
            )


@samples.at("identical-samples", "two of the texts are the same")
def _(t):
    owners = {}
    for call, text in t.texts().items():
        if owners.setdefault(text, call) != call:
            return (
                f"{call} is the same text as {owners[text]}: sample from each model, at two "
                "different temperatures."
            )


# ----- TODO 7: the table --------------------------------------------------------------------------

NUMBERS = ("Parameters", "Final Train Loss", "Final Val Loss", "Best Epoch", "Test Perplexity")
NUMBERS += ("Bits per Character", "Avg Epoch Time (s)", "Inference Speed (ms)")
WINDOWS = 300  # of the test split, spread evenly: scoring all takes too long


class Performance(NamedTuple):
    table: object
    models: dict
    metrics: dict
    test_X: torch.Tensor
    test_y: torch.Tensor

    def rows(self):
        """Yield (name, its row of the table, its model, its metrics)."""
        table = self.table.set_index("Model")
        for name, model in self.models.items():
            yield name, table.loc[name], model, self.metrics[name]


@performance.at(
    "table-columns", "performance_table lacks a row or a column, or a column is not numbers"
)
def _(t):
    if not isinstance(t.table, pd.DataFrame):
        return (
            f"performance_table is {describe(t.table)}: expected the DataFrame that "
            "create_performance_table returns."
        )
    if missing := [column for column in ("Model", *NUMBERS) if column not in t.table]:
        return f"performance_table lacks the columns {missing}."
    if sorted(map(str, t.table["Model"])) != sorted(MODELS):
        return (
            f"the column Model holds {list(t.table['Model'])}: expected {list(MODELS)} (run the "
            "training cell to its end)."
        )
    for column in NUMBERS:
        if not pd.api.types.is_numeric_dtype(t.table[column]):
            return f"the column {column!r} does not hold numbers."


@performance.at(
    "table-stale", "a figure in performance_table is not that of the trained models on test_X"
)
def _(t):
    if t.models is None or t.metrics is None:
        return "there are no trained models: run the cell that trains them."


@performance.at("table-stale")
def _(t):
    for name, row, model, measured in t.rows():
        perplexity = row["Test Perplexity"]
        expected = {
            "Parameters": helpers.count_parameters(model),
            "Final Train Loss": [math.nan, *measured["train_losses"]][-1],
            "Final Val Loss": [math.nan, *measured["val_losses"]][-1],
            "Best Epoch": measured["best_epoch"],
            "Avg Epoch Time (s)": float(np.mean(measured["epoch_times"] or [math.nan])),
            "Bits per Character": math.log2(perplexity) if perplexity > 0 else math.nan,
        }
        for column, value in expected.items():
            if not np.isclose(row[column], value, rtol=1e-3, atol=1e-3, equal_nan=True):
                return (
                    f"{column} of the {name} is {row[column]:.6g} in the table, but {value:.6g} "
                    "for the models and metrics at hand: make the table anew from models and "
                    "metrics."
                )


@performance.at("table-stale")
def _(t):
    for name, row, model, _ in t.rows():
        perplexity = row["Test Perplexity"]
        loss, margin = _loss_on_some(model, t.test_X, t.test_y)
        if not (perplexity > 0 and abs(math.log(perplexity) - loss) <= margin):
            return (
                f"Test Perplexity of the {name} is {perplexity:.2f} in the table, but its trained "
                f"model's is about {math.exp(loss):.2f}: make the table from the models that "
                "train_and_compare_models returned, on test_X and test_y."
            )


@torch.no_grad()
def _loss_on_some(model, X, y):
    """Return a model's loss on some of the windows, and how far that may be off for all."""
    X, y = helpers.within_budget(X, y)
    every = max(1, len(X) // WINDOWS)
    device = next(model.parameters()).device
    logits, _ = copy.deepcopy(model).eval()(X[::every].to(device))  # (b, v)
    losses = nn.functional.cross_entropy(logits, y[::every].to(device), reduction="none")
    four_errors = 4 * losses.std().item() / math.sqrt(len(losses))
    return losses.mean().item(), four_errors if every > 1 else 0.01


# ----- TODO 8: figures ----------------------------------------------------------------------------


class Figures(NamedTuple):
    learning_curves: object
    tradeoff_figure: object


@figures.at("figure-empty", "a figure is missing or shows nothing")
def _(t):
    for name, figure in t._asdict().items():
        if not isinstance(figure, matplotlib.figure.Figure):
            remedy = "axes.figure is the figure of axes" if figure is not None else "assign it"
            return f"{name} is {describe(figure)}: expected a matplotlib figure ({remedy})."
        if not any(axes.has_data() for axes in figure.axes):
            return f"{name} has no axes that show any data."


@figures.at(
    "axes-unlabelled", "an axis has no label, or tradeoff_figure does not name the three models"
)
def _(t):
    for name, figure in t._asdict().items():
        for axes in figure.axes:
            for axis in ("xlabel", "ylabel"):
                if axes.has_data() and not getattr(axes, f"get_{axis}")().strip():
                    return (
                        f"{name} has axes without {axis}: axes.set({axis}=...) says what is shown, "
                        "and in which unit."
                    )


@figures.at("axes-unlabelled")
def _(t):
    words = " ".join(_words(t.tradeoff_figure))
    if unnamed := [name for name in MODELS if name not in words]:
        return (
            f"tradeoff_figure does not say which point is {' and which is '.join(unnamed)}: write "
            "the names beside the points, or give a legend."
        )


def _words(figure):
    """Return what is written beside the data of a figure: labels of points, ticks and legends."""
    texts = list(figure.texts)
    legends = [*figure.legends, *(axes.get_legend() for axes in figure.axes)]
    for axes in figure.axes:
        texts += [*axes.texts, *axes.get_xticklabels(), *axes.get_yticklabels()]
    texts += [text for legend in legends if legend for text in legend.get_texts()]
    return [text.get_text() for text in texts]
