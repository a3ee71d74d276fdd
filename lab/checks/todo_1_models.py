"""TODO 1 to 4: what a model class has to do, from the most basic up, and its parameters."""

import contextlib
import copy
import inspect
from functools import cached_property
from numbers import Real

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

import helpers
from helpers import MODELS
from lab.checks.rule import (
    RULES,
    Broken,
    Looks,
    NotAttempted,
    describe,
    not_one_per_model,
    run,
    same,
)

# Sizes that all differ, so that no mix-up can hide.
SPEC = {"vocab_size": 23, "embedding_dim": 12, "hidden_dim": 20, "num_layers": 3}
VOCAB, EMBEDDING, HIDDEN, LAYERS = SPEC.values()
BATCH, STEPS = 5, 9
GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}

looks = Looks()


def expected_parameters(kind, vocab_size, embedding_dim=128, hidden_dim=256, num_layers=2):
    """Return the number of parameters that the specification gives a model."""
    sizes = [embedding_dim] + [hidden_dim] * (num_layers - 1)
    recurrent = sum(GATES[kind] * hidden_dim * (size + hidden_dim + 2) for size in sizes)
    return vocab_size * embedding_dim + recurrent + (hidden_dim + 1) * vocab_size


TRIED = (
    f"(Tried with vocab_size={VOCAB}, embedding_dim={EMBEDDING}, hidden_dim={HIDDEN}, "
    f"num_layers={LAYERS}, on x of {BATCH} windows of {STEPS} characters.)"
)


def judge(cls, kind, char_rnn=None):
    """Return the message for a class that keeps all rules; raises Broken or NotAttempted.

    ``char_rnn`` is the class of TODO 1, to which a copy that kept its name has put another layer.
    """
    if cls is None:
        raise NotAttempted
    trial = Trial(cls, kind)
    with torch.no_grad():
        try:
            looks.judge(trial)
        except NotAttempted:
            if renamed := _kept_its_name(char_rnn, kind):
                raise Broken("class-name", renamed) from None
            raise
        except Broken as broken:
            if broken.rule == "raised" and "answer" not in vars(trial) and "model" in vars(trial):
                broken = _behind(trial, broken)
            if broken.rule not in BEFORE_ANY_SIZE:
                broken = Broken(broken.rule, f"{broken}\n  {TRIED}")
            raise broken from None
    return (
        "Shapes, sizes, hidden state, gradients and dropout behave as specified; "
        f"{expected_parameters(kind, 73):,} parameters at 73 characters."
    )


RULES["class-name"] = "the class in the cell still has the name of the class it was copied from"
BEFORE_ANY_SIZE = ("not-a-module", "signature", "super-init", "unregistered-layer")


def _kept_its_name(char_rnn, kind):
    """Return what happened when CharRNN turns out to be of another kind, else None."""
    with contextlib.suppress(Exception):
        seen = helpers.count_parameters(char_rnn(**SPEC))
        if kind != "RNN" and seen == expected_parameters(kind, **SPEC):
            return (
                f"Char{kind} is still empty, but CharRNN now has nn.{kind}: the class in this cell "
                f"is named CharRNN and has replaced that of TODO 1. Name it Char{kind}, run the "
                "cell again, then that of TODO 1."
            )
    return None


class Trial:
    """A model class on trial. What looks ask of its model is asked once, when first needed."""

    def __init__(self, cls, kind):
        self.cls, self.kind, self.pair = cls, kind, kind == "LSTM"
        self.x = torch.randint(VOCAB, (BATCH, STEPS))  # (b, t)

    def build(self, **spec):
        call = f"{self.cls.__name__}({', '.join(f'{name}={v}' for name, v in spec.items())})"
        model = run(call, self.cls, **spec)
        for parameter in model.parameters():
            parameter.uniform_(-0.5, 0.5)  # whatever the student began with: zeros hide much
        return model

    @cached_property
    def model(self):
        model = self.build(**SPEC, dropout=0.3).eval()
        if _is_stub(model, self.x):
            raise NotAttempted
        return model

    def ask(self, x=None, hidden=None, model=None, **kwargs):
        """Call a model, on ``x`` unless told otherwise, and return ``(logits, hidden)``."""
        x, model = (self.x if x is None else x), (self.model if model is None else model)
        call = f"model(x of shape {tuple(x.shape)}"
        call += "".join(f", {name}={value}" for name, value in kwargs.items())
        call += ")" if hidden is None else ", hidden)"
        kwargs |= {} if hidden is None else {"hidden": hidden}
        output = run(call, model, x, **kwargs)
        if not (isinstance(output, tuple) and len(output) == 2):
            raise Broken(
                "hidden-not-returned",
                f"{call} returned {describe(output)}: expected a pair (logits, hidden).",
            )
        return output

    @cached_property
    def answer(self):
        return self.ask()

    @property
    def logits(self):
        return self.answer[0]

    @property
    def states(self):
        return helpers.states(self.answer[1])

    @cached_property
    def every_step(self):
        return self.ask(return_sequences=True)[0]

    @cached_property
    def loud(self):
        """The answer with weights so large that only an activation keeps a value within 1."""
        loud = copy.deepcopy(self.model)
        for parameter in loud.parameters():
            parameter.mul_(30)
        return self.ask(model=loud)

    def saw(self, what, value):
        return f"model(x of shape {tuple(self.x.shape)}) returned {describe(value)} as {what}"


