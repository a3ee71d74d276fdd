"""TODO 9 and 10: the memory spans, and the recommendation against the student's own numbers."""

import math
import re
from functools import cached_property
from numbers import Real

import helpers
from helpers import MODELS
from lab import goal
from lab.checks.rule import Looks, describe, not_one_per_model
from lab.checks.todo_6_outputs import fault_of, with_model_column
from lab.checks.todo_8_figures import QUALITY

long_context, recommendation = Looks(), Looks()

POSSIBLE = [0] + [2**i for i in range(8)]  # what memory_span can return


@long_context.at(
    "spans-missing", "spans does not hold one memory span per model: 0 or a power of two"
)
def _(spans):
    if missing := not_one_per_model(spans, "spans", "a memory span"):
        return missing
    for name, span in spans.items():
        if isinstance(span, bool) or not isinstance(span, Real) or span not in POSSIBLE:
            return (
                f"spans[{name!r}] is {describe(span)}: expected the number that memory_span "
                f"returns, one of {POSSIBLE}."
            )


@long_context.at("spans-swapped", "the plain RNN's span is longer than that of a gated model")
def _(spans):
    for name in ("LSTM", "GRU"):
        if spans["RNN"] > spans[name]:
            return (
                f"the span of the RNN is {spans['RNN']}, that of the {name} {spans[name]}: in "
                "the study, with 4 symbols, no plain RNN was taught longer. Are names and classes "
                "in the same order, each with its own learning rate?"
            )


class Decision:
    """A recommendation with its evidence and paragraph, and what this run measured."""

    def __init__(self, name, evidence, paragraph, table, spans, requirements):
        self.name, self.evidence, self.paragraph = name, evidence, paragraph
        self.measured, self.spans = with_model_column(table), spans
        self.requirements = requirements

    @cached_property
    def table(self):
        """The performance table by model, with the memory spans."""
        return goal.measured(self.measured, self.spans)

    @cached_property
    def met(self):
        """Which model meets which requirement."""
        return goal.requirements_met(self.measured, self.spans, self.requirements)


@recommendation.at("recommendation-unknown", "recommendation is not one of the three names")
def _(d):
    if not isinstance(d.name, str) or d.name not in MODELS:
        hint = [model for model in MODELS if isinstance(d.name, str) and model in d.name.upper()]
        meant = f" Write {hint[0]!r}." if len(hint) == 1 else " Name one." * bool(hint)
        return f"recommendation is {describe(d.name)}: expected one of {', '.join(MODELS)}.{meant}"


@recommendation.at("evidence-missing", "evidence does not hold numbers under names")
def _(d):
    if not isinstance(d.evidence, dict) or not d.evidence:
        return f"evidence is {describe(d.evidence)}: expected a dict of numbers by their names."
    for column, number in d.evidence.items():
        if isinstance(number, bool) or not isinstance(number, Real) or not math.isfinite(number):
            return f"evidence[{column!r}] is {describe(number)}: expected a number."


@recommendation.at("models-incomplete")
def _(d):
    for value, name, todo in (
        (d.measured, "performance_table", 7),
        (d.spans, "spans", 9),
    ):
        if value is None:
            return f"{name} is None: fill in TODO {todo} first."
    if fault := fault_of(d.measured, ("Parameters", "Test Perplexity", "Inference Speed (ms)")):
        return f"{fault} Its check, of TODO 7, says more."
    if fault := not_one_per_model(d.spans, "spans", "a memory span"):
        return f"{fault} A recommendation compares all three."
    for name, span in d.spans.items():
        if isinstance(span, bool) or not isinstance(span, Real):
            return f"spans[{name!r}] is {describe(span)}: its check, of TODO 9, says more."


@recommendation.at(
    "recommendation-unsupported", "another model is the smallest that meets the requirements"
)
def _(d):
    meets = d.met.loc[list(MODELS)].all(axis=1)
    if not meets.any():
        return None
    if not meets[d.name]:
        missed = d.met.columns[~d.met.loc[d.name]]
        values = "; ".join(f"{column}, {d.table.loc[d.name, column]:.5g}" for column in missed)
        return (
            f"the {d.name} misses these requirements: {values} (the table above says what is "
            "asked)."
        )
    if d.name != d.table.loc[meets, "Parameters"].astype(float).idxmin():
        return (
            f"the {d.name} meets the requirements, but the product manager wants the smallest "
            "model that does, and a smaller one does too."
        )


@recommendation.at(
    "evidence-mismatch", "a number in evidence is not the recommended model's in the table"
)
def _(d):
    for column, number in d.evidence.items():
        if column not in d.table:
            return (
                f"evidence names {column!r}: expected columns of performance_table, or "
                "'Memory Span'."
            )
        value = float(d.table.loc[d.name, column])
        comparable = column == "Parameters" or not helpers.quick()
        exact = column == "Parameters"
        if comparable and not (number == value if exact else _as_shown(float(number), value)):
            return (
                f"evidence[{column!r}] is {number:,.7g}, but the {d.name} has {value:,.7g} there."
            )


def _as_shown(number, value):
    """Return whether a number is a measured one, or what a table shows of it when rounded."""
    if math.isclose(number, value, rel_tol=0.01) or number == float(f"{value:.2g}"):
        return True
    digits = len(f"{number:.10g}".partition(".")[2])
    return bool(digits) and abs(number - value) <= 0.5001 * 10**-digits


@recommendation.at("evidence-one-sided", "evidence says nothing of quality, nor of memory")
def _(d):
    if not set(d.evidence) & {*QUALITY, "Memory Span"}:
        return (
            f"evidence has {', '.join(map(repr, d.evidence))} only: add what the model can do for "
            "that, its 'Test Perplexity' or its 'Memory Span'."
        )


@recommendation.at("paragraph-missing", "there is no paragraph, or it does not name the model")
def _(d):
    if not isinstance(d.paragraph, str) or len(d.paragraph.split()) < 5:
        return (
            f"paragraph is {describe(d.paragraph)}: expected what you would write to the product "
            "manager, in some sentences."
        )
    if not re.search(rf"\b(char)?{d.name.lower()}s?\b", d.paragraph.lower()):
        return f"paragraph does not name the {d.name}, which recommendation recommends."
