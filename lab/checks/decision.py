"""TODO 9 and 10: the memory spans, and the recommendation against the student's own numbers."""

import math
import re

import pandas as pd
import torch
from torch.nn import functional as F

import helpers
from helpers import MODELS
from lab import goal, memory
from lab.ask import Other
from lab.checks.outputs import TODO, rows_of, specified
from lab.checks.rule import Broken, NotAttempted, need, need_one_per_model, number_of

POSSIBLE = [0] + [2**i for i in range(8)]  # what memory_span can return
ENOUGH = 0.85  # of the answers of a taught model: those that passed a lag give .93 to 1
QUALITY = ("Test Perplexity", "Bits per Character", "Final Val Loss", "Final Train Loss")


# ----- TODO 9: memory spans -----------------------------------------------------------------------


def judge_spans(spans, classes, text, requirements):
    """Return the message for three spans, each measured as asked; or raise."""
    if spans == "None":
        raise NotAttempted
    need_one_per_model("spans-missing", spans, "spans", "a memory span")
    for name, span in spans.items():
        need(
            not (isinstance(span["span"], str) or span["span"] not in POSSIBLE),
            "spans-missing",
            f"spans[{name!r}] is {span['span']!s}: expected the number that memory_span "
            f"returns, one of {POSSIBLE}.",
        )
        need(
            span["measured"],
            "spans-setting",
            f"spans[{name!r}] is {span['span']}, a number that memory_span has not measured for "
            f"Char{name}: expected what it returns for that class.",
        )
        _setting(name, span, classes.get(name), requirements)
    task = memory.Recall(text, requirements.load, memory.LONGEST_LAG)
    for name, span in spans.items():
        _asked_again(name, span, task)
    return ", ".join(f"{name} {span['span']}" for name, span in spans.items()) + " characters."


def _setting(name, span, model_class, requirements):
    # Raise Broken for a span that was measured otherwise than asked.
    asked = {
        "model": model_class,
        "learning_rate": memory.SPAN_RATES[name],
        "load": requirements.load,
        "longest_lag": memory.LONGEST_LAG,
        "batches": helpers.budget().span_batches,
        "hidden_dim": 128,
        "num_layers": 1,
    }
    for what, wanted in asked.items():
        need(
            span[what] == wanted,
            "spans-setting",
            f"spans[{name!r}] was measured with {what}={span[what]}: expected {wanted}, so that "
            "the three can be compared with each other and with the requirement.",
        )


@torch.no_grad()
def _asked_again(name, span, task):
    # Raise Broken where the taught weights do not answer as those of a passed lag do.
    spec = {"vocab_size": task.vocab_size, "embedding_dim": 128, "hidden_dim": 128}
    batches = [task.batch(memory.lag_of(max(1, span["span"]))) for _ in range(8)]
    answers = {}
    for which in ("first", "taught"):
        try:
            model = specified(name, span[which], **spec, num_layers=1)
        except ValueError:
            raise Broken(
                "spans-setting",
                f"spans[{name!r}] is not that of a Char{name} as specified, on this text: mend "
                f"TODO {TODO[name]} first.",
            ) from None
        logits = torch.cat([task.of_symbols(model(x)[0]) for x, _ in batches])
        right = torch.cat([y for _, y in batches])
        accuracy = (logits.argmax(dim=1) == right).float().mean().item()
        answers[which] = accuracy, F.cross_entropy(logits, right).item()
    (_, before), (accuracy, after) = answers["first"], answers["taught"]
    need(
        not (span["span"] and accuracy < ENOUGH),
        "spans-setting",
        f"asked again over {span['span']} characters, the {name} that was taught answers "
        f"{accuracy:.0%} right: mend TODO {TODO[name]} first, then measure again.",
    )
    need(
        not (not span["span"] and not after < 0.9 * before),
        "spans-setting",
        f"the {name} was not taught anything: measure its span again.",
    )


# ----- TODO 10: the recommendation ----------------------------------------------------------------


def judge_recommendation(facts, requirements):
    """Return the message for a recommendation that the student's numbers support; or raise."""
    if all(facts[part] == "None" for part in ("name", "evidence", "paragraph")):
        raise NotAttempted
    name = _recommended(facts["name"])
    evidence = _evidence(facts["evidence"])
    table = _table(facts)
    met = goal.requirements_met(table, facts["spans"], requirements)
    measured = goal.measured(table, facts["spans"])
    found = _supported(name, met, measured)
    _matches(name, evidence, measured)
    _both_sides(evidence)
    note = _paragraph(name, facts["paragraph"])
    if helpers.quick():
        return f"Quick mode: a person judges the numbers in evidence, with the paragraph.{note}"
    none = "" if found else " No model meets the requirements in this run: say so."
    return f"Supported by your numbers.{none} Now make sure that your paragraph says why.{note}"


