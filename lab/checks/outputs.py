"""TODO 6 and 7: what the trained models write, and the table of their measures.

The trained weights are computed with here, by the specified model; a student's model is not asked.
"""

import math

import numpy as np
import torch
from torch.nn import functional as F

import helpers
from helpers import MODELS
from lab.ask import Other, Raised, short
from lab.ask.training import KEYS
from lab.checks.rule import Broken, NotAttempted, need, need_one_per_model
from lab.checks.specified import Specified, count, ordered, shapes

NUMBERS = ("Parameters", "Final Train Loss", "Final Val Loss", "Best Epoch", "Test Perplexity")
NUMBERS += ("Bits per Character", "Avg Epoch Time (s)", "Inference Speed (ms)")
TODO = {"RNN": 1, "LSTM": 2, "GRU": 3}


def specified(kind, weights, **spec):
    """Return the specified model that has these weights, in whatever order a class keeps them.

    Raises ValueError for weights that do not fit.
    """
    return Specified(kind, ordered(kind, [torch.from_numpy(w) for w in weights], **spec))


@torch.no_grad()
def trained_models(models, vocab_size):
    """Return specified models with the weights of trained ones, by name; or raise Broken."""
    need_one_per_model("models-incomplete", models, "models", "a trained model")
    return {name: _trained(name, model, vocab_size) for name, model in models.items()}


def _trained(name, model, vocab_size):
    need(
        not isinstance(model, Other),
        "models-incomplete",
        f"models[{name!r}] is {model}: expected a trained model.",
    )
    seen = sorted(w.shape for w in model["weights"])
    for other in MODELS:
        need(
            not (other != name and seen == sorted(shapes(other, vocab_size=vocab_size))),
            "models-incomplete",
            f"models[{name!r}] is a {model['class']}, with the parameters of an {other}: "
            f"expected the trained {name}.",
        )
    number = sum(w.size for w in model["weights"])
    try:
        found = specified(name, model["weights"], vocab_size=vocab_size)
    except ValueError:
        raise Broken(
            "models-incomplete",
            f"models[{name!r}] has {number:,} parameters: expected the {count(name, vocab_size):,} "
            f"of Char{name}(vocab_size). Is the class right (TODO {TODO[name]}), and does it have "
            "its default sizes?",
        ) from None
    if isinstance(model["windows"], np.ndarray):
        logits, _ = found(torch.from_numpy(model["windows"]))
        seen = model["logits"]
        alike = isinstance(seen, np.ndarray) and seen.shape == logits.shape
        if not (alike and np.allclose(seen, logits, rtol=1e-3, atol=1e-3, equal_nan=True)):
            what = seen if isinstance(seen, Raised) else "it computes something else"
            raise Broken(
                "models-incomplete",
                f"models[{name!r}] is not a Char{name} as specified ({what}): mend TODO "
                f"{TODO[name]} first, then train again.",
            )
    return found


# ----- TODO 6: samples ----------------------------------------------------------------------------


def judge_samples(facts):
    """Return the message for texts that the trained models would write; or raise."""
    samples, prompt = facts["samples"], facts["prompt"]
    if samples == "None":
        raise NotAttempted
    need_one_per_model("samples-missing", samples, "samples", "a dict {temperature: text}")
    texts = [text for name, of in samples.items() for text in _texts(name, of, prompt)]
    need(
        facts["models"] != "None",
        "models-incomplete",
        "there are no trained models: run the cell that trains.",
    )
    models = trained_models(facts["models"], len(facts["char2idx"]))
    writers = {name: (model, facts["models"][name]["class"]) for name, model in models.items()}
    owners = {}
    for name, temperature, text in texts:
        call = f"samples[{name!r}][{temperature!r}]"
        _written(call, name, temperature, text, facts, writers, owners.get(text))
        owners.setdefault(text, call)
    return f"{len(texts)} texts from three models."


def _texts(name, of, prompt):
    # Return (name, temperature, text) of a model's texts; raises Broken for what is not
    # texts.
    if not isinstance(of, dict) or len(of) < 2:
        texts = f"a dict with {len(of)} texts" if isinstance(of, dict) else short(of)
        raise Broken(
            "samples-missing", f"samples[{name!r}] is {texts}: expected texts at two temperatures."
        )
    for temperature, text in of.items():
        need(
            not (isinstance(temperature, str) or not temperature > 0),
            "samples-missing",
            f"samples[{name!r}] has the key {temperature!r}: expected the temperature, a number "
            "above 0.",
        )
        if not isinstance(text, str) or isinstance(text, Other) or not text:
            shown = text if isinstance(text, Other) else repr(text)
            raise Broken(
                "samples-missing",
                f"samples[{name!r}][{temperature!r}] is {shown}: expected a text.",
            )
        need(
            not (not text.startswith(prompt) or text == prompt),
            "samples-missing",
            f"samples[{name!r}][{temperature!r}] begins {text[:30]!r}: expected the prompt "
            f"{prompt!r} and what the model makes of it.",
        )
    return [(name, temperature, text) for temperature, text in of.items()]


