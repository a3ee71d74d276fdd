"""TODO 5: how a student's function trains the stand-ins, compared with the specified training."""

import numpy as np
import torch

import helpers
from helpers import describe
from lab.ask.training import EPOCHS, KEYS, SCHEDULED, SYMBOLS, VOCAB
from lab.checks.rule import Broken, NotAttempted, attempted, need, need_one_per_model
from lab.checks.specified import alike, most_explained
from lab.checks.trained import MISTAKES, ONCE, losses_by_choice, trace
from lab.exercise import DROPOUT, LEARNING_RATES, MODELS, SIZES

SPEC = {"vocab_size": VOCAB} | SIZES | {"dropout": DROPOUT}
UNNAMED = {  # by quantity, for a difference without a name: the rule, and the right value
    "weights at the start": (
        "seed",
        "A model must begin with the weights that SEED gives to the first model after it",
    ),
    "windows": (
        "other-windows",
        "The given line chooses the windows of an epoch. train_epoch takes all of them, in "
        "batches of 32",
    ),
    "weights": (
        "differs",
        "One Adam must make a step for each batch, on the mean loss at every timestep",
    ),
    "train_losses": (
        "losses-changed",
        "train_epoch returns a pair, (loss, seconds). The list must hold the loss",
    ),
    "val_losses": (
        "validation",
        "The list must hold the loss after the training of the epoch, at every timestep. The "
        "windows of val_X must not overlap, so that each character counts once",
    ),
    "best_epoch": (
        "best-weights",
        "best_epoch must be the epoch with the lowest validation loss, counted from 1",
    ),
    "weights at the end": (
        "best-weights",
        "The model must end with the weights of the epoch with the lowest validation loss",
    ),
    "weights given to keep": (
        "keep-missing",
        "The given line keep(...) must run for each model, after its best weights are put back",
    ),
}


def judge(found, seed):
    """Return the message for a function that trains as specified; raise Broken or NotAttempted.

    ``found`` is what lab.ask.training.ask found with this seed, for each number of EPOCHS.
    """
    attempted(found)
    for epochs, seen in zip(EPOCHS, found, strict=True):
        _returned(seen)
        for name in MODELS:
            _learned(name, _trained(name, seen))
            _lists(name, epochs, seen["metrics"][name])
    for name in MODELS:
        _compare(name, found, seed)
    for seen in found:
        _times(seen)
    return (
        "The check called your function twice, on two very short texts. Each time, it trained "
        "three models as specified and returned the weights of their best epochs."
    )


# ----- What was returned --------------------------------------------------------------------------


def _returned(seen):
    # A function that did not get to its end, or that returned something else.
    learned = any(made["steps"] for made in seen["made"])
    if not learned and seen["returned"] in ("None", "a tuple of 2: None, None"):
        raise NotAttempted("Fill in the TODO above, and delete its line return None, None.")
    for made in seen["made"]:
        other = ", ".join(f"{k}={v!r}" for k, v in made["spec"].items() if v != SPEC[k])
        need(
            not other,
            "model-sizes",
            f"The {made['kind']} is made with {other}, but it must be made with vocab_size and the "
            "default values of its class.",
        )
    need(not seen["raised"], "raised", str(seen["raised"]))
    need(
        seen["returned"] == "the pair",
        "models-missing",
        f"train_and_compare_models returned {seen['returned']}, but it must return (models, "
        "metrics).",
    )
    _models_and_metrics(seen)


def _models_and_metrics(seen):
    # A pair that lacks a model or a list, or holds one of another kind.
    need_one_per_model("models-missing", seen["models"], "models", "a trained model")
    need_one_per_model("metrics-lists", seen["metrics"], "metrics", f"the entries {KEYS}")
    for name, model in seen["models"].items():
        need(
            isinstance(model, dict),
            "wrong-class",
            f"models[{name!r}] is {model}, but it must be a model of the class that model_classes "
            "has under this name.",
        )
        need(
            model["kind"] == name,
            "wrong-class",
            f"models[{name!r}] is a Char{model['kind']}, but it must be a Char{name}.",
        )
    for name, measured in seen["metrics"].items():
        need(
            isinstance(measured, dict) and set(KEYS) <= set(measured),
            "metrics-lists",
            f"metrics[{name!r}] is {describe(measured)}, but it must have the entries {KEYS}.",
        )


