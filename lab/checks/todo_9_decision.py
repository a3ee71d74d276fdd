"""TODO 9 and 10: the memory spans, and the recommendation against the student's own numbers."""

import math
from functools import cached_property
from numbers import Real

import helpers
from helpers import MODELS
from lab import goal
from lab.checks.rule import Looks, describe, not_one_per_model

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
                f"spans[{name!r}] is {span!r}: expected the number that memory_span returns, one "
                f"of {POSSIBLE}."
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
    """A recommendation with its evidence, and what this run measured."""

    def __init__(self, name, evidence, table, spans, requirements):
        self.name, self.evidence = name, evidence
        self.measured, self.spans, self.requirements = table, spans, requirements

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
    if d.name not in MODELS:
        return f"recommendation is {d.name!r}: expected one of {', '.join(MODELS)}."


@recommendation.at("evidence-missing", "evidence does not hold numbers under names")
def _(d):
    if not isinstance(d.evidence, dict) or not d.evidence:
        return f"evidence is {describe(d.evidence)}: expected a dict."
    for column, number in d.evidence.items():
        if isinstance(number, bool) or not isinstance(number, Real):
            return f"evidence[{column!r}] is {number!r}: not a number."


@recommendation.at(
    "recommendation-unsupported", "another model is the smallest that meets the requirements"
)
def _(d):
    if d.measured is None or d.spans is None:
        return "there are no measurements yet: fill in TODO 7 and 9."
    meets = d.met.all(axis=1)
    if not meets.any():
        return None
    if not meets[d.name]:
        missed = d.met.columns[~d.met.loc[d.name]]
        values = "; ".join(f"{column}, {d.table.loc[d.name, column]:.5g}" for column in missed)
        return (
            f"the {d.name} misses these requirements: {values} (the table above says what is "
            "asked)."
        )
    if d.name != d.table.loc[meets, "Parameters"].idxmin():
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
        value = d.table.loc[d.name, column]
        comparable = column == "Parameters" or not helpers.quick()
        if comparable and not math.isclose(number, value, rel_tol=0.01):
            return f"evidence[{column!r}] is {number:g}, but the {d.name} has {value:g} there."
