"""Weights in one byte each, the same way for all models; computing stays in fp32.

``torch.ao.quantization.quantize_dynamic`` is not used: it is deprecated, and it leaves nn.RNN in
fp32 without saying so.
"""

import copy

import torch


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
