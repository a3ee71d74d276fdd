"""TODO 1 to 4: the answers of a class, compared with the specified model with the same weights."""

import itertools
from collections import Counter

import torch

import helpers
from helpers import describe
from lab.ask import Raised, models as asking
from lab.ask.models import BATCH, DEFAULT, SPEC, STEPS, Question, questions
from lab.checks.rule import Broken, NotAttempted, attempted, need, need_number, need_one_per_model
from lab.checks.specified import (
    GATES,
    KNOWN_MISTAKES,
    Specified,
    alike,
    count,
    most_explained,
    ordered,
    parameters,
    shapes,
)
from lab.exercise import DROPOUT, MODELS, SIZES

TRIED = (
    f"(The check uses other sizes than the notebook, on purpose: vocab_size={SPEC['vocab_size']}, "
    f"embedding_dim={SPEC['embedding_dim']}, hidden_dim={SPEC['hidden_dim']}, "
    f"num_layers={SPEC['num_layers']}, and x has {BATCH} windows of {STEPS} characters.)"
)
SAID = {  # words of PyTorch's exceptions: the broken rule, and the cause
    "does not match weight dtype": (
        "raised",
        "The recurrent layer got whole numbers. Probably they are indices of characters that "
        "have not been embedded.",
    ),
    "shapes cannot be multiplied": (
        "raised",
        "A Linear layer got vectors of another length than the layer was made for.",
    ),
    "must be equal to input_size": (
        "raised",
        "The recurrent layer got vectors of another length than the layer was made for.",
    ),
    "index out of range in self": (
        "raised",
        "An index is too large for the embedding, which needs one row for each character.",
    ),
    f"Expected hidden size ({SPEC['num_layers']}, {STEPS},": (
        "batch-first",
        "The recurrent layer uses the batch dimension as time.",
    ),
    f"Expected hidden[0] size ({SPEC['num_layers']}, {STEPS},": (
        "batch-first",
        "The recurrent layer uses the batch dimension as time.",
    ),
}


def judge(kind, facts, seed):
    """Return the message for a class that answers as specified; raise Broken or NotAttempted.

    ``facts`` are what lab.ask.models.ask found on the class, with the questions of this seed.
    """
    asked = questions(kind, seed)
    _the_class(kind, facts)
    built = facts["built"]
    _layers(built[Question().spec()])
    needed = {q.spec() for _, q in asked} | {DEFAULT}
    need(built.keys() == needed, "differs", "The check did not get models of the sizes it needs.")
    for spec, layers in built.items():  # also before tensors of these shapes are made
        _sizes(kind, layers["shapes"], dict(spec))
    try:
        _compare(kind, facts, asked)
        need(
            facts["dropout"] == DROPOUT,
            "dropout-rate",
            f"The default value of dropout is {facts['dropout']}, but it must be {DROPOUT}.",
        )
        need(
            not facts["elsewhere"],
            "init-hidden-device",
            f"{facts['elsewhere']} makes a tensor on the CPU, although the model is on another "
            "device. The tensor must be on the device of the model.",
        )
    except Broken as broken:
        raise Broken(broken.rule, f"{broken}\n  {TRIED}") from None
    return (
        "Shapes, sizes, hidden state, gradients and dropout are as specified. With 73 characters, "
        f"the model has {count(kind, 73):,} parameters."
    )


def _the_class(kind, facts):
    # Raise for a class that cannot be tested.
    attempted(facts["class"])
    need(
        facts["module"],
        "not-a-module",
        f"The check got {facts['class'].replace(', not an instance of it', '')}, but it needs a "
        "class that inherits from nn.Module.",
    )
    need(not facts["signature"], "signature", facts["signature"])
    if raised := facts["raised"]:
        early = "before Module.__init__() call" in raised.text
        raise Broken(
            "super-init" if early else "raised",
            f"{raised}"
            + "\n  This line makes a layer before nn.Module is ready to store it." * early,
        )
    if facts["empty"]:
        raise NotAttempted
    need(
        not facts["stale"],
        "stale",
        f"Char{kind} is made from an older CharRNN. You have replaced that class since then.",
    )
    unseen = next(iter(facts["built"].values()))["unseen"]
    need(
        not unseen,
        "unregistered-layer",
        f"{unseen} that holds layers, so model.parameters() does not contain their weights.",
    )


