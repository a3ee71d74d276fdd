"""TODO 9 and 10: the memory spans, and the recommendation against the student's own numbers."""

import math
import re

import pandas as pd
import torch
from torch.nn import functional as F

from helpers import Words, describe
from lab import goal, memory
from lab.checks.outputs import rows_of, specified
from lab.checks.rule import Broken, attempted, need, need_number, need_one_per_model
from lab.exercise import LONGEST_LAG, MODELS, SPAN_BATCHES, SPAN_RATES, SPAN_SIZES

POSSIBLE = [0] + [2**i for i in range(LONGEST_LAG.bit_length())]  # what memory_span can return
ENOUGH = 0.85  # of the answers of a taught model: those that passed a lag give .93 to 1
QUALITY = ("Test Perplexity", "Bits per Character", "Final Val Loss", "Final Train Loss")


# ----- TODO 9: memory spans -----------------------------------------------------------------------


def judge_spans(spans, classes, text, requirements, batches):
    """Return the message for three spans, each measured as asked; or raise.

    ``batches`` are those that the notebook gives a lag: fewer than the default in quick mode.
    """
    attempted(spans)
    need_one_per_model("spans-missing", spans, "spans", "a memory span")
    task = memory.Recall(text, requirements.load, LONGEST_LAG)
    for name, span in spans.items():
        need(
            span["span"] in POSSIBLE,
            "spans-missing",
            f"spans[{name!r}] is {span['span']}: expected the number that memory_span returns, one "
            f"of {POSSIBLE}.",
        )
        need(
            span["measured"],
            "spans-setting",
            f"spans[{name!r}] is {span['span']}, a number that memory_span has not measured for "
            f"Char{name}: expected what it returns for that class.",
        )
        _setting(name, span, classes.get(name), requirements, batches)
        _asked_again(name, span, task)
    return ", ".join(f"{name} {span['span']}" for name, span in spans.items()) + " characters."


