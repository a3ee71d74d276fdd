"""TODO 5: what the check of train_and_compare_models finds."""

import pytest
import torch
from torch import nn

from lab import checks
from lab.ask import training as asking
from lab.checks import trained
from tests.answers import assert_breaks, cases, changed, todo_5_training


def check(namespace, changes):
    scope = dict(namespace)
    exec(changed(todo_5_training.SOURCE, changes), scope)
    return checks.training(scope["train_and_compare_models"])


@pytest.mark.parametrize("rule, changes", cases(todo_5_training))
def test_wrong_training_breaks_its_own_rule_and_right_training_none(rule, changes, namespace):
    assert_breaks(rule, check(namespace, changes))


def test_the_best_epoch_of_the_stand_ins_cannot_be_guessed():
    losses = {
        name: [v for what, _, v in trained.Training(name, 4, (49, 50), 0) if what == "val_losses"]
        for name in ("RNN", "LSTM", "GRU")
    }
    best = [values.index(min(values)) for values in losses.values()]
    assert any(0 < epoch < 3 for epoch in best)  # neither the first nor the last
    first, second, third, _ = losses["RNN"]
    assert third < first < second  # an epoch that is no improvement comes before the best


@pytest.mark.parametrize(
    ("cut", "says"),
    [
        ("[::25]", "begin 25 characters apart. They overlap"),
        ("[:50]", "50 windows of val_X, which overlap"),
        ("", "all windows of val_X, which overlap"),
        ("[::30]", "so that each character counts once"),
    ],
)
def test_validation_windows_that_overlap_are_named(cut, says, namespace):
    lines = f"val_X, val_y = val_X{cut}, val_y{cut}"
    result = check(namespace, {todo_5_training.SUBSET: lines})
    assert_breaks("validation", result)
    assert says in result.message


def test_windows_may_be_as_far_apart_as_they_are_long(namespace):
    lines = "val_X, val_y = val_X[:: val_X.shape[1]], val_y[:: val_X.shape[1]]"
    assert_breaks(None, check(namespace, {todo_5_training.SUBSET: lines}))


def test_the_classes_of_todo_1_to_3_do_not_matter(namespace):
    broken = dict.fromkeys(("CharRNN", "CharLSTM", "CharGRU", "MODEL_CLASSES"))
    scope = dict(namespace) | broken
    exec(changed(todo_5_training.SOURCE, {"MODEL_CLASSES = ": "_ = "}), scope)
    assert checks.training(scope["train_and_compare_models"]).status == "passed"


def test_an_unnamed_difference_shows_quantity_epoch_and_both_values(namespace):
    validate = todo_5_training.VALIDATE
    result = check(namespace, {validate: f"{validate} + 1"})
    assert_breaks("validation", result)
    assert "val_losses of the RNN, epoch 1. Your training gives 5." in result.message
    assert "but the specified training gives 4." in result.message
    assert "The list must hold the loss after the training of the epoch" in result.message


def test_another_function_of_the_notebooks_is_told_so(namespace):
    result = check(namespace, {"model_classes.items()": "MODEL_CLASSES.items()"})
    assert_breaks("wrong-class", result)
    assert "a model of the class that model_classes has under this name" in result.message


class OnAppleGpu(torch.Tensor):
    """A tensor that cannot become float64, as none can on the device "mps"."""

    @classmethod
    def __torch_function__(cls, function, types, args=(), kwargs=None):
        name = getattr(function, "__name__", None)
        asked = (*args, *(kwargs or {}).values())
        if name == "double" or any(value is torch.float64 for value in asked):
            raise TypeError("Cannot convert a MPS Tensor to float64")
        if name == "cpu":
            with torch._C.DisableTorchFunctionSubclass():
                return args[0].as_subclass(torch.Tensor)
        return super().__torch_function__(function, types, args, kwargs)


def test_training_is_judged_where_there_is_no_float64(namespace, monkeypatch):
    class Moved(asking.StandIn):
        def __init__(self, *sizes):
            super().__init__(*sizes)
            for module in self.modules():
                for name, weight in list(module.named_parameters(recurse=False)):
                    setattr(module, name, nn.Parameter(weight.detach().as_subclass(OnAppleGpu)))

    with pytest.raises(TypeError, match="float64"):
        next(Moved(5).parameters()).double()
    monkeypatch.setattr(asking, "StandIn", Moved)
    assert check(namespace, {}).status == "passed"
