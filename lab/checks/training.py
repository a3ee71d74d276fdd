"""TODO 5: what a training function did to the stand-ins, beside the training that was asked for."""

import numpy as np
import torch

import helpers
from helpers import describe
from lab.ask.training import EPOCHS, KEYS, SCHEDULED, SYMBOLS, VOCAB
from lab.checks.rule import Broken, NotAttempted, need, need_one_per_model
from lab.checks.specified import alike, most_explained
from lab.checks.trained import MISTAKES, ONCE, losses_by_choice, trace
from lab.exercise import DROPOUT, LEARNING_RATES, MODELS, SIZES

SPEC = {"vocab_size": VOCAB} | SIZES | {"dropout": DROPOUT}
UNNAMED = {  # of a difference without a name: its rule, and what the quantity should be
    "first weights": ("seed", "a model begins with the weights that SEED gives the first one made"),
    "windows": ("other-windows", "the given line chooses the windows of an epoch, and train_epoch "
                "takes them whole, in batches of 32"),
    "weights": ("differs", "one Adam takes a step for each batch, on the mean loss at every "
                "timestep"),
    "train_losses": ("losses-changed", "the list holds the loss that train_epoch returned, before "
                     "the seconds"),
    "val_losses": ("validation", "it is the loss on windows of val_X with which each character "
                   "counts once, at every timestep, after the epoch's training"),
    "best_epoch": ("best-weights", "it is the epoch with the lowest validation loss, counted from "
                   "1"),
    "last weights": ("best-weights", "the model ends with the weights of the epoch that has the "
                     "lowest validation loss"),
    "kept weights": ("keep-missing", "the given lines hand over each model once its best weights "
                     "are put back"),
}  # fmt: skip


def judge(found):
    """Return the message for a function that trains as asked; raises Broken or NotAttempted.

    ``found`` is what lab.ask.training saw, for each number of EPOCHS.
    """
    for epochs, seen in zip(EPOCHS, found, strict=True):
        _returned(seen)
        for name in MODELS:
            _learned(name, _trained(name, seen))
            _lists(name, epochs, seen["metrics"][name])
    for name in MODELS:
        _compare(name, found)
    for seen in found:
        _times(seen)
    return "Three models trained as asked, twice, on tiny texts; best weights kept."


# ----- What was returned --------------------------------------------------------------------------


def _returned(seen):
    # A function that did not get to its end, or that returned something else.
    learned = any(made["steps"] for made in seen["made"])
    if not learned and seen["returned"] in ("None", "a tuple of 2: None, None"):
        raise NotAttempted("Fill in the TODO above, and delete its line: return None, None.")
    for made in seen["made"]:
        other = ", ".join(f"{k}={v!r}" for k, v in made["spec"].items() if v != SPEC[k])
        need(
            not other,
            "model-sizes",
            f"the {made['kind']} is made with {other}: expected what its class has by default.",
        )
    need(not seen["raised"], "raised", str(seen["raised"]))
    need(
        seen["returned"] == "the pair",
        "models-missing",
        f"train_and_compare_models returned {seen['returned']}: expected (models, metrics).",
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
            f"models[{name!r}] is {model}: expected a model of the class given under this name.",
        )
        need(
            model["kind"] == name,
            "wrong-class",
            f"models[{name!r}] is a Char{model['kind']}: expected a Char{name}.",
        )
    for name, measured in seen["metrics"].items():
        need(
            isinstance(measured, dict) and set(KEYS) <= set(measured),
            "metrics-lists",
            f"metrics[{name!r}] is {describe(measured)}: expected the entries {KEYS}.",
        )


def _trained(name, seen):
    # The one model of a name that was trained, which is also the one returned.
    trained = [made for made in seen["made"] if made["kind"] == name and made["steps"]]
    need(
        trained or np.inf not in helpers.states(seen["metrics"][name]["train_losses"]),
        "other-loss",
        f"the first loss of the {name} is so large that it counts as diverged: expected the mean "
        "over all predictions.",
    )
    need(
        trained,
        "not-trained",
        f"no optimizer moved the weights of a Char{name}: either it was not trained, or the "
        "optimizer was given the parameters of another model.",
    )
    need(
        len(trained) == 1,
        "many-models",
        f"{len(trained)} models of Char{name} were trained: expected one, through all epochs.",
    )
    place = seen["models"][name]["place"]
    need(
        place is None or seen["made"][place] is trained[0],
        "many-models",
        f"models[{name!r}] is another model than the one that was trained.",
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
            f"the {name} was trained by {step['optimizer']}: expected optim.Adam.",
        )
        for group in step["settings"]:
            other = {key: value for key, value in group.items() if value != usual[key]}
            need(
                not {"lr", SCHEDULED} & set(other),
                "learning-rate",
                f"the {name} was trained with lr={group['lr']:g}"
                f"{', which a scheduler changes' * (SCHEDULED in other)}: expected "
                f"{usual['lr']:g}, the rate of the {name}, in all epochs.",
            )
            need(not other, "optimizer", f"the {name}'s Adam has {other}: expected its defaults.")
    need(
        len({step["number"] for step in trained["steps"]}) == 1,
        "optimizer",
        f"the {name} was trained by more than one Adam: a new one has lost the running means of "
        "the gradients.",
    )
    need(
        all(step["training"] for step in trained["steps"]),
        "train-mode",
        f"the {name} was trained after model.eval(): dropout would be off.",
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
            f"metrics[{name!r}][{key!r}] is {describe(values)} when epochs={epochs} was asked for: "
            "expected a list of its own with one number for each epoch.",
        )


