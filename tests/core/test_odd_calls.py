"""Whatever a check is handed, it answers with a sentence about the student's answer."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib.figure import Figure
from torch import nn

import helpers
from lab import checks, exercise, goal, memory
from tests.answers import todo_8_figures, todo_9_spans, todo_10_recommendation
from tests.answers.todo_9_spans import SPANS
from tests.answers.todo_10_recommendation import MISSES
from tests.answers.todo_questions import LIMITS, RATIO

PROMPT = "the "
ASKED = goal.Requirements(**exercise.REQUIREMENTS)
MEASURED = todo_10_recommendation.MEASURED


def raising(*args, **kwargs):
    raise RuntimeError("of the student's own")


class Odd(nn.Module):
    """A model that takes anything and returns its input."""

    def __init__(self, *args, **kwargs):
        super().__init__()
        self.layer = nn.Linear(2, 2)

    def forward(self, x, *args, **kwargs):
        return x


ODD = {
    "None": None,
    "zero": 0,
    "minus one": -1,
    "nan": math.nan,
    "infinity": math.inf,
    "true": True,
    "empty text": "",
    "text": "GRU",
    "bytes": b"GRU",
    "empty list": [],
    "list": ["RNN", "LSTM", "GRU"],
    "empty tuple": (),
    "pair": (None, None),
    "empty dict": {},
    "dict of None": dict.fromkeys(exercise.MODELS),
    "dict of nan": dict.fromkeys(exercise.MODELS, math.nan),
    "dict of texts": dict.fromkeys(exercise.MODELS, "x"),
    "dict of dicts": {name: {} for name in exercise.MODELS},
    "dict in lower case": {"rnn": 1, "lstm": 2, "gru": 3},
    "two models": {"RNN": 1, "LSTM": 2},
    "numbers for keys": {1: 2, None: 3},
    "set": {1, 2},
    "object": object(),
    "class": nn.Module,
    "class of int": int,
    "model": Odd(),
    "class of a model": Odd,
    "dict of models": {name: Odd() for name in exercise.MODELS},
    "function": lambda *args, **kwargs: (None, None),
    "function of one": lambda one: one,
    "function that raises": raising,
    "tensor": torch.zeros(2, 3),
    "array": np.zeros(3),
    "empty table": pd.DataFrame(),
    "table": MEASURED,
    "figure": todo_8_figures.plotted(),
    "empty figure": Figure(),
}


@pytest.fixture(scope="module")
def usual(namespace, sample, short):
    """What each check is handed by the notebook, by its name."""
    made = namespace["MODEL_CLASSES"].items()
    spans = {
        name: todo_9_spans.again(
            memory.memory_span(cls, sample[0][:5_000], exercise.SPAN_RATES[name], batches=20),
            batches=exercise.SPAN_BATCHES,
        )
        for name, cls in made
    }
    (*_, X, y), chars, char2idx, idx2char = short
    classes = namespace["MODEL_CLASSES"]
    models = {name: model_class(len(chars)) for name, model_class in classes.items()}
    one = {"train_losses": [2.0], "val_losses": [2.1], "epoch_times": [0.1], "best_epoch": 1}
    metrics = dict.fromkeys(models, one)
    table = helpers.create_performance_table(metrics, models, X[:4], y[:4])
    samples = {
        name: {
            t: helpers.generate_text(m, PROMPT, char2idx, idx2char, temperature=t) for t in (0.5, 1)
        }
        for name, m in models.items()
    }
    counts = {name: helpers.count_parameters(model) for name, model in models.items()}
    paragraph = "I recommend the GRU for its numbers and its size."
    evidence = {"Memory Span": 128}
    return {
        "char_rnn": (classes["RNN"],),
        "char_lstm": (classes["LSTM"], classes["RNN"]),
        "char_gru": (classes["GRU"], classes["RNN"]),
        "parameters": (RATIO, counts, len(chars)),
        "training": (namespace["train_and_compare_models"],),
        "samples": (LIMITS, samples, PROMPT, models, char2idx),
        "performance": (len(chars), len(chars), table, models, metrics, X[:4], y[:4]),
        "figures": (todo_8_figures.curves(), todo_8_figures.plotted(), MEASURED),
        "long_context": (11 / 32, spans, classes, sample[0][:5_000], ASKED, exercise.SPAN_BATCHES),
        "recommendation": (MISSES, "GRU", evidence, paragraph, MEASURED, SPANS, ASKED, False),
    }


def calls(check, arguments):
    """Yield (how, arguments): each argument odd in each way, two swapped, one left to another."""
    for place, (how, odd) in itertools.product(range(len(arguments)), ODD.items()):
        yield f"{how} at {place}", (*arguments[:place], odd, *arguments[place + 1 :])
    for one, other in itertools.combinations(range(len(arguments)), 2):
        swapped = list(arguments)
        swapped[one], swapped[other] = swapped[other], swapped[one]
        yield f"{one} and {other} swapped", tuple(swapped)
        yield f"{one} twice", (*arguments[:other], arguments[one], *arguments[other + 1 :])


def test_what_the_notebook_hands_over_passes(usual):
    statuses = {name: getattr(checks, name)(*given).status for name, given in usual.items()}
    assert set(statuses.values()) == {"passed"}


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.slow)
        if name in ("char_lstm", "char_gru", "performance", "long_context")
        else name
        for name in exercise.CHECKS
    ],
)
def test_an_odd_call_is_answered_with_a_sentence_on_the_answer(name, usual):
    function, count = getattr(checks, name), 0
    for how, arguments in calls(name, usual[name]):
        result, count = function(*arguments), count + 1
        said = f"{how}: {result}"
        assert isinstance(result, checks.CheckResult), said
        ours = ("KeyError", "IndexError", "AttributeError", "TypeError", "ValueError")
        if result.rule != "raised" or " raised " not in result.message:
            assert not any(error in result.message for error in ours), said
        assert 20 < len(result.message) < 1200, said
    assert count >= 20
