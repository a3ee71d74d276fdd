"""TODO 6 and 7: the texts of the trained models, and the table of their metrics.

Here the specified model computes with the trained weights. A student's model is not called.
"""

import itertools
import math

import numpy as np
import torch
from torch.nn import functional as F

import helpers
from helpers import Words, describe
from lab.ask import Raised
from lab.ask.training import KEYS
from lab.checks.rule import attempted, need, need_number, need_one_per_model
from lab.checks.specified import Specified, alike, count, ordered, shapes
from lab.exercise import MODELS, SIZES

NUMBERS = (
    "Parameters",
    "Final Train Loss",
    "Final Val Loss",
    "Best Epoch",
    "Test Perplexity",
    "Bits per Character",
    "Avg Epoch Time (s)",
    "Keystroke (ms)",
    "Inference Speed (ms)",
)


def specified(kind, weights, **spec):
    """Return the specified model with these weights; they may come in any order.

    Raises ValueError for weights that do not fit.
    """
    return Specified(kind, ordered(kind, [torch.from_numpy(w) for w in weights], **spec))


@torch.no_grad()
def _trained_models(models, vocab_size=None):
    # The specified models with the weights of trained ones, by name. The size of the vocabulary, if
    # it is not known, is that of the models' logits.
    need_one_per_model("models-incomplete", models, "models", "a trained model")
    logits = [m["logits"] for m in models.values() if isinstance(m, dict)]
    sizes = [each.shape[-1] for each in logits if isinstance(each, np.ndarray)]
    vocab_size = vocab_size or next(iter(sizes), 1)
    return {name: _trained(name, model, vocab_size) for name, model in models.items()}


def _trained(name, model, vocab_size):
    # The specified model with a trained one's weights, if the two compute the same.
    rule = "models-incomplete"
    need(
        isinstance(model, dict),
        rule,
        f"models[{name!r}] is {model}, but it must be a trained model.",
    )
    wanted = sorted(shapes(name, vocab_size=vocab_size, **SIZES))
    need(
        sorted(w.shape for w in model["weights"]) == wanted,
        rule,
        f"models[{name!r}] is a {model['class']} with {sum(w.size for w in model['weights']):,} "
        f"parameters, but Char{name}(vocab_size) must have {count(name, vocab_size):,}. If this is "
        f"the model that you trained, fix Char{name}. If the text has changed since, train again.",
    )
    need(
        max(model["windows"].shape) <= 20_000 >= model["windows"].size,
        rule,
        "The check did not get the windows it needs.",
    )
    found, seen = specified(name, model["weights"], vocab_size=vocab_size, **SIZES), model["logits"]
    logits = found(torch.from_numpy(model["windows"]))[0].numpy()
    need(
        alike(seen, logits, atol=1e-3) or np.isnan(logits).any(),
        rule,
        f"models[{name!r}] is not a Char{name} as specified "
        f"({seen if isinstance(seen, Raised) else 'it computes other numbers'}). Fix Char{name} "
        "first, then train again.",
    )
    return found


# ----- TODO 6: samples ----------------------------------------------------------------------------


def judge_samples(facts):
    """Return the message for texts that fit the trained models, or raise.

    ``facts`` are what lab.ask.outputs.samples found, with the vocabulary as "char2idx".
    """
    attempted(facts["samples"])
    texts = list(_texts(facts["samples"], facts["prompt"]))
    models = _trained_models(facts["models"], len(facts["char2idx"]))
    owners = {}
    for call, name, temperature, text in texts:
        unknown = set(text) - set(facts["char2idx"])
        need(
            not unknown,
            "samples-untrained",
            f"{call} contains characters that are not in the vocabulary: {sorted(unknown)}. So the "
            "model cannot have written it. Store each text exactly as generate_text returns it.",
        )
        _written(call, name, temperature, text, facts, models, owners.get(text))
        owners.setdefault(text, call)
    return f"Your {len(texts)} texts fit the three trained models and their temperatures."


