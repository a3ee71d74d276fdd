"""TODO 6 and 7: what the trained models write, and the table of their measures.

The trained weights are computed with here, by the specified model; a student's model is not asked.
"""

import itertools
import math

import numpy as np
import torch
from torch.nn import functional as F

import helpers
from helpers import MODELS
from lab.ask import Other, Raised, short
from lab.ask.training import KEYS
from lab.checks.models import alike
from lab.checks.rule import Broken, attempted, need, need_number, need_one_per_model, refuse
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
    rule = "models-incomplete"
    need_one_per_model(rule, models, "models", "a trained model")
    models = models.items()
    refuse(
        rule,
        (
            f"models[{n!r}] is {m}: expected a trained model."
            for n, m in models
            if isinstance(m, str)
        ),
    )
    return {name: _trained(name, model, vocab_size) for name, model in models}


def _trained(name, model, vocab_size):
    # The specified model with a trained one's weights, if the two compute the same.
    sizes = {kind: sorted(shapes(kind, vocab_size=vocab_size)) for kind in MODELS}
    seen = sorted(w.shape for w in model["weights"])
    what = next((f", those of an {kind}" for kind in MODELS if seen == sizes[kind]), "")
    need(
        seen == sizes[name],
        "models-incomplete",
        f"models[{name!r}] is a {model['class']} with {sum(w.size for w in model['weights']):,} "
        f"parameters{what}: expected {count(name, vocab_size):,}, those of Char{name}(vocab_size). "
        f"If it is the one that you trained, mend TODO {TODO[name]}.",
    )
    found, seen = specified(name, model["weights"], vocab_size=vocab_size), model["logits"]
    logits = found(torch.from_numpy(model["windows"]))[0].numpy()
    if not alike(seen, logits, atol=1e-3) and not np.isnan(logits).any():
        what = seen if isinstance(seen, Raised) else "it computes something else"
        raise Broken(
            "models-incomplete",
            f"models[{name!r}] is not a Char{name} as specified ({what}): mend TODO {TODO[name]} "
            "first, then train again.",
        )
    return found


# ----- TODO 6: samples ----------------------------------------------------------------------------


def judge_samples(facts):
    """Return the message for texts that the trained models would write; or raise."""
    attempted(facts["samples"])
    texts = list(_texts(facts["samples"], facts["prompt"]))
    models = trained_models(facts["models"], len(facts["char2idx"]))
    owners = {}
    for name, temperature, text in texts:
        call = f"samples[{name!r}][{temperature!r}]"
        unknown = set(text) - set(facts["char2idx"])
        need(
            not unknown,
            "samples-untrained",
            f"{call} holds {sorted(unknown)}, which the training text does not have, so that "
            "generate_text cannot write it.",
        )
        _written(call, (name, temperature, text), facts, models, owners.get(text))
        owners.setdefault(text, call)
    return f"{len(texts)} texts from three models."


def _texts(samples, prompt):
    # Yield (name, temperature, text) of each text.
    rule = "samples-missing"
    need_one_per_model(rule, samples, "samples", "a dict {temperature: text}")
    for name, of in samples.items():
        texts = short(of) if isinstance(of, str) else f"a dict of {len(of)}"
        need(
            isinstance(of, dict) and len(of) > 1,
            rule,
            f"samples[{name!r}] is {texts}: expected texts at two temperatures.",
        )
        for temperature, text in of.items():
            call, above_0 = f"samples[{name!r}][{temperature!r}]", "a temperature, a number above 0"
            need(
                not isinstance(temperature, str) and temperature > 0,
                rule,
                f"samples[{name!r}] has the key {temperature!r}: expected {above_0}.",
            )
            need(
                isinstance(text, str) and not isinstance(text, Other) and text,
                rule,
                f"{call} is {text or 'empty'}: expected a text.",
            )
            need(
                text.startswith(prompt) and text != prompt,
                rule,
                f"{call} begins {text[:30]!r}: expected the prompt {prompt!r} and what the model "
                "makes of it.",
            )
            yield name, temperature, text


