"""TODO 6 to 8: texts, the table and the figures, as they are shown."""

import copy
import math
from numbers import Real
from typing import NamedTuple

import matplotlib.figure
import numpy as np
import pandas as pd
import torch
from torch import nn

import helpers
from helpers import MODELS
from lab.checks.rule import Looks, describe, not_one_per_model
from lab.checks.todo_1_models import expected_parameters

samples, performance, figures = Looks(), Looks(), Looks()


# ----- TODO 6: samples ----------------------------------------------------------------------------


class Samples(NamedTuple):
    samples: object
    prompt: str
    models: dict
    char2idx: dict

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
            return f"samples[{name!r}] is {describe(texts)}: expected texts at two temperatures."
        for temperature in texts:
            if not isinstance(temperature, Real) or not temperature > 0:
                return (
                    f"samples[{name!r}] has the key {temperature!r}: expected the temperature, a "
                    "number above 0."
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


@samples.at("samples-untrained", "a text is not one that the trained model would write")
def _(t):
    if not_one_per_model(t.models, "models", "a trained model"):
        return "there are no three trained models: run the cell that trains them to its end."
    for name, texts in t.samples.items():
        for temperature, text in texts.items():
            if unknown := set(text) - set(t.char2idx):
                return (
                    f"samples[{name!r}][{temperature!r}] holds {min(unknown)!r}, which is no "
                    "character of the training text: generate_text writes it."
                )
            if _surprise(t.models[name], text, t, temperature) > 6:
                return (
                    f"samples[{name!r}][{temperature!r}] is not a text that the trained {name} "
                    f"would write at temperature {temperature}: pass models[{name!r}], as "
                    "train_and_compare_models returned it, and that temperature."
                )


@torch.no_grad()
def _surprise(model, text, t, temperature):
    """Return by how many standard deviations a text is less likely than what a model samples."""
    device = next(model.parameters()).device
    x = helpers.encode(text, t.char2idx)[None]  # (1, t)
    logits, _ = copy.deepcopy(model).eval()(x[:, :-1].to(device), return_sequences=True)
    logits = logits[0, len(t.prompt) - 1 :].cpu().double()  # (n, v)
    logs = (logits / temperature).log_softmax(dim=-1)
    entropies = -(logs.exp() * logs).sum(dim=-1)
    variance = (logs.exp() * (logs + entropies[:, None]) ** 2).sum()
    losses = -logs.gather(1, x[0, len(t.prompt) :, None])
    return ((losses.sum() - entropies.sum()) / variance.sqrt().clamp(min=1e-9)).item()


# ----- TODO 7: the table --------------------------------------------------------------------------

NUMBERS = ("Parameters", "Final Train Loss", "Final Val Loss", "Best Epoch", "Test Perplexity")
NUMBERS += ("Bits per Character", "Avg Epoch Time (s)", "Inference Speed (ms)")


class Performance:
    """The table, by a column or an index named Model, and what it should be made from."""

    def __init__(self, table, models, metrics, test_X, test_y):
        if isinstance(table, pd.DataFrame) and table.index.name == "Model":
            table = table.reset_index()
        self.table, self.models, self.metrics = table, models, metrics
        self.test_X, self.test_y = test_X, test_y

    def rows(self):
        """Yield (name, its row of the table, its model, its metrics)."""
        table = self.table.set_index("Model").astype({column: float for column in NUMBERS})
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
        for name, value in zip(t.table["Model"], t.table[column], strict=True):
            if isinstance(value, bool) or not isinstance(value, Real):
                return f"{column} of the {name} is {describe(value)}: expected a number."


@performance.at("models-incomplete", "there are not three trained models of the specified sizes")
def _(t):
    for values, name in ((t.models, "models"), (t.metrics, "metrics")):
        if missing := not_one_per_model(values, name, "what train_and_compare_models returned"):
            return missing
    for name, model in t.models.items():
        if not isinstance(model, nn.Module):
            return f"models[{name!r}] is {describe(model)}: expected the trained model."
        with torch.no_grad():
            x = t.test_X[:1].to(next(model.parameters()).device)
            vocab_size = copy.deepcopy(model)(x)[0].shape[-1]
        seen, expected = helpers.count_parameters(model), expected_parameters(name, vocab_size)
        if seen != expected:
            return (
                f"models[{name!r}] has {seen:,} parameters: expected {expected:,}, those of "
                f"Char{name}(vocab_size). Train it with the default sizes."
            )


@performance.at(
    "table-stale", "a figure in performance_table is not that of the trained models on test_X"
)
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


@performance.at("table-times", "a time in performance_table is none, or in another unit")
def _(t):
    for name, row, model, _ in t.rows():
        speed = helpers.measure_inference_speed(copy.deepcopy(model).cpu(), t.test_X[:1], 10)
        for column, unit, usual in (
            ("Inference Speed (ms)", "milliseconds", speed),
            ("Avg Epoch Time (s)", "seconds", None),
        ):
            seen = row[column]
            if not seen > 0 or (usual and not usual / 50 < seen < usual * 50):
                about = f", here about {usual:.3g}" if usual else ""
                return f"{column} of the {name} is {seen:.3g}: expected {unit}{about}."


@performance.at("table-stale")
def _(t):
    for name, row, model, _ in t.rows():
        expected = helpers.calculate_perplexity(copy.deepcopy(model), t.test_X, t.test_y)
        if not math.isclose(row["Test Perplexity"], expected, rel_tol=1e-3):
            return (
                f"Test Perplexity of the {name} is {row['Test Perplexity']:.3f} in the table, but "
                f"its trained model has {expected:.3f} on test_X and test_y: make the table from "
                "the models that train_and_compare_models returned, on all of test_X and test_y."
            )


# ----- TODO 8: figures ----------------------------------------------------------------------------

QUALITY = ("Test Perplexity", "Bits per Character", "Final Val Loss", "Final Train Loss")
COST = ("Parameters", "Avg Epoch Time (s)", "Inference Speed (ms)")
WORDS = {  # by which the label of an axis says what it shows
    "Test Perplexity": ("perplex",),
    "Bits per Character": ("bits", "bpc"),
    "Final Val Loss": ("val",),
    "Final Train Loss": ("train loss", "training loss"),
    "Parameters": ("param", "weights", "size"),
    "Avg Epoch Time (s)": ("epoch", "training time", "train time"),
    "Inference Speed (ms)": ("inference", "latency", "speed", "answer"),
}


class Figures:
    """The two figures, and the table that the second is drawn from."""

    def __init__(self, learning_curves, tradeoff_figure, table):
        self.figures = {"learning_curves": learning_curves, "tradeoff_figure": tradeoff_figure}
        self.tradeoff = tradeoff_figure
        self.table = Performance(table, None, None, None, None).table

    def drawn(self):
        """Yield (name of a figure, its axes that show data and are no colour bar)."""
        for name, figure in self.figures.items():
            yield name, [a for a in figure.axes if a.has_data() and not hasattr(a, "_colorbar")]

    def shown(self):
        """Yield (axes, "x" or "y", column, {model: place of its mark}) for what the plot shows."""
        rows = self.table.set_index("Model")
        for axes in dict(self.drawn())["tradeoff_figure"]:
            marks = _marks(axes)
            for axis, places in zip("xy", marks.T, strict=True):
                for column in (*QUALITY, *COST):
                    if (column in rows) and (at := _matched(rows[column].astype(float), places)):
                        yield axes, axis, column, {n: tuple(marks[i]) for n, i in at.items()}


def _marks(axes):
    """Return where the points, line vertices and tops of bars of axes are: (n, 2)."""
    found = [np.asarray(c.get_offsets(), dtype=float) for c in axes.collections]
    found += [np.asarray(line.get_xydata(), dtype=float) for line in axes.lines]
    for bar in axes.patches:
        x, y, width, height = bar.get_x(), bar.get_y(), bar.get_width(), bar.get_height()
        found += [np.array([[x + width / 2, y + height], [x + width, y + height / 2]])]
    return np.concatenate([np.empty((0, 2)), *found])


def _matched(values, places):
    """Return {model: number of the mark} where marks stand at a measure's values, in any unit."""
    for exponent in range(-6, 7):
        at = {}
        for name, value in values.items():
            near = np.isclose(places, value * 10.0**exponent, rtol=1e-3)
            if near.any():
                at[name] = int(near.argmax())
        if len(at) == len(values):
            return at
    return None


@figures.at("figure-empty", "a figure is missing or shows nothing")
def _(t):
    for name, figure in t.figures.items():
        if not isinstance(figure, matplotlib.figure.Figure):
            remedy = "axes.figure is the figure of axes" if figure is not None else "assign it"
            return f"{name} is {describe(figure)}: expected a matplotlib figure ({remedy})."
        if not any(axes.has_data() for axes in figure.axes):
            return f"{name} has no axes that show any data."


@figures.at(
    "axes-unlabelled", "an axis has no label, or tradeoff_figure does not name the three models"
)
def _(t):
    for name, drawn in t.drawn():
        for axes in drawn:
            for axis in "xy":
                if not _label(axes, axis):
                    return (
                        f"{name} has axes without {axis}label: axes.set({axis}label=...) says what "
                        "is shown, and in which unit."
                    )


def _label(axes, axis):
    """Return the label of an axis: its own, one that it shares, or that of the whole figure."""
    shared = getattr(axes, f"get_shared_{axis}_axes")().get_siblings(axes)
    labels = [getattr(a, f"get_{axis}label")() for a in (axes, *shared)]
    labels.append(getattr(axes.figure, f"get_sup{axis}label")())
    return next((label.strip() for label in labels if label.strip()), "")


@figures.at("axes-unlabelled")
def _(t):
    words = " ".join(text for axes in t.tradeoff.axes for text in _words(axes))
    words += " ".join(text.get_text() for text in [*t.tradeoff.texts, *_legends(t.tradeoff)])
    if unnamed := [name for name in MODELS if name not in words]:
        return (
            f"tradeoff_figure does not say which point is {' and which is '.join(unnamed)}: write "
            "the names beside the points, or give a legend."
        )


def _legends(figure):
    """Return the texts of all legends of a figure."""
    legends = [*figure.legends, *(axes.get_legend() for axes in figure.axes)]
    return [text for legend in legends if legend for text in legend.get_texts()]


def _words(axes):
    """Return what is written beside the data of axes: names of points and of ticks."""
    ticks = [*axes.get_xticklabels(), *axes.get_yticklabels()]
    return [text.get_text() for text in [*axes.texts, *ticks]]


@figures.at("tradeoff-points", "tradeoff_figure does not show a quality against a cost")
def _(t):
    if t.table is None:
        return "performance_table is None: fill in TODO 7 first."
    if t.tradeoff is t.figures["learning_curves"]:
        return "tradeoff_figure is the figure of the learning curves: expected one of its own."
    found = {column for _, _, column, _ in t.shown()}
    if not (found & set(QUALITY) and found & set(COST)):
        seen = f"only {' and '.join(sorted(found))}" if found else "no column of the table"
        return (
            f"tradeoff_figure shows {seen}: expected a point for each model, at a quality "
            f"({', '.join(QUALITY[:2])}) and a cost ({', '.join(COST)}) from performance_table."
        )


@figures.at("tradeoff-names", "a name in tradeoff_figure stands at another model's point")
def _(t):
    for axes, _, _, places in t.shown():
        spread = np.ptp(np.array(list(places.values())), axis=0).clip(min=1e-12)
        for text in axes.texts:
            named = [name for name in MODELS if name in text.get_text()]
            at = getattr(text, "xy", text.get_position())
            if len(named) != 1 or getattr(text, "xycoords", "data") != "data":
                continue
            away = {
                name: float(np.hypot(*((np.array(at, dtype=float) - place) / spread)))
                for name, place in places.items()
            }
            nearest = min(away, key=away.get)
            if nearest != named[0] and away[nearest] < away[named[0]]:
                return (
                    f"the name {named[0]} stands at the point of the {nearest}: take the name and "
                    "the numbers from the same row."
                )


@figures.at("tradeoff-labels", "an axis of tradeoff_figure is labelled for another measure")
def _(t):
    for axes, axis, _, _ in t.shown():
        columns = {c for a, x, c, _ in t.shown() if a is axes and x == axis}
        label = _label(axes, axis).lower()
        said = {column for column, words in WORDS.items() if any(w in label for w in words)}
        if said and not said & columns:
            return (
                f"the {axis} axis of tradeoff_figure is labelled {_label(axes, axis)!r}, but shows "
                f"{' or '.join(sorted(columns))}."
            )