def _texts(samples, prompt):
    # Yield (its expression in code, name, temperature, text) of each text.
    rule = "samples-missing"
    need_one_per_model(rule, samples, "samples", "a dict {temperature: text}")
    for name, of in samples.items():
        need(
            isinstance(of, dict) and len(of) > 1,
            rule,
            f"samples[{name!r}] is {describe(of)}, but it must be a dict with texts at two "
            "temperatures.",
        )
        for temperature, text in of.items():
            call = f"samples[{name!r}][{temperature!r}]"
            need(
                not isinstance(temperature, str) and temperature > 0,
                rule,
                f"samples[{name!r}] has the key {temperature!r}, but the key must be a "
                "temperature, a number above 0.",
            )
            need(
                isinstance(text, str) and not isinstance(text, Words),
                rule,
                f"{call} is {text}, but it must be a generated text.",
            )
            need(
                text.startswith(prompt) and text != prompt,
                rule,
                f"{call} begins with {text[:30]!r}. It must begin with the prompt {prompt!r}, and "
                "the characters of the model must follow.",
            )
            yield call, name, temperature, text


def _written(call, name, temperature, text, facts, models, same_as):
    # A text that the model of its name would not write.
    rule, given = "samples-untrained", (temperature, text, facts)
    drawn = [kind for kind in MODELS if _is_drawn(models[kind], kind, *given)]
    if name in drawn:
        return  # short or cold texts of two models may be the same
    need(
        not same_as,
        rule,
        f"{call} is the same text as {same_as}. Each model must write its own text.",
    )
    need(not drawn, rule, f"{call} is a text of the {', '.join(drawn)}, not of the {name}.")
    need(
        abs(_surprise(models[name], *given)) <= 6,
        rule,
        f"{call} does not fit the trained {name} at temperature {temperature}. It comes from "
        "another model or another temperature.",
    )


@torch.no_grad()
def _logits(model, text, facts):
    # The logits from which each character after the prompt was drawn (n, v), and these (n,).
    x = helpers.encode(text, facts["char2idx"])[None]  # (1, t)
    logits, _ = model(x[:, :-1], return_sequences=True)
    return logits[0, len(facts["prompt"]) - 1 :], x[0, len(facts["prompt"]) :]


def _is_drawn(model, kind, temperature, text, facts):
    # Whether generate_text draws a text from a model, by the seed that it chooses.
    seed = helpers.sampling_seed(facts["models"][kind]["class"], temperature)
    generator = torch.Generator().manual_seed(seed)
    logits, indices = _logits(model, text, facts)
    return not logits.isnan().any() and all(
        helpers.sample(row, temperature, generator) == index
        for row, index in zip(logits, indices, strict=True)
    )


def _surprise(model, temperature, text, facts):
    # By how many standard deviations a text is less likely than what its model samples.
    logits, indices = _logits(model, text, facts)
    logs = (logits.double() / temperature).log_softmax(dim=-1)
    entropies = -(logs.exp() * logs).sum(dim=-1)
    variance = (logs.exp() * (logs + entropies[:, None]) ** 2).sum()
    losses = -logs.gather(1, indices[:, None])
    return ((losses.sum() - entropies.sum()) / variance.sqrt().clamp(min=1e-9)).item()


# ----- TODO 7: the table --------------------------------------------------------------------------


def rows_of(table, rule, columns=NUMBERS):
    """Return {model: {column: number}} of a table that should have a row of numbers for each model.

    Raises Broken with this rule for all other values.
    """
    need(
        isinstance(table, dict),
        rule,
        f"performance_table is {table}, but it must be the DataFrame that "
        "create_performance_table returns.",
    )
    _each_once(rule, "column", table["columns"], ("Model", *columns))
    found = [dict(zip(table["columns"], row, strict=True)) for row in table["rows"]]
    _each_once(rule, "row", [str(row["Model"]) for row in found], MODELS)
    rows = {row["Model"]: row for row in found if row["Model"] in MODELS}
    for name, column in itertools.product(rows, columns):
        need_number(rule, f"{column} of the {name}", rows[name][column])
    return rows


def _each_once(rule, kind, held, wanted):
    for name in wanted:
        need(
            held.count(name) == 1,
            rule,
            f"performance_table must have the {kind} {name} exactly once, but its {kind}s are "
            f"{', '.join(held)}.",
        )


