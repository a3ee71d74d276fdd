"""Weights stored in one byte each (int8), in the same way for all models. Computing uses fp32.

``torch.ao.quantization.quantize_dynamic`` is not used, because it is deprecated and because it
leaves nn.RNN in fp32 without a warning.
"""

import copy

import torch


def int8_rows(weight):
    """Return ``(int8 tensor, scale)`` with weight ~ int8 x scale and one scale for each row.

    The scaling is symmetric: the largest absolute weight of a row becomes 127. A row has the
    weights of one output, or it is one embedding. The scale has shape (rows, 1).
    """
    scale = weight.abs().amax(dim=1, keepdim=True).clamp_min(1e-12) / 127  # (rows, 1)
    return (weight / scale).round().to(torch.int8), scale


@torch.no_grad()
def int8_copy(model):
    """Return a copy of the model with its matrices rounded to int8; biases are unchanged."""
    model = copy.deepcopy(model)
    for parameter in model.parameters():
        if parameter.dim() > 1:
            rounded, scale = int8_rows(parameter)
            parameter.copy_(rounded * scale)
    return model


def weight_bytes(model):
    """Return the number of bytes of a model's weights, ``(fp32, int8 with its scales)``."""
    fp32 = sum(4 * p.numel() for p in model.parameters())
    return fp32, fp32 - sum(3 * p.numel() - 4 * len(p) for p in model.parameters() if p.dim() > 1)
