"""TODO 5: how the three models are trained. The student's function is called on a tiny text.

Every window of that text occurs once, so that the check sees what each step was shown. It watches
from outside: calls of the models, steps of the optimizers, and what is returned.
"""

import itertools
import math
import time
from numbers import Real
from typing import NamedTuple

import torch
from torch import nn
from torch.nn.modules.module import register_module_forward_hook
from torch.optim.optimizer import (
    register_optimizer_step_post_hook,
    register_optimizer_step_pre_hook,
)

import helpers
from lab.checks.rule import Looks, NotAttempted, describe, not_one_per_model, run

KEYS = ("train_losses", "val_losses", "epoch_times", "best_epoch")
EPOCHS = 3
SEQ_LEN = 8
BLOCKS = 45  # of 8 characters, in either text: seven in a cycle of six, then one that counts
SYMBOLS = 6 + BLOCKS  # of a text
VOCAB = 2 * SYMBOLS

looks = Looks()


def judge(train_and_compare_models, classes):
    """Return the message for a function that keeps all rules; raises Broken or NotAttempted."""
    if train_and_compare_models is None:
        raise NotAttempted
    if not callable(train_and_compare_models) or not_one_per_model(classes, "", ""):
        raise TypeError("a check's fallback says what was expected")
    looks.judge(Trial(train_and_compare_models, classes))
    return f"Three models trained for {EPOCHS} epochs on a tiny text, best weights kept."


