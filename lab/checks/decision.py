"""TODO 9 and 10: the memory spans, and the recommendation compared with the student's numbers."""

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
ENOUGH = 0.85  # of the answers of a trained model: models that passed a lag give .93 to 1
QUALITY = ("Test Perplexity", "Bits per Character", "Final Val Loss", "Final Train Loss")


# ----- TODO 9: memory spans -----------------------------------------------------------------------


def judge_spans(spans, classes, text, requirements, batches):
    """Return the message for three spans that were measured as asked, or raise.

    ``batches`` is the number of batches for each lag in the notebook: in a short test run it is
    smaller than the default.
    """
    attempted(spans)
    need_one_per_model("spans-missing", spans, "spans", "a memory span")
    task = memory.Recall(text, requirements.load, LONGEST_LAG)
    for name, span in spans.items():
        need(
            span["span"] in POSSIBLE,
            "spans-missing",
            f"spans[{name!r}] is {span['span']}, but it must be a number that memory_span returns: "
            f"one of {POSSIBLE}.",
        )
        need(
            span["measured"],
            "spans-setting",
            f"spans[{name!r}] is {span['span']}, but memory_span has not measured this number for "
            f"Char{name}. Use the number that it returns for this class.",
        )
        _setting(name, span, classes.get(name), requirements, batches)
        _asked_again(name, span, task)
    measured = ", ".join(f"{name} {span['span']}" for name, span in spans.items())
    return f"The memory spans are measured as asked: {measured} characters."


def _setting(name, span, model_class, requirements, batches):
    # Raise Broken for a span that was measured with other settings than asked.
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
            f"spans[{name!r}] was measured with {what}={span[what]}, but {what} must be {wanted}. "
            "Otherwise the spans cannot be compared with each other and with the requirement.",
        )


@torch.no_grad()
def _asked_again(name, span, task):
    # The trained weights answer as well as after a passed lag, or at least better than the first.
    lag = max(1, span["span"])
    batches, answers = [task.batch(memory.lag_of(lag)) for _ in range(8)], {}
    right = torch.cat([y for _, y in batches])  # (n,)
    for which in ("first", "taught"):
        try:
            model = specified(name, span[which], vocab_size=task.vocab_size, **SPAN_SIZES)
        except ValueError as error:
            raise Broken(
                "spans-setting",
                f"spans[{name!r}] is of another model: {error}. Fix Char{name} first. If "
                "corpus_text has changed since, measure again.",
            ) from None
        logits = torch.cat([task.of_symbols(model(x)[0]) for x, _ in batches])  # (n, 8)
        answers[which] = F.cross_entropy(logits, right).item()
    accuracy = (logits.argmax(dim=1) == right).float().mean().item()
    need(
        not span["span"] or accuracy >= ENOUGH,
        "spans-setting",
        f"The check tested the trained {name} again at a lag of {span['span']} characters. Only "
        f"{accuracy:.0%} of the answers were right. Fix Char{name} first, then measure again.",
    )
    need(
        span["span"] or answers["taught"] < 0.9 * answers["first"],
        "spans-setting",
        f"The {name} did not learn the recall task at all. Measure its span again.",
    )


# ----- TODO 10: the recommendation ----------------------------------------------------------------


def judge_recommendation(facts, requirements, quick):
    """Return the message for a recommendation that the student's numbers support, or raise.

    Submissions are graded in a short test run (``quick``). It does not measure the numbers that
    the student saw, so only the parameters are compared.
    """
    name, evidence, paragraph = (facts[part] for part in ("name", "evidence", "paragraph"))
    paragraph = Words("None") if paragraph.strip() in ("", "?") else paragraph
    attempted(facts["misses"], name, evidence, paragraph)
    table = _table(facts)
    met = goal.requirements_met(table, facts["spans"], requirements)
    _misses(facts["misses"], met, ["Parameters"] if quick else [*met])
    one = f"one of {', '.join(map(repr, MODELS))}"
    said = f"recommendation is {describe(name)}, but it must be {one}."
    need(name in MODELS, "recommendation-unknown", said)
    need(
        isinstance(evidence, dict) and evidence,
        "evidence-missing",
        f"evidence is {describe(evidence)}, but it must be a dict of names and numbers.",
    )
    for column, number in evidence.items():
        need(
            isinstance(number, int | float) and math.isfinite(number),
            "evidence-missing",
            f"evidence[{column!r}] is {describe(number)}, but it must be a number.",
        )
    measured = goal.with_spans(table, facts["spans"])
    _supported(name, met, measured)
    _matches(name, evidence, measured, quick)
    note = _paragraph(name, paragraph)
    if quick:
        return (
            "This is a short test run, so the check compares only the parameters. Your instructor "
            f"grades the other numbers in evidence, together with the paragraph.{note}"
        )
    none = " In this run, each model misses a requirement. Write this too." * (
        not met.all(axis=1).any()
    )
    fit = f"Your misses and your evidence fit your tables.{none}"
    return f"{fit} Your instructor grades your reasons.{note}"


