"""TODO 5: how the three models are trained. The student's function is called on tiny texts.

Every window of these texts occurs once, so that the check sees what each step was shown. It watches
from outside: calls of the models and of the criterion, steps of the optimizers, what is returned.
"""

import itertools
import math
import time
from dataclasses import dataclass
from numbers import Real

import torch
from torch import nn
from torch.nn.modules.module import register_module_forward_hook
from torch.optim.optimizer import (
    register_optimizer_step_post_hook,
    register_optimizer_step_pre_hook,
)

import helpers
from lab.checks.rule import Broken, Looks, NotAttempted, describe, not_one_per_model, run
from lab.checks.todo_1_models import expected_parameters

KEYS = ("train_losses", "val_losses", "epoch_times", "best_epoch")
SEQ_LEN = 8
BLOCKS = 45  # of 8 characters, in either text: seven in a cycle of six, then one that counts
SYMBOLS = 6 + BLOCKS  # of a text
VOCAB = 2 * SYMBOLS

looks = Looks()


def judge(train_and_compare_models, classes):
    """Return the message for a function that keeps all rules; raises Broken or NotAttempted.

    It is tried twice: on a validation text that shares no symbol with the training text, so that
    what learns the one loses the other and the first epoch is the best, and on one that shares the
    cycle, so that the last one is.
    """
    if train_and_compare_models is None:
        raise NotAttempted
    if not callable(train_and_compare_models) or not_one_per_model(classes, "", ""):
        raise TypeError("a check's fallback says what was expected")
    _need_classes(classes)
    for shares, epochs in ((False, 3), (True, 2)):
        looks.judge(Trial(train_and_compare_models, classes, tiny_texts(shares), epochs))
    return "Three models trained as asked, twice, on tiny texts; best weights kept."


def _need_classes(classes):
    for name, model_class in classes.items():
        if not (isinstance(model_class, type) and issubclass(model_class, nn.Module)):
            raise Broken(
                "wrong-class",
                f"MODEL_CLASSES[{name!r}] is {describe(model_class)}: expected Char{name} itself.",
            )
        if model_class.__name__ == f"Char{name}":
            continue  # whatever is in it: the check of the class says that
        try:
            seen = helpers.count_parameters(model_class(VOCAB))
        except Exception:  # as above
            continue
        for other in classes:
            if other != name and seen == expected_parameters(other, VOCAB):
                raise Broken(
                    "wrong-class",
                    f"MODEL_CLASSES[{name!r}] makes a model with the parameters of an {other}: "
                    f"expected Char{name}.",
                )


def tiny_texts(shares):
    """Return {"train": indices, "val": indices}, each (360,), in which every window of 8 is alone.

    They have the symbols of the cycle in common, or none.
    """
    places = torch.arange(SEQ_LEN * BLOCKS)
    counting, counter = places % SEQ_LEN == SEQ_LEN - 1, 6 + places // SEQ_LEN
    return {
        "train": torch.where(counting, counter, places % 6),
        "val": torch.where(counting, SYMBOLS + counter, places % 6 + SYMBOLS * (not shares)),
    }


@dataclass
class Call:
    """One call of a model on a batch, and what the criterion then made of it."""

    windows: list  # of ("train" or "val", position), or None for what is in neither text
    training: bool
    every_step: bool
    loss: float | None = None  # the mean; None where the criterion was not seen
    targets: list | None = None


class Watched:
    """What happened to one model: its calls, its first weights, and each of its steps."""

    def __init__(self, model):
        self.model = model
        self.start = {key: t.detach().cpu().clone() for key, t in model.state_dict().items()}
        self.calls = []  # a Call, or "step"
        self.steps = []  # (call, optimizer, its groups' settings, sums of the weights after it)

    def sums(self):
        return [p.detach().cpu().double().sum().item() for p in self.model.parameters()]

    def epochs(self, count):
        """Return the steps of each epoch: what lies between calls outside training, or a part."""
        ends = [n for n, call in enumerate(self.calls) if call == "step"]
        groups, group = [], []
        for before, call in enumerate(self.calls):
            if call == "step":
                group.append(self.steps[ends.index(before)])
            elif not call.training and group:
                groups.append(group)
                group = []
        groups += [group] if group else []
        if len(groups) != count:
            size = math.ceil(len(self.steps) / count)
            groups = [self.steps[n : n + size] for n in range(0, len(self.steps), size)]
        return groups