def tiny_text(first):
    """Return the indices of a text in which every window of 8 occurs once: (360,)."""
    places = torch.arange(SEQ_LEN * BLOCKS)
    counting = places % SEQ_LEN == SEQ_LEN - 1
    return first + torch.where(counting, 6 + places // SEQ_LEN, places % 6)


# They share no symbol: what learns the one loses the other, so that the first epoch is the best.
TEXTS = {"train": tiny_text(0), "val": tiny_text(SYMBOLS)}
# Where each window begins: {the window's indices: ("train" or "val", position)}.
PLACES = {
    tuple(window): (name, position)
    for name, text in TEXTS.items()
    for position, window in enumerate(text.unfold(0, SEQ_LEN, 1).tolist())
}


def tiny_splits():
    """Return train_X, train_y, val_X, val_y of the two texts."""
    splits = []
    for text in TEXTS.values():
        splits += [text[:-1].unfold(0, SEQ_LEN, 1), text[SEQ_LEN:]]
    return splits


class Call(NamedTuple):
    """One call of a model on a batch."""

    windows: list  # of ("train" or "val", position), or None for what is in neither text
    training: bool
    every_step: bool


class Watched:
    """What happened to one model: its calls, its first weights, and each of its steps."""

    def __init__(self, model):
        self.model = model
        self.start = {key: t.detach().cpu().clone() for key, t in model.state_dict().items()}
        self.calls, self.steps = [], []  # steps: (call, optimizer, sums of the weights after it)
        self.groups = []  # the settings of the optimizers' groups, by step

    def sums(self):
        return [p.detach().cpu().double().sum().item() for p in self.model.parameters()]

    def epochs(self):
        """Return the steps of each epoch: what lies between calls outside training, or a third."""
        ends = [n for n, call in enumerate(self.calls) if call == "step"]
        groups, group = [], []
        for before, call in enumerate(self.calls):
            if call == "step":
                group.append(self.steps[ends.index(before)])
            elif not call.training and group:
                groups.append(group)
                group = []
        groups += [group] if group else []
        if len(groups) != EPOCHS:
            size = math.ceil(len(self.steps) / EPOCHS)
            groups = [self.steps[n : n + size] for n in range(0, len(self.steps), size)]
        return groups


class Trial:
    """What the student's function returned, what was seen meanwhile, and how long it took."""

    def __init__(self, function, classes):
        self.classes, self.watched = classes, {}
        hooks = [
            register_module_forward_hook(self._called, with_kwargs=True),
            register_optimizer_step_pre_hook(self._before_step),
            register_optimizer_step_post_hook(self._after_step),
        ]
        start = time.perf_counter()
        call = f"train_and_compare_models(train_X, train_y, val_X, val_y, {VOCAB}, epochs={EPOCHS})"
        try:
            self.result = run(call, function, *tiny_splits(), VOCAB, epochs=EPOCHS)
        finally:
            for hook in hooks:
                hook.remove()
            self.seconds = time.perf_counter() - start
        untouched = self.result is None or self.result == (None, None)
        if untouched and not any(watched.steps for watched in self.watched.values()):
            raise NotAttempted("Fill in TODO 5 above, and delete its line: return None, None.")

    def _called(self, module, args, kwargs, output):
        if not isinstance(module, tuple(self.classes.values())):
            return
        watched = self.watched.setdefault(id(module), Watched(module))
        x = args[0] if args else kwargs["x"]
        logits = output[0] if isinstance(output, tuple) else output
        windows = [PLACES.get(tuple(row)) for row in x.tolist()]
        watched.calls.append(Call(windows, module.training, logits.dim() == 3))

    def _moved_by(self, optimizer):
        """Yield what an optimizer moves: a watched model, and the settings of its parameters."""
        for watched in self.watched.values():
            own = {id(p) for p in watched.model.parameters()}
            for group in optimizer.param_groups:
                if any(id(p) in own and p.grad is not None for p in group["params"]):
                    yield watched, {k: v for k, v in group.items() if k != "params"}
                    break

    def _before_step(self, optimizer, args, kwargs):
        self.moving = list(self._moved_by(optimizer))

    def _after_step(self, optimizer, args, kwargs):
        for watched, settings in self.moving:
            last = next(call for call in reversed(watched.calls) if call != "step")
            watched.steps.append((last, (type(optimizer), settings), watched.sums()))
            watched.calls.append("step")

    @property
    def models(self):
        return self.result[0]

    @property
    def metrics(self):
        return self.result[1]

    def trained(self, name):
        """Return the Watched of the model that was trained under a name; None without one."""
        found = [w for w in self.watched.values() if type(w.model) is self.classes[name]]
        return max(found, key=lambda w: len(w.steps), default=None)


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
            return f"models[{name!r}] is {describe(model)}: expected the trained model."


@looks.at("wrong-class", "a name holds a model of another class")
def _(t):
    for name, model in t.models.items():
        if type(model) is not t.classes[name]:
            wanted = t.classes[name].__name__
            return f"models[{name!r}] is a {type(model).__name__}: expected a {wanted}."


@looks.at("learning-rate", "a model was not trained at its own learning rate")
def _(t):  # before what it may have led to: a training that diverges ends early
    for name in t.models:
        for settings in _settings(t, name):
            if settings["lr"] != (wanted := helpers.LEARNING_RATES[name]):
                return (
                    f"the {name} was trained with lr={settings['lr']:g}: expected "
                    f"LEARNING_RATES[{name!r}], {wanted:g}."
                )


def _settings(t, name):
    """Return the settings of the optimizer at each step of a model."""
    watched = t.trained(name)
    return [settings for _, (_, settings), _ in watched.steps] if watched else []


@looks.at("metrics-keys", "metrics lacks a model or one of its four entries")
def _(t):
    if missing := not_one_per_model(t.metrics, "metrics", f"the entries {KEYS}"):
        return missing
    for name, measured in t.metrics.items():
        if not isinstance(measured, dict):
            return f"metrics[{name!r}] is {describe(measured)}: expected the entries {KEYS}."
        if lacking := [key for key in KEYS if key not in measured]:
            return f"metrics[{name!r}] lacks {lacking}: it has {list(measured)}."


@looks.at("metrics-length", "an entry in metrics is not a list with one number per epoch")
def _(t):
    for name, measured in t.metrics.items():
        for key in KEYS[:3]:
            if not isinstance(measured[key], list):
                return f"metrics[{name!r}][{key!r}] is {describe(measured[key])}: expected a list."


@looks.at("epochs-ignored", "the number of epochs does not follow the argument epochs")
def _(t):
    for name, measured in t.metrics.items():
        lengths = {len(measured[key]) for key in KEYS[:3]}
        if len(lengths) == 1 and not lengths & {0, EPOCHS}:
            return f"asked for epochs={EPOCHS}, metrics[{name!r}] holds {lengths.pop()}."


@looks.at("metrics-length")
def _(t):
    for name, measured in t.metrics.items():
        lengths = {key: len(measured[key]) for key in KEYS[:3]}
        if set(lengths.values()) != {EPOCHS}:
            return (
                f"metrics[{name!r}] holds {lengths} numbers: expected one per epoch, {EPOCHS} each."
            )
        for key in KEYS[:3]:
            if odd := [v for v in measured[key] if isinstance(v, bool) or not isinstance(v, Real)]:
                return (
                    f"metrics[{name!r}][{key!r}] holds {describe(odd[0])}: expected plain numbers."
                )


@looks.at("not-trained", "no optimizer step changed a model")
def _(t):
    for name in t.models:
        if not (watched := t.trained(name)) or not watched.steps:
            return f"no optimizer step reached a {t.classes[name].__name__}: train each model."


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


# ----- What was trained, from which start, by which optimizer -------------------------------------


@looks.at("model-sizes", "a model was not made as its class makes it by default")
def _(t):
    for name in t.models:
        model, reference = t.trained(name).model, t.classes[name](VOCAB)
        seen, expected = (
            {key: tuple(v.shape) for key, v in m.state_dict().items()} for m in (model, reference)
        )
        if differs := [key for key in expected if seen.get(key) != expected[key]]:
            return (
                f"{differs[0]} of the {name} has shape {seen.get(differs[0])}: expected "
                f"{expected[differs[0]]}, as {t.classes[name].__name__}(vocab_size) makes it."
            )
        if _dropouts(model) != _dropouts(reference):
            return (
                f"the {name} was trained with dropout {_dropouts(model)}: expected the default, "
                f"{_dropouts(reference)}."
            )


def _dropouts(model):
    return [
        module.p if isinstance(module, nn.Dropout) else module.dropout
        for module in model.modules()
        if isinstance(module, (nn.Dropout, nn.RNNBase))
    ]


@looks.at("seed", "a model does not begin with the weights that SEED gives it")
def _(t):
    for name in t.models:
        torch.manual_seed(helpers.SEED)
        reference = t.classes[name](VOCAB).state_dict()
        start = t.trained(name).start
        if any(not torch.equal(start[key], value) for key, value in reference.items()):
            return (
                f"the {name} does not begin with the weights that torch.manual_seed(SEED) gives "
                "it: call that right before each model is created."
            )


@looks.at("optimizer", "a model was not trained by Adam as it is by default")
def _(t):
    for name in t.models:
        for _, (kind, settings), _ in t.trained(name).steps:
            defaults = torch.optim.Adam([torch.zeros(1)]).param_groups[0]
            if kind is not torch.optim.Adam:
                return f"the {name} was trained by {kind.__name__}: expected optim.Adam."
            for key in ("betas", "eps", "weight_decay", "amsgrad", "maximize"):
                if settings[key] != defaults[key]:
                    return (
                        f"the {name}'s Adam has {key}={settings[key]}: expected the default, "
                        f"{defaults[key]}, for all three."
                    )


@looks.at("frozen-model", "some parameters of a model were not trained")
def _(t):
    for name in t.models:
        watched = t.trained(name)
        first = [v.cpu().double().sum().item() for v in watched.start.values()]
        still = sum(a == b for a, b in zip(first, watched.steps[-1][2], strict=False))
        if still:
            return (
                f"{still} of the {len(first)} parameters of the {name} did not move: give the "
                "optimizer model.parameters()."
            )


# ----- The windows that were trained on -----------------------------------------------------------


@looks.at("trains-on-validation", "a training step saw windows that are not of train_X")
def _(t):
    for name in t.models:
        for call, _, _ in t.trained(name).steps:
            if any(place and place[0] == "val" for place in call.windows):
                return f"the {name} was trained on windows of val_X: train on train_X only."
            if None in call.windows:
                return (
                    f"the {name} was trained on windows that are not in train_X: one_pass(train_X, "
                    "train_y, seed=epoch) gives X and y as they belong together."
                )


@looks.at("train-mode", "a model was trained in evaluation mode, or on the last timestep only")
def _(t):
    for name in t.models:
        for call, _, _ in t.trained(name).steps:
            if not call.training:
                return f"the {name} was trained after model.eval(): call model.train() first."
            if not call.every_step:
                return (
                    f"the {name} was trained on the final timestep of its windows only: "
                    "train_epoch takes the loss at every timestep."
                )


def _shown(t, name):
    """Return the positions of the windows that each epoch showed to a model, in their order."""
    return [
        [place[1] for call, _, _ in steps for place in call.windows]
        for steps in t.trained(name).epochs()
    ]


def _gaps(positions):
    """Return how far each window begins after the one before it in the text."""
    return [b - a for a, b in itertools.pairwise(sorted(positions))]


@looks.at("overlapping-windows", "windows that overlap, or one twice, within an epoch of training")
def _(t):
    for name in t.models:
        for epoch, positions in enumerate(_shown(t, name), 1):
            if (gaps := _gaps(positions)) and min(gaps) < SEQ_LEN:
                how = "one window twice" if not min(gaps) else "windows that overlap"
                return (
                    f"epoch {epoch} of the {name} shows {how}, {len(positions)} in all of a text "
                    f"that has room for {BLOCKS}: train on what one_pass(train_X, train_y, "
                    "seed=epoch) returns, once an epoch. On all of train_X an epoch would take 50 "
                    "times as long."
                )


@looks.at("part-of-text", "an epoch of training passes over a part of the text only")
def _(t):
    for name in t.models:
        for epoch, positions in enumerate(_shown(t, name), 1):
            if len(positions) < BLOCKS - 3:
                return (
                    f"epoch {epoch} of the {name} shows {len(positions)} windows: expected about "
                    f"{BLOCKS}, one pass over the whole text."
                )


@looks.at("same-pass", "every epoch shows the same windows in the same order")
def _(t):
    for name in t.models:
        shown = _shown(t, name)
        if any(a == b for a, b in itertools.pairwise(shown)):
            return (
                f"two epochs of the {name} show the same windows in the same order: pass the "
                "number of the epoch to one_pass as its seed."
            )


@looks.at("other-batches", "the models are not shown the same batches")
def _(t):
    shown = {name: _shown(t, name) for name in t.models}
    for name in shown:
        if shown[name] != shown["RNN"]:
            return (
                f"the {name} was shown other windows than the RNN, or in another order: the seed "
                "of one_pass may depend on the epoch only."
            )


# ----- The validation -----------------------------------------------------------------------------


def _validated(t, name):
    """Return the calls of a model outside training that saw windows of val_X."""
    calls = [c for c in t.trained(name).calls if c != "step" and not c.training]
    return [c for c in calls if any(place and place[0] == "val" for place in c.windows)]


@looks.at("validation-missing", "val_losses do not measure the validation windows")
def _(t):
    for name in t.models:
        if not _validated(t, name):
            return (
                f"the {name} was never evaluated on windows of val_X: call evaluate_model(model, "
                "val_X, val_y, criterion, every_step=True) after each epoch."
            )


@looks.at("validation-windows", "the validation windows overlap, or only their last step counts")
def _(t):
    for name in t.models:
        for call in _validated(t, name):
            positions = [place[1] for place in call.windows if place]
            if (gaps := _gaps(positions)) and min(gaps) < SEQ_LEN:
                return (
                    f"the {name} was validated on windows that overlap: evaluate on val_X[49::50], "
                    "as the first lines of the function choose it."
                )
            if not call.every_step:
                return (
                    f"the {name} was validated on the final timestep of its windows only: pass "
                    "every_step=True, so that it is the measure of training."
                )


# ----- The weights that are kept ------------------------------------------------------------------


def _best(t, name):
    losses = t.metrics[name]["val_losses"]
    return losses.index(min(losses)) + 1


def _weights_of_epoch(t, name):
    """Return the epoch, from 1, whose last weights the returned model holds; None for no epoch."""
    returned = [p.detach().cpu().double().sum().item() for p in t.models[name].parameters()]
    for epoch, steps in enumerate(t.trained(name).epochs(), 1):
        pairs = zip(returned, steps[-1][2], strict=False)
        if all(math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-9) for a, b in pairs):
            return epoch
    return None


