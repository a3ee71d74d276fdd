"""TODO 6 and 7: what the trained models write, and the table of their measures."""

import copy
import math
from numbers import Real
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import nn

import helpers
from helpers import MODELS
from lab.checks.rule import Looks, describe, not_one_per_model
from lab.checks.todo_1_models import expected_parameters
from lab.checks.todo_5_training import KEYS

samples, performance = Looks(), Looks()


# ----- TODO 6: samples ----------------------------------------------------------------------------


class Samples(NamedTuple):
    samples: object
    prompt: str
    models: dict
    char2idx: dict

    def written_by(self, name, text, temperature):
        """Return whether a text is what a model writes, by the seed that generate_text chooses."""
        idx2char = {index: char for char, index in self.char2idx.items()}
        length = len(text) - len(self.prompt)
        model = copy.deepcopy(self.models[name])
        try:
            return text == helpers.generate_text(
                model, self.prompt, self.char2idx, idx2char, length, float(temperature)
            )
        except ValueError:  # for a temperature that is none
            return False

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


@samples.at("samples-missing")
def _(t):
    if not_one_per_model(t.models, "models", "a trained model"):
        return "there are no three trained models: run the cell that trains them to its end."


@samples.at("identical-samples", "two of the texts are the same")
def _(t):
    owners = {}
    for name, texts in t.samples.items():
        for temperature, text in texts.items():
            call = f"samples[{name!r}][{temperature!r}]"
            if owners.setdefault(text, call) == call or t.written_by(name, text, temperature):
                continue  # short or cold texts of one model, or of two, may be the same
            return (
                f"{call} is the same text as {owners[text]}: sample from each model, at two "
                "different temperatures."
            )


@samples.at("samples-untrained", "a text is not one that the trained model would write")
def _(t):
    for name, texts in t.samples.items():
        for temperature, text in texts.items():
            call = f"samples[{name!r}][{temperature!r}]"
            if unknown := set(text) - set(t.char2idx):
                return (
                    f"{call} holds {min(unknown)!r}, which is no character of the training text: "
                    "generate_text writes it."
                )
            if t.written_by(name, text, temperature):
                continue
            others = [n for n in MODELS if n != name and t.written_by(n, text, temperature)]
            if others:
                return f"{call} is the text that the {others[0]} writes: pass models[{name!r}]."
            if abs(_surprise(t.models[name], text, t, temperature)) > 6:
                return (
                    f"{call} is not a text that the trained {name} would write at temperature "
                    f"{temperature}: pass models[{name!r}], as train_and_compare_models returned "
                    "it, and that temperature."
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


def with_model_column(table):
    """Return a table whose column Model has the names, also where they are its index."""
    if not isinstance(table, pd.DataFrame):
        return table
    if "Model" in table:
        return table.reset_index(drop=True)
    return table.rename_axis("Model").reset_index()


def fault_of(table, columns=NUMBERS):
    """Return what is wrong with a table that should have a row of numbers for each model."""
    if not isinstance(table, pd.DataFrame):
        return (
            f"performance_table is {describe(table)}: expected the DataFrame that "
            "create_performance_table returns."
        )
    if set(MODELS) <= set(map(str, table.columns)):
        return (
            "performance_table has the models as columns: take it as create_performance_table "
            "returns it; show_table turns it for reading only."
        )
    if twice := sorted(set(map(str, table.columns[table.columns.duplicated()]))):
        return f"performance_table has the column {twice[0]} twice."
    if missing := [column for column in ("Model", *columns) if column not in table]:
        return f"performance_table lacks the columns {missing}."
    names = [str(name) for name in table["Model"]]
    if twice := [name for name in MODELS if names.count(name) > 1]:
        return f"performance_table has the row {twice[0]} twice: expected one for each model."
    if missing := [name for name in MODELS if name not in names]:
        held = f"its column Model holds {names}"
        return f"performance_table lacks the row {missing[0]}: {held}, expected {list(MODELS)}."
    for column in columns:
        for name, value in zip(names, table[column], strict=True):
            if name in MODELS and (isinstance(value, bool) or not isinstance(value, Real)):
                return f"{column} of the {name} is {describe(value)}: expected a number."
    return None


class Performance:
    """The table, by a column or an index named Model, and what it should be made from."""

    def __init__(self, table, models, metrics, test_X, test_y):
        self.table, self.models, self.metrics = with_model_column(table), models, metrics
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
    if fault := fault_of(t.table):
        return fault
    if more := [name for name in t.table["Model"] if name not in MODELS]:
        return (
            f"performance_table has the row {more[0]}: take the table itself, which has one row "
            "for each model."
        )


@performance.at("models-incomplete", "there are not three trained models of the specified sizes")
def _(t):
    for values, name in ((t.models, "models"), (t.metrics, "metrics")):
        if missing := not_one_per_model(values, name, "what train_and_compare_models returned"):
            return missing
    for name, measured in t.metrics.items():
        if not isinstance(measured, dict) or (lacking := [k for k in KEYS if k not in measured]):
            lacks = f"lacks {lacking}" if isinstance(measured, dict) else f"is {describe(measured)}"
            return f"metrics[{name!r}] {lacks}: its check, of TODO 5, says more."


@performance.at("models-incomplete")
def _(t):
    for name, model in t.models.items():
        if not isinstance(model, nn.Module):
            return f"models[{name!r}] is {describe(model)}: expected the trained model."
        with torch.no_grad():
            x = t.test_X[:1].to(next(model.parameters()).device)
            vocab_size = copy.deepcopy(model)(x)[0].shape[-1]
        seen, expected = helpers.count_parameters(model), expected_parameters(name, vocab_size)
        others = [other for other in MODELS if seen == expected_parameters(other, vocab_size)]
        if seen != expected and others:
            return (
                f"models[{name!r}] is a {type(model).__name__}, with the parameters of an "
                f"{others[0]}: expected the trained {name}."
            )
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
        expected = {
            "Parameters": helpers.count_parameters(model),
            "Final Train Loss": [math.nan, *measured["train_losses"]][-1],
            "Final Val Loss": [math.nan, *measured["val_losses"]][-1],
            "Best Epoch": measured["best_epoch"],
            "Avg Epoch Time (s)": float(np.mean(measured["epoch_times"] or [math.nan])),
        }
        for column, value in expected.items():
            rounded = 0.0051 * isinstance(value, float)  # to two decimals
            if not np.isclose(row[column], value, rtol=1e-3, atol=rounded, equal_nan=True):
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
        if math.isnan(expected):
            return f"the trained {name} gives no numbers (NaN) on test_X: train it again."
        if not math.isclose(row["Test Perplexity"], expected, rel_tol=1e-3, abs_tol=0.0051):
            return (
                f"Test Perplexity of the {name} is {row['Test Perplexity']:.3f} in the table, but "
                f"its trained model has {expected:.3f} on test_X and test_y: make the table from "
                "the models that train_and_compare_models returned, on all of test_X and test_y."
            )
        if not math.isclose(row["Bits per Character"], math.log2(expected), abs_tol=0.0051):
            return (
                f"Bits per Character of the {name} is {row['Bits per Character']:.3f} in the "
                f"table: expected log2 of its Test Perplexity, {math.log2(expected):.3f}."
            )