def _trained(name, seen):
    # The one model of a name that was trained, which is also the one returned.
    trained = [made for made in seen["made"] if made["kind"] == name and made["steps"]]
    need(
        trained or np.inf not in helpers.states(seen["metrics"][name]["train_losses"]),
        "other-loss",
        f"The first loss of the {name} is so large that its training counts as failed (diverged). "
        "The loss must be the mean over all predictions.",
    )
    need(
        trained,
        "not-trained",
        f"The weights of Char{name} were not changed by an optimizer. Either the model was not "
        "trained, or the optimizer got the parameters of another model.",
    )
    need(
        len(trained) == 1,
        "many-models",
        f"{len(trained)} models of Char{name} were trained, but one model must be trained through "
        "all epochs.",
    )
    place = seen["models"][name]["place"]
    need(
        place is None or seen["made"][place] is trained[0],
        "many-models",
        f"models[{name!r}] is not the model that was trained.",
    )
    return trained[0]


def _learned(name, trained):
    # A model is trained in training mode, by one Adam as it is by default, at its own rate.
    usual = torch.optim.Adam([torch.zeros(1)]).defaults
    usual |= {"lr": LEARNING_RATES[name], SCHEDULED: None}
    for step in trained["steps"]:
        need(
            step["optimizer"] == "Adam",
            "optimizer",
            f"The {name} was trained by {step['optimizer']}, but it must be trained by optim.Adam.",
        )
        for group in step["settings"]:
            other = {key: value for key, value in group.items() if value != usual[key]}
            need(
                not {"lr", SCHEDULED} & set(other),
                "learning-rate",
                f"The {name} was trained with lr={group['lr']:g}"
                f"{', which a scheduler changes' * (SCHEDULED in other)}. In all epochs, lr must "
                f"be {usual['lr']:g}, the learning rate of the {name}.",
            )
            need(
                not other,
                "optimizer",
                f"The Adam of the {name} has {other}, but it must have its default settings.",
            )
    need(
        len({step["number"] for step in trained["steps"]}) == 1,
        "optimizer",
        f"The {name} was trained by more than one Adam. Use one Adam for all epochs, because a new "
        "Adam does not have the running means of the gradients.",
    )
    need(
        all(step["training"] for step in trained["steps"]),
        "train-mode",
        f"The {name} was trained after model.eval(). This switches dropout off, but it must be on "
        "during training.",
    )


def _lists(name, epochs, measured):
    # Three lists with a number for each epoch, or fewer where a loss has ended the training.
    losses = [v for key in KEYS[:2] for v in helpers.states(measured[key]) if isinstance(v, float)]
    for key in KEYS[:3]:
        values = measured[key]
        numbers = isinstance(values, list) and not any(isinstance(v, str) for v in values)
        need(
            numbers and (len(values) == epochs or any(map(helpers.diverged, losses))),
            "metrics-lists",
            f"With epochs={epochs}, metrics[{name!r}][{key!r}] is {describe(values)}. It must be a "
            "separate list with one number for each epoch.",
        )


def _times(seen):
    # Times that cannot be those of the epochs.
    times = [t for name in MODELS for t in seen["metrics"][name]["epoch_times"]]
    need(
        0 < sum(times) <= seen["seconds"],
        "losses-changed",
        f"The epoch_times, {times[:3]}, …, add up to {sum(times):.3g} s, but the whole call took "
        f"{seen['seconds']:.3g} s. The list must hold the seconds that train_epoch returns.",
    )


# ----- What happened ------------------------------------------------------------------------------