def _is_stub(model, x):
    """Return whether nothing has been filled in: no layers, and a forward that returns nothing."""
    with contextlib.suppress(Exception):
        return not list(model.parameters()) and model(x) is None
    return False


def changed(x, place):
    """Return windows with other characters in one place."""
    x = x.clone()
    x[place] = (x[place] + 1) % VOCAB
    return x


# ----- The class ----------------------------------------------------------------------------------


@looks.at("not-a-module", "the class does not inherit from nn.Module")
def _(t):
    if not (inspect.isclass(t.cls) and issubclass(t.cls, nn.Module)):
        return f"{t.cls!r} is not a class that inherits from nn.Module."


@looks.at(
    "signature", "the class, forward or init_hidden does not take the arguments of the contract"
)
def _(t):
    spec = dict(embedding_dim=1, hidden_dim=1, num_layers=1, dropout=0.0)
    calls = {
        "__init__": (t.cls, (7,), spec),
        "forward": (t.cls.forward, (None, "x", "hidden"), dict(return_sequences=True)),
        "init_hidden": (getattr(t.cls, "init_hidden", None), (None, 4), {}),
    }
    for name, (function, args, kwargs) in calls.items():
        if function is None:
            return f"{t.cls.__name__} has no method {name}."
        try:
            bound = inspect.signature(function).bind(*args, **kwargs).arguments
            if name == "forward" and bound.get("hidden") != "hidden":
                raise TypeError("after x comes hidden, by that name, and then return_sequences")
        except TypeError as error:
            return f"{t.cls.__name__}.{name} does not take the specified arguments: {error}."


@looks.at("super-init", "__init__ creates layers before it calls super().__init__()")
def _(t):
    try:
        t.build(**SPEC)
    except Broken as broken:
        if "before Module.__init__() call" not in str(broken):
            raise
        return f"{broken}\n  Call super().__init__() first in __init__."


@looks.at(
    "unregistered-layer", "a layer sits in a plain list or dict, where PyTorch does not see it"
)
def _(t):
    for module in t.model.modules():
        for name, value in vars(module).items():
            members = list(value.values()) if isinstance(value, dict) else value
            if name.startswith("_") or not isinstance(members, (list, tuple, set)):
                continue
            if any(isinstance(member, nn.Module) for member in members):
                return (
                    f"self.{name} is a {type(value).__name__} that holds layers: "
                    "model.parameters() does not contain their weights, so no optimizer trains "
                    "them. Use nn.ModuleList or nn.ModuleDict, or one attribute per layer."
                )


# ----- The logits ---------------------------------------------------------------------------------


@looks.at("logits-shape", "the logits are not of shape (batch, vocab_size)")
def _(t):
    if not torch.is_tensor(t.logits):
        return f"{t.saw('logits', t.logits)}: expected a tensor of shape {(BATCH, VOCAB)}."


@looks.at("final-timestep", "the logits are not those of the final timestep")
def _(t):
    if t.logits.shape == (BATCH, STEPS, VOCAB):
        return (
            f"{t.saw('logits', t.logits)}, one prediction per timestep: expected "
            f"{(BATCH, VOCAB)}, the final timestep only, unless return_sequences=True."
        )


@looks.at("vocab-size", "the number of logits or of embedded characters does not follow vocab_size")
def _(t):
    if t.logits.shape[:-1] == (BATCH,) and t.logits.shape[-1] != VOCAB:
        other = t.build(**SPEC | {"vocab_size": 7}, dropout=0.3).eval()
        if t.ask(t.x % 7, model=other)[0].shape == t.logits.shape:
            return (
                f"{t.saw('logits', t.logits)}, whatever vocab_size is: expected "
                f"{(BATCH, VOCAB)} for vocab_size={VOCAB}."
            )


@looks.at("batch-first", "the rows of a batch influence each other")
def _(t):
    state = t.states[0]
    if t.logits.shape != (BATCH, VOCAB) and torch.is_tensor(state) and state.shape[1:2] == (STEPS,):
        return (
            f"{t.saw('logits', t.logits)}, and a hidden state for a batch of {STEPS}: the "
            "recurrent layer takes the batch for time. Pass batch_first=True, or transpose."
        )


@looks.at("logits-shape")
def _(t):
    if t.logits.shape != (BATCH, VOCAB):
        return f"{t.saw('logits', t.logits)}: expected {(BATCH, VOCAB)}, (batch, vocab_size)."


