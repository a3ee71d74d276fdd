"""Write the page with the trained models in it."""

import hashlib
import json
import os
from pathlib import Path

import numpy as np
import torch

import helpers
from lab.exercise import STYLES, SUGGESTIONS
from lab.extras.phone.keyboard.pack import NotForThePage, base64_of, logits_of, packed
from lab.extras.phone.keystrokes import DIFFER, perplexity_of
from lab.extras.phone.savings import BEAM, LONGEST
from lab.ngram import NGram, Typing

HERE = Path(__file__).parent
COUNTED = 200_000  # at most so many last characters of the training text are in the page
EVERY = 20  # the page compares its logits with PyTorch's at every 20th character
APART, OFF = 1e-4, 1e-3  # allowed differences from the notebook: logits; perplexity (relative)
COLUMNS = {  # name in page.js: column of the table that the page measures
    "median": "Keystroke (ms)",
    "p95": "p95 (ms)",
    "p99": "p99 (ms)",
    "meanAtPace": "Mean at Pace (ms)",
    "medianAtPace": "Median at Pace (ms)",
    "p95AtPace": "p95 at Pace (ms)",
    "p99AtPace": "p99 at Pace (ms)",
    "perplexity": "Perplexity",
    "inNotebook": "Perplexity in Notebook",
    "apart": DIFFER,
}
ALWAYS = {  # the data that every page has
    "columns": COLUMNS,
    "colours": {name: style["color"] for name, style in STYLES.items()},
    "suggestions": SUGGESTIONS,
    "beam": BEAM,
    "longest": LONGEST,
    "every": EVERY,
    "allowed": {"apart": APART, "off": OFF},
}


def contents(models, ngram_model, train_X, train_y, test_X, chars, measured=1_000):
    """Return the data of the page, a dict that can be written as JSON.

    ``measured`` is the number of characters for the measurement. Raises NotForThePage, with the
    name of the model, if the page cannot compute a model.
    """
    text = test_X[:, 0].repeat(1 + measured // len(test_X))[:measured].tolist()
    learned = [*train_X[0].tolist(), *train_y.tolist()]
    if len(learned) > COUNTED:
        learned = learned[-COUNTED:]
        ngram_model = NGram(learned, len(chars), ngram_model.order)
    weights, logits = {}, {}
    for name, model in models.items():
        try:
            weights[name] = packed(model)
            logits[name] = torch.from_numpy(logits_of(model, text))
        except NotForThePage as error:
            needs = "an embedding, recurrent layers and one linear output layer"
            message = f"The page needs {needs}. {name} is different: {error}."
            raise NotForThePage(message) from None
    compared = {name: base64_of(found[::EVERY]) for name, found in logits.items()}
    typing = Typing(ngram_model)
    logits[ngram_model.name] = torch.tensor(np.array([typing.feed(index) for index in text]))
    counted = {"name": ngram_model.name, "order": ngram_model.order}
    counted |= {"text": "".join(chars[index] for index in learned)}
    made_of = json.dumps([weights, counted, text])
    return {
        **ALWAYS,
        "page": hashlib.sha256(made_of.encode()).hexdigest()[:12],  # its tables repeat it
        "chars": chars,
        "text": text,
        "ngram": counted,
        "models": weights,
        "logits": compared,
        "perplexities": {
            name: perplexity_of(found[:-1].double().log_softmax(1), torch.tensor(text[1:]))
            for name, found in logits.items()
        },
        "product": base64_of((HERE / "product.wasm").read_bytes()),
    }


def filled(given):
    """Return the page with the data ``given``, as HTML text."""
    parts = {"GIVEN": json.dumps(given).replace("<", "\\u003c")}
    for name in ("engine", "page"):
        parts[name.upper()] = (HERE / f"{name}.js").read_text(encoding="utf-8")
    html = (HERE / "page.html").read_text(encoding="utf-8")
    for word, part in parts.items():
        html = html.replace(f">{word}</script>", f">{part}</script>")
    return html


def given_to(path):
    """Return the data of the page in a file: a dict, as contents returns it.

    Raises ValueError if write_keyboard did not write the file.
    """
    before, after = '<script type="application/json" id="given">', "</script>"
    html = Path(path).read_text(encoding="utf-8")
    return json.loads(html.partition(before)[2].partition(after)[0])


def write_keyboard(
    models, ngram_model, train_X, train_y, test_X, chars, folder=None, measured=1_000
):
    """Write keyboard.html, a page that types with the trained models, and return its path.

    The page needs no other file. It has the int8 weights, the training text for the n-gram model,
    and the program that computes. ``measured`` is the number of characters for the measurement. If
    the page cannot be written, one line gives the reason, and None is returned.
    """
    if helpers.waits_for("training", models):
        return None
    path = Path(folder or helpers.folder_for("exported")) / "keyboard.html"
    try:
        given = contents(models, ngram_model, train_X, train_y, test_X, chars, measured)
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".part")
        partial.write_text(filled(given), encoding="utf-8", newline="\n")
        os.replace(partial, path)
    except NotForThePage as error:
        helpers.say(str(error))
        return None
    except OSError as error:
        helpers.say(
            f"{error.filename or path} cannot be written ({error.strerror}). {helpers.ROOM}"
        )
        return None
    helpers.say(
        f"You can open {path.as_posix()} ({path.stat().st_size / 1e6:.1f} MB) in a browser. An "
        "iPhone does not open local files, so use phone.serve_keyboard for an iPhone."
    )
    return path
