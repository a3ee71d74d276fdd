"""What each model costs on a phone, and how well it predicts there."""

import copy

import numpy as np
import pandas as pd
import torch
from torch import nn

import helpers
from lab.extras.phone.int8 import weight_bytes
from lab.extras.phone.keystrokes import (
    Counting,
    Eager,
    keystroke_times,
    keystrokes_of,
    perplexity_of,
    predict_while_typing,
    say_what_onednn_costs,
)
from lab.extras.phone.savings import keystroke_savings
from lab.ngram import NGram

COLUMNS = ["Model", "Keystroke (ms)", "p95 (ms)", "p99 (ms)", "50 Characters (ms)"]
COLUMNS += ["MACs per Keystroke", "State (bytes)", "Size, fp32 (MB)", "Size, int8 (MB)"]
COLUMNS += ["Top-1 (%)", "Top-3 (%)", "Perplexity Typing"]
SAVINGS = ["Keystroke Savings (%)", "Savings, from (%)", "Savings, to (%)"]


def macs_per_keystroke(model):
    """Return the multiply-accumulates of one step: each weight of a matrix is used once.

    That is gates x hidden_dim x (inputs + hidden_dim) for a recurrent layer, with 1 gate for RNN, 4
    for LSTM and 3 for GRU, and hidden_dim x vocab_size for the output. Looking up an embedding
    multiplies nothing; the gates' few products of vectors are left out.
    """
    looked_up = {
        module.weight.data_ptr() for module in model.modules() if isinstance(module, nn.Embedding)
    }
    return sum(
        p.numel() for p in model.parameters() if p.dim() > 1 and p.data_ptr() not in looked_up
    )


def phone_table(models, counting, test_X, test_y, chars):
    """Return a DataFrame with a row per model and one for counting; all but the name are numbers.

    "Keystroke (ms)" is the median, beside p95 and p99, of 1,000 steps of one character with the
    state carried, batch 1, one CPU thread, eager PyTorch (NumPy for counting); "50
    Characters (ms)" what one window from a zero state takes on that thread. Sizes are those of the
    weights in MB (10^6 bytes); that of counting is of a table of its counts: the context and the
    character, a byte each, and 4 for the number. Top-1 and top-3 are in per cent of the test text's
    characters, which are predicted, as is "Perplexity Typing", with the state carried through it.
    Keystroke savings, with their 95 %, are those of keystroke_savings.
    """
    if helpers.waits_for("5: train the models", models):
        return None
    everyone = {**models, counting.name: counting}
    streams = {name: Eager(model) for name, model in models.items()}
    streams[counting.name] = Counting(counting)
    times = keystroke_times(streams, keystrokes_of(test_X))
    if "LSTM" in models and torch.backends.mkldnn.is_available():
        say_what_onednn_costs(models["LSTM"], keystrokes_of(test_X))
    rows, savings = [], keystroke_savings(models, counting, test_X, test_y, chars)
    for name, model in everyone.items():
        p95, p99 = np.percentile(times[name], [95, 99])
        row = {"Model": name, "Keystroke (ms)": float(np.median(times[name]))}
        row |= {"p95 (ms)": float(p95), "p99 (ms)": float(p99)}
        row |= {"State (bytes)": streams[name].state_bytes()}
        row |= _quality(model, test_X, test_y) | _cost(model, test_X)
        rows.append(row | dict(zip(SAVINGS, savings[name], strict=True)))
    return pd.DataFrame(rows, columns=COLUMNS + SAVINGS)


def _quality(model, X, y):
    """Return top-1, top-3 and perplexity of the text after ``X``, the state carried."""
    log_probabilities = predict_while_typing(model, X, y)  # (len(y), vocab_size)
    first = log_probabilities.topk(min(3, log_probabilities.shape[1])).indices  # (len(y), 3)
    right = first == y[:, None]
    return {
        "Top-1 (%)": 100 * right[:, 0].float().mean().item(),
        "Top-3 (%)": 100 * right.any(dim=1).float().mean().item(),
        "Perplexity Typing": perplexity_of(log_probabilities, y),
    }


def _cost(model, X):
    """Return the size of a model and, of a network, what a window and a keystroke take."""
    if isinstance(model, NGram):
        return {"Size, fp32 (MB)": model.counts * (model.order + 4) / 1e6}
    fp32, int8 = weight_bytes(model)
    with helpers.one_thread():
        window = helpers.measure_inference_speed(copy.deepcopy(model).cpu(), X[:1])
    return {
        "50 Characters (ms)": window,
        "MACs per Keystroke": macs_per_keystroke(model),
        "Size, fp32 (MB)": fp32 / 1e6,
        "Size, int8 (MB)": int8 / 1e6,
    }