def _times(seen):
    # Times that cannot be those of the epochs.
    times = [t for name in MODELS for t in seen["metrics"][name]["epoch_times"]]
    need(
        0 < sum(times) <= seen["seconds"],
        "losses-changed",
        f"the epoch_times, {times[:3]}, …, add up to {sum(times):.3g} s, but the whole call took "
        f"{seen['seconds']:.3g} s: expected the seconds that train_epoch returns.",
    )


# ----- What happened ------------------------------------------------------------------------------


def _agreement(name, found, chosen, mistake=None):
    # Return how many events a model shares with the training asked for, or with one that has a
    # mistake, and the first other one: (quantity, epoch, what was seen, what was expected).
    count = 0
    for epochs, seen in zip(EPOCHS, found, strict=True):
        happened = {quantity: iter(values) for quantity, values in _happened(name, seen).items()}
        for quantity, epoch, wanted in trace(name, epochs, chosen, mistake):
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
        "first weights": [trained["first"]],
        "windows": [step["windows"] for step in trained["steps"]],
        "weights": [step["weights"] for step in trained["steps"]],
        "train_losses": measured["train_losses"],
        "val_losses": measured["val_losses"],
        "last weights": [seen["models"][name]["weights"]],
        "best_epoch": [measured["best_epoch"]],
        "kept weights": kept[-1:],
    }


def _same(got, wanted, digits=(2, 3)):
    # Whether a number, which may be rounded to so many digits, or an array is the one wanted.
    if not isinstance(got, int | float):
        return alike(got, wanted, rtol=0)
    rounded = (got == round(got, n) and abs(got - wanted) <= 0.51 * 10**-n for n in digits)
    return np.isclose(got, wanted, rtol=2e-5) or any(rounded)


def _compare(name, found):
    # Where a model's training departs from the one asked for, by its mistake's name.
    exact, first = [], next(iter(found[0]["metrics"][name]["val_losses"]), None)
    for chosen, loss in zip(ONCE, losses_by_choice(name), strict=True):
        if _same(first, loss) and _agreement(name, found, chosen)[1] is None:
            return
        if _same(first, loss, digits=()):
            exact.append(chosen)
    chosen = next(iter(exact), ONCE[0])
    shared, other = _agreement(name, found, chosen)
    quantity, epoch, got, wanted = other
    when = f"{quantity} of the {name}" + f" in epoch {epoch}" * bool(epoch)
    if best := most_explained(
        MISTAKES, lambda made: _agreement(name, found, chosen, made)[0], shared
    ):
        raise Broken(best.rule, f"{when}: {best.says}.")
    rule, means = UNNAMED[quantity]
    raise Broken(rule, f"{when}: {_told(quantity, got, wanted)}. Expected: {means}.")


def _told(quantity, got, wanted):
    # Two different values of an event in words.
    if quantity == "windows":
        same = _windows(got) == _windows(wanted)
        more = "other ones, or in another order" if same else _windows(got)
        return f"a step read {more}, where {_windows(wanted)} were expected"
    if got is None:
        return "missing"
    if isinstance(got, np.ndarray):
        place = np.abs(got - wanted).argmax()
        got, wanted = float(got[place]), float(wanted[place])
    shown = f"{got:.4g}" if isinstance(got, float) else str(got)
    return f"{shown}, in the training asked for {wanted:.4g}"


def _windows(windows):
    # Return in words which windows a model read in a step.
    of_val = sum(max(window) >= SYMBOLS for window in windows or [])
    counts = {"train_X": len(windows or []) - of_val, "val_X": of_val}
    return " and ".join(f"{n} windows of {X}" for X, n in counts.items() if n) or "no windows"