@looks.at("raw-logits", "a softmax or another activation has been applied to the logits")
def _(t):
    if _sums_to_one(t.logits):
        return RAW


RAW = (
    "the logits have been through a softmax or another activation: return the output layer's raw "
    "values, since nn.CrossEntropyLoss applies the softmax itself."
)


def _sums_to_one(logits):
    """Return whether logits are probabilities or their logarithms, along any dimension."""
    return any(
        same(sums := values.sum(dim=dim), torch.ones_like(sums))
        for values in (logits, logits.exp())
        for dim in range(logits.dim())
    )


@looks.at("random-start", "without a hidden state the model does not begin at zero")
def _(t):
    zeros = torch.zeros(LAYERS, BATCH, HIDDEN)
    shapes = [s.shape for s in t.states if torch.is_tensor(s)]
    if not _is_as_asked(t, t.answer[1]) or shapes != [zeros.shape] * (1 + t.pair):
        return None  # what the rules of the hidden state say
    zeros = (zeros, zeros) if t.pair else zeros
    from_zeros, again = (t.ask(hidden=zeros)[0] for _ in range(2))
    if same(from_zeros, again) and not same(t.logits, from_zeros):  # the first call of all
        return (
            "model(x) does not give the logits that it gives from a hidden state of zeros: with "
            "hidden=None begin at zeros, as the recurrent layer does by itself."
        )


@looks.at("state-leaks", "the same call gives another result the second time")
def _(t):
    # Copies of one model share its state, but not its luck.
    again = t.ask()[0]
    one, other = (t.ask(model=copy.deepcopy(t.model))[0] for _ in range(2))
    if not same(again, t.logits) and same(one, other):
        return (
            "model(x) gives other logits when it is called again: it keeps something from the "
            "first call. Start from hidden=None, and return the new state instead."
        )


@looks.at("dropout-always-on", "dropout is active in evaluation mode")
def _(t):
    if not same(t.ask()[0], t.logits):
        return (
            "after model.eval(), model(x) gives other logits when it is called again: dropout is "
            "still active. Use nn.Dropout, or F.dropout(..., training=self.training)."
        )


@looks.at("batch-first")
def _(t):
    if not same(t.ask(changed(t.x, 0))[0][1:], t.logits[1:]):
        return (
            "changing row 0 of x changed the logits of other rows: the recurrent layer takes the "
            "batch for time. Pass batch_first=True, or transpose."
        )


@looks.at("return-sequences", "return_sequences=True does not give the logits of every timestep")
def _(t):
    expected = (BATCH, STEPS, VOCAB)
    if not torch.is_tensor(t.every_step) or t.every_step.shape != expected:
        return (
            f"model(x of shape {tuple(t.x.shape)}, return_sequences=True) returned "
            f"{describe(t.every_step)} as logits: expected {expected}."
        )


@looks.at("raw-logits")
def _(t):
    if _sums_to_one(t.every_step):
        return f"with return_sequences=True, {RAW}"


@looks.at("bidirectional", "the logits of a timestep depend on characters that come after it")
def _(t):
    other, _ = t.ask(changed(t.x, (slice(None), -1)), return_sequences=True)
    if not same(other[:, :-1], t.every_step[:, :-1]):
        return (
            "changing the last character changed the logits of earlier timesteps: a model that "
            "predicts the next character must not read it."
        )


@looks.at("return-sequences")
def _(t):
    prefix, _ = t.ask(t.x[:, :4])
    if same(t.logits, t.every_step[:, -1]) and not same(prefix, t.every_step[:, 3]):
        return (
            "model(x, return_sequences=True)[0][:, 3] differs from model(x[:, :4])[0]: both are "
            "the prediction after four characters."
        )


@looks.at("final-timestep")
def _(t):
    if not same(t.logits, t.every_step[:, -1]):
        what = "not those of any timestep of model(x, return_sequences=True)"
        if same(t.logits, t.every_step[:, 0]):
            what = "those of the first timestep"
        elif same(t.logits, t.every_step.mean(dim=1)):
            what = "the mean over time"
        return (
            f"the logits of model(x) are {what}: expected those of the final timestep, "
            "rnn_out[:, -1, :], treated as on the other path."
        )


@looks.at("input-ignored", "a character of the window does not change the prediction after it")
def _(t):
    for step in range(STEPS):
        other, _ = t.ask(changed(t.x, (slice(None), step)), return_sequences=True)
        unchanged = (other[:, step] == t.every_step[:, step]).all(dim=-1)
        if unchanged.any():
            return (
                f"other characters at timestep {step} (from 0) leave the logits after them as they "
                "were: embed x itself, all of it."
            )


@looks.at("input-ignored")
def _(t):
    logits, _ = t.ask(torch.arange(VOCAB)[:, None])  # each character alone
    alike = [(a, b) for a in range(VOCAB) for b in range(a) if torch.equal(logits[a], logits[b])]
    if alike:
        return (
            f"the characters {alike[0][1]} and {alike[0][0]} give the same logits: embed x itself, "
            "every character as one of its own."
        )


