"""TODO 1 to 4: what the checks of the model classes and of the parameter counts find."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from lab import checks
from tests.answers import assert_breaks, cases, changed, todo_1_models, todo_4_parameters


@pytest.mark.parametrize("rule, model, changes", cases(todo_1_models))
def test_a_wrong_model_breaks_its_own_rule_and_a_right_one_none(rule, model, changes):
    scope = {"nn": nn, "torch": torch, "F": F}
    exec(changed(todo_1_models.SOURCE[model], changes), scope)
    assert_breaks(rule, getattr(checks, f"char_{model.lower()}")(scope[f"Char{model}"]))


@pytest.mark.parametrize("rule, counts, vocab_size", cases(todo_4_parameters))
def test_parameter_counts_are_compared_with_the_formula(rule, counts, vocab_size):
    assert_breaks(rule, checks.parameters(counts, vocab_size))
