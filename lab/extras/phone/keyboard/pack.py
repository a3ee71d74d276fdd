"""What the page computes with: a model's int8 weights by name, and the logits to compare with."""

import base64
import copy

import numpy as np
import torch
from torch import nn

from lab.extras.phone.int8 import int8_copy, int8_rows
from lab.extras.phone.keystrokes import Eager

KINDS = {"RNN_TANH": "RNN", "LSTM": "LSTM", "GRU": "GRU"}
ALIKE = 1e-3  # of logits, which int8 moves by a hundred times as much


class NotForThePage(ValueError):
    """A model is not what the page computes; the message says in which way."""


def parts(model):
    """Return a model's embedding, recurrent layers and output.

    Raises NotForThePage for a model that is not these three, one after the other.
    """
    found = [m for m in model.modules() if m is not model and list(m.parameters(recurse=False))]
    kinds = [nn.Embedding, nn.RNNBase, nn.Linear]
    if len(found) != 3 or not all(any(isinstance(m, kind) for m in found) for kind in kinds):
        layers = ", ".join(type(m).__name__ for m in found) or "no layers"
        raise NotForThePage(f"it has {layers}")
    embedding, layers, output = (next(m for m in found if isinstance(m, k)) for k in kinds)
    if layers.mode not in KINDS or layers.bidirectional or layers.proj_size:
        raise NotForThePage(f"its {type(layers).__name__} is not a plain one, left to right")
    return embedding, layers, output


def tensors(model):
    """Return what a model computes with, by the names of engine.js; a missing bias is zeros."""
    embedding, layers, output = parts(model)
    made = {"embedding": embedding.weight, "output": output.weight}
    biases = {"bias": (output.bias, output.weight)}
    for layer in range(layers.num_layers):
        for kind in ("ih", "hh"):
            made[f"{kind}{layer}"] = weight = getattr(layers, f"weight_{kind}_l{layer}")
            biases[f"b{kind}{layer}"] = getattr(layers, f"bias_{kind}_l{layer}", None), weight
    for name, (bias, weight) in biases.items():
        made[name] = torch.zeros(len(weight)) if bias is None else bias
    return {name: tensor.detach().cpu() for name, tensor in made.items()}


def packed(model):
    """Return a model for the page, a dict: its sizes, and its weights as int8_rows stores them."""
    embedding, layers, _ = parts(model)
    laid, content = [], b""
    for name, tensor in tensors(model).items():
        rows, cols = (*tensor.shape, 0)[:2]  # a bias has no columns
        laid.append({"name": name, "rows": rows, "cols": cols, "from": len(content)})
        if cols:
            rounded, scale = int8_rows(tensor)
            content += scale.numpy().astype("<f4").tobytes() + rounded.numpy().tobytes()
        else:
            content += tensor.numpy().astype("<f4").tobytes()
        content += bytes(-len(content) % 4)
    sizes = {"hidden": layers.hidden_size, "layers": layers.num_layers}
    sizes |= {"vocab": embedding.num_embeddings, "embedding": embedding.embedding_dim}
    return {"kind": KINDS[layers.mode], **sizes, "tensors": laid, "weights": base64_of(content)}


def base64_of(content):
    return base64.b64encode(content).decode()


@torch.inference_mode()
def _of_its_parts(model, indices):
    """Return the logits (t, vocab_size) of embedding, recurrent layers and output, in turn."""
    embedding, layers, output = (copy.deepcopy(part).cpu() for part in parts(model))
    layers.batch_first = True
    return output(layers(embedding(torch.tensor([indices])))[0])[0].numpy()


def logits_of(model, indices):
    """Return the logits (t, vocab_size) of a model with int8 weights that reads key by key.

    Raises NotForThePage where they are not those of its three parts.
    """
    stored = int8_copy(model).eval()
    stream = Eager(stored)
    logits = np.stack([stream.feed(index) for index in indices])
    if not np.abs(logits - _of_its_parts(stored, indices)).max() <= ALIKE:
        raise NotForThePage("its forward() does more")
    return logits
