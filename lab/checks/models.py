"""TODO 1 to 4: a class's answers beside those of the specified model that has its weights."""

import itertools

import numpy as np
import torch

import helpers
from helpers import describe
from lab.ask import Raised, models as asking
from lab.ask.models import DEFAULT, SPEC, Question
from lab.checks.rule import Broken, NotAttempted, attempted, need, need_number, need_one_per_model
from lab.checks.specified import (
    GATES,
    Specified,
    alike,
    count,
    known_mistakes,
    most_explained,
    ordered,
    parameters,
    shapes,
)
from lab.exercise import DROPOUT, MODELS, SIZES

BATCH, STEPS = 5, 9
TRIED = (
    f"(Tried with vocab_size={SPEC['vocab_size']}, embedding_dim={SPEC['embedding_dim']}, "
    f"hidden_dim={SPEC['hidden_dim']}, num_layers={SPEC['num_layers']}, on x of {BATCH} windows of "
    f"{STEPS} characters: other sizes than the notebook's, on purpose.)"
)
SAID = {  # what PyTorch says: the rule that is broken then, and where it comes from
    "does not match weight dtype": (
        "raised",
        "The recurrent layer was given x, the indices, where the embedded characters belong.",
    ),
    "index out of range in self": (
        "raised",
        "An index is larger than the embedding has rows: it should have one for each character.",
    ),
    f"Expected hidden size ({SPEC['num_layers']}, {STEPS},": (
        "batch-first",
        "The recurrent layer takes the batch for time.",
    ),
    f"Expected hidden[0] size ({SPEC['num_layers']}, {STEPS},": (
        "batch-first",
        "The recurrent layer takes the batch for time.",
    ),
}