def _setting(name, span, model_class, requirements, batches):
    # A span that was measured otherwise than asked.
    asked = {
        "model": model_class,
        "learning_rate": SPAN_RATES[name],
        "load": requirements.load,
        "longest_lag": LONGEST_LAG,
        "batches": SPAN_BATCHES if span["batches"] == SPAN_BATCHES else batches,
        "hidden_dim": SPAN_SIZES["hidden_dim"],
        "num_layers": SPAN_SIZES["num_layers"],
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
    # The taught weights answer as those of a passed lag do, or at least better than the first.
    lag = max(1, span["span"])
    batches, answers = [task.batch(memory.lag_of(lag)) for _ in range(8)], {}
    right = torch.cat([y for _, y in batches])  # (n,)
    for which in ("first", "taught"):
        try:
            model = specified(name, span[which], vocab_size=task.vocab_size, **SPAN_SIZES)
        except ValueError as error:
            raise Broken(
                "spans-setting",
                f"spans[{name!r}]: {error}. Mend Char{name} first, or take text as it is.",
            ) from None
        logits = torch.cat([task.of_symbols(model(x)[0]) for x, _ in batches])  # (n, 8)
        answers[which] = F.cross_entropy(logits, right).item()
    accuracy = (logits.argmax(dim=1) == right).float().mean().item()
    need(
        not span["span"] or accuracy >= ENOUGH,
        "spans-setting",
        f"asked again over {span['span']} characters, the {name} that was taught answers "
        f"{accuracy:.0%} right: mend Char{name} first, then measure again.",
    )
    need(
        span["span"] or answers["taught"] < 0.9 * answers["first"],
        "spans-setting",
        f"the {name} was not taught anything: measure its span again.",
    )


# ----- TODO 10: the recommendation ----------------------------------------------------------------


def judge_recommendation(facts, requirements, quick):
    """Return the message for a recommendation that the student's numbers support; or raise.

    In quick mode, which submissions are graded in, the run measures nothing that the student saw:
    only parameters are compared.
    """
    name, evidence, paragraph = (facts[part] for part in ("name", "evidence", "paragraph"))
    paragraph = Words("None") if paragraph.strip() in ("", "?") else paragraph
    attempted(facts["misses"], name, evidence, paragraph)
    table = _table(facts)
    met = goal.requirements_met(table, facts["spans"], requirements)
    _misses(facts["misses"], met, ["Parameters"] if quick else [*met])
    need(
        name in MODELS,
        "recommendation-unknown",
        f"recommendation is {name}: expected one of {', '.join(map(repr, MODELS))}.",
    )
    need(
        isinstance(evidence, dict) and evidence,
        "evidence-missing",
        f"evidence is {evidence or 'empty'}: expected a dict of numbers by their names.",
    )
    for column, number in evidence.items():
        need(
            isinstance(number, int | float) and math.isfinite(number),
            "evidence-missing",
            f"evidence[{column!r}] is {number}: expected a number.",
        )
    measured = goal.with_spans(table, facts["spans"])
    _supported(name, met, measured)
    _matches(name, evidence, measured, quick)
    note = _paragraph(name, paragraph)
    if quick:
        return f"Quick mode: a person judges the numbers in evidence, with the paragraph.{note}"
    none = " No model meets the requirements in this run: say so." * (not met.all(axis=1).any())
    return f"Your numbers fit.{none} A person reads your reasons.{note}"


def _misses(misses, met, compared):
    # For each model, the columns of ``met`` that it misses; some of them are compared.
    need_one_per_model("misses", misses, "misses", "a list of requirements")
    for name, named in misses.items():
        need(
            isinstance(named, list),
            "misses",
            f"misses[{name!r}] is {describe(named)}: expected a list of requirements, [] for none.",
        )
        others = [each for each in named if each not in [*met]]
        need(
            not others,
            "misses",
            f"misses[{name!r}] names {others}: the requirements are {', '.join(met)}.",
        )
        for column in compared:
            said, is_so = column in named, not met.loc[name, column]
            need(
                said == is_so,
                "misses",
                f"misses[{name!r}] {'names' if said else 'does not name'} {column!r}, but the "
                f"table above says that the {name} {'meets' if said else 'misses'} it.",
            )


def _table(facts):
    # The performance table as a DataFrame, if it and the spans have all three models.
    rule = "models-incomplete"
    rows = rows_of(facts["table"], rule, ("Parameters", "Test Perplexity", "Keystroke (ms)"))
    need_one_per_model(rule, facts["spans"], "spans", "a memory span")
    for name, span in facts["spans"].items():
        need_number(rule, f"spans[{name!r}]", span)
    return pd.DataFrame(rows.values())


def _supported(name, met, measured):
    # Another model is the smallest that meets the requirements.
    meets, rule = met.all(axis=1), "recommendation-unsupported"
    if not meets.any():
        return
    missed = [f"{c}, {measured.loc[name, c]:.5g}" for c in met.columns if not met.loc[name, c]]
    need(
        not missed,
        rule,
        f"the {name} misses these requirements: {'; '.join(missed)} (see the table above).",
    )
    need(
        name == measured.loc[meets, "Parameters"].astype(float).idxmin(),
        rule,
        f"the {name} meets the requirements, but the product manager wants the smallest model that "
        "does, and a smaller one does too.",
    )


def _matches(name, evidence, measured, quick):
    for column, number in evidence.items():
        need(
            column in measured,
            "evidence-mismatch",
            f"evidence names {column!r}: expected columns of performance_table, 'Memory Span'.",
        )
        value, exact = float(measured.loc[name, column]), column == "Parameters"
        right = number == value if exact else quick or _as_shown(float(number), value)
        whose = [f" That is the {o}'s." for o in MODELS if measured.loc[o, column] == number]
        need(
            right,
            "evidence-mismatch",
            f"evidence[{column!r}] is {number:,.7g}, but the {name}'s is {value:,.7g}."
            f"{''.join(whose[:1])}",
        )
    need(
        "Memory Span" in evidence,
        "evidence-missing",
        f"evidence has {', '.join(map(repr, evidence))} only: the cell asks for 'Memory Span' too.",
    )


def _as_shown(number, value):
    # Whether a number is a measured one, or what a table shows of it when rounded.
    digits = len(f"{number:.10g}".partition(".")[2])
    if digits and abs(number - value) <= 0.5001 * 10**-digits:
        return True
    return math.isclose(number, value, rel_tol=0.01) or number == float(f"{value:.2g}")


def _paragraph(name, paragraph):
    # A note on a paragraph, or an empty text; only where there is none a rule is broken.
    need(
        not isinstance(paragraph, Words) and len(paragraph.split()) >= 5,
        "paragraph-missing",
        f"paragraph has {len(paragraph.split()) * (paragraph != 'None')} words: expected what you "
        "would write to the product manager, in a few sentences.",
    )
    verbs = r"(?:recommend|choose|pick|ship|suggest|propose|go with|use)\w*\W+(?:\w+\W+){0,3}?"
    named = re.findall(rf"{verbs}(?:char)?({'|'.join(MODELS)})s?\b", paragraph, re.IGNORECASE)
    chosen = set(map(str.upper, named))
    another = chosen and name not in chosen
    notes = {
        f"seems to recommend the {' and '.join(chosen)}, but recommendation is {name!r}": another,
        "holds {…} in place of a number: is the f before it missing": "{" in paragraph,
        f"does not name the {name}": name not in paragraph.upper(),
    }
    return "".join([f" Note: the paragraph {note}." for note, is_so in notes.items() if is_so][:1])
