"""TODO 5: how the three models are trained. The student's function is called on a tiny text."""

import math
import time
from numbers import Real

import numpy as np
import torch
from torch import nn
from torch.optim.optimizer import register_optimizer_step_post_hook

import helpers
from lab.checks.rule import Looks, NotAttempted, describe, not_one_per_model, run

KEYS = ("train_losses", "val_losses", "epoch_times", "best_epoch")
EPOCHS = 3
VOCAB, MARKER = 7, 6  # the marker occurs in the validation windows only

looks = Looks()


def judge(train_and_compare_models):
    """Return the message for a function that keeps all rules; raises Broken or NotAttempted."""
    if train_and_compare_models is None:
        raise NotAttempted
    looks.judge(Trial(train_and_compare_models))
    return f"Three models trained for {EPOCHS} epochs on a tiny text, best weights kept."


class Trial:
    """What the student's function returned, what its optimizers did, and how long it took."""

    def __init__(self, function):
        self.splits = tiny_splits()
        self.steps = Steps()
        hook = register_optimizer_step_post_hook(self.steps)
        start = time.perf_counter()
        call = f"train_and_compare_models(train_X, train_y, val_X, val_y, {VOCAB}, epochs={EPOCHS})"
        try:
            self.result = run(call, function, *self.splits, VOCAB, epochs=EPOCHS)
        finally:
            hook.remove()
            self.seconds = time.perf_counter() - start
        if (self.result is None or self.result == (None, None)) and not self.steps.sums:
            raise NotAttempted("Fill in TODO 5 above, and delete its line: return None, None.")

    @property
    def models(self):
        return self.result[0]

    @property
    def metrics(self):
        return self.result[1]


def tiny_splits():
    """Return train_X, train_y, val_X, val_y of a text that is learned within a few steps.

    What the validation windows predict is wrong for whoever learned the training text, so that
    validation loss rises while training loss falls. Windows are 8 characters long.
    """
    train = torch.tensor([0, 1, 2, 3, 4, 5]).repeat(60)  # 0 1 2 3 4 5 0 1 2 ...
    val = torch.tensor([0, 2, MARKER, 1, 5, 3, 4]).repeat(60)  # every 50th is a fair choice
    splits = []
    for encoded in (train, val):
        splits += [encoded[:-1].unfold(0, 8, 1), encoded[8:]]
    return splits


class Steps:
    """Watches every optimizer step: which parameters it moved, from what data, at what rate."""

    def __init__(self):
        self.sums = {}  # id of a parameter -> its sum after every step that had a gradient for it
        self.parameters = []  # keeps the ids from being used again
        self.rates = set()
        self.saw_marker = False

    def __call__(self, optimizer, args, kwargs):
        rows = []
        for group in optimizer.param_groups:
            self.rates.add(group["lr"])
            for p in group["params"]:
                if p.grad is None:
                    continue
                if id(p) not in self.sums:
                    self.parameters.append(p)
                self.sums.setdefault(id(p), []).append(p.detach().double().sum().item())
                if p.shape[0] == VOCAB and p.dim() == 2:
                    rows.append(p.grad[MARKER].abs().max().item())
        # The output layer has a gradient for every character, the embedding for those it reads.
        self.saw_marker |= bool(rows) and min(rows) > 0


# ----- What is returned ---------------------------------------------------------------------------


@looks.at("models-missing", "the first value returned is not a dict with one model per name")
def _(t):
    if not (isinstance(t.result, tuple) and len(t.result) == 2):
        return (
            f"train_and_compare_models returned {describe(t.result)}: expected (models, metrics)."
        )
    return not_one_per_model(t.models, "models", "a trained model")


@looks.at("models-missing")
def _(t):
    for name, model in t.models.items():
        if not isinstance(model, nn.Module):
            return f"models[{name!r}] is {describe(model)}."


@looks.at("learning-rate", "a learning rate lies outside 1e-5 to 5e-2")
def _(t):  # before what it may have led to: a training that diverges ends early
    if bad := sorted(rate for rate in t.steps.rates if not 1e-5 <= rate <= 5e-2):
        return f"learning rate {bad[0]:g}: expected 1e-5 to 5e-2."


@looks.at("metrics-keys", "metrics lacks a model or one of its four entries")
def _(t):
    if missing := not_one_per_model(t.metrics, "metrics", f"the entries {KEYS}"):
        return missing
    for name, measured in t.metrics.items():
        lacking = KEYS
        if isinstance(measured, dict):
            lacking = [key for key in KEYS if key not in measured]
        if lacking:
            return f"metrics[{name!r}] lacks {lacking}."


@looks.at("epochs-ignored", "the number of epochs does not follow the argument epochs")
def _(t):
    for name, measured in t.metrics.items():
        lengths = {len(measured[key]) for key in KEYS[:3]}
        if len(lengths) == 1 and not lengths & {0, EPOCHS}:
            return f"asked for epochs={EPOCHS}, metrics[{name!r}] holds {lengths.pop()}."


