"""TODO 5: what a training function did to the stand-ins, beside the training that was asked for."""

import numpy as np
import torch

import helpers
from helpers import MODELS
from lab.ask.training import KEYS, SEQ_LEN, SETTINGS, SYMBOLS, TASKS, VOCAB, Read, Step
from lab.checks.rule import Broken, NotAttempted, need_one_per_model
from lab.checks.trained import MISTAKES, Training

SPEC = {"vocab_size": VOCAB, "embedding_dim": 128, "hidden_dim": 256, "num_layers": 2}
SPEC |= {"dropout": 0.3}
UNNAMED = {  # of a difference without a name: its rule, and what the quantity should be
    "first weights": ("seed", "SEED is set right before each model is made"),
    "windows": ("other-windows", "one_pass(train_X, train_y, seed=epoch) returned X and y, which "
                "train_epoch takes whole, in batches of 32"),
    "weights": ("differs", "one Adam takes a step for each batch, on the mean loss at every "
                "timestep"),
    "train_losses": ("losses-changed", "the list holds the loss that train_epoch returned, before "
                     "the seconds"),
    "val_losses": ("validation", "it is the loss on val_X and val_y at every timestep, after the "
                   "epoch's training"),
    "best_epoch": ("best-weights", "it is what best.restore() returned, counted from 1"),
    "last weights": ("best-weights", "the model ends with the weights of the epoch that has the "
                     "lowest validation loss"),
}  # fmt: skip


def judge(found):
    """Return the message for a function that trains as asked; raises Broken or NotAttempted.

    ``found`` is what lab.ask.training saw, for each of its tasks.
    """
    for task, seen in zip(TASKS, found, strict=True):
        _returned(seen)
        trained = {name: _trained(name, seen) for name in MODELS}
        for name in MODELS:
            _optimizer(name, trained[name])
        _lists(task, seen)
        for name in MODELS:
            _modes(name, trained[name])
            _compare(name, task, found)
        _kept(seen)
        _times(seen)
    return "Three models trained as asked, twice, on tiny texts; best weights kept."


# ----- What was returned --------------------------------------------------------------------------


def _returned(seen):
    """Raise for a function that did not get to its end, or that returned something else."""
    steps = any(isinstance(e, Step) for made in seen["made"] for e in made["events"])
    if not steps and seen["returned"] in ("None", "a tuple of 2: None, None"):
        if not seen["raised"]:
            raise NotAttempted("Fill in TODO 5 above, and delete its line: return None, None.")
    for made in seen["made"]:
        for (argument, wanted), value in zip(SPEC.items(), made["spec"], strict=True):
            if value != wanted:
                raise Broken(
                    "model-sizes",
                    f"the {made['kind']} is made with {argument}={value!r}: expected {wanted}, as "
                    "model_class(vocab_size) makes it.",
                )
    if seen["raised"]:
        raise Broken("raised", str(seen["raised"]))
    if seen["returned"] != "the pair":
        raise Broken(
            "models-missing",
            f"train_and_compare_models returned {seen['returned']}: expected (models, metrics).",
        )
    need_one_per_model("models-missing", seen["models"], "models", "a trained model")
    need_one_per_model("metrics-lists", seen["metrics"], "metrics", f"the entries {KEYS}")
    for name, model in seen["models"].items():
        if model == f"a Char{name}":
            raise Broken(
                "wrong-class",
                f"models[{name!r}] was not made from the classes that the function is given: make "
                "it from model_class, which the given loop takes from model_classes.",
            )
        if isinstance(model, str):
            raise Broken(
                "models-missing", f"models[{name!r}] is {model}: expected the trained model."
            )
        if model["kind"] != name:
            raise Broken(
                "wrong-class",
                f"models[{name!r}] is a Char{model['kind']}: expected a Char{name}.",
            )


def _trained(name, seen):
    """Return the model of a name that was trained; raises Broken unless it is one."""
    made = [m for m in seen["made"] if m["kind"] == name]
    trained = [m for m in made if any(isinstance(e, Step) for e in m["events"])]
    if not trained and np.inf in seen["metrics"][name].get("train_losses", ()):
        raise Broken(
            "other-loss",
            f"the first loss of the {name} is so large that it counts as diverged: the given line "
            "makes nn.CrossEntropyLoss(), which takes the mean.",
        )
    if not trained:
        raise Broken(
            "not-trained",
            f"no optimizer moved the weights of a Char{name}: either it was not trained, or the "
            "optimizer was given the parameters of another model.",
        )
    if len(trained) > 1:
        raise Broken(
            "many-models",
            f"{len(trained)} models of Char{name} were trained: a model, its optimizer and its "
            "BestWeights are made once, before the epochs.",
        )
    place = seen["models"][name]["place"]
    if place is not None and seen["made"][place] is not trained[0]:
        raise Broken(
            "many-models",
            f"models[{name!r}] is another model than the one that was trained.",
        )
    return trained[0]


