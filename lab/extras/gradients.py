"""How far back in a text the gradients of the trained models reach."""

import copy

import matplotlib.pyplot as plt
import torch
from torch import nn

from helpers import call_model, waits_for
from lab.exercise import STYLES


def reach_of(model, X, y):
    """Return a list of numbers: how sensitive the final prediction is to each character.

    Entry k - 1 is for the character k places back; the last character has k = 1. The entry is the
    norm of the gradient of the final timestep's loss with respect to the embedding of that
    character. It is the mean over the windows ``X`` (windows, seq_len), with dropout off, divided
    by the value of the last character. It shows which characters the trained model uses. It does
    not show which characters the model could learn to use. (Pascanu, Mikolov and Bengio, "On the
    difficulty of training recurrent neural networks", 2013.) Raises ValueError if the model has no
    nn.Embedding.
    """
    model = copy.deepcopy(model).cpu().eval()  # a GPU gives gradients in training mode only
    embeddings = [module for module in model.modules() if isinstance(module, nn.Embedding)]
    if not embeddings:
        raise ValueError(f"{type(model).__name__} has no nn.Embedding, which this plot needs.")
    embedded = []
    embeddings[0].register_forward_hook(lambda module, args, output: embedded.append(output))
    logits, _ = call_model(model, X)  # (b, vocab_size)
    loss = nn.functional.cross_entropy(logits, y, reduction="sum")
    (gradient,) = torch.autograd.grad(loss, embedded)  # (b, t, embedding_dim)
    norms = gradient.norm(dim=2).mean(dim=0).flip(0)  # (t,), the last character first
    return (norms / norms[0]).tolist()


def plot_reach(models, X, y, windows=64):
    """Return a figure with a line for each model: reach_of on some windows of ``X`` and ``y``."""
    if waits_for("training", models):
        return None
    every = max(1, len(X) // windows)
    X, y = X[::every][:windows], y[::every][:windows]
    figure, axes = plt.subplots(figsize=(7, 3.5), layout="constrained")
    for name, model in models.items():
        reach = reach_of(model, X, y)
        axes.plot(range(1, len(reach) + 1), reach, label=name, **STYLES.get(name, {}))
    axes.set(
        title="How sensitive the last prediction is to each character",
        xlabel="distance back in characters (1 = the last character)",
        ylabel="gradient of the loss (last character = 1)",
        yscale="log",
    )
    axes.legend()
    return figure