@looks.at("untrained-returned", "the models returned are not those that were trained")
def _(t):
    for name in t.models:
        if _weights_of_epoch(t, name) is None:
            return (
                f"models[{name!r}] holds the weights of no epoch of the {name}'s training: return "
                "the models that you trained."
            )


@looks.at("best-weights", "the models returned do not hold the weights of their best epoch")
def _(t):
    for name in t.models:
        if (epoch := _weights_of_epoch(t, name)) != _best(t, name):
            return (
                f"{name}'s validation loss was lowest in epoch {_best(t, name)} of {EPOCHS}, but "
                f"the model returned holds the weights of epoch {epoch}: call best.update with the "
                "validation loss after every epoch, and best.restore() at the end."
            )


@looks.at("validation-missing")
def _(t):
    for name, model in t.models.items():
        lowest = min(t.metrics[name]["val_losses"])
        places = sorted({p[1] for c in _validated(t, name) for p in c.windows if p})
        *_, val_X, val_y = tiny_splits()
        places = [place for place in places if place < len(val_X)]
        loss = helpers.evaluate_model(
            model, val_X[places], val_y[places], nn.CrossEntropyLoss(), every_step=True
        )
        if not math.isclose(loss, lowest, abs_tol=1e-3):
            return (
                f"the lowest of metrics[{name!r}]['val_losses'] is {lowest:.3f}, but on the "
                f"validation windows the model's loss is {loss:.3f}: append what evaluate_model "
                "returned for them."
            )


@looks.at("best-epoch", "best_epoch is not the epoch of the lowest validation loss, from 1")
def _(t):
    for name in t.models:
        if (seen := t.metrics[name]["best_epoch"]) != _best(t, name):
            return (
                f"metrics[{name!r}]['best_epoch'] is {seen!r}, but the validation loss was lowest "
                f"in epoch {_best(t, name)}, counted from 1: best.restore() returns it."
            )