class Trial:
    """What the student's function returned, what was seen meanwhile, and how long it took."""

    def __init__(self, function, classes, texts, epochs):
        self.classes, self.texts, self.epochs = classes, texts, epochs
        self.watched, self.last, self.unseen = {}, None, False
        self.places = {  # where each window begins, by its indices
            tuple(window): (name, position)
            for name, text in texts.items()
            for position, window in enumerate(text.unfold(0, SEQ_LEN, 1).tolist())
        }
        self.splits = [
            part for text in texts.values() for part in (text[:-1].unfold(0, SEQ_LEN, 1), text[8:])
        ]
        hooks = [
            register_module_forward_hook(self._called, with_kwargs=True),
            register_optimizer_step_pre_hook(self._before_step),
            register_optimizer_step_post_hook(self._after_step),
        ]
        start = time.perf_counter()
        call = f"train_and_compare_models(train_X, train_y, val_X, val_y, {VOCAB}, epochs={epochs})"
        try:
            self.result = run(call, function, *self.splits, VOCAB, epochs=epochs)
        except Broken as broken:
            if "index out of range in self" not in str(broken):
                raise
            said = f"{broken}\n  The embedding has too few rows: pass vocab_size, here {VOCAB}."
            raise Broken("model-sizes", said) from None
        finally:
            for hook in hooks:
                hook.remove()
            self.seconds = time.perf_counter() - start
        untouched = self.result is None or self.result == (None, None)
        if untouched and not any(watched.steps for watched in self.watched.values()):
            raise NotAttempted("Fill in TODO 5 above, and delete its line: return None, None.")

    def _called(self, module, args, kwargs, output):
        if isinstance(module, nn.CrossEntropyLoss) and self.last and output.dim() == 0:
            self.last.loss = output.item()
            self.last.targets = (args[1] if len(args) > 1 else kwargs["target"]).flatten().tolist()
        if not isinstance(module, tuple(self.classes.values())):
            return
        watched = self.watched.setdefault(id(module), Watched(module))
        x = args[0] if args else kwargs["x"]
        logits = output[0] if isinstance(output, tuple) else output
        windows = [self.places.get(tuple(row)) for row in x.tolist()]
        self.last = Call(windows, module.training, logits.dim() == 3)
        watched.calls.append(self.last)

    def _before_step(self, optimizer, args, kwargs):
        """Note what an optimizer moves: watched models, and the settings of their parameters."""
        self.moving, seen = [], set()
        for watched in self.watched.values():
            own = {id(p) for p in watched.model.parameters()}
            groups = [
                {key: value for key, value in group.items() if key != "params"}
                for group in optimizer.param_groups
                if any(id(p) in own and p.grad is not None for p in group["params"])
            ]
            self.moving += [(watched, groups)] if groups else []
            seen |= own
        moved = [p for group in optimizer.param_groups for p in group["params"]]
        self.unseen |= any(id(p) not in seen and p.grad is not None for p in moved)

    def _after_step(self, optimizer, args, kwargs):
        for watched, groups in self.moving:
            last = next(call for call in reversed(watched.calls) if call != "step")
            watched.steps.append((last, optimizer, groups, watched.sums()))
            watched.calls.append("step")

    @property
    def models(self):
        return self.result[0]

    @property
    def metrics(self):
        return self.result[1]

    def of_class(self, name):
        """Return the Watched of all models of a class that were trained."""
        found = [w for w in self.watched.values() if type(w.model) is self.classes[name]]
        return [watched for watched in found if watched.steps]

    def trained(self, name):
        """Return the Watched of the model that was trained most under a name; None without one."""
        return max(self.of_class(name), key=lambda w: len(w.steps), default=None)


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
    """Return the settings of the optimizer's groups at each step of a model."""
    watched = t.trained(name)
    return [group for _, _, groups, _ in watched.steps for group in groups] if watched else []


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


