"""The trained models as one page that types with them, in the browser of any device."""

import base64
import copy
import json
from pathlib import Path

import numpy as np
import torch
from torch import nn

import helpers
from lab.phone.int8 import int8_copy, int8_rows
from lab.phone.keystrokes import Counting, Eager
from lab.phone.text import as_text

FOLDER = Path(__file__).parent
MEASURED = 1_000  # characters of the test text that the page measures on
EVERY = 20  # of so many characters it has PyTorch's logits, to compare its own with
COUNTED = 400_000  # the last characters of the training text, which the page counts
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
    made = {"embedding": embedding.weight, "output": output.weight, "bias": output.bias}
    for layer in range(layers.num_layers):
        for kind in ("ih", "hh"):
            made[f"{kind}{layer}"] = getattr(layers, f"weight_{kind}_l{layer}")
            made[f"b{kind}{layer}"] = getattr(layers, f"bias_{kind}_l{layer}", None)
            if made[f"b{kind}{layer}"] is None:
                made[f"b{kind}{layer}"] = torch.zeros(len(made[f"{kind}{layer}"]))
    if made["bias"] is None:
        made["bias"] = torch.zeros(len(output.weight))
    return {name: tensor.detach().cpu() for name, tensor in made.items()}


def packed(model):
    """Return a model for the page, a dict: its sizes, and its weights as int8_rows stores them."""
    embedding, layers, _ = parts(model)
    laid, content = [], b""
    for name, tensor in tensors(model).items():
        rows, cols = (*tensor.shape, 0)[:2]
        laid.append({"name": name, "rows": rows, "cols": cols, "from": len(content)})
        if cols:
            rounded, scale = int8_rows(tensor)
            content += scale.numpy().astype("<f4").tobytes() + rounded.numpy().tobytes()
        else:
            content += tensor.numpy().astype("<f4").tobytes()
        content += bytes(-len(content) % 4)
    sizes = {"hidden": layers.hidden_size, "layers": layers.num_layers}
    sizes |= {"vocab": embedding.num_embeddings, "embedding": embedding.embedding_dim}
    return {"kind": KINDS[layers.mode], **sizes, "tensors": laid, "weights": _base64(content)}


def _base64(content):
    return base64.b64encode(content).decode()


@torch.inference_mode()
def _plainly(model, indices):
    """Return the logits (t, vocab) of embedding, recurrent layers and output, one after the other."""
    embedding, layers, output = (copy.deepcopy(part).cpu() for part in parts(model))
    layers.batch_first = True
    return output(layers(embedding(torch.tensor([indices])))[0])[0].numpy()


def expected(model, indices):
    """Return the logits (t, vocab) of a model with int8 weights that reads one after the other.

    Raises NotForThePage where they are not those of its three parts.
    """
    stored = int8_copy(model).eval()
    stream = Eager(stored)
    logits = np.stack([stream.feed(index) for index in indices])
    if np.abs(logits - _plainly(stored, indices)).max() > ALIKE:
        raise NotForThePage("it computes something else besides")
    return logits


def _perplexity(logits, indices):
    nats = torch.from_numpy(logits[:-1]).double()
    return nn.functional.cross_entropy(nats, torch.tensor(indices[1:])).exp().item()


def contents(models, counting, train_X, train_y, test_X, chars):
    """Return what the page is given, a dict that becomes JSON.

    Raises NotForThePage, with the model's name, for one that the page does not compute.
    """
    text = test_X[:, 0].repeat(1 + MEASURED // len(test_X))[:MEASURED].tolist()
    learned = [*train_X[0].tolist(), *train_y.tolist()][-COUNTED:]
    given = {"chars": chars, "text": text, "every": EVERY, "models": {}, "logits": {}}
    stream = Counting(counting)
    perplexities = {counting.name: _perplexity(np.stack([stream.feed(i) for i in text]), text)}
    for name, model in models.items():
        try:
            given["models"][name] = packed(model)
            logits = expected(model, text)
        except NotForThePage as error:
            raise NotForThePage(
                f"{name} is not an embedding, recurrent layers and one linear output: {error}. "
                "The page computes only these."
            ) from None
        given["logits"][name] = _base64(logits[::EVERY].astype("<f4").tobytes())
        perplexities[name] = _perplexity(logits, text)
    given["counting"] = {"name": counting.name, "order": counting.order}
    given["counting"]["text"] = as_text(learned, chars)
    product = (FOLDER / "product.wasm").read_bytes()
    return given | {"perplexities": perplexities, "product": _base64(product)}


def page(given):
    """Return the page for what it is given, as text."""
    filled = {"GIVEN": json.dumps(given).replace("<", "\\u003c")}
    for name in ("engine", "page"):
        filled[name.upper()] = (FOLDER / f"{name}.js").read_text(encoding="utf-8")
    text = (FOLDER / "page.html").read_text(encoding="utf-8")
    for word, value in filled.items():
        text = text.replace(f">{word}</script>", f">{value}</script>")
    return text


def write_keyboard(models, counting, train_X, train_y, test_X, chars, folder="exported"):
    """Write keyboard.html, which types with the trained models, and return its path.

    Where it cannot: says why in a sentence and returns None.
    """
    if helpers.waits_for("5: train the models", models):
        return None
    path = Path(folder) / "keyboard.html"
    try:
        text = page(contents(models, counting, train_X, train_y, test_X, chars))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")
    except NotForThePage as error:
        print(error)
        return None
    except OSError as error:
        print(f"{path} cannot be written ({error.strerror}): remove what stands there.")
        return None
    print(f"{path}, {path.stat().st_size / 1e6:.1f} MB: open it in the browser of any device.")
    return path