@looks.at("any-size", "a batch of one window, or a window of one character, is treated otherwise")
def _(t):
    for x, rows, steps in (
        (t.x[:1], slice(1), slice(None)),
        (t.x[:, :1], slice(None), slice(1)),
        (t.x[:1, :1], slice(1), slice(1)),
    ):
        wanted = t.every_step[rows, steps]
        for every, expected in ((True, wanted), (False, wanted[:, -1])):
            logits, _ = t.ask(x, return_sequences=every)
            if not _nearly(logits, expected):
                return (
                    f"model(x of shape {tuple(x.shape)}, return_sequences={every}) returned "
                    f"{describe(logits)}: expected the logits of the same windows in a larger "
                    f"batch, {tuple(expected.shape)}. Is there a squeeze()?"
                )


@looks.at("any-size")
def _(t):
    model = t.build(**SPEC | {"num_layers": 1}, dropout=0.0).eval()
    (logits, _), (every, _) = (t.ask(model=model, return_sequences=e) for e in (False, True))
    if not (torch.is_tensor(logits) and _nearly(every[:, -1], logits)):
        return (
            f"with num_layers=1, model(x) returned {describe(logits)} as logits: expected those of "
            "the final timestep, as with more layers."
        )


def _nearly(value, expected):
    """Return whether a value is the tensor expected, but for what another batch size rounds."""
    alike = torch.is_tensor(value) and value.shape == expected.shape
    return alike and torch.allclose(value, expected, rtol=1e-3, atol=1e-3)


@looks.at("raw-logits")
def _(t):
    if t.logits.min() >= 0 or t.loud[0].abs().max() < 1.001:
        return RAW


# ----- The sizes ----------------------------------------------------------------------------------


@looks.at("hidden-not-returned", "forward does not return a pair (logits, new hidden state)")
def _(t):
    if not all(map(torch.is_tensor, t.states)):
        return (
            f"model(x) returned {describe(t.answer[1])} as hidden: expected the new hidden state "
            "of the recurrent layer."
        )


def _differs_only_in(t, axis):
    """Return whether a state has another size than expected along this axis, and only there."""
    shape = [LAYERS, BATCH, HIDDEN]
    found = [list(state.shape) for state in t.states if state.dim() == 3]
    return any(
        s != shape and s[:axis] + shape[axis : axis + 1] + s[axis + 1 :] == shape for s in found
    )


@looks.at("num-layers", "the number of recurrent layers does not follow num_layers")
def _(t):
    if _differs_only_in(t, 0):
        if any(isinstance(m, nn.RNNBase) and m.num_layers == LAYERS for m in t.model.modules()):
            raise Broken(
                "hidden-shape",
                f"{t.saw('hidden', t.answer[1])}, only a part of the {LAYERS} layers' states: "
                "return the recurrent layer's new state whole.",
            )
        return (
            f"{t.saw('hidden', t.answer[1])}: expected {(LAYERS, BATCH, HIDDEN)}, since "
            f"num_layers={LAYERS} was asked for."
        )


@looks.at(
    "hidden-size", "the size of the hidden state or of the output layer's input is not hidden_dim"
)
def _(t):
    if _differs_only_in(t, 2):
        return (
            f"{t.saw('hidden', t.answer[1])}: expected {(LAYERS, BATCH, HIDDEN)}, since "
            f"hidden_dim={HIDDEN} was asked for."
        )


@looks.at("hidden-shape", "the hidden state does not have the shapes of the contract")
def _(t):
    if any(state.shape != (LAYERS, BATCH, HIDDEN) for state in t.states):
        return (
            f"{t.saw('hidden', t.answer[1])}: expected {(LAYERS, BATCH, HIDDEN)}, "
            "(num_layers, batch, hidden_dim)."
        )


@looks.at("layer-type", "the recurrent layer is not the one that the class is named after")
def _(t):
    others = {expected_parameters(kind, **SPEC): kind for kind in MODELS if kind != t.kind}
    if any(isinstance(module, getattr(nn, t.kind)) for module in t.model.modules()):
        return None  # the numbers of two kinds of layers may add up to those of a third
    if other := others.get(helpers.count_parameters(t.model)):
        return f"the model has the parameters of nn.{other}: use nn.{t.kind}."


def _is_as_asked(t, hidden):
    """Return whether a state is a pair for the LSTM, and one tensor for the others."""
    return t.pair == isinstance(hidden, (tuple, list)) and len(helpers.states(hidden)) == 1 + t.pair


@looks.at("hidden-shape")
def _(t):
    if not _is_as_asked(t, t.answer[1]):
        wanted = "an LSTM has two states, (h, c)" if t.pair else "expected one tensor"
        return f"{t.saw('hidden', t.answer[1])}: {wanted}."


