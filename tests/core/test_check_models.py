"""TODO 1 to 4: what the checks of the model classes and of the parameter counts find."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from lab import checks
from lab.ask import models as asking
from lab.checks import models
from lab.checks.rule import Broken
from tests.answers import assert_breaks, cases, changed, todo_1_models, todo_4_parameters
from tests.answers.todo_questions import RATIO


def made(model, changes):
    """Return the class that a student's changes to the solution make."""
    scope = {"nn": nn, "torch": torch, "F": F}
    exec(changed(todo_1_models.SOURCE[model], changes), scope)
    return scope[f"Char{model}"]


@pytest.mark.parametrize("rule, model, changes", cases(todo_1_models))
def test_a_wrong_model_breaks_its_own_rule_and_a_right_one_none(rule, model, changes):
    assert_breaks(rule, getattr(checks, f"char_{model.lower()}")(made(model, changes)))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:dropout option adds dropout")
@pytest.mark.parametrize("seed", range(1, 3))
@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
def test_verdicts_do_not_depend_on_the_seed_of_the_questions(kind, seed):
    for answer in todo_1_models.WRONG + todo_1_models.RIGHT:
        if answer.given[0] == kind:
            facts = asking.ask(kind, made(*answer.given), seed)
            try:
                models.judge(kind, facts, seed)
                broken = False
            except Broken:
                broken = True
            assert broken == (answer.rule is not None), answer


def test_another_layer_in_todo_1_costs_nothing_in_todo_3():
    other = made("RNN", {"nn.RNN": "nn.GRU"})
    assert_breaks("layer-type", checks.char_rnn(other))
    assert_breaks(None, checks.char_gru(made("GRU", {}), other))


@pytest.mark.parametrize("rule, counts, vocab_size", cases(todo_4_parameters))
def test_parameter_counts_are_compared_with_the_formula(rule, counts, vocab_size):
    assert_breaks(rule, checks.parameters(RATIO, counts, vocab_size))