def questions(kind, seed=0):
    """Return what a class is asked, pairs (rule if nothing else has a name, Question), in order."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randint(SPEC["vocab_size"], (BATCH, STEPS), generator=generator)
    state = (1 + (kind == "LSTM"), SPEC["num_layers"], BATCH, SPEC["hidden_dim"])
    x, letters = x.tolist(), [[letter] for letter in range(SPEC["vocab_size"])]
    small = x[:1], [row[:1] for row in x], [x[0][:1]]
    asked = [
        ("differs", Question(x)),
        ("return-sequences", Question(x, every=True)),
        ("hidden-ignored", Question(x, state=state)),
        ("hidden-ignored", Question(x, state=state, every=True)),
        *(("any-size", Question(few, every=every)) for few in small for every in (False, True)),
        ("any-size", Question(x, num_layers=1)),
        ("input-ignored", Question(letters)),
        *(("detached", Question(x, "gradients", every=every)) for every in (False, True)),
        *(("init-hidden", Question(size, "start")) for size in (BATCH, 4, 1)),
    ]
    for dropout, rule in ((0.0, "mode-dependent"), (1.0, "dropout-missing")):
        for every in (False, True):
            for given in ((), state):
                q = Question(x, state=given, every=every, train=True, dropout=dropout)
                asked.append((rule, q))
    asked += [
        ("dropout-rate", Question(x, "scatter", every, train=True, dropout=0.25))
        for every in (False, True)
    ]
    return [(rule, q._replace(seed=seed)) for rule, q in asked]


def judge(kind, facts, asked, renamed=None):
    """Return the message for a class that answers as specified; raises Broken or NotAttempted.

    ``facts`` are those of lab.ask.models on the class; ``renamed`` are the shapes of CharRNN's
    parameters, to which a copy that kept its name has put another layer.
    """
    _the_class(kind, facts, renamed)
    built = facts["built"]
    _layers(built[asking.key(Question().spec())])
    _sizes(kind, built[asking.key(Question().spec())]["shapes"], SPEC)
    _sizes(kind, built[asking.key(DEFAULT)]["shapes"], DEFAULT)
    try:
        _compare(kind, facts, asked)
        need(
            facts["dropout"] == DROPOUT,
            "dropout-rate",
            f"the default of dropout is {facts['dropout']}: expected {DROPOUT}.",
        )
        need(
            not facts["elsewhere"],
            "init-hidden-device",
            f"{facts['elsewhere']} makes a tensor on the CPU in a model on another device: it "
            "should ask one of the model's parameters for its device.",
        )
    except Broken as broken:
        raise Broken(broken.rule, f"{broken}\n  {TRIED}") from None
    return (
        "Shapes, sizes, hidden state, gradients and dropout behave as specified; "
        f"{count(kind, 73):,} parameters at 73 characters."
    )


def _the_class(kind, facts, renamed):
    # Raise for a class that cannot be asked.
    attempted(facts["class"])
    need(facts["module"], "not-a-module", f"it is {facts['class']}: expected a class of nn.Module.")
    need(not facts["signature"], "signature", facts["signature"])
    raised = next((b for b in facts["built"].values() if isinstance(b, Raised)), None)
    if raised:
        early = "before Module.__init__() call" in raised.text
        more = "\n  Call super().__init__() first in __init__." * early
        raise Broken("super-init" if early else "raised", f"{raised}{more}")
    if facts["empty"]:
        need(
            kind == "RNN" or renamed != sorted(shapes(kind, **SPEC)),
            "class-name",
            f"Char{kind} is still empty, but CharRNN now has nn.{kind}: the class in this cell is "
            f"named CharRNN and has replaced the first one. Name it Char{kind}, run the cell "
            "again, then that of CharRNN.",
        )
        raise NotAttempted
    unseen = next(iter(facts["built"].values()))["unseen"]
    need(
        not unseen,
        "unregistered-layer",
        f"{unseen} that holds layers: model.parameters() does not contain their weights.",
    )


# ----- Sizes --------------------------------------------------------------------------------------


def _sizes(kind, seen, spec):
    # Parameters of other shapes than the specification gives them.
    full = SIZES | spec
    call = f"Char{kind}({', '.join(f'{argument}={value}' for argument, value in spec.items())})"
    seen = sorted(seen)
    if seen == sorted(shapes(kind, **full)):
        return
    for other in MODELS:
        need(
            seen != sorted(shapes(other, **full)),
            "layer-type",
            f"{call} has the parameters of nn.{other}, not nn.{kind}.",
        )
    sizes = {n // gates for shape in seen for n in shape for gates in (1, GATES[kind])}
    for argument, value in itertools.product(full, sorted({*sizes, *range(1, 9)})):
        where = f"the {'argument' if argument in spec else 'default'}, here {full[argument]}"
        need(
            seen != sorted(shapes(kind, **full | {argument: value})),
            "layer-size",
            f"{call} is built as with {argument}={value}: it should follow {where}.",
        )
    _other_parameters(call, kind, seen, full)


def _other_parameters(call, kind, seen, full):
    # One of several layers has another size, or there are more layers, or fewer.
    extra, missing = list(seen), []
    for layer, shape, arguments in parameters(kind, **full):
        if shape in extra:
            extra.remove(shape)
        else:
            missing.append((layer, shape, arguments))
    for (layer, shape, arguments), other in itertools.product(missing, extra):
        axes = [n for n, pair in enumerate(zip(shape, other, strict=False)) if len({*pair}) > 1]
        if len(other) == len(shape) and len(axes) == 1:
            argument, size = arguments[axes[0]], other[axes[0]]
            seen = size * full[argument] / shape[axes[0]]
            raise Broken(
                "layer-size",
                f"in {call} {layer} has {seen:g} where {argument}={full[argument]} belongs.",
            )
    more = f"more, of shapes {', '.join(map(str, extra))}" if extra else ""
    less = f"fewer, none of {', '.join(str(shape) for _, shape, _ in missing)}" if missing else ""
    raise Broken(
        "parameter-count",
        f"{call} has other parameters than an embedding, nn.{kind} and one Linear layer with their "
        f"biases: {' and '.join(filter(None, (more, less)))}.",
    )


# ----- Answers ------------------------------------------------------------------------------------


@torch.no_grad()
def reference(kind, built, q, steps=None):
    """Return what the specified model with a class's weights answers to a question."""
    weights = asking.weights(built[asking.key(q.spec())]["shapes"], q.seed)
    weights = [w.requires_grad_() for w in weights]
    sizes = {name: value for name, value in q.spec().items() if name != "dropout"}
    model = Specified(kind, ordered(kind, weights, **sizes), q.dropout, **steps or {})
    model.parameters = lambda: weights  # in the class's order, as its gradients come
    return asking.answer(model, q)


def _agree(q, a, b):
    return alike(a, b, *((0.08, 0.0) if q.part == "scatter" else ()))


def _compare(kind, facts, asked):
    # The first question that a class answers otherwise, by its mistake's name if it has one.
    place, wanted = _first_difference(kind, facts, asked)
    if place is None:
        return
    (rule, q), seen = asked[place], facts["answers"][place]
    if isinstance(seen, Raised) or q.part == "start":
        _start(kind, facts, asked)
    as_usual = describe(seen) == describe(wanted)
    returned = f"{q}" if as_usual else f"{q} returned {describe(seen)}"
    returned = str(seen) if isinstance(seen, Raised) else returned
    if mistake := _named(kind, facts, asked, place):
        raise Broken(mistake.rule, f"{returned}: {mistake.says}.")
    if isinstance(seen, Raised):
        rule, why = next((v for said, v in SAID.items() if said in seen.text), ("raised", ""))
        raise Broken(rule, f"{returned}\n  {why}".rstrip())
    one, other = facts["copies"]
    need(alike(one, other), "dropout-always-on", f"{q}, asked twice in evaluation mode, differs.")
    need(
        alike(facts["answers"][0], facts["again"]),
        "state-leaks",
        f"{q} depends on what the model was asked before.",
    )
    need(
        as_usual,
        "logits-shape" if rule == "differs" else rule,
        f"{returned}: expected {describe(wanted)}.",
    )
    names = facts["built"][asking.key(q.spec())]["names"]
    raise Broken(rule, UNNAMED[q.part](q, names, seen, wanted))


