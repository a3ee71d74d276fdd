"""What the product manager asks for, and which model meets it."""

from typing import NamedTuple

import pandas as pd

from helpers import by_model, waits_for
from lab.exercise import MODELS


class Requirements(NamedTuple):
    """What a model must meet."""

    latency_ms: float  # at most, for a keystroke
    parameters: int  # at most
    load: int  # symbols to remember at once
    span: int  # characters to remember them over, at least
    perplexity_margin: float  # at most this far above the best model, 0.05 for 5 %


def with_spans(table, spans):
    """Return the performance table by model, with the column "Memory Span".

    It is empty for counting, which cannot be taught.
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


def _say_what_is_used(table, requirements):
    used = _networks(by_model(table)).get("Characters Used", pd.Series(dtype=float))
    if used.max() < requirements.span:
        print(
            f"By what their predictions use, at most {used.max():.0f} characters, no network here "
            "handles long context on this text. The requirement asks what a network can be taught."
        )


def requirements_table(table, spans, requirements):
    """Return a DataFrame: each requirement, and how each model meets it, the smallest first.

    "Memory Span" is over how many characters a fresh model can be taught to remember, within the
    budget of memory_span. "Characters Used", no requirement, is how far back the predictions of the
    trained one look.
    """
    if waits_for("performance long_context", table, spans):
        return None
    _say_what_is_used(table, requirements)
    met = requirements_met(table, spans, requirements)
    by_size = with_spans(table, spans).sort_values("Parameters")
    limit = _networks(by_size)["Test Perplexity"].min() * (1 + requirements.perplexity_margin)
    rows = {
        "Parameters": (f"at most {requirements.parameters:,}", ",.0f"),
        "Keystroke (ms)": (f"at most {requirements.latency_ms}", ".2g"),
        "Test Perplexity": (f"at most {limit:.2f}", ".2f"),
        "Memory Span": (f"at least {requirements.span}", ".0f"),
    }
    shown = {"required": {name: text for name, (text, _) in rows.items()}}
    for model, values in by_size.iterrows():
        shown[model] = {
            name: f"{values[name]:{form}} {'✓' if met.loc[model, name] else '✗'}"
            for name, (_, form) in rows.items()
        }
        if model not in MODELS:  # a count is not a parameter of one byte
            shown[model]["Parameters"] = f"{values['Parameters']:,.0f} counts"
            shown[model]["Memory Span"] = "cannot be taught"
        if "Characters Used" in values:
            shown["required"]["Characters Used"] = "(nothing)"
            shown[model]["Characters Used"] = f"{values['Characters Used']:.0f}"
    return pd.DataFrame(shown)
