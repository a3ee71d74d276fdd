"""TODO 5: what the check of train_and_compare_models finds."""

from functools import partial

import pytest
import torch
from torch import nn

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


def on_apple_gpu(model_class):
    """Return a model class whose weights are there from the start."""

    class Moved(model_class):
        def __init__(self, vocab_size):
            super().__init__(vocab_size)
            for module in self.modules():
                for name, weight in list(module.named_parameters(recurse=False)):
                    setattr(module, name, nn.Parameter(weight.detach().as_subclass(OnAppleGpu)))

    return Moved


def test_training_is_judged_where_there_is_no_float64(namespace):
    classes = {name: on_apple_gpu(cls) for name, cls in namespace["MODEL_CLASSES"].items()}
    with pytest.raises(TypeError, match="float64"):
        next(classes["GRU"](5).parameters()).double()
    function = read_solution.training_function(MODEL_CLASSES=classes)
    result = checks.training(function, classes)
    assert result.status == "passed", result