def _written(call, text, facts, models, same_as):
    # A text that the model of its name would not write.
    name, temperature, _ = text
    drawn = [kind for kind in MODELS if _is_drawn(kind, text, facts, models)]
    if name in drawn:
        return  # short or cold texts of two models may be the same
    rule, one_each = "samples-untrained", "expected a text from each model at each temperature."
    need(not same_as, rule, f"{call} is the same text as {same_as}: {one_each}")
    need(not drawn, rule, f"{call} is the text that the {', '.join(drawn)} writes, not the {name}.")
    need(
        abs(_surprise(text, facts, models)) <= 6,
        rule,
        f"{call} is not a text that the trained {name} would write at temperature {temperature}: "
        "it comes from another model, or another temperature.",
    )


@torch.no_grad()
def _logits(model, text, facts):
    # The logits from which each character after the prompt was drawn (n, v), and these (n,).
    x = helpers.encode(text, facts["char2idx"])[None]  # (1, t)
    logits, _ = model(x[:, :-1], return_sequences=True)
    return logits[0, len(facts["prompt"]) - 1 :], x[0, len(facts["prompt"]) :]


def _is_drawn(kind, text, facts, models):
    # Whether generate_text draws a text from a model, by the seed that it chooses.
    _, temperature, text = text
    seed = helpers.sampling_seed(facts["models"][kind]["class"], temperature)
    generator = torch.Generator().manual_seed(seed)
    logits, indices = _logits(models[kind], text, facts)
    return not logits.isnan().any() and all(
        helpers.sample(row, temperature, generator) == index
        for row, index in zip(logits, indices, strict=True)
    )


def _surprise(text, facts, models):
    # By how many standard deviations a text is less likely than what its model samples.
    name, temperature, text = text
    logits, indices = _logits(models[name], text, facts)
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
    made = "expected the DataFrame that create_performance_table returns"
    need(isinstance(table, dict), rule, f"performance_table is {table}: {made}.")
    names = table["columns"]
    need(
        not set(MODELS) <= set(names),
        rule,
        "performance_table has the models as columns: show_table turns it for reading only.",
    )
    twice, has = "performance_table has the {} {} twice.", "performance_table lacks the {} {}: {}."
    refuse(rule, (twice.format("column", n) for n in names if names.count(n) > 1))
    lacking = [column for column in ("Model", *columns) if column not in names]
    refuse(rule, (has.format("column", column, made) for column in lacking))
    found = [dict(zip(names, row, strict=True)) for row in table["rows"]]
    models = [str(row["Model"]) for row in found]
    refuse(rule, (twice.format("row", name) for name in MODELS if models.count(name) > 1))
    held = f"its column Model holds {models}"
    refuse(rule, (has.format("row", name, held) for name in MODELS if name not in models))
    rows = {row["Model"]: row for row in found if row["Model"] in MODELS}
    for name, column in itertools.product(rows, columns):
        need_number(rule, f"{column} of the {name}", rows[name][column])
    return rows


def judge_performance(facts, test_X, test_y):
    """Return the message for a table whose figures are those of the trained models; or raise."""
    attempted(facts["table"])
    rows = rows_of(facts["table"], "table-columns")
    place = facts["table"]["columns"].index("Model")
    more = [row[place] for row in facts["table"]["rows"] if row[place] not in MODELS]
    need(
        not more,
        "table-columns",
        f"performance_table has the rows {more}: expected one row for each model.",
    )
    need_one_per_model("models-incomplete", facts["models"], "models", "a trained model")
    of_models = [m["logits"] for m in facts["models"].values() if isinstance(m, dict)]
    sizes = [logits.shape[-1] for logits in of_models if isinstance(logits, np.ndarray)]
    models = trained_models(facts["models"], next(iter(sizes), 1))
    known = _known(facts)
    for column, name in itertools.product(known, MODELS):
        _need_figure(name, column, rows[name][column], known[column])
    for name, row in rows.items():
        _need_time(name, "Avg Epoch Time (s)", "seconds", row, None)
        _need_time(name, "Inference Speed (ms)", "milliseconds", row, facts["speeds"][name])
    perplexities = {name: _perplexity(models[name], test_X, test_y) for name in MODELS}
    for name, row in rows.items():
        _need_perplexity(name, row, perplexities)
    return "One row per model, and its figures are those of the trained models."


