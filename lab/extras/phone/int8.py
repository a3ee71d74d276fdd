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
    return fp32, fp32 - sum(3 * p.numel() - 4 * len(p) for p in model.parameters() if p.dim() > 1)


def compare_int8(models, test_X, test_y):
    """Return a DataFrame: perplexity, the state carried, before and after int8, a row per model."""
    if helpers.waits_for("training", models):
        return None

    def perplexity(model):
        return perplexity_of(predict_while_typing(model, test_X, test_y), test_y)

    before = pd.Series({name: perplexity(model) for name, model in models.items()})
    after = pd.Series({name: perplexity(int8_copy(model)) for name, model in models.items()})
    return pd.DataFrame(
        {
            "perplexity, fp32": before.map("{:.3f}".format),
            "perplexity, int8": after.map("{:.3f}".format),
            "change": (after / before - 1).map("{:+.2%}".format),
        }
    )