def _written(call, name, temperature, text, facts, writers, same_as):
    # Raise Broken for a text that the model of a name would not write.
    if unknown := set(text) - set(facts["char2idx"]):
        raise Broken(
            "samples-untrained",
            f"{call} holds {min(unknown)!r}, which is not a character of the training text: "
            "generate_text does not write it.",
        )
    drawn = {
        other: _is_drawn(model, of_class, text, temperature, facts)
        for other, (model, of_class) in writers.items()
    }
    if drawn[name]:
        return  # short or cold texts of two models may be the same
    need(
        not same_as,
        "samples-untrained",
        f"{call} is the same text as {same_as}: expected a text from each model at each "
        "temperature.",
    )
    if other := next((other for other, found in drawn.items() if found), None):
        raise Broken(
            "samples-untrained", f"{call} is the text that the {other} writes, not the {name}."
        )
    need(
        not (abs(_surprise(writers[name][0], text, temperature, facts)) > 6),
        "samples-untrained",
        f"{call} is not a text that the trained {name} would write at temperature "
        f"{temperature}: it comes from another model, or another temperature.",
    )


@torch.no_grad()
def _logits(model, text, facts):
    # Return the logits from which each character after the prompt was drawn: (n, v).
    x = helpers.encode(text, facts["char2idx"])[None]  # (1, t)
    logits, _ = model(x[:, :-1], return_sequences=True)
    return logits[0, len(facts["prompt"]) - 1 :], x[0, len(facts["prompt"]) :]


def _is_drawn(model, class_name, text, temperature, facts):
    # Return whether generate_text draws this text from a model, by the seed that it
    # chooses.
    seed = helpers.sampling_seed(class_name, temperature)
    generator = torch.Generator().manual_seed(seed)
    logits, indices = _logits(model, text, facts)
    if logits.isnan().any():
        return False
    return all(
        helpers.sample(row, temperature, generator) == index
        for row, index in zip(logits, indices, strict=True)
    )


def _surprise(model, text, temperature, facts):
    # Return by how many standard deviations a text is less likely than what a model
    # samples.
    logits, indices = _logits(model, text, facts)
    logs = (logits.double() / temperature).log_softmax(dim=-1)
    entropies = -(logs.exp() * logs).sum(dim=-1)
    variance = (logs.exp() * (logs + entropies[:, None]) ** 2).sum()
    losses = -logs.gather(1, indices[:, None])
    return ((losses.sum() - entropies.sum()) / variance.sqrt().clamp(min=1e-9)).item()


# ----- TODO 7: the table --------------------------------------------------------------------------


def rows_of(table, rule, columns=NUMBERS):
    """Return {model: {column: number}} of a table that should have a row of numbers for each model.

    Raises Broken by this rule for all else.
    """
    need(
        not isinstance(table, Other),
        rule,
        f"performance_table is {table}: expected the DataFrame that create_performance_table "
        "returns.",
    )
    names = table["columns"]
    need(
        not (set(MODELS) <= set(names)),
        rule,
        "performance_table has the models as columns: it is the table as "
        "create_performance_table returns it; show_table turns it for reading only.",
    )
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise Broken(rule, f"performance_table has the column {twice[0]} twice.")
    if missing := [column for column in ("Model", *columns) if column not in names]:
        raise Broken(rule, f"performance_table lacks the columns {missing}.")
    found = [dict(zip(names, row, strict=True)) for row in table["rows"]]
    models = [str(row["Model"]) for row in found]
    if twice := [name for name in MODELS if models.count(name) > 1]:
        raise Broken(rule, f"performance_table has the row {twice[0]} twice.")
    if missing := [name for name in MODELS if name not in models]:
        raise Broken(
            rule,
            f"performance_table lacks the row {missing[0]}: its column Model holds {models}, "
            f"expected {list(MODELS)}.",
        )
    rows = {row["Model"]: row for row in found if row["Model"] in MODELS}
    for name, row in rows.items():
        for column in columns:
            need(
                not isinstance(row[column], str),
                rule,
                f"{column} of the {name} is {row[column]!r}: expected a number.",
            )
    return rows


def judge_performance(facts, test_X, test_y):
    """Return the message for a table whose figures are those of the trained models; or raise."""
    if facts["table"] == "None":
        raise NotAttempted
    rows = rows_of(facts["table"], "table-columns")
    more = [row[facts["table"]["columns"].index("Model")] for row in facts["table"]["rows"]]
    if more := [name for name in more if name not in MODELS]:
        raise Broken(
            "table-columns",
            f"performance_table has the row {more[0]}: expected the table itself, which has one "
            "row for each model.",
        )
    need_one_per_model("models-incomplete", facts["models"], "models", "a trained model")
    models = trained_models(facts["models"], _vocab_size(facts["models"]))
    _measured(facts["metrics"])
    known = {name: _of_metrics(name, facts) for name in MODELS}
    for name, row in rows.items():
        for column, value in known[name].items():
            _need_figure(name, column, row[column], value, known)
    for name, row in rows.items():
        _time(name, row, facts["speeds"].get(name))
    perplexities = {name: _perplexity(name, models[name], test_X, test_y) for name in MODELS}
    for name, row in rows.items():
        _need_perplexity(name, row, perplexities)
    return "One row per model, and its figures are those of the trained models."