@looks.at("vocab-size")
def _(t):
    for layer in t.model.modules():
        if isinstance(layer, nn.Embedding) and layer.num_embeddings != VOCAB:
            return (
                f"the embedding has {layer.num_embeddings} rows: expected vocab_size, here {VOCAB}."
            )


@looks.at("embedding-size", "the recurrent layer is not fed embedding_dim numbers per character")
def _(t):
    shapes = [tuple(p.shape) for p in t.model.parameters()]
    right = helpers.count_parameters(t.model) == expected_parameters(t.kind, **SPEC)
    if not right and (VOCAB, EMBEDDING) not in shapes:
        return (
            f"no parameter has shape {(VOCAB, EMBEDDING)}, (vocab_size, embedding_dim), as the "
            "embedding needs."
        )


@looks.at("parameter-count", "the number of parameters is not that of the specification")
def _(t):
    for model, spec in ((t.model, SPEC), (t.build(vocab_size=11), {"vocab_size": 11})):
        seen, expected = helpers.count_parameters(model), expected_parameters(t.kind, **spec)
        if seen != expected:
            return (
                f"{t.cls.__name__}({', '.join(f'{k}={v}' for k, v in spec.items())}) has "
                f"{seen:,} trainable parameters: expected {expected:,} for an embedding, "
                f"nn.{t.kind} and one Linear layer; the defaults are embedding_dim=128, "
                "hidden_dim=256, num_layers=2."
            )


@looks.at("layer-type")
def _(t):
    if t.kind == "RNN" and helpers.states(t.loud[1])[0].abs().max() > 1.001:
        return (
            "hidden states exceed 1: expected tanh, the activation of a vanilla RNN (nn.RNN's "
            "default)."
        )


@looks.at("hidden-shape")
def _(t):
    hidden, expected = t.ask(t.x[:1])[1], (LAYERS, 1, HIDDEN)
    if any(not torch.is_tensor(s) or s.shape != expected for s in helpers.states(hidden)):
        return (
            f"for a batch of one window, hidden is {describe(hidden)}: expected {expected}. Is "
            "there a squeeze()?"
        )


@looks.at("hidden-shape")
def _(t):
    if t.pair and helpers.states(t.loud[1])[0].abs().max() > 1.001:
        return "the first of the two states exceeds 1, which h cannot: the order is (h, c)."


# ----- The state ----------------------------------------------------------------------------------


@looks.at("hidden-ignored", "the hidden state that is passed in does not change the logits")
def _(t):
    for every, free in ((False, t.logits), (True, t.every_step)):
        for place, name in enumerate("hc"[: len(t.states)]):
            given = [torch.zeros_like(state) for state in t.states]
            given[place] = torch.randn_like(given[place])
            hidden = tuple(given) if t.pair else given[0]
            if same(t.ask(hidden=hidden, return_sequences=every)[0], free):
                which = f"every {name} in hidden = (h, c)" if t.pair else "every hidden"
                return (
                    f"model(x, hidden, return_sequences={every}) gives the same logits for "
                    f"{which}: pass it on to the recurrent layer, whole."
                )


@looks.at("hidden-not-returned")
def _(t):
    _, half = t.ask(t.x[:, :4])
    if not same(t.ask(t.x[:, 4:], half)[0], t.logits):
        return (
            "reading x in two halves, with the hidden state that the first call returned passed to "
            "the second, does not give the logits of reading it at once: return the recurrent "
            "layer's new state."
        )


@looks.at("hidden-not-returned")
def _(t):
    hidden = t.ask(return_sequences=True)[1]
    alike = zip(helpers.states(hidden), t.states, strict=False)
    if not (_is_as_asked(t, hidden) and all(torch.is_tensor(a) and same(a, b) for a, b in alike)):
        return (
            f"model(x, return_sequences=True) returned {describe(hidden)} as hidden: expected the "
            "same new state as from model(x)."
        )


@looks.at("output-layer", "the logits are not one Linear layer of the top recurrent layer's output")
def _(t):
    x = torch.randint(VOCAB, (8 * HIDDEN, STEPS))  # (b, t)
    logits, hidden = t.ask(x)
    top = helpers.states(hidden)[0][-1].double()  # (b, hidden_dim)
    inputs = torch.cat([top, torch.ones(len(x), 1, dtype=top.dtype)], dim=1)
    fitted = inputs @ torch.linalg.lstsq(inputs, logits.double()).solution
    if not torch.allclose(fitted, logits.double(), atol=1e-3):
        return (
            "no single Linear layer turns the top layer's hidden state into these logits: between "
            "the recurrent layer and self.output there may be dropout, but no activation, "
            "normalisation, sum or further layer."
        )


@looks.at("embedding-changed", "the recurrent layer is not fed the embedding as it is")
def _(t):
    seen = _fed(t, t.model, t.x)
    if nn.Embedding in seen and nn.RNNBase in seen:
        embedded, given = seen[nn.Embedding], seen[nn.RNNBase]
        ways = (given, given.transpose(0, 1)) if given.dim() == 3 else (given,)
        if not any(same(way, embedded) for way in ways):
            return (
                "what reaches the recurrent layer in evaluation mode is not what the embedding "
                "gave: between the two there is dropout, and no activation, normalisation or "
                "factor."
            )


