"""How far back the trained models' gradients reach."""

import copy

import matplotlib.pyplot as plt
import torch
from torch import nn

from helpers import call_model, waits_for
from lab.exercise import STYLES


def reach_of(model, X, y):
    """Return how much the final prediction depends on each earlier character, a list of numbers.

    Entry k - 1 is the norm of the gradient of the final timestep's loss with respect to the
    embedding of the character k steps back, relative to that of the last character (k = 1): the
    mean over the windows ``X`` (windows, seq_len), with dropout off. It shows what the trained
    model uses, not what it could learn to use. (Pascanu, Mikolov and Bengio, "On the difficulty of
    training recurrent neural networks", 2013.) Raises ValueError for a model without nn.Embedding.
    """
    model = copy.deepcopy(model).cpu().eval()  # a GPU gives gradients in training mode only
    embeddings = [module for module in model.modules() if isinstance(module, nn.Embedding)]
    if not embeddings:
        raise ValueError(f"{type(model).__name__} has no nn.Embedding to look back to.")
    embedded = []
    embeddings[0].register_forward_hook(lambda module, args, output: embedded.append(output))
    logits, _ = call_model(model, X)  # (b, vocab_size)
    loss = nn.functional.cross_entropy(logits, y, reduction="sum")
    (gradient,) = torch.autograd.grad(loss, embedded)  # (b, t, embedding_dim)
    norms = gradient.norm(dim=2).mean(dim=0).flip(0)  # (t,), the last character first
    return (norms / norms[0]).tolist()


def plot_reach(models, X, y, windows=64):
    """Return a figure: reach_of of each model, on windows spread over ``X`` and ``y``."""
    if waits_for("training", models):
        return None
    every = max(1, len(X) // windows)
    X, y = X[::every][:windows], y[::every][:windows]
    figure, axes = plt.subplots(figsize=(7, 3.5), layout="constrained")
    for name, model in models.items():
        reach = reach_of(model, X, y)
        axes.plot(range(1, len(reach) + 1), reach, label=name, **STYLES.get(name, {}))
    axes.set(
        title="How sensitive the trained models are to each character",
        xlabel="characters back (1: the last one)",
        ylabel="gradient of the loss, relative to the last",
        yscale="log",
    )
    axes.legend()
    return figure