@looks.at("metrics-length")
def _(t):
    for key in KEYS[:3]:
        if len({id(measured[key]) for measured in t.metrics.values()}) < len(t.metrics):
            return (
                f"the models share one list of {key}: make measured, with its lists, anew for each "
                "model, inside the loop."
            )


@looks.at("losses-changed", "a list in metrics does not hold what was measured")
def _(t):
    for name, measured in t.metrics.items():
        losses = [*measured["train_losses"], *measured["val_losses"]]
        large = [v for v in losses if isinstance(v, Real) and helpers.diverged(v)]
        if large and len(measured["val_losses"]) < t.epochs:
            return (
                f"metrics[{name!r}] has a loss of {large[0]:.3g}, which counts as diverged, so its "
                "training ended there: append the mean losses as train_epoch and evaluate_model "
                "return them, no perplexity and no sum."
            )


@looks.at("epochs-ignored", "the number of epochs does not follow the argument epochs")
def _(t):
    for name, measured in t.metrics.items():
        lengths = {len(measured[key]) for key in KEYS[:3]}
        if len(lengths) == 1 and not lengths & {0, t.epochs}:
            return f"asked for epochs={t.epochs}, metrics[{name!r}] holds {lengths.pop()}."


@looks.at("metrics-length")
def _(t):
    for name, measured in t.metrics.items():
        lengths = {key: len(measured[key]) for key in KEYS[:3]}
        if set(lengths.values()) != {t.epochs}:
            return (
                f"metrics[{name!r}] holds {lengths} numbers: expected one per epoch, {t.epochs} "
                "each."
            )
        for key in KEYS[:3]:
            if odd := [v for v in measured[key] if isinstance(v, bool) or not isinstance(v, Real)]:
                return (
                    f"metrics[{name!r}][{key!r}] holds {describe(odd[0])}: expected plain numbers."
                )


@looks.at("not-trained", "no optimizer step changed a model")
def _(t):
    if t.unseen:
        return (
            "an optimizer moved the weights of a model that was never called: call model(X, "
            "return_sequences=True), not model.forward(...)."
        )
    for name in t.models:
        if not t.trained(name):
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
            "expected the seconds of each epoch, which train_epoch returns after the mean loss."
        )


# ----- What was trained, from which start, by which optimizer -------------------------------------


@looks.at("many-models", "more than one model was trained under a name")
def _(t):
    for name in t.models:
        if (count := len(t.of_class(name))) > 1:
            return (
                f"{count} models of {t.classes[name].__name__} were trained: create each model "
                "once, before the loop over its epochs."
            )


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


@looks.at("optimizer", "a model was not trained by one Adam as it is by default")
def _(t):
    defaults = torch.optim.Adam([torch.zeros(1)]).param_groups[0]
    for name in t.models:
        steps = t.trained(name).steps
        for _, optimizer, groups, _ in steps:
            if type(optimizer) is not torch.optim.Adam:
                kind = type(optimizer).__name__
                return f"the {name} was trained by {kind}: expected optim.Adam."
            for key in ("betas", "eps", "weight_decay", "amsgrad", "maximize"):
                if groups[0][key] != defaults[key]:
                    return (
                        f"the {name}'s Adam has {key}={groups[0][key]}: expected the default, "
                        f"{defaults[key]}, for all three."
                    )
        if len({id(optimizer) for _, optimizer, _, _ in steps}) > 1:
            return (
                f"the {name} was trained by more than one Adam: create it once, before the epochs, "
                "since it keeps running means of the gradients."
            )


@looks.at("frozen-model", "some parameters of a model were not trained")
def _(t):
    for name in t.models:
        watched = t.trained(name)
        first = [v.cpu().double().sum().item() for v in watched.start.values()]
        still = sum(a == b for a, b in zip(first, watched.steps[-1][-1], strict=False))
        if still:
            return (
                f"{still} of the {len(first)} parameters of the {name} did not move: give the "
                "optimizer model.parameters()."
            )