def _misses(misses, met, compared):
    # Raise Broken unless misses holds the columns of ``met`` that each model misses.
    # Only the columns in ``compared`` are compared.
    need_one_per_model("misses", misses, "misses", "a list of requirements")
    for name, named in misses.items():
        need(
            isinstance(named, list),
            "misses",
            f"misses[{name!r}] is {describe(named)}, but it must be a list of requirements. It is "
            "[] for a model that meets all of them.",
        )
        others = [each for each in named if each not in [*met]]
        need(
            not others,
            "misses",
            f"misses[{name!r}] contains {others}, but the requirements are {', '.join(met)}.",
        )
        for column in compared:
            said, is_so = column in named, not met.loc[name, column]
            need(
                said == is_so,
                "misses",
                f"misses[{name!r}] {'contains' if said else 'does not contain'} {column!r}, but in "
                f"the table above, the {name} {'meets' if said else 'misses'} this requirement.",
            )


def _table(facts):
    # Return the performance table as a DataFrame, if the table and the spans have all models.
    rule = "models-incomplete"
    rows = rows_of(facts["table"], rule, ("Parameters", "Test Perplexity", "Keystroke (ms)"))
    need_one_per_model(rule, facts["spans"], "spans", "a memory span")
    for name, span in facts["spans"].items():
        need_number(rule, f"spans[{name!r}]", span)
    return pd.DataFrame(rows.values())


def _supported(name, met, measured):
    # Raise Broken if another model is the smallest one that meets the requirements.
    meets, rule = met.all(axis=1), "recommendation-unsupported"
    if not meets.any():
        return
    missed = [f"{c}, {measured.loc[name, c]:,.7g}" for c in met.columns if not met.loc[name, c]]
    need(
        not missed,
        rule,
        f"The {name} misses these requirements (see the table above): {'; '.join(missed)}.",
    )
    need(
        name == measured.loc[meets, "Parameters"].astype(float).idxmin(),
        rule,
        f"The {name} meets the requirements, but a smaller model meets them too. The product "
        "manager wants the smallest one.",
    )


def _matches(name, evidence, measured, quick):
    for column, number in evidence.items():
        need(
            column in measured,
            "evidence-mismatch",
            f"evidence contains {column!r}, but it must contain columns of performance_table, and "
            "'Memory Span'.",
        )
        value, exact = float(measured.loc[name, column]), column == "Parameters"
        right = number == value if exact else quick or _as_shown(float(number), value)
        whose = [
            f" This is the number of the {o}." for o in MODELS if measured.loc[o, column] == number
        ]
        need(
            right,
            "evidence-mismatch",
            f"evidence[{column!r}] is {number:,.7g}, but the number of the {name} is {value:,.7g}."
            f"{''.join(whose[:1])}",
        )
    need(
        "Memory Span" in evidence,
        "evidence-missing",
        f"evidence contains only {', '.join(map(repr, evidence))}. The cell asks for 'Memory Span' "
        "too.",
    )


def _as_shown(number, value):
    # Whether a number is a measured one, or what a table shows of it when rounded.
    digits = len(f"{number:.10g}".partition(".")[2])
    if digits and abs(number - value) <= 0.5001 * 10**-digits:
        return True
    return math.isclose(number, value, rel_tol=0.01) or number == float(f"{value:.2g}")


def _paragraph(name, paragraph):
    # Return a note on a paragraph, or an empty text. Only a missing paragraph breaks a rule.
    need(
        not isinstance(paragraph, Words) and len(paragraph.split()) >= 5,
        "paragraph-missing",
        f"paragraph has {len(paragraph.split()) * (paragraph != 'None')} words. Write a few "
        "sentences to the product manager.",
    )
    verbs = r"(?:recommend|choose|pick|ship|suggest|propose|go with|use)\w{0,20}\W+(?:\w+\W+){0,3}?"
    named = re.findall(rf"{verbs}(?:char)?({'|'.join(MODELS)})s?\b", paragraph, re.IGNORECASE)
    chosen = set(map(str.upper, named))
    another = chosen and name not in chosen
    notes = {
        f"seems to recommend the {' and '.join(chosen)}, but recommendation is {name!r}": another,
        "contains {…} instead of a number, so perhaps the f before the quotes is missing": "{"
        in paragraph,
        f"does not name the {name}": name not in paragraph.upper(),
    }
    return "".join([f" Note: the paragraph {note}." for note, is_so in notes.items() if is_so][:1])