def _fed(t, model, x, **kwargs):
    """Return what the first nn.Embedding gave, and what the first recurrent and Linear got."""
    seen, hooks = {}, []

    def gave(module, args, kwargs, output):
        seen.setdefault(nn.Embedding, output)

    def got(module, args, kwargs):
        kind = nn.Linear if isinstance(module, nn.Linear) else nn.RNNBase
        seen.setdefault(kind, args[0] if args else kwargs["input"])

    for module in model.modules():
        if isinstance(module, nn.Embedding):
            hooks.append(module.register_forward_hook(gave, with_kwargs=True))
        elif isinstance(module, (nn.RNNBase, nn.Linear)):
            hooks.append(module.register_forward_pre_hook(got, with_kwargs=True))
    try:
        t.ask(x, model=model, **kwargs)
    finally:
        for hook in hooks:
            hook.remove()
    return seen


@looks.at("detached", "the loss gives some parameter no gradient")
def _(t):
    for every in (True, False):
        model = copy.deepcopy(t.model)
        with torch.enable_grad():
            logits, _ = t.ask(model=model, return_sequences=every)
            if logits.requires_grad:
                logits.logsumexp(dim=-1).sum().backward()
        gradients = {name: p.grad for name, p in model.named_parameters()}
        if without := [n for n, grad in gradients.items() if grad is None or not grad.any()]:
            return (
                f"after the backward() of a loss on model(x, return_sequences={every}) these "
                f"parameters have no gradient: {', '.join(without)}. Is there a detach(), .data or "
                "torch.no_grad() in forward, or a layer that is not used?"
            )


@looks.at("detached")
def _(t):
    for layer in t.model.modules():
        if isinstance(layer, nn.Embedding) and layer.padding_idx is not None:
            return (
                f"the embedding has padding_idx={layer.padding_idx}: that character would never be "
                "trained. No window is padded here."
            )


# ----- Dropout ------------------------------------------------------------------------------------

MANY = 512  # windows, so that the share of zeros is known to a percentage point


@looks.at("random-start")
def _(t):
    model = t.build(**SPEC, dropout=0.0).train()
    zeros = tuple(map(torch.zeros_like, t.states)) if t.pair else torch.zeros_like(t.states[0])
    from_zeros, again = (t.ask(hidden=zeros, model=model)[0] for _ in range(2))
    if same(from_zeros, again) and not same(t.ask(model=model)[0], from_zeros):
        return (
            "in training mode, with dropout=0.0, model(x) does not give the logits that it gives "
            "from a hidden state of zeros: begin at zeros, and keep nothing from an earlier call."
        )


@looks.at("dropout-rate", "dropout does not follow the argument dropout, or its default is not 0.3")
def _(t):
    x = torch.randint(VOCAB, (MANY, STEPS))
    for every in (False, True):
        for dropout in (0.0, 0.25):
            model = t.build(**SPEC, dropout=dropout).train()
            for kind, given in _fed(t, model, x, return_sequences=every).items():
                zeros = (given == 0).float().mean().item()
                if not (twice := abs(zeros - 0.4375) < 0.04) and not (
                    zeros == 0 or abs(zeros - dropout) < 0.04
                ):
                    return _zeros(t, kind, zeros, dropout, every) + ": pass dropout on as it is."
                if twice and kind is not nn.Embedding:
                    raise Broken(
                        "dropout-misplaced",
                        _zeros(t, kind, zeros, dropout, every)
                        + ": it has passed dropout twice. Once is enough.",
                    )


def _zeros(t, kind, zeros, dropout, every):
    name = {nn.RNNBase: f"nn.{t.kind}", nn.Linear: "the Linear layer"}.get(kind, "the embedding")
    path = f"return_sequences={every}"
    return f"with dropout={dropout} and {path}, {zeros:.0%} of what reaches {name} is zero"


def _twice(t, dropout):
    """Return what two calls in training mode give: two pairs (logits, hidden)."""
    model = t.build(**SPEC, dropout=dropout).train()
    return t.ask(model=model), t.ask(model=model)


@looks.at("dropout-rate")
def _(t):
    (one, _), (other, _) = _twice(t, 0.0)
    if not same(one, other):
        return "with dropout=0.0, two calls in training mode differ: pass dropout on."


@looks.at("mode-dependent", "something other than dropout differs between training and evaluation")
def _(t):
    model = t.build(**SPEC, dropout=0.0)
    if not same(t.ask(model=model.train())[0], t.ask(model=model.eval())[0]):
        return (
            "with dropout=0.0, model(x) gives other logits after model.train() than after "
            "model.eval(): nothing but dropout may depend on the mode, no softmax and no batch "
            "normalisation."
        )


