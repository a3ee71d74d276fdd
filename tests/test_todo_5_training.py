"""TODO 5: what the check of train_and_compare_models finds."""

import pytest

from lab import checks
from tests.answers import assert_breaks, cases, changed, todo_5_training


@pytest.mark.parametrize("rule, changes", cases(todo_5_training))
def test_wrong_training_breaks_its_own_rule_and_right_training_none(rule, changes, namespace):
    scope = dict(namespace)
    exec(changed(todo_5_training.SOURCE, changes), scope)
    assert_breaks(rule, checks.training(scope["train_and_compare_models"], scope["MODEL_CLASSES"]))


@pytest.mark.slow
@pytest.mark.parametrize("rule, changes", cases(todo_5_training))
def test_quick_mode_has_the_same_verdicts(rule, changes, namespace, quick):
    scope = dict(namespace)
    exec(changed(todo_5_training.SOURCE, changes), scope)
    assert_breaks(rule, checks.training(scope["train_and_compare_models"], scope["MODEL_CLASSES"]))
