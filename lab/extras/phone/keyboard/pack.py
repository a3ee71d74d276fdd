"""The data that the page needs: the int8 weights of a model, and logits for a comparison."""

import base64
import copy

import numpy as np
import torch
from torch import nn

import helpers
from lab.extras.phone.int8 import int8_copy, int8_rows

KINDS = {"RNN_TANH": "RNN", "LSTM": "LSTM", "GRU": "GRU"}
ALIKE = 1e-3  # largest allowed difference of logits; int8 changes them 100 times as much


class NotForThePage(ValueError):
    """The page cannot compute this model; the message gives the reason."""


def layers_of(model):
    """Return the embedding, the recurrent layers and the output layer of a model.

    Raises NotForThePage if the model has other layers or not exactly these three.
    """
    found = [m for m in model.modules() if m is not model and list(m.parameters(recurse=False))]
    kinds = (nn.Embedding, nn.RNNBase, nn.Linear)
    embedding, recurrent, output = (
        next((module for module in found if isinstance(module, kind)), None) for kind in kinds
    )
    if len(found) != 3 or None in (embedding, recurrent, output):
        names = ", ".join(type(m).__name__ for m in found)
        raise NotForThePage(f"its layers are {names}" if names else "it has no layers")
    _need_a_plain_layer(recurrent)
    return embedding, recurrent, output


def _need_a_plain_layer(layer):
    if layer.mode not in KINDS or layer.bidirectional or layer.proj_size:
        name = type(layer).__name__
        raise NotForThePage(f"its {name} needs tanh, one direction and no projection")


def weights_of(model):
    """Return the weights of a model: {name in engine.js: tensor}, with biases if it has them."""
    embedding, recurrent, output = layers_of(model)
    named = {
        "embedding": embedding.weight,
        "output": output.weight,
        "bias": output.bias,
        **dict(recurrent.named_parameters()),
    }
    return {name: tensor.detach().cpu() for name, tensor in named.items() if tensor is not None}


def packed(model):
    """Return a model for the page as a dict: its sizes, and its weights as int8."""
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
    """Return a tensor in the format of the page: a bias as fp32, a matrix as int8 with scales."""
    if tensor.dim() == 1:
        return {"rows": len(tensor), "fp32": base64_of(tensor)}
    rows, cols = tensor.shape
    rounded, scale = int8_rows(tensor)
    return {"rows": rows, "cols": cols, "int8": base64_of(rounded), "scales": base64_of(scale)}


def base64_of(content):
    """Return bytes, or the bytes of a tensor, as a text in base64."""
    if torch.is_tensor(content):
        content = content.numpy().tobytes()
    return base64.b64encode(content).decode()


@torch.inference_mode()
def _of_its_layers(model, indices):
    """Return the logits (t, vocab_size) of embedding, recurrent layers and output layer alone."""
    embedding, recurrent, output = (copy.deepcopy(layer).cpu() for layer in layers_of(model))
    recurrent.batch_first = True
    return output(recurrent(embedding(torch.tensor([indices])))[0])[0].numpy()


def logits_of(model, indices):
    """Return the logits (t, vocab_size) of a model with int8 weights that reads one key at a time.

    Raises NotForThePage if its three layers alone give other logits.
    """
    stored = int8_copy(model).eval()
    stream = helpers.Typing(stored)
    logits = np.stack([stream.feed(index) for index in indices])
    if not np.abs(logits - _of_its_layers(stored, indices)).max() <= ALIKE:
        raise NotForThePage("its forward() computes something else")
    return logits