def _known(facts):
    # What the columns should hold, as far as weights and metrics tell: {column: {model: number}}.
    rule, metrics = "models-incomplete", facts["metrics"]
    need_one_per_model(rule, metrics, "metrics", "what train_and_compare_models returned")
    for name, measured in metrics.items():
        lacking = [key for key in KEYS if key not in measured]
        need(
            isinstance(measured, dict) and not lacking,
            rule,
            f"metrics[{name!r}] lacks or is {lacking or measured}: its check, of TODO 5, says "
            "more.",
        )
    last = {"Final Train Loss": "train_losses", "Final Val Loss": "val_losses"}
    known = {c: {n: [math.nan, *metrics[n][k]][-1] for n in MODELS} for c, k in last.items()}
    sizes = {n: sum(w.size for w in facts["models"][n]["weights"]) for n in MODELS}
    times = {n: float(np.mean(metrics[n]["epoch_times"] or [math.nan])) for n in MODELS}
    epochs = {n: metrics[n]["best_epoch"] for n in MODELS}
    return {"Parameters": sizes, **known, "Best Epoch": epochs, "Avg Epoch Time (s)": times}


def _need_figure(name, column, seen, known):
    rounded = 0.0051 * isinstance(known[name], float)  # to two decimals
    whose = [f" That is the {n}'s." for n in MODELS if np.isclose(seen, known[n], rtol=1e-6)]
    need(
        np.isclose(seen, known[name], rtol=1e-3, atol=rounded, equal_nan=True),
        "table-stale",
        f"{column} of the {name} is {seen:.6g} in the table, but {known[name]:.6g} for the models "
        f"and metrics at hand.{''.join(whose[:1])}",
    )


def _need_time(name, column, unit, row, usual):
    # A time that is not one, or is in another unit than it was measured in just now.
    known = isinstance(usual, float)
    here = f", here about {usual:.3g}" if known else ""
    right = row[column] > 0 and (not known or usual / 50 < row[column] < usual * 50)
    need(
        right, "table-stale", f"{column} of the {name} is {row[column]:.3g}: expected {unit}{here}."
    )


@torch.no_grad()
def _perplexity(model, test_X, test_y):
    # exp of the mean loss at the final timesteps of all windows, as the table's helper has it.
    X, y = helpers.within_budget(test_X.cpu(), test_y.cpu())
    batches = zip(X.split(500), y.split(500), strict=True)
    total = sum(F.cross_entropy(model(x)[0], t, reduction="sum").item() for x, t in batches)
    return math.exp(min(total / len(X), 700))


def _need_perplexity(name, row, perplexities):
    rule, seen, expected = "table-stale", row["Test Perplexity"], perplexities[name]
    need(
        not math.isnan(expected),
        rule,
        f"the trained {name} gives no numbers (NaN): train it again.",
    )
    known = {f"the {n}'s": perplexities[n] for n in MODELS if n != name}
    known |= {
        "the mean loss itself; perplexity is exp of it": math.log(expected),
        "2 to the power of the loss; perplexity is e to it": 2 ** math.log(expected),
        "exp of the validation loss": math.exp(min(row["Final Val Loss"], 700)),
        "exp of the training loss": math.exp(min(row["Final Train Loss"], 700)),
    }
    what = [
        f" That is {words}." for words, v in known.items() if math.isclose(seen, v, rel_tol=1e-3)
    ]
    need(
        math.isclose(seen, expected, rel_tol=1e-3, abs_tol=0.0051),
        rule,
        f"Test Perplexity of the {name} is {seen:.3f} in the table, but its trained model has "
        f"{expected:.3f} on all of test_X and test_y.{''.join(what[:1])}",
    )
    need(
        math.isclose(row["Bits per Character"], math.log2(expected), abs_tol=0.0051),
        rule,
        f"Bits per Character of the {name} is {row['Bits per Character']:.3f} in the table: "
        f"expected log2 of its Test Perplexity, {math.log2(expected):.3f}.",
    )