def _recommended(name):
    if isinstance(name, str) and name in MODELS:
        return name
    near = [model for model in MODELS if model in str(name).upper()]
    meant = f" Write {near[0]!r}." if len(near) == 1 else " Name one." * bool(near)
    shown = name if isinstance(name, Other) else repr(name)
    raise Broken(
        "recommendation-unknown",
        f"recommendation is {shown}: expected one of {', '.join(MODELS)}.{meant}",
    )


def _evidence(evidence):
    if not isinstance(evidence, dict) or not evidence:
        shown = "an empty dict" if evidence == {} else evidence
        raise Broken(
            "evidence-missing", f"evidence is {shown}: expected a dict of numbers by their names."
        )
    for column, number in evidence.items():
        need(
            not (isinstance(number, str) or not math.isfinite(number)),
            "evidence-missing",
            f"evidence[{column!r}] is {number}: expected a number.",
        )
    return evidence


def _table(facts):
    # Return the performance table as a DataFrame; raises Broken without three models and
    # spans.
    for value, name, todo in (
        (facts["table"], "performance_table", 7),
        (facts["spans"], "spans", 9),
    ):
        need(value != "None", "models-incomplete", f"{name} is None: fill in TODO {todo} first.")
    columns = ("Parameters", "Test Perplexity", "Inference Speed (ms)")
    rows_of(facts["table"], "models-incomplete", columns)
    need_one_per_model("models-incomplete", facts["spans"], "spans", "a memory span")
    for name, span in facts["spans"].items():
        number_of("models-incomplete", f"spans[{name!r}]", span)
    table = pd.DataFrame(facts["table"]["rows"], columns=facts["table"]["columns"])
    return table.set_index("Model")


def _supported(name, met, measured):
    # Return whether a model meets the requirements; raises Broken if another should be
    # chosen.
    meets = met.loc[list(MODELS)].all(axis=1)
    if not meets.any():
        return False
    if not meets[name]:
        missed = met.columns[~met.loc[name]]
        values = "; ".join(f"{column}, {measured.loc[name, column]:.5g}" for column in missed)
        raise Broken(
            "recommendation-unsupported",
            f"the {name} misses these requirements: {values} (the table above says what is asked).",
        )
    need(
        name == measured.loc[meets[meets].index, "Parameters"].astype(float).idxmin(),
        "recommendation-unsupported",
        f"the {name} meets the requirements, but the product manager wants the smallest model "
        "that does, and a smaller one does too.",
    )
    return True


def _matches(name, evidence, measured):
    for column, number in evidence.items():
        need(
            column in measured,
            "evidence-mismatch",
            f"evidence names {column!r}: expected columns of performance_table, or 'Memory Span'.",
        )
        value, exact = float(measured.loc[name, column]), column == "Parameters"
        right = number == value if exact else exact or _as_shown(float(number), value)
        if not right and (exact or not helpers.quick()):
            others = [o for o in MODELS if o != name and measured.loc[o, column] == number]
            whose = f" That is the {others[0]}'s." if others else ""
            raise Broken(
                "evidence-mismatch",
                f"evidence[{column!r}] is {number:,.7g}, but the {name}'s is {value:,.7g}.{whose}",
            )


def _as_shown(number, value):
    # Return whether a number is a measured one, or what a table shows of it when rounded.
    if math.isclose(number, value, rel_tol=0.01) or number == float(f"{value:.2g}"):
        return True
    digits = len(f"{number:.10g}".partition(".")[2])
    return bool(digits) and abs(number - value) <= 0.5001 * 10**-digits


def _both_sides(evidence):
    need(
        "Memory Span" in evidence,
        "evidence-missing",
        f"evidence has {', '.join(map(repr, evidence))} only: the requirement is one of memory, "
        "so it needs the 'Memory Span', as the cell asks.",
    )


def _paragraph(name, paragraph):
    # Return a note on a paragraph, or an empty text; raises Broken where there is none.
    if isinstance(paragraph, Other) or len(str(paragraph).split()) < 5:
        shown = paragraph if isinstance(paragraph, Other) else repr(paragraph)
        raise Broken(
            "paragraph-missing",
            f"paragraph is {shown}: expected what you would write to the product manager, in a few "
            "sentences.",
        )
    words = r"(?:recommend|choose|pick|ship|suggest|propose|go with|use)\w*\W+(?:\w+\W+){0,3}?"
    chosen = re.findall(rf"{words}(?:char)?({'|'.join(MODELS)})s?\b", paragraph, re.IGNORECASE)
    if chosen and name not in (found.upper() for found in chosen):
        return (
            f" Note: the paragraph seems to recommend the {chosen[0].upper()}, but recommendation "
            f"is {name!r}."
        )
    if re.search(r"\{\w+.*?\}", paragraph):
        return " Note: the paragraph holds {…} in place of a number: is the f before it missing?"
    if not re.search(rf"\b(?:char)?{name}s?\b", paragraph, re.IGNORECASE):
        return f" Note: the paragraph does not name the {name}."
    return ""
