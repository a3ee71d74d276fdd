"""What the product manager asks for, and which model meets it."""

from typing import NamedTuple

import pandas as pd

from helpers import by_model, say, waits_for
from lab.exercise import MODELS, SEQ_LEN, USED_WITHIN


class Requirements(NamedTuple):
    """What a model must meet."""

    latency_ms: float  # at most, for a keystroke
    parameters: int  # at most
    load: int  # symbols to remember at the same time
    span: int  # characters to remember them over, at least
    perplexity_margin: float  # at most so far above the best network, 0.05 for 5 %


def with_spans(table, spans):
    """Return the performance table by model, with the column "Memory Span".

    The column is empty for the n-gram model, which cannot learn the recall task.
    """
    table = by_model(table, "Parameters", "Test Perplexity", "Keystroke (ms)")
    return table.assign(**{"Memory Span": pd.Series(spans, dtype=float)})


def _networks(table):
    return table[table.index.isin(MODELS)]


def requirements_met(table, spans, requirements):
    """Return a DataFrame of booleans: which model (row) meets which requirement (column)."""
    table = with_spans(table, spans)
    best = _networks(table)["Test Perplexity"].min()
    return pd.DataFrame(
        {
            "Parameters": table["Parameters"] <= requirements.parameters,
            "Keystroke (ms)": table["Keystroke (ms)"] <= requirements.latency_ms,
            "Test Perplexity": table["Test Perplexity"]
            <= best * (1 + requirements.perplexity_margin),
            "Memory Span": table["Memory Span"] >= requirements.span,
        }
    )


def _say_what_is_used(table):
    used = _networks(by_model(table)).get("Characters Used", pd.Series(dtype=float)).max()
    if used < SEQ_LEN:  # a window does not show what lies before it
        say(
            f"When the networks read only the last {used:.0f} character(s) of a window, their "
            f"perplexity is at most {USED_WITHIN:.0%} above that with all {SEQ_LEN} characters. So "
            "on this text their predictions hardly use more. The requirement on the memory span is "
            "another one: what a network can learn to remember when it is trained for that."
        )


def requirements_table(table, spans, requirements):
    """Return a DataFrame: a row for each requirement, a column for each model, the smallest first.

    The limit stands behind the name of the requirement. Parameters are in thousands (k).

    "Memory Span" is the longest lag, in characters, at which a newly initialised model learned the
    task of memory_span. "Characters Used" is not a requirement: it says how many of the last
    characters the predictions of the trained model use.
    """
    if waits_for("performance long_context", table, spans):
        return None
    _say_what_is_used(table)
    by_size = with_spans(table, spans).sort_values("Parameters")
    limit = _networks(by_size)["Test Perplexity"].min() * (1 + requirements.perplexity_margin)
    rows = {
        "Parameters": (f"at most {_thousands(requirements.parameters)}", _thousands),
        "Keystroke (ms)": (f"at most {requirements.latency_ms}", "{:.2g}".format),
        "Test Perplexity": (f"at most {limit:.2f}", "{:.2f}".format),
        "Memory Span": (f"at least {requirements.span}", "{:.0f}".format),
    }
    shown = {}
    for model, values in by_size.iterrows():
        shown[model] = {
            f"{name} {required}": form(values[name]) for name, (required, form) in rows.items()
        }
        if model not in MODELS:  # a count is not a parameter of one byte
            size, *_, span = shown[model]
            shown[model][size] = f"{_thousands(values['Parameters'])} counts"
            shown[model][span] = "cannot learn it"
        if "Characters Used" in values:
            shown[model]["Characters Used (not required)"] = f"{values['Characters Used']:.0f}"
    return pd.DataFrame(shown)


def _thousands(count):
    return f"{count / 1000:,.0f}k" if count >= 1000 else f"{count:.0f}"
