"""Weights in one byte each, the same way for all models; computing stays in fp32.

``torch.ao.quantization.quantize_dynamic`` is not used: it is deprecated, and it leaves nn.RNN in
fp32 without saying so.
"""

import copy

import pandas as pd
import torch

import helpers
from lab.extras.phone.keystrokes import perplexity_of, predict_while_typing


def int8_rows(weight):
    """Return ``(int8 tensor, scale)`` with weight ~ int8 x scale, one scale for each row.

    Symmetric: a row's largest weight becomes 127. A row is what makes one output, or one embedding.
    """
    scale = weight.abs().amax(dim=1, keepdim=True).clamp_min(1e-12) / 127  # (rows, 1)
    return (weight / scale).round().to(torch.int8), scale


@torch.no_grad()
def int8_copy(model):
    """Return a copy of the model whose matrices hold what int8 leaves of them, biases as before."""
    model = copy.deepcopy(model)
    for parameter in model.parameters():
        if parameter.dim() > 1:
            rounded, scale = int8_rows(parameter)
            parameter.copy_(rounded * scale)
    return model


def weight_bytes(model):
    """Return the bytes of a model's weights as ``(fp32, int8)``, the scales of int8 included."""
    fp32 = sum(4 * p.numel() for p in model.parameters())
    int8 = sum(p.numel() + 4 * len(p) if p.dim() > 1 else 4 * p.numel() for p in model.parameters())
    return fp32, int8


def compare_int8(models, test_X, test_y):
    """Return a DataFrame: perplexity, the state carried, before and after int8, a row per model."""
    if helpers.waits_for("5: train the models", models):
        return None
    rows = {}
    for name, model in models.items():
        before, after = (
            perplexity_of(predict_while_typing(m, test_X, test_y), test_y)
            for m in (model, int8_copy(model))
        )
        rows[name] = {
            "perplexity, fp32": f"{before:.3f}",
            "perplexity, int8": f"{after:.3f}",
            "change": f"{after / before - 1:+.2%}",
        }
    return pd.DataFrame(rows).T