# ----- The windows that were trained on -----------------------------------------------------------


@looks.at("trains-on-validation", "a training step saw windows that are not of train_X")
def _(t):
    for name in t.models:
        for call, *_ in t.trained(name).steps:
            if any(place and place[0] == "val" for place in call.windows):
                return f"the {name} was trained on windows of val_X: train on train_X only."
            if None in call.windows:
                return (
                    f"the {name} was trained on windows that are not in train_X: one_pass(train_X, "
                    "train_y, seed=epoch) gives X and y as they belong together."
                )


@looks.at("wrong-targets", "what a training step should predict is not what follows its windows")
def _(t):
    for name in t.models:
        for call, *_ in t.trained(name).steps:
            if call.targets and call.every_step and call.targets not in _following(t, call):
                return (
                    f"the targets of a batch of the {name} are not the characters that follow in "
                    "its windows: pass the y that one_pass returned with X."
                )


def _following(t, call):
    """Return the targets that belong to a call: window by window, and step by step."""
    rows = [t.texts[text][at + 1 : at + 1 + SEQ_LEN] for text, at in call.windows]
    targets = torch.stack(rows)  # (b, t)
    return targets.flatten().tolist(), targets.T.flatten().tolist()


@looks.at("train-mode", "a model was trained in evaluation mode, or on the last timestep only")
def _(t):
    for name in t.models:
        for call, *_ in t.trained(name).steps:
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
        [place[1] for call, *_ in steps for place in call.windows]
        for steps in t.trained(name).epochs(t.epochs)
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
    sizes = {name: [len(call.windows) for call, *_ in t.trained(name).steps] for name in t.models}
    for name in sizes:
        if sizes[name] != sizes["RNN"]:
            return (
                f"the {name} was trained in batches of {sizes[name][0]}, the RNN in batches of "
                f"{sizes['RNN'][0]}: all three take the same."
            )


# ----- The validation -----------------------------------------------------------------------------


def _validated(t, name):
    """Return the calls of a model outside training that saw windows of val_X."""
    return [c for c in _on_validation(t, name) if not c.training]


def _on_validation(t, name):
    calls = [c for c in t.trained(name).calls if c != "step"]
    return [c for c in calls if any(place and place[0] == "val" for place in c.windows)]


def _as_asked(call):
    """Return whether a call validates at every step on windows that do not overlap."""
    gaps = _gaps(place[1] for place in call.windows if place)
    return call.every_step and (not gaps or min(gaps) >= SEQ_LEN)


@looks.at("validation-missing", "val_losses do not measure the validation windows")
def _(t):
    for name in t.models:
        if not _validated(t, name):
            if _on_validation(t, name):
                return (
                    f"the {name} was validated with dropout on: call model.eval() first, as "
                    "evaluate_model does."
                )
            return (
                f"the {name} was never evaluated on windows of val_X: call evaluate_model(model, "
                "val_X, val_y, criterion, every_step=True) after each epoch."
            )


@looks.at(
    "validation-windows", "validation on windows that overlap, on a few, or on their last steps"
)
def _(t):
    for name in t.models:
        calls = _validated(t, name)
        if not any(map(_as_asked, calls)):
            if not any(call.every_step for call in calls):
                return (
                    f"the {name} was validated on the final timestep of its windows only: pass "
                    "every_step=True, so that it is the measure of training."
                )
            return (
                f"the {name} was validated on windows that overlap: evaluate on val_X[49::50], as "
                "the first lines of the function choose it."
            )
        seen = {place[1] for call in calls for place in call.windows if place}
        if len(seen) < len(t.splits[2][49::50]) // 2:
            return (
                f"the {name} was validated on {len(seen)} window of val_X: evaluate on all of "
                "val_X[49::50]."
            )