def _optimizer(name, trained):
    """Raise Broken for a model that was not trained by one Adam at its own learning rate."""
    defaults = torch.optim.Adam([torch.zeros(1)]).param_groups[0]
    steps = [e for e in trained["events"] if isinstance(e, Step)]
    for step in steps:
        if step.optimizer != "Adam":
            raise Broken(
                "optimizer", f"the {name} was trained by {step.optimizer}: expected optim.Adam."
            )
        for group in step.settings:
            if step.number == steps[0].number and group["lr"] != helpers.LEARNING_RATES[name]:
                raise Broken(
                    "learning-rate",
                    f"the {name} was trained with lr={group['lr']:g}: expected "
                    f"LEARNING_RATES[{name!r}], {helpers.LEARNING_RATES[name]:g}, in all epochs.",
                )
            if other := next((key for key in SETTINGS if group[key] != defaults[key]), None):
                raise Broken(
                    "optimizer",
                    f"the {name}'s Adam has {other}={group[other]}: expected the default, "
                    f"{defaults[other]}, for all three.",
                )
    if len({step.number for step in steps}) > 1:
        raise Broken(
            "optimizer",
            f"the {name} was trained by more than one Adam: it is made once, before the epochs, "
            "since it keeps running means of the gradients.",
        )


def _lists(task, seen):
    """Raise Broken for metrics that are not three lists with a number for each epoch."""
    for name, measured in seen["metrics"].items():
        if isinstance(measured, str):
            raise Broken("metrics-lists", f"metrics[{name!r}] is {measured}: expected {KEYS}.")
        if lacking := [key for key in KEYS if key not in measured]:
            raise Broken(
                "metrics-lists", f"metrics[{name!r}] lacks {lacking}: it has {list(measured)}."
            )
    for (name, key), (other, other_key) in seen["lists"]:
        raise Broken(
            "metrics-lists",
            f"metrics[{other!r}][{other_key!r}] is the very list that metrics[{name!r}][{key!r}] "
            "is: each model and each entry needs a list of its own.",
        )
    for name, measured in seen["metrics"].items():
        _lengths(task, name, measured)
        if measured["train_losses"] == measured["epoch_times"]:
            raise Broken(
                "losses-changed",
                f"metrics[{name!r}] holds the same numbers as train_losses and as epoch_times: "
                "train_epoch returns (mean loss, seconds), in this order.",
            )


def _times(seen):
    """Raise Broken for times that cannot be those of the epochs."""
    total = sum(sum(measured["epoch_times"]) for measured in seen["metrics"].values())
    if not 0 < total <= seen["seconds"]:
        raise Broken(
            "losses-changed",
            f"the epoch_times add up to {total:.3g} s, but the whole call took "
            f"{seen['seconds']:.3g} s: expected the seconds of each epoch, which train_epoch "
            "returns after the mean loss.",
        )


def _lengths(task, name, measured):
    lists = {key: measured[key] for key in KEYS[:3]}
    for key, values in lists.items():
        if not isinstance(values, list):
            raise Broken(
                "metrics-lists",
                f"metrics[{name!r}][{key!r}] is {values}: expected a list of a number per epoch.",
            )
        if odd := next((value for value in values if isinstance(value, str)), None):
            raise Broken(
                "metrics-lists", f"metrics[{name!r}][{key!r}] holds {odd}: expected plain numbers."
            )
    if any(map(helpers.diverged, lists["train_losses"] + lists["val_losses"])):
        return  # its training ended early: the comparison says why
    lengths = {key: len(values) for key, values in lists.items()}
    if len(set(lengths.values())) == 1 and lengths["val_losses"] not in (0, task.epochs):
        raise Broken(
            "metrics-lists",
            f"asked for epochs={task.epochs}, metrics[{name!r}] holds {lengths['val_losses']}.",
        )
    if set(lengths.values()) != {task.epochs}:
        raise Broken(
            "metrics-lists",
            f"metrics[{name!r}] holds {lengths} numbers: expected one per epoch, {task.epochs} "
            "each.",
        )


# ----- What happened ------------------------------------------------------------------------------


def _modes(name, trained):
    """Raise Broken for training in evaluation mode, or validation in training mode."""
    read, validated = None, []
    for event in trained["events"]:
        if isinstance(event, Read):
            read = event
            if max(map(max, read.windows)) >= SYMBOLS:
                validated.append(read.training)
        elif read and not read.training:
            raise Broken(
                "train-mode", f"the {name} was trained after model.eval(): dropout would be off."
            )
    if validated and all(validated):
        raise Broken(
            "validation",
            f"the {name} was validated in training mode: with dropout on, as evaluate_model never "
            "does.",
        )