def _agreement(name, found, chosen, seed, mistake=None):
    # Return how many events a model shares with the training asked for, or with one that has a
    # mistake, and the first other one: (quantity, epoch, what was seen, what was expected).
    count = 0
    for epochs, seen in zip(EPOCHS, found, strict=True):
        happened = {quantity: iter(values) for quantity, values in _happened(name, seen).items()}
        for quantity, epoch, wanted in trace(name, epochs, chosen, seed, mistake):
            got = next(happened[quantity], None)
            if not _same(got, wanted):
                return count, (quantity, epoch, got, wanted)
            count += 1
        if more := next(happened["windows"], None):
            return count, ("windows", epochs, more, None)
    return count + 1, None


def _happened(name, seen):
    # Return the values of each quantity in a model's training, in their order.
    trained, measured = _trained(name, seen), seen["metrics"][name]
    kept = [
        model["weights"]
        for of, model, noted in seen["kept"]
        if of == name
        and isinstance(model, dict)
        and isinstance(noted, dict)
        and set(KEYS) <= set(noted)
    ]
    return {
        "weights at the start": [trained["first"]],
        "windows": [step["windows"] for step in trained["steps"]],
        "weights": [step["weights"] for step in trained["steps"]],
        "train_losses": measured["train_losses"],
        "val_losses": measured["val_losses"],
        "weights at the end": [seen["models"][name]["weights"]],
        "best_epoch": [measured["best_epoch"]],
        "weights given to keep": kept[-1:],
    }


def _same(got, wanted, digits=(2, 3)):
    # Whether a number, which may be rounded to so many digits, or an array is the one wanted.
    if not isinstance(got, int | float):
        return alike(got, wanted, rtol=0)
    rounded = (got == round(got, n) and abs(got - wanted) <= 0.51 * 10**-n for n in digits)
    return np.isclose(got, wanted, rtol=2e-5) or any(rounded)


def _compare(name, found, seed):
    # Raise Broken for the first difference from the specified training, with its name if known.
    exact, first = [], next(iter(found[0]["metrics"][name]["val_losses"]), None)
    for chosen, loss in zip(ONCE, losses_by_choice(name, seed), strict=True):
        if _same(first, loss) and _agreement(name, found, chosen, seed)[1] is None:
            return
        if _same(first, loss, digits=()):
            exact.append(chosen)
    chosen = next(iter(exact), ONCE[0])
    shared, other = _agreement(name, found, chosen, seed)
    quantity, epoch, got, wanted = other
    when = (
        f"The first difference from the specified training is in the {quantity} of the {name}"
        + f", epoch {epoch}" * bool(epoch)
    )
    if best := most_explained(
        MISTAKES, lambda made: _agreement(name, found, chosen, seed, made)[0], shared
    ):
        raise Broken(best.rule, f"{when}. The mistake is probably this: {best.says}.")
    rule, means = UNNAMED[quantity]
    raise Broken(rule, f"{when}. {_told(quantity, got, wanted)}. {means}.")


def _told(quantity, got, wanted):
    # Return the two values of a quantity in a sentence.
    if quantity == "windows":
        same = _windows(got) == _windows(wanted)
        more = "other windows, or these windows in another order" if same else _windows(got)
        return f"The check expected {_windows(wanted)}, but an optimizer step read {more}"
    if got is None:
        return "Your function does not give this value"
    if isinstance(got, np.ndarray):
        place = np.abs(got - wanted).argmax()
        got, wanted = float(got[place]), float(wanted[place])
    shown = f"{got:.4g}" if isinstance(got, float) else str(got)
    return f"Your training gives {shown}, but the specified training gives {wanted:.4g}"


def _windows(windows):
    # Return in words which windows a model read in a step.
    of_val = sum(max(window) >= SYMBOLS for window in windows or [])
    counts = {"train_X": len(windows or []) - of_val, "val_X": of_val}
    return (
        " and ".join(f"{n} window{'s' * (n != 1)} of {X}" for X, n in counts.items() if n)
        or "0 windows"
    )
