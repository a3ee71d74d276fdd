"""TODO 6 and 7: what the trained models write, and the table of their measures.

The trained weights are computed with here, by the specified model; a student's model is not asked.
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
    """Return the specified model that has these weights, in whatever order a class keeps them.

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
    need(isinstance(model, dict), rule, f"models[{name!r}] is {model}: expected a trained model.")
    wanted = sorted(shapes(name, vocab_size=vocab_size, **SIZES))
    need(
        sorted(w.shape for w in model["weights"]) == wanted,
        rule,
        f"models[{name!r}] is a {model['class']} with {sum(w.size for w in model['weights']):,} "
        f"parameters: expected {count(name, vocab_size):,}, those of Char{name}(vocab_size). If it "
        f"is the one that you trained, mend Char{name}.",
    )
    found, seen = specified(name, model["weights"], vocab_size=vocab_size, **SIZES), model["logits"]
    logits = found(torch.from_numpy(model["windows"]))[0].numpy()
    need(
        alike(seen, logits, atol=1e-3) or np.isnan(logits).any(),
        rule,
        f"models[{name!r}] is not a Char{name} as specified "
        f"({seen if isinstance(seen, Raised) else 'it computes something else'}): mend "
        f"Char{name} first, then train again.",
    )
    return found


# ----- TODO 6: samples ----------------------------------------------------------------------------


def judge_samples(facts):
    """Return the message for texts that the trained models would write; or raise."""
    attempted(facts["samples"])
    texts = list(_texts(facts["samples"], facts["prompt"]))
    models = _trained_models(facts["models"], len(facts["char2idx"]))
    owners = {}
    for call, name, temperature, text in texts:
        unknown = set(text) - set(facts["char2idx"])
        need(
            not unknown,
            "samples-untrained",
            f"{call} holds {sorted(unknown)}, which the training text does not have, so that "
            "generate_text cannot write it.",
        )
        _written(call, name, temperature, text, facts, models, owners.get(text))
        owners.setdefault(text, call)
    return f"{len(texts)} texts from three models."


def _texts(samples, prompt):
    # Yield (what it is in the code, name, temperature, text) of each text.
    rule = "samples-missing"
    need_one_per_model(rule, samples, "samples", "a dict {temperature: text}")
    for name, of in samples.items():
        need(
            isinstance(of, dict) and len(of) > 1,
            rule,
            f"samples[{name!r}] is {describe(of)}: expected a dict of texts at two temperatures.",
        )
        for temperature, text in of.items():
            call = f"samples[{name!r}][{temperature!r}]"
            need(
                not isinstance(temperature, str) and temperature > 0,
                rule,
                f"samples[{name!r}] has the key {temperature!r}: expected a temperature, a number "
                "above 0.",
            )
            need(
                isinstance(text, str) and not isinstance(text, Words),
                rule,
                f"{call} is {text}: expected a text.",
            )
            need(
                text.startswith(prompt) and text != prompt,
                rule,
                f"{call} begins {text[:30]!r}: expected the prompt {prompt!r} and what the model "
                "makes of it.",
            )
            yield call, name, temperature, text


def _written(call, name, temperature, text, facts, models, same_as):
    # A text that the model of its name would not write.
    rule, given = "samples-untrained", (temperature, text, facts)
    drawn = [kind for kind in MODELS if _is_drawn(models[kind], kind, *given)]
    if name in drawn:
        return  # short or cold texts of two models may be the same
    need(not same_as, rule, f"{call} is the same text as {same_as}: expected one of each model.")
    need(not drawn, rule, f"{call} is the text that the {', '.join(drawn)} writes, not the {name}.")
    need(
        abs(_surprise(models[name], *given)) <= 6,
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

    Raises Broken by this rule for all else.
    """
    need(
        isinstance(table, dict),
        rule,
        f"performance_table is {table}: expected the DataFrame that create_performance_table "
        "returns.",
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
            f"performance_table should have the {kind} {name} once: its {kind}s are "
            f"{', '.join(held)}.",
        )


def judge_performance(facts, test_X, test_y):
    """Return the message for a table whose figures are those of the trained models; or raise."""
    attempted(facts["table"])
    rows = rows_of(facts["table"], "table-columns")
    need(
        len(facts["table"]["rows"]) == len(MODELS),
        "table-columns",
        f"performance_table has {len(facts['table']['rows'])} rows: expected one for each model.",
    )
    models = _trained_models(facts["models"])
    _need_metrics(facts["metrics"])
    known = _known(facts, {name: _perplexity(models[name], test_X, test_y) for name in MODELS})
    for column, name in itertools.product(known, MODELS):
        _need_figure(name, column, rows[name], known[column])
    for name, row in rows.items():
        seen, usual = row["Inference Speed (ms)"], facts["speeds"][name]
        usual = usual if isinstance(usual, float) else seen
        need(
            usual / 50 < seen < usual * 50,
            "table-stale",
            f"Inference Speed (ms) of the {name} is {seen:.3g}: expected milliseconds, here about "
            f"{usual:.3g}.",
        )
    return "One row per model, and its figures are those of the trained models."


def _need_metrics(metrics):
    need_one_per_model(
        "models-incomplete", metrics, "metrics", "what train_and_compare_models returned"
    )
    for name, measured in metrics.items():
        need(
            isinstance(measured, dict) and set(KEYS) <= set(measured),
            "models-incomplete",
            f"metrics[{name!r}] is {describe(measured)}: expected the entries {KEYS}. Its own "
            "check says more.",
        )


def _known(facts, perplexities):
    # What the columns should hold: {column: {model: number}}.
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


def _need_figure(name, column, row, known):
    # A figure of the table that is not the trained model's, beyond rounding to two decimals.
    seen, wanted = row[column], known[name]
    others = {f"the {n}'s": value for n, value in known.items() if n != name}
    if column == "Test Perplexity":
        need(
            not math.isnan(wanted),
            "table-stale",
            f"the trained {name} gives no numbers (NaN): train it again.",
        )
        others |= {
            "the mean loss itself; perplexity is exp of it": math.log(wanted),
            "2 to the power of the loss; perplexity is e to it": 2 ** math.log(wanted),
            "exp of the validation loss": math.exp(min(row["Final Val Loss"], 700)),
            "exp of the training loss": math.exp(min(row["Final Train Loss"], 700)),
        }
    whose = [f" That is {o}." for o, value in others.items() if np.isclose(seen, value, rtol=1e-4)]
    need(
        np.isclose(seen, wanted, 1e-3, 0.0051 * isinstance(wanted, float), equal_nan=True),
        "table-stale",
        f"{column} of the {name} is {seen:.6g} in the table, but {wanted:.6g} for the models, "
        f"metrics and test windows at hand.{''.join(whose[:1])}",
    )


@torch.no_grad()
def _perplexity(model, test_X, test_y):
    # exp of the mean loss at the final timesteps of all windows, as the table's helper has it.
    batches = zip(test_X.cpu().split(500), test_y.cpu().split(500), strict=True)
    total = sum(F.cross_entropy(model(x)[0], t, reduction="sum").item() for x, t in batches)
    return math.exp(min(total / len(test_X), 700))
