"""TODO 7: performance_table. An answer is a function that makes a student's table of the right one.

It is given what the notebook has by then: (table, models, metrics, test_X, test_y).
"""

import copy
import math

import pandas as pd
import torch
from torch import nn

import helpers
from tests.answers import right, wrong


def put(name, column, value):
    """Return a function that puts a value into a model's row."""

    def change(table, *_):
        table = table.astype({column: type(value)})
        table.loc[table["Model"] == name, column] = value
        return table

    return change


def rescored(table, models, metrics, test_X, test_y):
    """Return the table of models with other weights."""
    torch.manual_seed(1)
    others = copy.deepcopy(models)
    for model in others.values():
        for parameter in model.parameters():
            nn.init.uniform_(parameter, -0.5, 0.5)
    return helpers.create_performance_table(metrics, others, test_X, test_y)


def of_windows(choose):
    """Return the table of other windows: ``choose(X)`` of them and of their targets."""
    return lambda table, models, metrics, X, y: helpers.create_performance_table(
        metrics, models, choose(X), choose(y)
    )


def each(column, change):
    """Return a function that changes a column."""
    return lambda table, *_: table.assign(**{column: change(table[column])})


ROW = pd.DataFrame({"Model": ["8-gram"], "Parameters": [151_374], "Test Perplexity": [6.482]})
SPEED, EPOCH = "Inference Speed (ms)", "Avg Epoch Time (s)"
WRONG = [
    # no table, or one without some of its columns, rows or numbers
    wrong("table-columns", lambda *_: "a table"),
    wrong("table-columns", lambda table, *_: table.to_dict()),
    wrong("table-columns", lambda table, *_: table.drop(columns="Parameters")),
    wrong("table-columns", lambda table, *_: table.head(2)),
    wrong("table-columns", lambda table, *_: table.T),
    wrong("table-columns", lambda table, *_: table.assign(Parameters=table["Parameters"].map(str))),
    wrong("table-columns", lambda table, *_: table.replace({"Model": {"GRU": "LSTM"}})),
    wrong("table-columns", lambda table, *_: helpers.show_table(table)),
    wrong("table-columns", lambda table, *_: pd.concat([table, table])),
    wrong("table-columns", lambda table, *_: pd.concat([table, table], axis=1)),
    wrong("table-columns", lambda table, *_: pd.concat([table, ROW])),
    wrong("table-columns", lambda table, *_: table.replace({"Model": {"GRU": "gru"}})),
    # a table of other models, or other numbers in it
    wrong("table-stale", rescored),
    wrong("table-stale", lambda table, *_: table.assign(Model=["LSTM", "RNN", "GRU"])),
    wrong("table-stale", put("GRU", "Test Perplexity", 1.5)),
    wrong("table-stale", put("GRU", "Test Perplexity", float("nan"))),
    wrong("table-stale", put("RNN", "Final Val Loss", 1.0)),
    wrong("table-stale", put("LSTM", "Best Epoch", 1)),
    wrong("table-stale", put("LSTM", "Parameters", 7)),
    wrong("table-stale", each(EPOCH, lambda times: times * 1000)),
    wrong("table-stale", each("Test Perplexity", lambda values: values.map(math.log))),
    wrong("table-stale", put("GRU", "Test Perplexity", -1.0)),
    wrong("table-stale", put("GRU", "Bits per Character", 1.0)),
    # a table of other windows
    wrong("table-stale", of_windows(lambda of: of[: len(of) // 2])),
    wrong("table-stale", of_windows(lambda of: of[::2])),
    wrong("table-stale", of_windows(lambda of: of.roll(1, 0) if of.dim() == 1 else of)),
    # times that are none
    wrong("table-stale", each(SPEED, lambda times: times * 0)),
    wrong("table-stale", each(SPEED, lambda times: times / 1000)),
    wrong("table-stale", each(SPEED, lambda times: times * 1000)),
    wrong("table-stale", put("RNN", SPEED, float("nan"))),
    wrong("table-stale", put("RNN", SPEED, -1.0)),
]
RIGHT = [
    right(lambda table, *_: table),
    right(lambda table, *_: table[::-1].reset_index(drop=True)),
    right(lambda table, *_: table.sort_values("Test Perplexity")),
    right(lambda table, *_: table.set_index("Model")),
    right(lambda table, *_: table.set_index("Model", drop=False)),
    right(lambda table, *_: table.set_index("Model").rename_axis(None)),
    right(lambda table, *_: table.round(2)),
    right(lambda table, *_: table.astype(object)),
    right(lambda table, *_: table.assign(Remark="mine")),
    right(lambda table, *_: table.round(4)),
    right(each(SPEED, lambda times: times * 3)),
]
