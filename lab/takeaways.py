"""A student's guess and what is commonly said, beside what was measured."""

import pandas as pd

from helpers import STYLES, waits_for
from lab import goal, study


def _winners(values, tolerance):
    """Return the names with the lowest value, as text; what lies within the tolerance is equal."""
    best = values.min()
    return " and ".join(values.index[values <= best + tolerance * abs(best)])


def compare_guess(guess, table, spans, folder=study.STUDY):
    """Return a DataFrame: what was guessed before the training beside what was measured.

    Perplexities that seeds alone could make differ as much count as equal, and so do times and
    spans within 1 %.
    """
    if waits_for("7 and 9: performance_table and spans", table, spans):
        return None
    table = goal.measured(table, spans)
    measured = {
        "perplexity": _winners(table["Test Perplexity"], study.seed_noise(folder)),
        "speed": _winners(table["Inference Speed (ms)"], 0.01),
        "memory": _winners(-table["Memory Span"], 0.01),
    }
    rows = {
        topic: {"your guess": guess.get(topic) or "no guess", "measured winner": winners}
        for topic, winners in measured.items()
    }
    return pd.DataFrame(rows).T


def key_takeaways(table, spans, required_span, folder=study.STUDY):
    """Return a DataFrame: four common claims, part by part, whether this run agrees, the study."""
    if waits_for("7 and 9: performance_table and spans", table, spans):
        return None
    table = goal.measured(table, spans)
    if missing := [name for name in STYLES if name not in table.index or name not in spans]:
        print(f"The claims compare all three models: train {' and '.join(missing)} too (TODO 5).")
        return None
    claims = [
        *_claims_of_the_gru(table, folder),
        *_claims_of_the_rnn(table, spans, required_span, folder),
        *_claims_of_the_size(table, required_span, folder),
    ]
    rows = [
        (claim, seen, "agrees" if so else "disagrees", over) for claim, seen, so, over in claims
    ]
    columns = ["claim", "this run", "verdict", "the study, over seeds"]
    return pd.DataFrame(rows, columns=columns).set_index("claim")


# Each yields (claim, what this run shows, whether it agrees, what the study shows over seeds).


def _claims_of_the_gru(table, folder):
    def against_lstm(column):
        gru, lstm = (float(table.loc[name, column]) for name in ("GRU", "LSTM"))
        return gru / lstm - 1  # no warning where both diverged

    apart = against_lstm("Test Perplexity")
    estimate, over_seeds, _ = study.difference("GRU", "LSTM", folder)
    yield (
        "1. LSTM and GRU perform alike (within 5 %)",
        f"perplexity of the GRU: {apart:+.1%}",
        abs(apart) <= 0.05,
        f"{study.percent(estimate)} ({study.percent(*over_seeds)})",
    )
    for what, column in (
        ("smaller", "Parameters"),
        ("trains faster", "Avg Epoch Time (s)"),
        ("answers faster", "Inference Speed (ms)"),
    ):
        claim = f"1. the GRU is more efficient: {what}"
        change = against_lstm(column)
        yield claim, f"against the LSTM: {change:+.0%}", change < 0, ""


def _claims_of_the_rnn(table, spans, required_span, folder):
    training = table["Avg Epoch Time (s)"].idxmin()
    answering = table["Inference Speed (ms)"].idxmin()
    yield (
        "2. the vanilla RNN is the fastest",
        f"trains fastest: {training}, answers fastest: {answering}",
        training == answering == "RNN",
        "",
    )
    by_load = _spans_by_load(folder)["RNN"].map(study.value_range)
    yield (
        "2. but it struggles with long sequences",
        f"memory span {spans['RNN']}, required {required_span}, best {max(spans.values())}",
        spans["RNN"] < required_span <= max(spans.values()),
        "; ".join(f"holding {load}: {reach}" for load, reach in by_load.items()),
    )


def _claims_of_the_size(table, required_span, folder):
    perplexity, noise = table["Test Perplexity"], study.seed_noise(folder)
    by_size = table["Parameters"].sort_values()
    largest, smallest = by_size.index[-1], by_size.index[0]
    best_smaller = perplexity.drop(largest).min()
    yield (
        "3. more parameters are not always better",
        f"largest ({largest}): {perplexity[largest]:.2f}, best smaller: {best_smaller:.2f}",
        best_smaller <= (1 + noise) * perplexity[largest],
        f"GRU against LSTM: {study.verdict('GRU', 'LSTM', folder)}",
    )
    quality = _winners(perplexity, noise)
    remember = _spans_by_load(folder)[by_size.index].map(min).ge(required_span).idxmax(axis=1)
    by_load = "; ".join(f"holding {load}: {name}" for load, name in remember.items())
    yield (
        "4. the use case decides",
        f"quality: {quality}; size: {smallest}",
        quality != smallest,
        f"smallest that remembers {required_span}, {by_load}",
    )


def _spans_by_load(folder):
    """Return the spans of the study: a column for each model, a row for each load from the top."""
    return study.spans(folder).loc[128, 1].unstack("model")[::-1]