@looks.at("metrics-length", "a list in metrics does not have one number per epoch")
def _(t):
    for name, measured in t.metrics.items():
        lengths = {key: len(measured[key]) for key in KEYS[:3]}
        if set(lengths.values()) != {EPOCHS}:
            return (
                f"metrics[{name!r}] holds {lengths} numbers: expected one per epoch, {EPOCHS} each."
            )
        for key in KEYS[:3]:
            if not all(isinstance(v, Real) and not isinstance(v, bool) for v in measured[key]):
                return (
                    f"metrics[{name!r}][{key!r}] holds {describe(measured[key][0])}: expected "
                    "plain numbers."
                )


# ----- What the optimizers did --------------------------------------------------------------------


@looks.at("shared-model", "two names share one model")
def _(t):
    owners = {}
    for name, model in t.models.items():
        for p in model.parameters():
            if owners.setdefault(id(p), name) != name:
                return f"{owners[id(p)]} and {name} share parameters: create one model per name."


def _moved(t, model):
    return [p for p in model.parameters() if id(p) in t.steps.sums]


@looks.at("untrained-returned", "the models returned are not the models that were trained")
def _(t):
    for name, model in t.models.items():
        some = t.steps.sums and len(t.steps.sums) >= len(list(model.parameters()))
        if some and not _moved(t, model):
            return (
                f"models[{name!r}] is not a model that an optimizer stepped on: return the models "
                "that you trained."
            )


@looks.at("not-trained", "no optimizer step changed a model")
def _(t):
    for name, model in t.models.items():
        if not _moved(t, model):
            return f"no optimizer step reached models[{name!r}]."


@looks.at("frozen-model", "some parameters of a model were given to no optimizer")
def _(t):
    for name, model in t.models.items():
        left_out = len(list(model.parameters())) - len(_moved(t, model))
        if left_out:
            return (
                f"{left_out} parameters of models[{name!r}] were never stepped on: give the "
                "optimizer model.parameters()."
            )


@looks.at("trains-on-validation", "an optimizer step saw validation windows")
def _(t):
    if t.steps.saw_marker:
        return "a training step saw a character that occurs in val_X only: train on train_X."


# ----- What the numbers and the weights are -------------------------------------------------------


@looks.at(
    "metrics-swapped", "a list in metrics holds seconds in place of losses, or losses for seconds"
)
def _(t):
    for name, measured in t.metrics.items():
        if list(measured["train_losses"]) == list(measured["epoch_times"]):
            return (
                f"metrics[{name!r}] holds the same numbers as train_losses and as epoch_times: "
                "train_epoch returns (mean loss, seconds), in this order."
            )
    if (total := sum(sum(m["epoch_times"]) for m in t.metrics.values())) > t.seconds:
        return (
            f"the epoch_times add up to {total:.1f} s, but the whole call took {t.seconds:.1f} s: "
            "train_epoch returns (mean loss, seconds), in this order."
        )


def _losses(model, X, y):
    """Return a model's loss on windows that stand for a whole text: at every step, at the last."""
    X, y = X[:42], y[:42]  # the texts repeat, with periods 6 and 7
    criterion = nn.CrossEntropyLoss()
    return [
        helpers.evaluate_model(model, X, y, criterion, every_step=every) for every in (True, False)
    ]


@looks.at("validation-missing", "val_losses do not measure the validation windows")
def _(t):
    train_X, train_y, val_X, val_y = t.splits
    for name, model in t.models.items():
        validated = min(_losses(model, val_X, val_y))
        gap = validated - max(_losses(model, train_X, train_y))
        best = min(t.metrics[name]["val_losses"])
        # A model that has learned too little for a gap cannot tell one loss from the other.
        if gap > 0.1 and best < validated - gap / 2:
            return (
                f"the lowest of metrics[{name!r}]['val_losses'] is {best:.2f}, but on val_X the "
                f"model's loss is {validated:.2f}: evaluate on the validation windows."
            )


@looks.at("best-weights", "the models returned do not hold the weights of their best epoch")
def _(t):
    for name, model in t.models.items():
        first = next(model.parameters())
        sums = t.steps.sums[id(first)]
        best_epoch = int(np.argmin(t.metrics[name]["val_losses"])) + 1
        after_best = sums[len(sums) * best_epoch // EPOCHS - 1]
        if not math.isclose(first.detach().double().sum().item(), after_best, abs_tol=1e-9):
            return (
                f"{name}'s validation loss was lowest in epoch {best_epoch} of {EPOCHS}, but the "
                "model returned does not hold that epoch's weights: call BestWeights.update after "
                "every epoch and restore() at the end."
            )