@looks.at("dropout-missing", "dropout is missing at one of its three places")
def _(t):
    (one, _), (other, _) = _twice(t, 0.25)
    if same(one, other):
        return (
            "with dropout=0.25, two calls in training mode agree: dropout belongs after the "
            "embedding, between the recurrent layers and before the output."
        )


@looks.at("dropout-rate")
def _(t):
    (one, state), (other, other_state) = _twice(t, 1.0)
    if not (same(one, other) and same(helpers.states(state)[0], helpers.states(other_state)[0])):
        return (
            "with dropout=1.0, two calls in training mode differ, though nothing should be left to "
            "chance: pass dropout on as it is."
        )


@looks.at("dropout-misplaced", "dropout in a place, or of a kind, that was not asked for")
def _(t):
    # At dropout=1 whatever passes a dropout is zero; of the logits, their bias has to be left.
    model = t.build(**SPEC, dropout=1.0).train()
    for every in (False, True):
        if not t.ask(model=model, return_sequences=every)[0].any():
            return (
                "with dropout=1.0, all logits are zero: dropout belongs before the output layer, "
                "not after it."
            )


@looks.at("dropout-misplaced")
def _(t):
    model = t.build(**SPEC, dropout=1.0).train()
    given = tuple(map(torch.randn_like, t.states)) if t.pair else torch.randn_like(t.states[0])
    for every in (False, True):
        (_, free), (_, driven) = (
            t.ask(hidden=h, model=model, return_sequences=every) for h in (None, given)
        )
        lost = not any(state.any() for state in helpers.states(free))
        if lost or same(helpers.states(free)[0], helpers.states(driven)[0]):
            which = "returned is all zero" if lost else "passed in is lost"
            return (
                f"with dropout=1.0, the hidden state that is {which}: dropout belongs on the "
                "outputs of layers, not on the state."
            )
    for module in model.modules():
        if isinstance(module, nn.modules.dropout._DropoutNd) and type(module) is not nn.Dropout:
            return (
                f"there is an nn.{type(module).__name__}: expected nn.Dropout, which drops single "
                "numbers, as the recurrent layer does between its layers."
            )


@looks.at("dropout-missing")
def _(t):
    for every in (True, False):
        if missing := [place for place, found in _dropout_at(t, every).items() if not found]:
            return (
                f"no dropout {' and '.join(missing)} (tried with dropout=1.0, return_sequences="
                f"{every}): all three models have it after the embedding, between the recurrent "
                "layers and before the output, on both paths."
            )


def _dropout_at(t, every):
    """Return {place: whether dropout is there}: at dropout=1 whatever passes it is zero."""
    model = t.build(**SPEC, dropout=1.0).train()
    first, *others = map(torch.zeros_like, t.states)
    first[0, 0] = torch.randn(HIDDEN)  # only the lowest layer's state differs between the rows
    state = (first, *others) if t.pair else first
    free, driven = (t.ask(hidden=h, model=model, return_sequences=every) for h in (None, state))
    logits, other = (t.ask(t.x[:, :n], model=model)[0] for n in (STEPS, 4))
    if every:
        logits, other = free[0][:, 0], free[0][:, -1]
    return {
        "after the embedding": _rows_agree(helpers.states(free[1])[0][0]),
        "between the recurrent layers": _rows_agree(helpers.states(driven[1])[0][1]),
        "before the output": same(logits, other),
    }


def _rows_agree(state):
    return same(state, state[:1].expand_as(state))


@looks.at("dropout-rate")
def _(t):
    default = inspect.signature(t.cls).parameters.get("dropout")
    if default is not None and default.default != 0.3:
        return f"the default of dropout is {default.default}: expected 0.3."


# ----- init_hidden --------------------------------------------------------------------------------

START = (LAYERS, 4, HIDDEN)  # of a batch of four
starts = Looks()  # which also name better why a first call raised


@starts.at(
    "init-hidden-tuple", "init_hidden returns one tensor where two belong, or two where one does"
)
def _(t):
    state = run("init_hidden(4)", t.model.init_hidden, 4)
    if not (_is_as_asked(t, state) and isinstance(state, tuple) == t.pair):
        wanted = f"a pair (h, c), each of shape {START}" if t.pair else f"one tensor {START}"
        return f"init_hidden(4) returned {describe(state)}: expected {wanted}."


@starts.at("init-hidden-shape", "init_hidden does not give shape (num_layers, batch, hidden_dim)")
def _(t):
    for size in (4, 1):
        state, shape = t.model.init_hidden(size), (LAYERS, size, HIDDEN)
        if not all(torch.is_tensor(s) and s.shape == shape for s in helpers.states(state)):
            return (
                f"init_hidden({size}) returned {describe(state)}: expected {shape}, "
                "(num_layers, batch, hidden_dim)."
            )


