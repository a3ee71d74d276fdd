"""What the page computes with: a model's int8 weights by name, and the logits to compare with."""

import base64
import copy

import numpy as np
import torch
from torch import nn

import helpers
from lab.extras.phone.int8 import int8_copy, int8_rows

KINDS = {"RNN_TANH": "RNN", "LSTM": "LSTM", "GRU": "GRU"}
ALIKE = 1e-3  # of logits, which int8 moves by a hundred times as much


class NotForThePage(ValueError):
    """A model is not what the page computes; the message says in which way."""


def layers_of(model):
    """Return a model's embedding, recurrent layers and output.

    Raises NotForThePage for a model that is not these three, one after the other.
    """
    found = [m for m in model.modules() if m is not model and list(m.parameters(recurse=False))]
    kinds = (nn.Embedding, nn.RNNBase, nn.Linear)
    embedding, recurrent, output = (
        next((module for module in found if isinstance(module, kind)), None) for kind in kinds
    )
    if len(found) != 3 or None in (embedding, recurrent, output):
        names = ", ".join(type(m).__name__ for m in found) or "no layers"
        raise NotForThePage(f"it has {names}")
    _need_a_plain_layer(recurrent)
    return embedding, recurrent, output


def _need_a_plain_layer(layer):
    if layer.mode not in KINDS or layer.bidirectional or layer.proj_size:
        raise NotForThePage(f"its {type(layer).__name__} is not a plain one, left to right")


def weights_of(model):
    """Return what a model computes with: tensors by their names in engine.js, biases if any."""
    embedding, recurrent, output = layers_of(model)
    named = {
        "embedding": embedding.weight,
        "output": output.weight,
        "bias": output.bias,
        **dict(recurrent.named_parameters()),
    }
    return {name: tensor.detach().cpu() for name, tensor in named.items() if tensor is not None}


def packed(model):
    """Return a model for the page, a dict: its sizes, and its weights as int8_rows stores them."""
    embedding, recurrent, _ = layers_of(model)
    return {
        "kind": KINDS[recurrent.mode],
        "hidden": recurrent.hidden_size,
        "layers": recurrent.num_layers,
        "vocab": embedding.num_embeddings,
        "embedding": embedding.embedding_dim,
        "tensors": {name: _stored(tensor) for name, tensor in weights_of(model).items()},
    }


def _stored(tensor):
    """Return a tensor as the page unpacks it: a bias in fp32, a matrix in int8 with its scales."""
    if tensor.dim() == 1:
        return {"rows": len(tensor), "fp32": base64_of(tensor)}
    rows, cols = tensor.shape
    rounded, scale = int8_rows(tensor)
    return {"rows": rows, "cols": cols, "int8": base64_of(rounded), "scales": base64_of(scale)}


def base64_of(content):
    """Return bytes in base64, as text, or those of a tensor's numbers as they are stored."""
    if torch.is_tensor(content):
        content = content.numpy().tobytes()
    return base64.b64encode(content).decode()


@torch.inference_mode()
def _of_its_layers(model, indices):
    """Return the logits (t, vocab_size) of embedding, recurrent layers and output, in turn."""
    embedding, recurrent, output = (copy.deepcopy(layer).cpu() for layer in layers_of(model))
    recurrent.batch_first = True
    return output(recurrent(embedding(torch.tensor([indices])))[0])[0].numpy()


def logits_of(model, indices):
    """Return the logits (t, vocab_size) of a model with int8 weights that reads key by key.

    Raises NotForThePage where they are not those of its three layers.
    """
    stored = int8_copy(model).eval()
    stream = helpers.Typing(stored)
    logits = np.stack([stream.feed(index) for index in indices])
    if not np.abs(logits - _of_its_layers(stored, indices)).max() <= ALIKE:
        raise NotForThePage("its forward() does more")
    return logits
