"""A student's guess and what is commonly said, beside what was measured."""

import pandas as pd

from helpers import waits_for
from lab import goal, study
from lab.exercise import MODELS

AGREES, DISAGREES, NOT_SHOWN = "agrees", "disagrees", "not shown"
TIMES = {  # by the unit that is timed
    "epoch": "Avg Epoch Time (s)",
    "key": "Keystroke (ms)",
    "window": "Inference Speed (ms)",
}
ALIKE = 0.15  # times that differ by less count as equal: an epoch of the LSTM varied by 13 %


def _winners(values, tolerance):
    """Return the names with the lowest value, as text; what lies within the tolerance is equal."""
    best = values.min()
    return " and ".join(values.index[values <= best + tolerance * abs(best)])


TOPICS = {
    "perplexity": "to predict best",
    "speed": "to answer fastest",
    "memory": "to be taught to remember furthest back",
}


def note_guess(guess):
    """Print what is wrong with a guess, which names one of the three models for each topic."""
    if not isinstance(guess, dict) or set(guess) != set(TOPICS):
        print(f"guess must be a dict with the keys {', '.join(TOPICS)}.")
        return
    for topic, name in guess.items():
        if not _is_model(name):
            print(f"guess[{topic!r}] is {name!r}: put in one of {', '.join(MODELS)}.")


def _is_model(name):
    return isinstance(name, str) and name in MODELS


def compare_guess(guess, table, spans, folder=study.STUDY):
    """Return a DataFrame: what was guessed before the training beside what was measured.

    Perplexities that seeds alone could make differ as much count as equal, and so do times within
    15 %. Prints a sentence on what was surprising.
    """
    if waits_for("performance long_context", table, spans):
        return None
    table = goal.with_spans(table, spans)
    noise = study.seed_noise(folder)
    measured = {
        "perplexity": _winners(table["Test Perplexity"], noise),
        "speed": _winners(table["Keystroke (ms)"], ALIKE),
        "memory": _winners(-table["Memory Span"], 0),
    }
    guess = guess if isinstance(guess, dict) else {}
    made = {topic: guess[topic] for topic in TOPICS if _is_model(guess.get(topic))}
    surprises = [
        f"you expected the {name} {TOPICS[topic]}, but measured {measured[topic]}"
        for topic, name in made.items()
        if name not in measured[topic].split(" and ")
    ]
    if surprises:
        print(f"Surprising: {'; '.join(surprises)}.")
    elif made:
        print("No surprise: your guess measured best, or shared that place.")
    if made:
        print(
            f"Perplexities within {noise:.1%} count as equal: so far apart two seeds of one model "
            "can be in the study, on its sample."
        )
    rows = {
        topic: {"your guess": made.get(topic, "no guess"), "measured winner": winners}
        for topic, winners in measured.items()
    }
    return pd.DataFrame(rows).T


def key_takeaways(table, spans, requirements, text, folder=study.STUDY):
    """Return a DataFrame: common claims, part by part, and whether this run agrees.

    A claim is "not shown" where the run can decide neither way: perplexities within what seeds
    alone could make, times within 15 %. On the study's own text a column has what its seeds say.
    A keystroke was timed on one thread; an epoch and a window were on all.
    """
    if waits_for("performance long_context", table, spans):
        return None
    if missing := [name for name in MODELS if name not in spans]:
        print(f"The claims compare all three models: train {' and '.join(missing)} too.")
        return None
    table = goal.with_spans(table, spans)
    rows = [
        *_claims_of_the_gru(table, folder),
        *_claims_of_the_rnn(table, requirements, folder),
        *_claims_of_the_size(table, folder),
    ]
    columns = ["claim", "this run", "verdict", "the study"]
    shown = pd.DataFrame(rows, columns=columns).set_index("claim")
    return shown if study.of_this_text(text, folder) else shown.drop(columns="the study")


def _below(change, noise):
    """Return the verdict on "it is less", given a relative change and what is taken as equal."""
    return NOT_SHOWN if abs(change) <= noise else AGREES if change < 0 else DISAGREES


def _faster(changes):
    """Return the verdict on "it is faster", by relative changes of times taken in several ways."""
    verdicts = {_below(change, ALIKE) for change in changes}
    return verdicts.pop() if len(verdicts) == 1 else "depends on how it is run"


# Each yields (claim, what this run shows, whether it agrees, what the study shows over seeds).


def _claims_of_the_gru(table, folder):
    gru, lstm = table.loc["GRU"], table.loc["LSTM"]
    apart, noise = gru["Test Perplexity"] / lstm["Test Perplexity"] - 1, study.seed_noise(folder)
    alike = AGREES if abs(apart) + noise <= 0.05 else NOT_SHOWN
    yield (
        "1. LSTM and GRU predict alike (within 5 %)",
        f"GRU {apart:+.1%}, seeds alone ±{noise:.1%}",
        DISAGREES if abs(apart) - noise > 0.05 else alike,
        study.difference("GRU", "LSTM", folder=folder)["shown"],
    )
    smaller = gru["Parameters"] / lstm["Parameters"] - 1
    yield "1. the GRU is smaller", f"{-smaller:.0%} fewer parameters", _below(smaller, 0), ""
    epoch = gru["Avg Epoch Time (s)"] / lstm["Avg Epoch Time (s)"] - 1
    yield (
        "1. the GRU trains faster (by the epoch)",
        f"epoch {epoch:+.0%}",
        _below(epoch, ALIKE),
        "",
    )
    change = {unit: gru[TIMES[unit]] / lstm[TIMES[unit]] - 1 for unit in ("key", "window")}
    yield (
        "1. the GRU answers faster",
        ", ".join(f"{unit} {value:+.0%}" for unit, value in change.items()),
        _faster(change.values()),
        "",
    )


def _claims_of_the_rnn(table, requirements, folder):
    times = table[[*TIMES.values()]].set_axis([*TIMES], axis=1)
    ahead = times.loc["RNN"] / times.drop("RNN").min() - 1
    yield (
        "2. the plain RNN is the fastest",
        ", ".join(f"{unit} {value:+.0%}" for unit, value in ahead.items()) + " to the next",
        _faster(ahead),
        "",
    )
    span = table["Memory Span"]
    short = span["RNN"] < requirements.span <= span.max()
    known = study.spans_of_seeds((128, 1), requirements.load, folder)
    yield (
        "2. but it struggles with long sequences",
        f"taught {requirements.load} over {span['RNN']:.0f}, the best over {span.max():.0f}",
        AGREES if short else DISAGREES,
        "; ".join(f"{name} {study.value_range(known[name])}" for name in MODELS if name in known),
    )


def _claims_of_the_size(table, folder):
    perplexity, noise = table["Test Perplexity"], study.seed_noise(folder)
    smaller = study.difference("GRU", "LSTM", "128 units", folder)
    by_size = table["Parameters"].sort_values()
    largest, smallest = by_size.index[-1], by_size.index[0]
    change = perplexity.drop(largest).min() / perplexity[largest] - 1
    yield (
        "3. more parameters are not always better",
        f"best smaller one against the {largest}: {change:+.1%}",
        _below(change, noise),
        f"agrees: GRU of 128 units {smaller['shown']}"
        if smaller["verdict"] == "GRU better"
        else smaller["verdict"],
    )
    quality = _winners(perplexity, noise)
    yield (
        "4. the use case decides: no model is best at all",
        f"best prediction: {quality}; smallest: {smallest}",
        DISAGREES if smallest in quality else AGREES,
        "",
    )