@looks.at("validation-missing")
def _(t):
    for name in t.models:
        after = _validated_after(t, name)
        if len(after) == t.epochs and not after[-1]:
            return (
                f"the {name} was not validated after its last epoch of training: call "
                "evaluate_model after train_epoch, epoch by epoch."
            )


def _validated_after(t, name):
    """Return for each epoch of training the calls that validated after it, as asked."""
    asked = {id(call) for call in _validated(t, name) if _as_asked(call)}
    after, stepping = [], False
    for call in t.trained(name).calls:
        if call == "step" and not stepping:
            after.append([])
        stepping = call == "step" or (stepping and id(call) not in asked)
        if id(call) in asked and after:
            after[-1].append(call)
    return after


@looks.at("losses-changed")
def _(t):
    for name, measured in t.metrics.items():
        watched = t.trained(name)
        if any(c != "step" and c.loss is None and c.every_step for c in watched.calls):
            continue  # another criterion: its numbers are not known
        trained = [_mean(call for call, *_ in steps) for steps in watched.epochs(t.epochs)]
        validated = [_mean(calls) for calls in _validated_after(t, name)]
        for key, known in (("train_losses", trained), ("val_losses", validated)):
            for epoch, (seen, loss) in enumerate(zip(measured[key], known, strict=False), 1):
                known_of_all = len(known) == t.epochs and loss is not None
                if known_of_all and not math.isclose(seen, loss, rel_tol=2e-3):
                    return (
                        f"number {epoch} of metrics[{name!r}][{key!r}] is {seen:.4g}, but the "
                        f"loss measured in epoch {epoch} was {loss:.4g}: append each loss to its "
                        "own list, as it is."
                    )


def _mean(calls):
    """Return the mean loss per window of some calls; None where there is none."""
    known = [(call.loss, len(call.windows)) for call in calls if call.loss is not None]
    total = sum(count for _, count in known)
    return sum(loss * count for loss, count in known) / total if known else None


# ----- The weights that are kept ------------------------------------------------------------------


def _best(t, name):
    losses = t.metrics[name]["val_losses"]
    return losses.index(min(losses)) + 1


def _weights_of_epoch(t, name):
    """Return the epoch, from 1, whose last weights the returned model holds; None for no epoch."""
    returned = [p.detach().cpu().double().sum().item() for p in t.models[name].parameters()]
    for epoch, steps in enumerate(t.trained(name).epochs(t.epochs), 1):
        pairs = zip(returned, steps[-1][-1], strict=False)
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
                f"{name}'s validation loss was lowest in epoch {_best(t, name)} of {t.epochs}, but "
                f"the model returned holds the weights of epoch {epoch}: call best.update with the "
                "validation loss after every epoch, and best.restore() at the end."
            )


@looks.at("validation-missing")
def _(t):
    for name, model in t.models.items():
        lowest = min(t.metrics[name]["val_losses"])
        calls = filter(_as_asked, _validated(t, name))
        places = sorted({p[1] for call in calls for p in call.windows if p})
        *_, val_X, val_y = t.splits
        places = [place for place in places if place < len(val_X)]
        loss = helpers.evaluate_model(
            model, val_X[places], val_y[places], nn.CrossEntropyLoss(), every_step=True
        )
        if not math.isclose(loss, lowest, rel_tol=2e-3):
            return (
                f"the lowest of metrics[{name!r}]['val_losses'] is {lowest:.3f}, but on the "
                f"validation windows the model's loss is {loss:.3f}: append what evaluate_model "
                "returned for them."
            )


@looks.at("best-epoch", "best_epoch is not the epoch of the lowest validation loss, from 1")
def _(t):
    for name in t.models:
        seen = t.metrics[name]["best_epoch"]
        if not isinstance(seen, Real) or isinstance(seen, bool):
            return f"metrics[{name!r}]['best_epoch'] is {describe(seen)}: expected a number."
        if seen != _best(t, name):
            return (
                f"metrics[{name!r}]['best_epoch'] is {seen!r}, but the validation loss was lowest "
                f"in epoch {_best(t, name)}, counted from 1: best.restore() returns it."
            )
