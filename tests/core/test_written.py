"""Answers written by people who had seen neither the checks nor the bank, from the notebook alone.

tests/answers/written/ holds them: the first bank, in three files, showed what to mend, the second
too; the third was judged as it came. ``rule`` is what the check finds broken now: None for a right
answer, "words" for one that only its words make wrong, which a person reads, "unseen" for one whose
mistake lies outside of what its check is given: a class of another name, for example.
"""

import contextlib
import copy
import io
import json
import re

import pandas as pd
import pytest
import torch
from torch.nn import functional as F

from course import make_exercise, read_solution
from lab import checks, exercise, memory
from tests.answers import todo_9_spans, todo_10_recommendation
from tests.answers.todo_9_spans import again

FOLDER = read_solution.SOLUTION.parent / "tests" / "answers" / "written"
CELLS = {
    cell["id"]: "".join(cell["source"])
    for cell in read_solution.required_cells()
    if cell["cell_type"] == "code"
}
# What they were written for: the notebook's cells as they were then.
SOURCES = make_exercise.read_stubs(FOLDER / "cells.txt")
CHECKS = {
    "char-rnn": "check-char-rnn",
    "char-lstm": "check-char-lstm",
    "char-gru": "check-char-gru",
    "parameter-counts": "check-parameters",
    "train-and-compare": "check-training",
    "samples": "check-samples",
    "performance-table": "check-performance",
    "learning-curves": "check-figures",
    "tradeoff": "check-figures",
    "memory-spans": "check-long-context",
    "recommendation": "check-recommendation",
}
BANKS = {path.stem: json.loads(path.read_text("utf-8")) for path in sorted(FOLDER.glob("*.json"))}
ANSWERS = [
    pytest.param(answer, id=f"{bank}-{number}")
    for bank, answers in BANKS.items()
    for number, answer in enumerate(answers)
]


def run(source, scope):
    with contextlib.redirect_stdout(io.StringIO()):
        exec(source, scope)


@pytest.fixture(scope="module")
def notebook():
    """What the notebook has before its answers, with models that have learned a little."""
    scope = {"__name__": "notebook", "display": lambda *values: None}
    before = ("setup", "data", "requirements", *list(CHECKS)[:5])
    for cell in before:
        run(CELLS[cell], scope)
        scope["QUICK"] = False  # the answers are judged as after a full run
    for source in CELLS.values():  # the answers were written with all imports in the first cell
        run("\n".join(re.findall(r"(?m)^(?:from|import) .*$", source)), scope)
    scope["F"] = F
    scope["models"], scope["metrics"] = scope["train_and_compare_models"](
        scope["MODEL_CLASSES"], *(scope[n] for n in ("train_X", "train_y", "val_X", "val_y")),
        scope["vocab_size"], epochs=1,
    )  # fmt: skip
    scope["test_X"], scope["test_y"] = scope["test_X"][:700], scope["test_y"][:700]
    for cell in ("samples", "performance-table"):
        run(CELLS[cell].partition("counting = ")[0], scope)
    return scope


@pytest.fixture(scope="module")
def spans(sample, notebook):
    """Spans that no lag was passed for, so that nothing has to be taught at length."""
    found = {}
    for name, model_class in notebook["MODEL_CLASSES"].items():
        span = memory.memory_span(model_class, sample[0], exercise.SPAN_RATES[name], batches=20)
        found[name] = again(span, batches=exercise.SPAN_BATCHES)
    return found


def measured_otherwise(spans):
    """Return what stands for memory_span: the spans, or one that says how it was measured."""

    def memory_span(model_class, text, learning_rate, load=4, hidden_dim=128, num_layers=1,
                    seed=42, batches=2_000, longest_lag=128):  # fmt: skip
        if isinstance(model_class, torch.nn.Module):
            return memory.memory_span(model_class, text, learning_rate)
        name = model_class.__name__
        sizes = hidden_dim, num_layers
        setting = memory.Setting(name, learning_rate, load, batches, longest_lag, *sizes)
        span = spans[name.removeprefix("Char")]
        return memory.Span(int(span), setting, span.first, span.taught)

    return memory_span


def given(notebook, spans, cell):
    """Return the names that a cell finds, with measurements like those of the solution's run."""
    measured = {
        "one_kept": 11 / 32,
        "memory_span": measured_otherwise(spans),
        "BATCHES": exercise.SPAN_BATCHES,
    }
    scope = dict(notebook) | measured | {"text": notebook["corpus_text"]}  # its name in cells.txt
    scope["models"] = copy.deepcopy(notebook["models"])
    if cell in ("learning-curves", "tradeoff", "recommendation"):
        perplexities = {"Test Perplexity": [7.137, 6.616, 6.620]}  # of the key's run
        table = todo_10_recommendation.MEASURED.assign(**perplexities)
        losses = table[["Final Train Loss", "Final Val Loss"]].to_numpy().tolist()
        scope["metrics"] = {
            name: {"train_losses": [3.0, train], "val_losses": [3.1, val], "best_epoch": 2}
            | {"epoch_times": [1.4, 1.6]}
            for name, (train, val) in zip(table["Model"], losses, strict=True)
        }
        bits = table["Test Perplexity"].map(lambda value: float(torch.tensor(value).log2()))
        more = {"Best Epoch": 2, "Bits per Character": bits, "Avg Epoch Time (s)": 1.5}
        scope["performance_table"] = pd.DataFrame(table.assign(**more))
        scope["spans"] = dict(todo_9_spans.SPANS)
        scope["beside_counting"] = scope["performance_table"].assign(**{"Characters Used": 8})
        run(CELLS["learning-curves"], scope)
        run(CELLS["tradeoff"], scope)
        run(CELLS["recommendation"], scope)
    return scope


@pytest.mark.slow
@pytest.mark.parametrize("answer", ANSWERS)
def test_an_answer_that_nobody_here_has_written_is_judged_as_a_tutor_would(answer, notebook, spans):
    source = answer.get("source") or SOURCES[answer["cell"]]
    for old, new in answer.get("edits", ()):
        assert old in source, old
        source = source.replace(old, new)
    source = re.sub(r"(?m)^(counting|beside_counting) = .*$|^helpers\.show_table.*$", "", source)
    scope = given(notebook, spans, answer["cell"])
    try:
        run(source, scope)
    except Exception:  # Python's own words name it
        assert answer["rule"] == "cell-error"
        return
    run(CELLS[CHECKS[answer["cell"]]], scope)
    name = read_solution.check_of({"source": CELLS[CHECKS[answer["cell"]]]})
    result = checks.latest[name]
    rule = None if answer["rule"] in ("words", "unseen") else answer["rule"]
    found = result.rule or ("not attempted" if result.status == "not attempted" else None)
    assert found == rule and (result.status == "passed") == (rule is None), result
