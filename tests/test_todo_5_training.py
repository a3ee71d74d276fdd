"""TODO 5: what the check of train_and_compare_models finds."""

from functools import partial

import pytest

from course import read_solution
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


@pytest.mark.parametrize("swapped", ["partial", "instance", "another"])
def test_classes_that_are_none_or_not_their_names_are_told_so(namespace, swapped):
    classes = namespace["MODEL_CLASSES"]
    gru = {"partial": partial(classes["GRU"]), "instance": classes["GRU"](5)}
    classes = classes | {"GRU": gru.get(swapped, classes["LSTM"])}
    function = read_solution.training_function(MODEL_CLASSES=classes)
    result = checks.training(function, classes)
    assert_breaks("wrong-class", result)
    assert "MODEL_CLASSES['GRU']" in result.message