def _first_difference(kind, facts, asked):
    # The place of the first answer that is not the reference's, and the reference's; or None twice.
    for place, ((_, q), seen) in enumerate(zip(asked, facts["answers"], strict=True)):
        wanted = reference(kind, facts["built"], q)
        if not _agree(q, seen, wanted):
            return place, wanted
    return None, None


def _named(kind, facts, asked, place):
    # The known mistake that explains most answers from the first difference on, or None.
    def same(mistake, n):
        (_, q), seen = asked[n], facts["answers"][n]
        return _agree(q, seen, reference(kind, facts["built"], q, mistake.steps))

    def explained(mistake):
        return sum(1 for _ in itertools.takewhile(lambda n: same(mistake, n), range(len(asked))))

    likely = [mistake for mistake in known_mistakes() if same(mistake, place)]
    return most_explained(likely, explained, place)


def _other_numbers(q, names, seen, wanted):
    # Shapes agree here, so the first tensor that differs does so in its numbers.
    seen, wanted = (tuple(map(helpers.states, answer)) for answer in (seen, wanted))
    logits, states = (list(zip(*both, strict=True)) for both in zip(seen, wanted, strict=True))
    tensors = [("logits", *logits), *(("state", pair) for pair in states)]
    name, pair = next((name, pair) for name, pair in tensors if not alike(*pair))
    begins = [", ".join(f"{v:.3f}" for v in t.flatten()[:3]) + f" ({t.dtype})" for t in pair]
    return (
        f"{q}: the {name} begin with {begins[0]}; those of the specified model with the same "
        f"weights begin with {begins[1]}."
    )


def _other_gradients(q, names, seen, wanted):
    without = [name for name, norm in zip(names, seen, strict=True) if not norm.any()]
    others = [n for n, a, b in zip(names, seen, wanted, strict=True) if not alike(a, b)]
    what = f"no gradient: {', '.join(without)}" if without else f"another one: {', '.join(others)}"
    return f"after the backward() of a loss on {q}, some parameters have {what}."


def _other_scatter(q, names, seen, wanted):
    return (
        f"{q}: dropout scatters the logits with a variance of {seen[0]:.3g}; in the specified "
        f"model it is {wanted[0]:.3g}."
    )


UNNAMED = {
    "output": _other_numbers,
    "gradients": _other_gradients,
    "scatter": _other_scatter,
}


def _start(kind, facts, asked):
    # What init_hidden gives, if it is not a state of zeros.
    shape = f"({SPEC['num_layers']}, batch_size, {SPEC['hidden_dim']})"
    wanted = f"zeros of shape {shape} in float32, (num_layers, batch, hidden_dim)"
    wanted = f"a pair (h, c), each {wanted}" if kind == "LSTM" else f"one tensor, {wanted}"
    for (_, q), seen in zip(asked, facts["answers"], strict=True):
        if q.part == "start" and not alike(seen, reference(kind, facts["built"], q)):
            if isinstance(seen, Raised):
                # an AttributeError says more where forward raised it
                need(seen.error == "AttributeError", "raised", str(seen))
                continue
            parts = [v for v in helpers.states(seen) if isinstance(v, np.ndarray)]
            more = [f", of {v.dtype}" for v in parts if v.dtype != np.float32]
            more = "".join([*more, *(", not all zero" for v in parts if v.any())][:1])
            raise Broken("init-hidden", f"{q} returned {describe(seen)}{more}: expected {wanted}.")


def _layers(layers):
    # Settings and kinds of layers, which say more than what they compute.
    for layer, setting, seen, usual in layers["settings"]:
        what = f"{layer} has {setting}={seen!r}: expected {usual!r}, as it is by default."
        rule = {"nn.Embedding": "embedding-changed"}.get(layer, "layer-type")
        rule, more = {
            "bidirectional": ("bidirectional", " A model must not read what it predicts."),
            "bias": ("parameter-count", ""),
        }.get(setting, (rule, ""))
        raise Broken(rule, what + more)
    for name in layers["dropouts"]:
        need(
            name == "Dropout",
            "dropout-misplaced",
            f"there is an nn.{name}: expected nn.Dropout, which drops single numbers.",
        )


# ----- TODO 4 -------------------------------------------------------------------------------------


def judge_counts(parameter_counts, vocab_size):
    """Return the message for three right counts; raises Broken or NotAttempted."""
    attempted(parameter_counts)
    need_one_per_model("counts-wrong", parameter_counts, "parameter_counts", "a number")
    for name, seen in parameter_counts.items():
        need_number("counts-wrong", f"parameter_counts[{name!r}]", seen)
        need(
            seen == count(name, vocab_size),
            "counts-wrong",
            f"parameter_counts[{name!r}] is {seen:,}: expected {count(name, vocab_size):,}, the "
            f"trainable parameters of Char{name}({vocab_size}).",
        )
    counts = ", ".join(f"{name} {number:,}" for name, number in parameter_counts.items())
    ratio = parameter_counts["GRU"] / parameter_counts["LSTM"]
    return f"{counts}: the GRU has {ratio:.0%} of the LSTM's, 3 sets of recurrent weights, not 4."