def _vocab_size(models):
    # Return the size of the vocabulary that the first model scores, else that of the RNN's
    # table.
    sizes = [m["logits"].shape[-1] for m in models.values() if _has_logits(m)]
    return sizes[0] if sizes else 1


def _has_logits(model):
    return isinstance(model, dict) and isinstance(model["logits"], np.ndarray)


def _measured(metrics):
    # Raise Broken for metrics that lack what the table is made from.
    need_one_per_model(
        "models-incomplete", metrics, "metrics", "what train_and_compare_models returned"
    )
    for name, measured in metrics.items():
        lacking = [key for key in KEYS if key not in measured]
        if not isinstance(measured, dict) or lacking:
            lacks = f"lacks {lacking}" if isinstance(measured, dict) else f"is {measured}"
            raise Broken(
                "models-incomplete", f"metrics[{name!r}] {lacks}: its check, of TODO 5, says more."
            )


def _of_metrics(name, facts):
    # Return what the columns of a model should hold, as far as its weights and metrics
    # tell.
    measured = facts["metrics"][name]
    return {
        "Parameters": sum(w.size for w in facts["models"][name]["weights"]),
        "Final Train Loss": [math.nan, *measured["train_losses"]][-1],
        "Final Val Loss": [math.nan, *measured["val_losses"]][-1],
        "Best Epoch": measured["best_epoch"],
        "Avg Epoch Time (s)": float(np.mean(measured["epoch_times"] or [math.nan])),
    }


def _need_figure(name, column, seen, value, known):
    rounded = 0.0051 * isinstance(value, float)  # to two decimals
    if not np.isclose(seen, value, rtol=1e-3, atol=rounded, equal_nan=True):
        others = [other for other in MODELS if np.isclose(seen, known[other][column], rtol=1e-6)]
        whose = f" That is the {others[0]}'s." if others else ""
        raise Broken(
            "table-stale",
            f"{column} of the {name} is {seen:.6g} in the table, but {value:.6g} for the models "
            f"and metrics at hand.{whose}",
        )


def _time(name, row, usual):
    # Raise Broken for a time that is not one, or is in another unit.
    for column, unit, about in (
        ("Inference Speed (ms)", "milliseconds", usual),
        ("Avg Epoch Time (s)", "seconds", None),
    ):
        known = isinstance(about, float)
        if not row[column] > 0 or (known and not about / 50 < row[column] < about * 50):
            here = f", here about {about:.3g}" if known else ""
            raise Broken(
                "table-stale",
                f"{column} of the {name} is {row[column]:.3g}: expected {unit}{here}.",
            )


@torch.no_grad()
def _perplexity(name, model, test_X, test_y):
    # Return exp of the mean loss at the final timesteps of all windows, as the table's
    # helper.
    X, y = helpers.within_budget(test_X.cpu(), test_y.cpu())
    batches = zip(X.split(500), y.split(500), strict=True)
    total = sum(F.cross_entropy(model(x)[0], t, reduction="sum").item() for x, t in batches)
    need(
        not math.isnan(total),
        "table-stale",
        f"the trained {name} gives no numbers (NaN): train it again.",
    )
    return math.exp(min(total / len(X), 700))


def _need_perplexity(name, row, perplexities):
    seen, expected = row["Test Perplexity"], perplexities[name]
    if not math.isclose(seen, expected, rel_tol=1e-3, abs_tol=0.0051):
        others = [o for o in MODELS if math.isclose(seen, perplexities[o], rel_tol=1e-3)]
        formulas = {
            "the mean loss itself; perplexity is exp of it": math.log(expected),
            "2 to the power of the loss; perplexity is e to it": 2 ** math.log(expected),
            "exp of the validation loss": math.exp(min(row["Final Val Loss"], 700)),
            "exp of the training loss": math.exp(min(row["Final Train Loss"], 700)),
        }
        own = [words for words, v in formulas.items() if math.isclose(seen, v, rel_tol=1e-3)]
        what = f" That is the {others[0]}'s." if others else f" That is {own[0]}." if own else ""
        raise Broken(
            "table-stale",
            f"Test Perplexity of the {name} is {seen:.3f} in the table, but its trained model has "
            f"{expected:.3f} on all of test_X and test_y.{what}",
        )
    need(
        math.isclose(row["Bits per Character"], math.log2(expected), abs_tol=0.0051),
        "table-stale",
        f"Bits per Character of the {name} is {row['Bits per Character']:.3f} in the table: "
        f"expected log2 of its Test Perplexity, {math.log2(expected):.3f}.",
    )