@starts.at("init-hidden-dtype", "init_hidden does not give the kind of numbers that weights are")
def _(t):
    for state in helpers.states(t.model.init_hidden(4)):
        if state.dtype != torch.get_default_dtype():
            return (
                f"init_hidden(4) returned {state.dtype}: expected {torch.get_default_dtype()}, as "
                "the weights have and torch.zeros makes by itself."
            )


@starts.at("init-hidden-values", "init_hidden does not return zeros")
def _(t):
    if any(state.any() for state in helpers.states(t.model.init_hidden(4))):
        return "init_hidden(4) returned numbers other than zero."


@starts.at("init-hidden-device", "init_hidden does not follow the device of the model")
def _(t):
    elsewhere = copy.deepcopy(t.model).to("meta")  # a device that every machine has
    for tensor in [*_made_elsewhere(t, elsewhere)]:
        return (
            f"forward uses a tensor on {tensor.device} in a model on another device: create it "
            "with device=x.device."
        )
    for tensor in helpers.states(run("init_hidden(4)", elsewhere.init_hidden, 4)):
        if tensor.device.type != "meta":
            return (
                f"init_hidden returned a tensor on {tensor.device} for a model on another device: "
                "create it with device=next(self.parameters()).device."
            )


class _Mixed(TorchFunctionMode):
    """Collects tensors of the CPU that meet the model's, which are elsewhere.

    A tensor that is moved there first is right, and so are a single number and integers, which
    index: on a GPU too they may come from the CPU.
    """

    def __init__(self):
        super().__init__()
        self.tensors = []

    def __torch_function__(self, function, types, args=(), kwargs=None):
        given = []
        for value in (*args, *(kwargs or {}).values()):
            given += [v for v in (value if isinstance(value, (tuple, list)) else [value])]
        given = [value for value in given if torch.is_tensor(value)]
        moves = getattr(function, "__name__", "") in ("to", "type_as")
        if not moves and any(value.device.type == "meta" for value in given):
            self.tensors += [
                v for v in given if v.device.type == "cpu" and v.is_floating_point() and v.dim()
            ]
        return function(*args, **(kwargs or {}))


def _made_elsewhere(t, model):
    """Return the tensors on the CPU that a model on another device mixes with its own."""
    with contextlib.suppress(Exception), _Mixed() as mixed:
        model(t.x.to("meta"))
    return mixed.tensors


looks += starts


# ----- Behind an exception ------------------------------------------------------------------------


def _behind(t, raised):
    """Return the Broken that names better why the first call raised, or the one given."""
    for layer in t.model.modules():
        for attribute, wanted, rule, argument in _attributes(layer, raised):
            if (seen := getattr(layer, attribute)) != wanted:
                layer_name = type(layer).__name__
                seen = f"The {layer_name} has {attribute}={seen}: expected {wanted} ({argument})."
                return Broken(rule, f"{raised}\n  {seen}")
    try:
        starts.judge(t)
    except Broken as broken:
        return broken
    except AttributeError:  # init_hidden needs what __init__ did not make
        pass
    return raised


def _attributes(layer, raised):
    """Yield (attribute, value wanted, rule, argument it follows) of one of torch's own layers."""
    if isinstance(layer, nn.Embedding):
        yield "num_embeddings", VOCAB, "vocab-size", "vocab_size"
        yield "embedding_dim", EMBEDDING, "embedding-size", "embedding_dim"
    elif isinstance(layer, nn.RNNBase):
        yield "bidirectional", False, "bidirectional", "past characters only"
        if layer.num_layers > 1:  # not one of several layers that are stacked by hand
            yield "input_size", EMBEDDING, "embedding-size", "embedding_dim"
            yield "num_layers", LAYERS, "num-layers", "num_layers"
        yield "hidden_size", HIDDEN, "hidden-size", "hidden_dim"
        if "Expected hidden" in str(raised):  # PyTorch's words for a state of another batch
            yield "batch_first", True, "batch-first", "x is (batch, seq_len)"
    elif isinstance(layer, nn.Linear):
        yield "in_features", HIDDEN, "hidden-size", "hidden_dim"
        yield "out_features", VOCAB, "vocab-size", "vocab_size"


# ----- TODO 4: their parameters -------------------------------------------------------------------

counts = Looks()


@counts.at("counts-wrong", "parameter_counts does not hold the number of parameters of each model")
def _(trial):
    parameter_counts, _ = trial
    return not_one_per_model(parameter_counts, "parameter_counts", "a number")


@counts.at("counts-wrong")
def _(trial):
    parameter_counts, vocab_size = trial
    for name, count in parameter_counts.items():
        expected = expected_parameters(name, vocab_size)
        if isinstance(count, bool) or not isinstance(count, Real):
            return (
                f"parameter_counts[{name!r}] is {describe(count)}: expected a number, {expected:,}."
            )
        if count != expected:
            return (
                f"parameter_counts[{name!r}] is {count:,}: expected {expected:,}, the trainable "
                f"parameters of Char{name}({vocab_size})."
            )
