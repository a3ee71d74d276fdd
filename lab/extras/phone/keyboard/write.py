"""The page, filled with the models that were trained."""

import hashlib
import json
from pathlib import Path

import numpy as np
import torch

import helpers
from lab.extras.phone.keyboard.pack import NotForThePage, base64_of, logits_of, packed
from lab.extras.phone.keystrokes import Counting, perplexity_of
from lab.extras.phone.text import as_text
from lab.ngram import NGram

HERE = Path(__file__).parent
COUNTED = 200_000  # the last characters of the training text, which the page carries and counts
EVERY = 20  # of so many characters the page has PyTorch's logits, to compare its own with


def contents(models, counting, train_X, train_y, test_X, chars, measured=1_000):
    """Return what the page is given, a dict that becomes JSON; it measures so many characters.

    Raises NotForThePage, with the model's name, for one that the page does not compute.
    """
    text = test_X[:, 0].repeat(1 + measured // len(test_X))[:measured].tolist()
    learned = [*train_X[0].tolist(), *train_y.tolist()]
    if len(learned) > COUNTED:
        learned = learned[-COUNTED:]
        counting = NGram(learned, len(chars), counting.order)
    given = {"chars": chars, "text": text, "every": EVERY}
    given["counting"] = {"name": counting.name, "order": counting.order}
    given["counting"]["text"] = as_text(learned, chars)
    stream = Counting(counting)
    logits = {counting.name: np.stack([stream.feed(index) for index in text])}
    given["models"], given["logits"] = {}, {}
    for name, model in models.items():
        try:
            given["models"][name] = packed(model)
            logits[name] = logits_of(model, text)
        except NotForThePage as error:
            raise NotForThePage(
                f"{name} is not an embedding, recurrent layers and one linear output: {error}. "
                "The page computes only these."
            ) from None
        given["logits"][name] = base64_of(logits[name][::EVERY].astype("<f4").tobytes())
    following = torch.tensor(text[1:])
    given["perplexities"] = {
        name: perplexity_of(torch.from_numpy(found[:-1]).double().log_softmax(1), following)
        for name, found in logits.items()
    }
    weights = {name: model["weights"] for name, model in given["models"].items()}
    made_of = json.dumps([weights, given["counting"], text])
    given["page"] = hashlib.sha256(made_of.encode()).hexdigest()[:12]  # whose tables are its own
    return given | {"product": base64_of((HERE / "product.wasm").read_bytes())}


def page(given):
    """Return the page for what it is given, as text."""
    filled = {"GIVEN": json.dumps(given).replace("<", "\\u003c")}
    for name in ("engine", "page"):
        filled[name.upper()] = (HERE / f"{name}.js").read_text(encoding="utf-8")
    text = (HERE / "page.html").read_text(encoding="utf-8")
    for word, value in filled.items():
        text = text.replace(f">{word}</script>", f">{value}</script>")
    return text


def given_to(path):
    """Return what the page in a file was given: a dict, as contents returns it.

    Raises ValueError for a file that write_keyboard did not write.
    """
    before, after = '<script type="application/json" id="given">', "</script>"
    text = Path(path).read_text(encoding="utf-8")
    return json.loads(text.partition(before)[2].partition(after)[0])


def write_keyboard(
    models, counting, train_X, train_y, test_X, chars, folder="exported", measured=1_000
):
    """Write keyboard.html, a page that types with the trained models, and return its path.

    It needs nothing else: int8 weights, the text to count, and what computes are in it. It measures
    so many characters. Where it
    cannot be written: says why in a sentence and returns None.
    """
    if helpers.waits_for("5: train the models", models):
        return None
    path = Path(folder) / "keyboard.html"
    try:
        given = contents(models, counting, train_X, train_y, test_X, chars, measured)
        text = page(given)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")
    except NotForThePage as error:
        print(error)
        return None
    except OSError as error:
        print(
            f"{error.filename or path} cannot be written ({error.strerror}). Remove what stands "
            "there, or make it yours to write to."
        )
        return None
    print(f"{path.as_posix()} ({path.stat().st_size / 1e6:.1f} MB) opens in any device's browser.")
    return path