# ----- Sizes --------------------------------------------------------------------------------------


def _sizes(kind, seen, spec):
    # Parameters of other shapes than the specification gives them.
    full, seen = SIZES | spec, Counter(seen)
    if seen == Counter(shapes(kind, **full)):
        return
    call = f"Char{kind}({', '.join(f'{argument}={value}' for argument, value in spec.items())})"
    for other in MODELS:
        need(
            seen != Counter(shapes(other, **full)),
            "layer-type",
            f"{call} has the parameters of nn.{other}, but it must have those of nn.{kind}.",
        )
    known = [n for shape in [*seen][:99] for n in shape if n < 10**4]  # no more can be meant
    sizes = {n // gates for n in known for gates in (1, GATES[kind])}
    for argument, value in itertools.product(full, sorted({*sizes, *range(1, 9)})):
        need(
            seen != Counter(shapes(kind, **full | {argument: value})),
            "layer-size",
            f"{call} has the sizes of a model with {argument}={value}, but the "
            f"{'argument' if argument in spec else 'default value'} is {full[argument]}.",
        )
    _other_parameters(call, kind, seen, full)


def _other_parameters(call, kind, seen, full):
    # One of several layers has another size, or there are more parameters, or fewer.
    specified = parameters(kind, **full)
    wanted = Counter(shape for _, shape, _ in specified)
    more, fewer = seen - wanted, wanted - seen
    for (layer, shape, arguments), other in itertools.product(specified, more):
        axes = [n for n, pair in enumerate(zip(shape, other, strict=False)) if len({*pair}) > 1]
        if shape in fewer and len(other) == len(shape) and len(axes) == 1:
            argument, size = arguments[axes[0]], other[axes[0]]
            size = size * full[argument] / shape[axes[0]]
            raise Broken(
                "layer-size",
                f"In {call}, {layer} has the size {size:g}, but it must have the size "
                f"{argument}={full[argument]}.",
            )
    told = [
        f"{number} {word} of shape {shape}"
        for word, others in (("too many", more), ("too few", fewer))
        for shape, number in others.items()
    ]
    raise Broken(
        "parameter-count",
        f"{call} must have the parameters of an embedding, nn.{kind} and one Linear layer with "
        f"their biases. But it has {', '.join(told)}.",
    )


# ----- Answers ------------------------------------------------------------------------------------


@torch.no_grad()
def _reference(kind, built, q, steps=None):
    # What the specified model with a class's weights answers to a question.
    drawn = asking.weights(built[q.spec()]["shapes"], q.seed)
    weights = [w.requires_grad_() for w in drawn]
    model = Specified(kind, ordered(kind, weights, **dict(q.spec())), q.dropout, **steps or {})
    model.parameters = lambda: weights  # in the class's order, as its gradients come
    return asking.answer(model, q)


def _agree(q, a, b):
    return alike(a, b, *((0.08, 0.0) if q.part == "scatter" else ()))


def _compare(kind, facts, asked):
    # Raise Broken for the first different answer, with the name of the mistake if it has one.
    place, wanted = _first_difference(kind, facts, asked)
    if place is None:
        return
    (rule, q), seen = asked[place], facts["answers"][place]
    as_usual = describe(seen) == describe(wanted)
    returned = f"The check called {q}." if as_usual else f"{q} returned {describe(seen)}."
    returned = f"{seen}\n " if isinstance(seen, Raised) else returned
    if mistake := _named(kind, facts, asked, place):
        raise Broken(mistake.rule, f"{returned} The mistake is probably this: {mistake.says}.")
    if isinstance(seen, Raised):
        rule, why = next((v for said, v in SAID.items() if said in seen.text), ("raised", ""))
        raise Broken(rule, f"{returned} {why}".rstrip())
    if q.part != "start":
        _by_chance(q, facts)
    need(
        as_usual,
        "logits-shape" if rule == "differs" else rule,
        f"{returned} It must return {describe(wanted)}.",
    )
    raise Broken(rule, _other_numbers(q, facts["built"][q.spec()]["names"], seen, wanted))


def _first_difference(kind, facts, asked):
    # The place of the first answer that is not the reference's, and the reference's; or None twice.
    # What init_hidden returns is looked at first: other answers may differ because of it.
    for place in sorted(range(len(asked)), key=lambda place: asked[place][1].part != "start"):
        wanted = _reference(kind, facts["built"], asked[place][1])
        if not _agree(asked[place][1], facts["answers"][place], wanted):
            return place, wanted
    return None, None


def _by_chance(q, facts):
    # Answers that differ from one time to the next.
    need(
        alike(*facts["copies"]),
        "dropout-always-on",
        f"The check called {q} twice in evaluation mode. The two results differ, but they must be "
        "the same.",
    )
    need(
        alike(facts["answers"][0], facts["answers"][-1]),
        "state-leaks",
        f"The result of {q} depends on earlier calls of the model. It must not depend on them.",
    )


def _named(kind, facts, asked, place):
    # The known mistake that explains most answers from the first difference on, or None.
    def same(mistake, n):
        (_, q), seen = asked[n], facts["answers"][n]
        return _agree(q, seen, _reference(kind, facts["built"], q, mistake.steps))

    def explained(mistake):
        return sum(1 for _ in itertools.takewhile(lambda n: same(mistake, n), range(len(asked))))

    likely = [mistake for mistake in KNOWN_MISTAKES if same(mistake, place)]
    return most_explained(likely, explained, place)


def _other_numbers(q, names, seen, wanted):
    # The first tensor of an answer that differs; all have the shapes that they should have.
    parts = {
        "output": ("the logits begin with", *["the state begins with"] * 2),
        "start": ["the state begins with"] * 2,
        "gradients": [f"after backward() the gradient of {name} has the norm" for name in names],
        "scatter": (
            "the variance of the logits is",
            "the variance of the state is",
        ),
    }[q.part]
    triples = zip(parts, _tensors(seen), _tensors(wanted), strict=False)
    part, got, expected = next(t for t in triples if not _agree(q, t[1], t[2]))
    return (
        f"In {q}, {part} {_begins(got)}. A model as in Part A, with the same weights, gives "
        f"{_begins(expected)}."
    )


def _tensors(answer):
    return [tensor for part in helpers.states(answer) for tensor in helpers.states(part)]


def _begins(tensor):
    return ", ".join(f"{number:.3f}" for number in tensor.flatten()[:3]) + f" ({tensor.dtype})"


def _layers(layers):
    # Settings and kinds of layers, which say more than what they compute.
    rules = {
        "bidirectional": "bidirectional",
        "nonlinearity": "layer-type",
        "proj_size": "layer-type",
    }
    for layer, setting, seen, usual in layers["settings"]:
        rule = rules.get(setting, "embedding-changed")
        raise Broken(
            rule, f"{layer} has {setting}={seen!r}, but it must have the default {usual!r}."
        )
    for name in layers["dropouts"]:
        need(
            name == "Dropout",
            "dropout-misplaced",
            f"The model has an nn.{name}, but it must use nn.Dropout, which drops single numbers.",
        )


# ----- TODO 4 -------------------------------------------------------------------------------------


def judge_counts(parameter_counts, vocab_size):
    """Return the message for three right counts; raise Broken or NotAttempted."""
    attempted(parameter_counts)
    need_one_per_model("counts-wrong", parameter_counts, "parameter_counts", "a number")
    for name, seen in parameter_counts.items():
        need_number("counts-wrong", f"parameter_counts[{name!r}]", seen)
        need(
            seen == count(name, vocab_size),
            "counts-wrong",
            f"parameter_counts[{name!r}] is {seen:,}, but Char{name}({vocab_size}) has "
            f"{count(name, vocab_size):,} trainable parameters.",
        )
    counts = ", ".join(f"{name} {number:,}" for name, number in parameter_counts.items())
    return f"The numbers of parameters are right: {counts}."
