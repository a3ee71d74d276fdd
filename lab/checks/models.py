"""TODO 1 to 4: a class's answers beside those of the specified model that has its weights."""

import numpy as np
import torch

from helpers import MODELS
from lab.ask import Raised, describe
from lab.ask import models as asking
from lab.ask.models import DEFAULT, SPEC, Question
from lab.checks.rule import Broken, NotAttempted, need_one_per_model, number_of
from lab.checks.specified import GATES, Specified, count, known_mistakes, parameters, places, shapes

BATCH, STEPS = 5, 9
TRIED = (
    f"(Tried with vocab_size={SPEC['vocab_size']}, embedding_dim={SPEC['embedding_dim']}, "
    f"hidden_dim={SPEC['hidden_dim']}, num_layers={SPEC['num_layers']}, on x of {BATCH} windows of "
    f"{STEPS} characters: other sizes than the notebook's, on purpose.)"
)
SAID = {  # what PyTorch says: the rule that is broken then, and where it comes from
    "does not match weight dtype": (
        "raised",
        "The recurrent layer was given x, the indices of characters, where the embedded ones belong.",
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
        *(("init-hidden", Question(size, "start")) for size in (4, 1)),
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

    ``facts`` are those of lab.ask.models on the class; ``renamed`` those on CharRNN, to which a
    copy that kept its name has put another layer.
    """
    _the_class(kind, facts, renamed)
    built = facts["built"]
    for spec in (Question().spec(), DEFAULT):
        _sizes(kind, built[asking.key(spec)]["shapes"], spec)
    try:
        _layers(built[asking.key(Question().spec())])
        _compare(kind, facts, asked)
        _beside(facts)
    except Broken as broken:
        raise Broken(broken.rule, f"{broken}\n  {TRIED}") from None
    return (
        "Shapes, sizes, hidden state, gradients and dropout behave as specified; "
        f"{count(kind, 73):,} parameters at 73 characters."
    )


def _the_class(kind, facts, renamed):
    """Raise for a class that cannot be asked."""
    if facts["class"] == "None":
        raise NotAttempted
    if not facts["module"]:
        raise Broken("not-a-module", f"it is {facts['class']}: expected a class of nn.Module.")
    if facts["signature"]:
        raise Broken("signature", facts["signature"])
    raised = next((b for b in facts["built"].values() if isinstance(b, Raised)), None)
    if raised:
        early = "before Module.__init__() call" in raised.text
        more = "\n  Call super().__init__() first in __init__." * early
        raise Broken("super-init" if early else "raised", f"{raised}{more}")
    if facts["empty"]:
        theirs = (renamed or {}).get("built", {}).get(asking.key(Question().spec()))
        if kind != "RNN" and isinstance(theirs, dict):
            if sorted(theirs["shapes"]) == sorted(shapes(kind, **SPEC)):
                raise Broken(
                    "class-name",
                    f"Char{kind} is still empty, but CharRNN now has nn.{kind}: the class in this "
                    f"cell is named CharRNN and has replaced that of TODO 1. Name it Char{kind}, "
                    "run the cell again, then that of TODO 1.",
                )
        raise NotAttempted
    if unseen := next(iter(facts["built"].values()))["unseen"]:
        raise Broken(
            "unregistered-layer",
            f"{unseen} that holds layers: model.parameters() does not contain their weights, so "
            "no optimizer trains them.",
        )


# ----- Sizes --------------------------------------------------------------------------------------

def _sizes(kind, seen, spec):
    """Raise Broken for parameters of other shapes than the specification gives them."""
    full = {"embedding_dim": 128, "hidden_dim": 256, "num_layers": 2} | spec
    full.pop("dropout", None)
    if sorted(seen) == sorted(shapes(kind, **full)):
        return
    call = ", ".join(f"{name}={value}" for name, value in spec.items() if name != "dropout")
    for other in MODELS:
        if sorted(seen) == sorted(shapes(other, **full)):
            raise Broken("layer-type", f"the model has the parameters of nn.{other}, not nn.{kind}.")
    for argument, asked in full.items():
        for value in range(1, 300):
            if sorted(seen) == sorted(shapes(kind, **full | {argument: value})):
                where = "argument" if argument in spec else "default"
                raise Broken(
                    "layer-size",
                    f"Char{kind}({call}) is built as with {argument}={value}: it should follow the "
                    f"{where}, here {asked}.",
                )
    _one_layer(kind, seen, full, call)


def _one_layer(kind, seen, full, call):
    """Raise Broken for the first parameter that has another shape, or is there beside the others."""
    expected = parameters(kind, **full)
    missing, extra = [], list(seen)
    for layer, shape, arguments in expected:
        if shape in extra:
            extra.remove(shape)
        else:
            missing.append((layer, shape, arguments))
    if (GATES[kind] * full["hidden_dim"], 2 * full["hidden_dim"]) in extra:
        raise Broken(
            "bidirectional",
            f"in Char{kind}({call}) the recurrent layer has weights for a second direction: a "
            "model that predicts the next character must not read it.",
        )
    for layer, shape, arguments in missing:
        for other in extra:
            axes = [n for n, (a, b) in enumerate(zip(shape, other, strict=False)) if a != b]
            if len(other) == len(shape) and len(axes) == 1:
                argument = arguments[axes[0]]
                factor = shape[axes[0]] // full[argument]
                raise Broken(
                    "layer-size",
                    f"in Char{kind}({call}) {layer} is built with {other[axes[0]] / factor:g} where "
                    f"{argument}={full[argument]} belongs.",
                )
    more = f" more of shapes {', '.join(map(str, extra))}," * bool(extra)
    lacks = f" none of shape {', '.join(str(shape) for _, shape, _ in missing)}" * bool(missing)
    raise Broken(
        "parameter-count",
        f"Char{kind}({call}) has{more}{lacks}: expected an embedding, nn.{kind} and one Linear "
        f"layer, with their biases, {len(expected)} parameters in all.".replace(",:", ":"),
    )


# ----- Answers ------------------------------------------------------------------------------------


class Called:
    """A specified model that can be asked as a student's is; ``weights`` are in their order."""

    def __init__(self, kind, q, weights, steps):
        spec = {name: value for name, value in q.spec().items() if name != "dropout"}
        order = places([w.shape for w in weights], shapes(kind, **spec))
        self.weights = [w.requires_grad_() for w in weights]
        self.make = lambda: Specified(
            kind, [weights[n] for n in order], q.dropout, q.train, **steps
        )

    def __call__(self, x, hidden=None, return_sequences=False):
        return self.make()(x, hidden, return_sequences)

    def init_hidden(self, rows):
        return self.make().start(rows)

    def parameters(self):
        return self.weights

    def train(self, mode):
        pass  # a question says it once


@torch.no_grad()
def reference(kind, built, q, steps=None):
    """Return what the specified model with a class's weights answers to a question."""
    weights = asking.weights(built[asking.key(q.spec())]["shapes"], q.seed)
    return asking.answer(Called(kind, q, weights, steps or {}), q)


def alike(a, b, rtol=1e-3, atol=1e-4):
    """Return whether two answers agree, but for rounding."""
    if isinstance(a, tuple) and isinstance(b, tuple) and not isinstance(a, Raised):
        pairs = zip(a, b, strict=False)
        return len(a) == len(b) and all(alike(*pair, rtol, atol) for pair in pairs)
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        same_kind = a.shape == b.shape and a.dtype == b.dtype
        return same_kind and np.allclose(a, b, rtol, atol)
    return type(a) is type(b) and (isinstance(a, Raised) or a is None or a == b)


def _agree(q, a, b):
    chance = {"rtol": 0.08, "atol": 0.0} if q.part == "scatter" else {}
    return alike(a, b, **chance)


def _compare(kind, facts, asked):
    """Raise Broken for the first question that a class answers otherwise, by its mistake's name."""
    built, answers = facts["built"], facts["answers"]
    for place, ((rule, q), seen) in enumerate(zip(asked, answers, strict=True)):
        wanted = reference(kind, built, q)
        if not _agree(q, seen, wanted):
            break
    else:
        return
    if isinstance(seen, Raised) or q.part == "start":
        _start(kind, facts, asked)
    if mistake := _named(kind, facts, asked, place):
        raise Broken(mistake.rule, f"{_returned(q, seen, wanted)}: {mistake.says}.")
    if isinstance(seen, Raised):
        found = (v for said, v in SAID.items() if said in seen.text)
        rule, why = next(found, ("raised", ""))
        raise Broken(rule, f"{seen}\n  {why}".rstrip())
    _random_or_kept(q, facts)
    _letters(facts, asked)
    raise Broken(*_unnamed(rule, q, seen, wanted))


def _random_or_kept(q, facts):
    one, other = facts["copies"]
    if not alike(one, other):
        raise Broken("dropout-always-on", f"{q}, asked twice in evaluation mode, differs.")
    if not alike(facts["answers"][0], facts["again"]):
        raise Broken("state-leaks", f"{q} depends on what the model was asked before.")


def _letters(facts, asked):
    """Raise Broken where two characters, each read alone, give the same logits."""
    pairs = zip(asked, facts["answers"], strict=True)
    (letters,) = (seen for (rule, _), seen in pairs if rule == "input-ignored")
    if isinstance(letters, tuple) and isinstance(letters[0], np.ndarray):
        rows = [row.tobytes() for row in letters[0]]
        twice = next((n for n, row in enumerate(rows) if row in rows[:n]), None)
        if twice is not None:
            raise Broken(
                "input-ignored",
                f"the characters {rows.index(rows[twice])} and {twice} give the same logits: each "
                "character should be read as one of its own.",
            )


def _named(kind, facts, asked, place):
    """Return the known mistake that explains most answers from the first difference on, or None."""
    best, longest = None, 0
    for mistake in known_mistakes():
        explained = 0
        for (_, q), seen in zip(asked, facts["answers"], strict=True):
            if not _agree(q, seen, reference(kind, facts["built"], q, mistake.steps)):
                break
            explained += explained >= place or not isinstance(seen, Raised)
        if explained > max(place, longest):
            best, longest = mistake, explained
        if explained == len(asked):
            break
    return best


def _returned(q, seen, wanted):
    """Return in words what was asked, and what came back where that is not of the usual form."""
    if isinstance(seen, Raised):
        return str(seen)
    as_usual = describe(seen) == describe(wanted)
    return f"{q}" if as_usual else f"{q} returned {describe(seen)}"


def _unnamed(rule, q, seen, wanted):
    """Return the rule, and in words the first numbers in which two answers differ."""
    if q.part == "scatter" and isinstance(seen, tuple):
        return rule, (
            f"{q}: dropout scatters the logits with a variance of {seen[0]:.3g}; in the specified "
            f"model it is {wanted[0]:.3g}."
        )
    if q.part == "gradients":
        return rule, f"after backward() of a loss on {q}, a parameter has no or another gradient."
    returned = f"{q} returned {describe(seen)}: expected {describe(wanted)}."
    if not isinstance(seen, tuple) or len(seen) != 2:
        return "hidden-not-returned", returned
    for name, a, b in zip(("logits", "state"), seen, wanted, strict=True):
        if describe(a) != describe(b):
            of_shape = "logits-shape" if name == "logits" else "hidden-shape"
            return of_shape if rule == "differs" else rule, returned
        if not alike(a, b):
            first = [each[0] if isinstance(each, tuple) else each for each in (a, b)]
            numbers = [", ".join(f"{v:.3f}" for v in each.flatten()[:3]) for each in first]
            return rule if name == "logits" else "hidden-not-returned", (
                f"{q}: the {name} begin with {numbers[0]}; those of the specified model with the "
                f"same weights begin with {numbers[1]}."
            )
    return rule, returned


def _start(kind, facts, asked):
    """Raise Broken for what init_hidden gives, if it is not a state of zeros."""
    for (_, q), seen in zip(asked, facts["answers"], strict=True):
        if q.part != "start":
            continue
        wanted = reference(kind, facts["built"], q)
        if isinstance(seen, Raised):
            if seen.error != "AttributeError":  # which says more where forward raised it
                raise Broken("raised", str(seen))
            continue
        shape = (SPEC["num_layers"], q.x, SPEC["hidden_dim"])
        told = f"{q} returned {describe(seen)}"
        if type(seen) is not type(wanted) or (isinstance(seen, tuple) and len(seen) != 2):
            pair = f"a pair (h, c), each of shape {shape}"
            expected = pair if kind == "LSTM" else f"one tensor of shape {shape}"
            raise Broken("init-hidden", f"{told}: expected {expected}.")
        for state in seen if isinstance(seen, tuple) else (seen,):
            if not isinstance(state, np.ndarray) or state.shape != shape:
                raise Broken("init-hidden", f"{told}: expected {shape}, (num_layers, batch, hidden_dim).")
            if state.dtype != np.float32:
                raise Broken("init-hidden", f"{q} returned {state.dtype}: expected float32, as the weights are.")
            if state.any():
                raise Broken("init-hidden", f"{q} returned numbers other than zero.")


def _layers(layers):
    """Raise Broken for layers of a kind that answers do not tell."""
    if any(padding is not None for padding in layers["padding"]):
        raise Broken(
            "detached",
            f"the embedding has padding_idx={layers['padding'][0]}: that character would never be "
            "trained. No window is padded here.",
        )
    if other := next((name for name in layers["dropouts"] if name != "Dropout"), None):
        raise Broken(
            "dropout-misplaced",
            f"there is an nn.{other}: expected nn.Dropout, which drops single numbers, as the "
            "recurrent layer does between its layers.",
        )


def _beside(facts):
    """Raise Broken for what answers at these sizes, on this device, do not show."""
    if facts["dropout"] != 0.3:
        raise Broken("dropout-rate", f"the default of dropout is {facts['dropout']}: expected 0.3.")
    if where := facts["elsewhere"]:
        raise Broken(
            "init-hidden-device",
            f"{where} makes a tensor on the CPU in a model on another device: it should ask one of "
            "the model's parameters for its device.",
        )


# ----- TODO 4 -------------------------------------------------------------------------------------


def judge_counts(parameter_counts, vocab_size):
    """Return the message for three right counts; raises Broken or NotAttempted."""
    if parameter_counts is None:
        raise NotAttempted
    need_one_per_model("counts-wrong", parameter_counts, "parameter_counts", "a number")
    for name, seen in parameter_counts.items():
        expected = count(name, vocab_size)
        if number_of("counts-wrong", f"parameter_counts[{name!r}]", seen) != expected:
            raise Broken(
                "counts-wrong",
                f"parameter_counts[{name!r}] is {seen:,}: expected {expected:,}, the trainable "
                f"parameters of Char{name}({vocab_size}).",
            )
    counts = ", ".join(f"{name} {number:,}" for name, number in parameter_counts.items())
    ratio = parameter_counts["GRU"] / parameter_counts["LSTM"]
    return f"{counts}: the GRU has {ratio:.0%} of the LSTM's, 3 sets of recurrent weights, not 4."