def judge_performance(facts, test_X, test_y):
    """Return the message for a table with the numbers of the trained models, or raise."""
    attempted(facts["table"])
    rows = rows_of(facts["table"], "table-columns")
    need(
        len(facts["table"]["rows"]) == len(MODELS),
        "table-columns",
        f"performance_table has {len(facts['table']['rows'])} rows, but it must have one row for "
        "each model.",
    )
    models = _trained_models(facts["models"])
    _need_metrics(facts["metrics"])
    known = _known(facts, {name: _perplexity(models[name], test_X, test_y) for name in MODELS})
    for column, name in itertools.product(known, MODELS):
        _need_number_of(name, column, rows[name], known[column])
    for name, row in rows.items():
        seen, usual = row["Inference Speed (ms)"], facts["speeds"][name]
        usual = usual if isinstance(usual, float) else seen
        need(
            usual / 50 < seen < usual * 50,
            "table-stale",
            f"Inference Speed (ms) of the {name} is {seen:.3g}. It must be in milliseconds, here "
            f"about {usual:.3g}.",
        )
    return "Both answers are right: performance_table has the numbers of the trained models."


def _need_metrics(metrics):
    need_one_per_model(
        "models-incomplete", metrics, "metrics", "the lists of train_and_compare_models"
    )
    for name, measured in metrics.items():
        need(
            isinstance(measured, dict) and set(KEYS) <= set(measured),
            "models-incomplete",
            f"metrics[{name!r}] is {describe(measured)}, but it must have the entries {KEYS}. The "
            "check of TODO 5 shows more.",
        )


def _known(facts, perplexities):
    # Return the right numbers of the columns: {column: {model: number}}.
    metrics = facts["metrics"]
    return {
        "Parameters": {n: sum(w.size for w in facts["models"][n]["weights"]) for n in MODELS},
        "Final Train Loss": {n: [math.nan, *metrics[n]["train_losses"]][-1] for n in MODELS},
        "Final Val Loss": {n: [math.nan, *metrics[n]["val_losses"]][-1] for n in MODELS},
        "Best Epoch": {n: metrics[n]["best_epoch"] for n in MODELS},
        "Avg Epoch Time (s)": {
            n: float(np.mean(metrics[n]["epoch_times"] or [math.nan])) for n in MODELS
        },
        "Test Perplexity": perplexities,
        "Bits per Character": {name: math.log2(p) for name, p in perplexities.items()},
    }


def _need_number_of(name, column, row, known):
    # Raise Broken for a number that is not the trained model's, even if rounded to two decimals.
    seen, wanted = row[column], known[name]
    others = {f"the number of the {n}": value for n, value in known.items() if n != name}
    if column == "Test Perplexity":
        need(
            not math.isnan(wanted),
            "table-stale",
            f"The trained {name} gives NaN instead of numbers. Train it again.",
        )
        others |= {
            "the mean loss, and perplexity is exp of this loss": math.log(wanted),
            "2 to the power of the loss, but perplexity is e to the power of the loss": 2
            ** math.log(wanted),
            "exp of the validation loss": math.exp(min(row["Final Val Loss"], 700)),
            "exp of the training loss": math.exp(min(row["Final Train Loss"], 700)),
        }
    whose = [f" This is {o}." for o, value in others.items() if np.isclose(seen, value, rtol=1e-4)]
    need(
        np.isclose(seen, wanted, 1e-3, 0.0051 * isinstance(wanted, float), equal_nan=True),
        "table-stale",
        f"In the table, {column} of the {name} is {seen:.6g}. But your models, metrics and test "
        f"windows give {wanted:.6g}.{''.join(whose[:1])}",
    )


@torch.no_grad()
def _perplexity(model, test_X, test_y):
    # exp of the mean loss at the final timesteps of all windows, as the table's helper has it.
    batches = zip(test_X.cpu().split(500), test_y.cpu().split(500), strict=True)
    total = sum(F.cross_entropy(model(x)[0], t, reduction="sum").item() for x, t in batches)
    return math.exp(min(total / len(test_X), 700))
