"""The rules of the checks: each has a wrong answer that breaks it, and right answers abound."""

from importlib import import_module
from pathlib import Path

from lab import checks, exercise
from tests import answers

# Broken by how a cell ran, not by what it says: tests/core/test_results.py.
OF_CELLS = {"cell-failed", "class-name", "too-slow", "other-version"}
MODULES = Path(answers.__file__).parent.glob("todo_*.py")
BANK = [import_module(f"tests.answers.{path.stem}") for path in MODULES]


def test_every_rule_has_a_wrong_answer_and_the_bank_is_large(capsys):
    wrong = [answer.rule for todo in BANK for answer in todo.WRONG]
    right = sum(len(todo.RIGHT) for todo in BANK)
    with capsys.disabled():
        print(f"\n{len(wrong)} wrong answers to {len(checks.RULES)} rules, {right} right answers")
    assert set(wrong) == set(checks.RULES) - OF_CELLS
    assert len(wrong) >= 360 and right >= 110


def test_helpers_and_checks_agree_on_the_protocol():
    assert set(exercise.LEARNING_RATES) == set(exercise.SPAN_RATES) == set(exercise.MODELS)
