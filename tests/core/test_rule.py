"""The rules of the checks: each has a wrong answer that breaks it."""

from importlib import import_module
from pathlib import Path

from lab import checks, exercise
from tests import answers

# Broken by how cells ran, not by what they say: test_first_try.py and test_results.py.
OF_CELLS = {"cell-failed", "other-name", "stale", "too-slow", "other-version"}
MODULES = Path(answers.__file__).parent.glob("todo_*.py")
BANK = [import_module(f"tests.answers.{path.stem}") for path in MODULES]


def test_every_rule_has_a_wrong_answer_and_every_bank_right_ones():
    broken = {answer.rule for todo in BANK for answer in todo.WRONG}
    assert broken == set(checks.RULES) - OF_CELLS
    assert all(todo.RIGHT for todo in BANK)


def test_every_model_has_its_learning_rates():
    assert set(exercise.LEARNING_RATES) == set(exercise.SPAN_RATES) == set(exercise.MODELS)
