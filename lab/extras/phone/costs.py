"""The costs of each model on a phone, and the quality of its predictions there."""

import copy

import numpy as np
import pandas as pd
import torch
from torch import nn

import helpers
from lab.exercise import SUGGESTIONS
from lab.extras.phone.int8 import int8_copy, weight_bytes
from lab.extras.phone.keystrokes import (
    TOP,
    NGramStep,
    Step,
    perplexity_of,
    predict_while_typing,
    say_what_onednn_costs,
)
from lab.extras.phone.savings import keystroke_savings
from lab.ngram import Typing

TIMES = {0.5: "Keystroke (ms)", 0.95: "p95 (ms)", 0.99: "p99 (ms)"}  # by quantile


def macs_per_keystroke(model):
    """Return the multiply-accumulate operations (MACs) of one keystroke.

    One MAC is one multiplication and one addition. Each weight of a matrix is used once. So a
    recurrent layer needs gates x hidden_dim x (inputs + hidden_dim) MACs, where the number of gates
    (or sets of weights) is 1 for RNN, 4 for LSTM and 3 for GRU. The output layer needs hidden_dim x
    vocab_size. The embedding needs none, because it is only a look-up. The few products of vectors
    in the gates are not counted.
    """
    looked_up = [module.weight for module in model.modules() if isinstance(module, nn.Embedding)]
    matrices = [p for p in model.parameters() if p.dim() > 1]
    return sum(p.numel() for p in matrices) - sum(p.numel() for p in looked_up)


def phone_table(models, ngram_model, test_X, test_y, chars):
    """Return a DataFrame of numbers: a row for each network, and one for the n-gram model.

    "Keystroke (ms)" is the median time of 1,000 keystrokes; p95 and p99 are the times that 95 % and
    99 % of the keystrokes do not exceed. A keystroke is one character with the state kept, batch 1,
    on one CPU thread, in eager PyTorch (NumPy for the n-gram model). "50 Characters (ms)" is the
    time for one window from a zero state on that thread. "MACs per Keystroke" counts
    multiply-accumulate operations.

    Sizes are the sizes of the weights in MB (10^6 bytes). For the n-gram model it is the size of a
    table of its counts: one byte for each character of the context, one for the next character, and
    4 bytes for the count. Top-1 and top-3 are percentages of the characters of the test text. They
    and the perplexities are computed with the state kept through the whole text. The keystroke
    savings and their 95 % intervals come from keystroke_savings.
    """
    if helpers.waits_for("training", models):
        return None
    keystrokes = helpers.keystrokes_of(test_X)
    streams = {name: helpers.Typing(model) for name, model in models.items()}
    times = helpers.keystroke_times(streams | {ngram_model.name: Typing(ngram_model)}, keystrokes)
    if "LSTM" in models and torch.backends.mkldnn.is_available():
        say_what_onednn_costs(models["LSTM"], keystrokes)
    costs = {name: _cost(model, test_X[:1]) for name, model in models.items()}
    width = 1 if len(chars) <= 256 else 2  # bytes of a character
    costs[ngram_model.name] = {
        "State (bytes)": (ngram_model.order - 1) * width,
        "Size, fp32 (MB)": ngram_model.counts * (ngram_model.order * width + 4) / 1e6,
    }
    quality = {name: _quality_of(model, test_X, test_y) for name, model in models.items()}
    counted = np.log([ngram_model.probabilities(window) for window in test_X.tolist()])
    quality[ngram_model.name] = _quality(torch.from_numpy(counted), test_y)
    steps = {name: Step(model) for name, model in models.items()}
    steps[ngram_model.name] = NGramStep(ngram_model)
    tables = [
        times.quantile(list(TIMES)).rename(TIMES).T,
        pd.DataFrame.from_dict(costs, orient="index"),
        pd.DataFrame.from_dict(quality, orient="index"),
        keystroke_savings(steps, test_X, test_y, chars),
    ]
    return pd.concat(tables, axis=1).rename_axis("Model")


def _quality_of(model, X, y):
    """Return the quality of a network as a dict, also its perplexity with int8 weights."""
    rounded = predict_while_typing(int8_copy(model), X, y)
    of_int8 = {"Perplexity, int8": perplexity_of(rounded, y)}
    return _quality(predict_while_typing(model, X, y), y) | of_int8


def _quality(log_probabilities, y):
    """Return top-1, top-3 and perplexity of predictions, which have shape (len(y), vocab_size)."""
    shown = log_probabilities.topk(min(SUGGESTIONS, log_probabilities.shape[1])).indices
    right = shown == y[:, None]  # (len(y), SUGGESTIONS)
    shares = [100 * found.float().mean().item() for found in (right[:, 0], right.any(dim=1))]
    return dict(zip(TOP, shares, strict=True)) | {
        "Perplexity Typing": perplexity_of(log_probabilities, y)
    }


def _cost(model, window):
    """Return a network's time for a window, its MACs for a keystroke, and its sizes, as a dict."""
    fp32, int8 = weight_bytes(model)
    on_cpu = copy.deepcopy(model).cpu()
    with helpers.one_thread():
        milliseconds = helpers.measure_inference_speed(on_cpu, window)
    return {
        "50 Characters (ms)": milliseconds,
        "MACs per Keystroke": macs_per_keystroke(model),
        "State (bytes)": sum(state.nbytes for state in helpers.states(on_cpu.init_hidden(1))),
        "Size, fp32 (MB)": fp32 / 1e6,
        "Size, int8 (MB)": int8 / 1e6,
    }