def _agreement(events, seen):
    """Return how many events of a training the model of its name agrees with, and the other one.

    That is the first that differs, as (quantity, epoch, what was seen, what was expected), or None.
    """
    trained, measured = _trained(events.name, seen), seen["metrics"][events.name]
    steps, count = iter(_steps(trained)), 0
    read, moved = next(steps, (None, None))
    for quantity, epoch, wanted in events:
        if quantity == "weights":
            got, (read, moved) = moved, next(steps, (None, None))
        elif quantity == "windows":
            got = read
        elif quantity in KEYS:
            place = slice(epoch - 1, epoch)
            got = measured[quantity]
            got = next(iter(got[place]), None) if isinstance(got, list) else got
        else:
            last = quantity == "last weights"
            got = seen["models"][events.name]["weights"] if last else trained["first"]
        if not _same(got, wanted):
            return count, (quantity, epoch, got, wanted)
        count += 1
    return count, None if read is None else ("windows", events.task.epochs, read, None)


def _steps(trained):
    """Yield for each step of an optimizer the windows that were read before it, and the weights."""
    windows = None
    for event in trained["events"]:
        if isinstance(event, Read):
            windows = event.windows
        else:
            yield windows, event.weights


def _same(got, wanted):
    if isinstance(got, np.ndarray) and isinstance(wanted, np.ndarray):
        return got.shape == wanted.shape and np.allclose(got, wanted, rtol=0, atol=1e-4)
    if not isinstance(got, float) or not isinstance(wanted, float):
        return got == wanted
    rounded = (got == round(got, n) and abs(got - wanted) <= 0.51 * 10**-n for n in (2, 3))
    return np.isclose(got, wanted, rtol=2e-5) or any(rounded)


def _compare(name, task, found):
    """Raise Broken where a model's training departs from the one asked for, by its mistake's name."""
    _, other = _agreement(Training(name, task), found[TASKS.index(task)])
    if other is None:
        return
    most, best = _explained(name, found, {}), None
    for mistake in MISTAKES:
        if (count := _explained(name, found, mistake.steps)) > most:
            most, best = count, mistake
    quantity, epoch, got, wanted = other
    when = f"{quantity} of the {name}" + f" in epoch {epoch}" * bool(epoch)
    if best:
        raise Broken(best.rule, f"{when}: {best.says}.")
    rule, means = UNNAMED[quantity]
    raise Broken(rule, f"{when}: {_told(quantity, got, wanted)}. Expected: {means}.")


def _explained(name, found, steps):
    """Return how many events, until one differs, a training with other steps shares with a model's."""
    total = 0
    for task, seen in zip(TASKS, found, strict=True):
        try:
            count, other = _agreement(Training(name, task, **steps), seen)
        except Broken:  # what was returned for this task says less
            return total
        total += count
        if other:
            return total
    return total + 1


def _told(quantity, got, wanted):
    """Return two different values of an event in words."""
    if quantity == "windows":
        if _windows(got) == _windows(wanted):
            return "a step read other windows than expected, or in another order"
        return f"a step read {_windows(got)}, where {_windows(wanted)} were expected"
    if isinstance(got, np.ndarray):
        place = np.abs(got - wanted).argmax()
        return f"one of them is {got[place]:.4f}, in the training asked for {wanted[place]:.4f}"
    if isinstance(got, float):
        return f"{got:.4g}, in the training asked for {wanted:.4g}"
    return f"{'missing' if got is None else got}, in the training asked for {wanted:.4g}"


def _windows(windows):
    """Return in words which windows a model read in a step."""
    if not windows:
        return "none"
    texts = TASKS[0].texts()
    known = {name: {tuple(w) for w in t.unfold(0, SEQ_LEN, 1).tolist()} for name, t in texts.items()}
    counts = {
        f"of {name}_X": sum(tuple(window) in known[name] for window in windows) for name in known
    }
    counts["of neither text"] = len(windows) - sum(counts.values())
    return " and ".join(f"{count} windows {where}" for where, count in counts.items() if count)


def _kept(seen):
    """Raise Broken unless keep was given each trained model with what was measured of it."""
    kept = {name: (weights, keys) for name, weights, keys in seen["kept"]}
    for name in MODELS:
        if name not in kept:
            raise Broken(
                "keep-missing",
                f"keep was not called for the {name}: the given lines at the end of the loop save "
                "each model once it is trained.",
            )
        weights, keys = kept[name]
        if not (isinstance(weights, np.ndarray) and _same(weights, seen["models"][name]["weights"])):
            raise Broken(
                "keep-missing",
                f"keep was given other weights of the {name} than those that are returned: it is "
                "called once the best weights are put back.",
            )
        if not set(KEYS) <= set(keys):
            raise Broken(
                "keep-missing", f"keep was given {keys} of the {name}: expected metrics[{name!r}]."
            )
