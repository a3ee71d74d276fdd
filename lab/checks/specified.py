"""The model that TODO 1 to 3 ask for, as a function of weights and input, and known mistakes.

The model is computed in steps. A known mistake is the same model with another function for one or
more steps. The check compares answers. A mistake only names a difference that was found by this
comparison.
"""

from dataclasses import dataclass, replace
from types import MethodType

import numpy as np
import torch
from torch.nn import functional as F

from helpers import states
from lab.ask import Raised
from lab.exercise import SIZES

GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}
LAYERS = {"RNN": torch.rnn_tanh, "GRU": torch.gru, "LSTM": torch.lstm}


def parameters(kind, vocab_size, embedding_dim, hidden_dim, num_layers, dropout=None):
    """Return a model's parameters in order: (layer, shape, the arguments that give the shape)."""
    layer, rows = f"nn.{kind}", GATES[kind] * hidden_dim
    found = [("nn.Embedding", (vocab_size, embedding_dim), ("vocab_size", "embedding_dim"))]
    for n in range(num_layers):
        inputs = (hidden_dim, "hidden_dim") if n else (embedding_dim, "embedding_dim")
        found += [
            (layer, (rows, inputs[0]), ("hidden_dim", inputs[1])),
            (layer, (rows, hidden_dim), ("hidden_dim", "hidden_dim")),
            *[(layer, (rows,), ("hidden_dim",))] * 2,
        ]
    return [
        *found,
        ("nn.Linear", (vocab_size, hidden_dim), ("vocab_size", "hidden_dim")),
        ("nn.Linear", (vocab_size,), ("vocab_size",)),
    ]


def shapes(kind, **spec):
    """Return the shapes of a model's parameters, in the order of ``parameters``."""
    return [shape for _, shape, _ in parameters(kind, **spec)]


def count(kind, vocab_size):
    """Return the number of parameters that a model has by the specification."""
    return sum(torch.Size(shape).numel() for shape in shapes(kind, vocab_size=vocab_size, **SIZES))


def ordered(kind, weights, **spec):
    """Return the weights of a class in the order of ``parameters``; they may come in any order.

    Raises ValueError for weights that do not fit.
    """
    wanted = shapes(kind, **spec)
    if sorted(tuple(w.shape) for w in weights) != sorted(wanted):
        raise ValueError(f"the weights are not those of Char{kind}")
    of_shape = {shape: [w for w in weights if tuple(w.shape) == shape] for shape in wanted}
    return [of_shape[shape].pop(0) for shape in wanted]


class Specified:
    """A model of the specification, computed in steps. ``otherwise`` replaces some of the steps.

    ``weights`` are in the order of ``parameters``. The check can call this model like a student's.
    """

    def __init__(self, kind, weights, dropout=0.0, **otherwise):
        self.kind, self.dropout, self.training = kind, dropout, False
        self.table, *self.flat, self.weight, self.bias = weights
        self.num_layers, self.hidden_dim = len(self.flat) // 4, self.weight.shape[1]
        for step, function in otherwise.items():
            setattr(self, step, MethodType(function, self))

    def __call__(self, x, hidden=None, return_sequences=False):
        """Return (logits, state) for windows x (b, t), as the specified class does."""
        self.x, self.given, self.every = x, hidden, return_sequences  # for other steps
        outputs, hidden = self.recur(self.read(x), self.begin(hidden))
        return self.hand_out(self.write(self.choose(outputs, hidden)), hidden)

    def train(self, mode):
        self.training = mode

    def read(self, x):
        return self.drop(self.embed(x))

    def embed(self, x):
        return F.embedding(x, self.table)  # (b, t, e)

    def drop(self, values):
        return F.dropout(values, self.rate(), self.training)

    def rate(self):
        return self.dropout

    def rate_between(self):
        return self.dropout

    def begin(self, hidden):
        return self.init_hidden(len(self.x)) if hidden is None else hidden

    def init_hidden(self, rows):
        zeros = torch.zeros(self.num_layers, rows, self.hidden_dim)
        return (zeros, zeros) if self.kind == "LSTM" else zeros

    def recur(self, inputs, hidden, batch_first=True):
        """Return the outputs of the top layer (b, t, h) and the new state."""
        shape = (self.num_layers, inputs.shape[not batch_first], self.hidden_dim)
        if any(state.shape != shape for state in states(hidden)):  # torch's functions do not look
            raise ValueError(f"a state of another shape than {shape}")
        outputs, *new = LAYERS[self.kind](
            inputs, hidden, self.flat, True, self.num_layers, self.rate_between(), self.training,
            False, batch_first,
        )  # fmt: skip
        return outputs, tuple(new) if self.kind == "LSTM" else new[0]

    def choose(self, outputs, hidden):
        return outputs if self.every else outputs[:, -1]  # (b, t, h) or (b, h)

    def write(self, outputs):
        return self.head(self.drop(outputs))

    def head(self, outputs):
        return F.linear(outputs, self.weight, self.bias)  # (…, v)

    def hand_out(self, logits, hidden):
        return logits, hidden


# ----- Steps done otherwise -----------------------------------------------------------------------


def after(step, function):
    # A step that goes on with a function of what it gives.
    return lambda self, *given: function(getattr(Specified, step)(self, *given))


def when(name, value, step, does):
    # A step that is done otherwise only where an attribute of the model has this value.
    usual = getattr(Specified, step)
    return lambda self, *given: (does if getattr(self, name) == value else usual)(self, *given)


def each(function):
    # A function of a state that does the same to each of its tensors.
    return lambda hidden: (
        tuple(map(function, hidden)) if isinstance(hidden, tuple) else function(hidden)
    )


def chosen(function):
    # The step ``choose`` with something else in place of the final timestep.
    return lambda self, outputs, hidden: outputs if self.every else function(outputs, hidden)


def begins_with(make):
    # The step ``begin`` of a model that makes its first state otherwise.
    return lambda self, given: each(make)(self.init_hidden(len(self.x))) if given is None else given


def of_given(function):
    # The step ``begin`` of a model that makes something else of the state it is given.
    return lambda self, given: self.init_hidden(len(self.x)) if given is None else function(given)


def of_new(function):
    # The step ``hand_out`` of a model that makes something else of the new state.
    return lambda self, logits, hidden: (logits, function(hidden))


def time_first(self, inputs, hidden):
    # Without a state the layer begins by itself, for as many rows as it takes x to have.
    hidden = self.init_hidden(inputs.shape[1]) if self.given is None else hidden
    return Specified.recur(self, inputs, hidden, batch_first=False)


def viewed(back):
    # The step ``recur`` of a layer that takes time first, fed by view, not transpose.
    # ``back`` gives the batch its place again.

    def recur(self, inputs, hidden):
        b, t, e = inputs.shape
        outputs, hidden = Specified.recur(self, inputs.view(t, b, e), hidden, batch_first=False)
        return back(outputs), hidden

    return recur


def always(values):
    return F.dropout(values, 0.3, True)


# ----- Known mistakes -----------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Mistake:
    """A known mistake of a model or a training."""

    rule: str  # that it breaks
    says: str  # the mistake in a sentence, without a full stop at the end
    steps: dict  # by name, the functions in place of the steps


ACTIVATIONS = {
    "a softmax over the characters": lambda z: z.softmax(-1),
    "a log-softmax over the characters": lambda z: z.log_softmax(-1),
    "a softmax over dimension 1": lambda z: z.softmax(1),
    "a log-softmax over dimension 1": lambda z: z.log_softmax(1),
    "a softmax over the batch": lambda z: z.softmax(0),
    "a ReLU": torch.relu,
    "a tanh": torch.tanh,
    "a sigmoid": torch.sigmoid,
}
BETWEEN = {
    "a ReLU": torch.relu,
    "a tanh": torch.tanh,
    "a sigmoid": torch.sigmoid,
    "a softmax": lambda h: h.softmax(-1),
    "a layer normalisation": lambda h: F.layer_norm(h, h.shape[-1:]),
    "a normalisation": lambda h: F.normalize(h, dim=-1),
}
CHOSEN = {
    "the first timestep": lambda outputs, hidden: outputs[:, 0],
    "the timestep before the last": lambda outputs, hidden: outputs[:, -2],
    "the mean over all timesteps": lambda outputs, hidden: outputs.mean(1),
    "the sum over all timesteps": lambda outputs, hidden: outputs.sum(1),
    "the maximum over all timesteps": lambda outputs, hidden: outputs.amax(1),
    "the state of the lowest layer": lambda outputs, hidden: states(hidden)[0][0],
    "the cell state c": lambda outputs, hidden: states(hidden)[-1][-1],
    "all timesteps": lambda outputs, hidden: outputs,
}
PARTS = {
    "only the state of the top layer": each(lambda s: s[-1:]),
    "the state of the top layer, without the dimension of the layers": each(lambda s: s[-1]),
    "only the state of the lowest layer": each(lambda s: s[0]),
    "only h of the pair (h, c)": lambda hidden: hidden[0] if isinstance(hidden, tuple) else hidden,
    "only c of the pair (h, c)": lambda hidden: hidden[-1] if isinstance(hidden, tuple) else hidden,
    "the pair (c, h), not (h, c)": lambda hidden: (hidden[1], hidden[0]),
    "the state with its first two dimensions exchanged": each(lambda s: s.transpose(0, 1)),
}
RATES = {
    "always 0.3, whatever the argument dropout is": lambda rate: 0.3,
    "always 0.5, whatever the argument dropout is": lambda rate: 0.5,
    "1 - dropout": lambda rate: 1 - rate,
    "half of the argument dropout": lambda rate: rate / 2,
    "twice the argument dropout": lambda rate: min(1.0, 2 * rate),
}
NO_DROP = {"write": Specified.head}
TIME_FIRST = {"recur": time_first}

# Made in both branches of forward, or in one of them.
IN_A_BRANCH = [
    *(
        Mistake(
            "raw-logits",
            f"The logits pass through {words}. No such function may follow the output layer",
            {"write": after("write", f)},
        )
        for words, f in ACTIVATIONS.items()
    ),
    *(
        Mistake(
            "output-layer",
            f"There is {words} between the recurrent layer and the output layer",
            {"write": lambda self, h, f=f: self.head(f(self.drop(h)))},
        )
        for words, f in BETWEEN.items()
    ),
    Mistake("dropout-missing", "Dropout before the output layer is missing", NO_DROP),
    Mistake(
        "dropout-misplaced",
        "There is dropout after the output layer too",
        {"write": lambda self, h: self.drop(self.head(self.drop(h)))},
    ),
    Mistake(
        "dropout-misplaced",
        "The dropout is after the output layer, not before it",
        {"write": lambda self, h: self.drop(self.head(h))},
    ),
    Mistake(
        "dropout-misplaced",
        "The outputs of the recurrent layer pass through dropout twice",
        {"write": lambda self, h: self.head(self.drop(self.drop(h)))},
    ),
    Mistake(
        "hidden-ignored",
        "forward does not use the hidden state that it gets",
        {"begin": of_given(each(torch.zeros_like))},
    ),
    Mistake(
        "hidden-ignored",
        "forward does not use the c of the state (h, c) that it gets",
        {"begin": of_given(lambda pair: (pair[0], torch.zeros_like(pair[1])))},
    ),
    Mistake(
        "hidden-ignored",
        "forward does not use the h of the state (h, c) that it gets",
        {"begin": of_given(lambda pair: (torch.zeros_like(pair[0]), pair[1]))},
    ),
    Mistake(
        "hidden-not-returned",
        "forward returns None instead of the new state",
        {"hand_out": of_new(lambda hidden: None)},
    ),
    Mistake(
        "hidden-not-returned",
        "forward returns zeros instead of the new state",
        {"hand_out": of_new(each(torch.zeros_like))},
    ),
    Mistake(
        "hidden-not-returned",
        "forward returns the state that it got instead of the new state",
        {"hand_out": lambda self, logits, hidden: (logits, self.given)},
    ),
    Mistake(
        "hidden-not-returned",
        "forward returns only the logits, without the new state",
        {"hand_out": lambda self, logits, hidden: logits},
    ),
    Mistake(
        "hidden-not-returned",
        "forward returns the new state before the logits, not after them",
        {"hand_out": lambda self, logits, hidden: (hidden, logits)},
    ),
    *(
        Mistake(
            "hidden-shape",
            f"forward returns {words}, but it must return the new state as it is",
            {"hand_out": f},
        )
        for words, f in ((words, of_new(f)) for words, f in PARTS.items())
    ),
    Mistake(
        "dropout-misplaced",
        "The returned state has passed through dropout",
        {"hand_out": lambda self, logits, hidden: (logits, each(self.drop)(hidden))},
    ),
    Mistake(
        "dropout-always-on",
        "Dropout before the output layer stays on in evaluation mode",
        {"write": lambda self, h: self.head(always(h))},
    ),
]
MISTAKES = [
    Mistake("batch-first", "The recurrent layer uses the batch dimension as time", TIME_FIRST),
    Mistake(
        "batch-first",
        "The recurrent layer and the lines after it use the batch dimension as time",
        TIME_FIRST | {"choose": chosen(lambda outputs, hidden: outputs[-1])},
    ),
    Mistake(
        "logits-shape",
        "The lines take the last window of the batch, not the last timestep",
        {"choose": chosen(lambda outputs, hidden: outputs[-1])},
    ),
    *(
        Mistake(
            "batch-first",
            "A view exchanges batch and time. This mixes the windows",
            {"recur": viewed(back)},
        )
        for back in (lambda h: h.transpose(0, 1), lambda h: h.view(h.shape[1], h.shape[0], -1))
    ),
    *(
        Mistake(
            "final-timestep",
            f"The logits belong to {words}, but they must belong to the final timestep",
            {"choose": chosen(f)},
        )
        for words, f in CHOSEN.items()
    ),
    Mistake(
        "return-sequences",
        "return_sequences=True gives only the final timestep, as return_sequences=False does",
        {"choose": lambda self, outputs, hidden: outputs[:, -1]},
    ),
    Mistake(
        "final-timestep",
        "The two cases are exchanged: return_sequences=True gives only the final timestep",
        {"choose": lambda self, outputs, hidden: outputs[:, -1] if self.every else outputs},
    ),
    Mistake(
        "input-ignored",
        "The model reads only the first character of each window",
        {"read": lambda self, x: Specified.read(self, x[:, :1].expand_as(x))},
    ),
    Mistake(
        "input-ignored",
        "The model does not read the characters. It treats each of them as number 0",
        {"read": lambda self, x: Specified.read(self, torch.zeros_like(x))},
    ),
    *(
        Mistake(
            "embedding-changed",
            f"There is {words} between the embedding and the recurrent layer",
            {"embed": after("embed", f)},
        )
        for words, f in BETWEEN.items()
    ),
    Mistake(
        "embedding-changed",
        "The embedding is multiplied by a factor, √hidden_dim",
        {"embed": lambda self, x: Specified.embed(self, x) * self.hidden_dim**0.5},
    ),
    Mistake(
        "embedding-changed",
        "The embedding is multiplied by a factor, √embedding_dim",
        {"embed": after("embed", lambda e: e * e.shape[-1] ** 0.5)},
    ),
    Mistake(
        "hidden-shape",
        "forward reads and returns the state as (c, h). The right order is (h, c)",
        {
            "begin": of_given(lambda pair: (pair[1], pair[0])),
            "hand_out": of_new(lambda pair: (pair[1], pair[0])),
        },
    ),
    Mistake(
        "random-start",
        "Without a state, the model begins with ones. It must begin with zeros",
        {"begin": begins_with(torch.ones_like)},
    ),
    Mistake(
        "random-start",
        "Without a state, the model begins with random numbers. It must begin with zeros",
        {"begin": begins_with(torch.randn_like)},
    ),
    Mistake(
        "random-start",
        "Without a state, the model begins with random numbers. It must begin with zeros",
        {"begin": begins_with(torch.rand_like)},
    ),
    Mistake(
        "random-start",
        "In training mode, the model begins with random numbers. It must begin with zeros",
        {"begin": when("training", True, "begin", begins_with(torch.randn_like))},
    ),
    Mistake(
        "mode-dependent",
        "In training mode, the logits pass through a softmax",
        {"write": when("training", True, "write", after("write", lambda z: z.softmax(-1)))},
    ),
    Mistake("dropout-missing", "Dropout after the embedding is missing", {"read": Specified.embed}),
    Mistake(
        "dropout-missing",
        "Dropout between the recurrent layers is missing",
        {"rate_between": lambda self: 0.0},
    ),
    Mistake(
        "dropout-missing",
        "There is dropout only between the recurrent layers. It is missing at the other two places",
        {"read": Specified.embed} | NO_DROP,
    ),
    Mistake(
        "dropout-missing",
        "There is dropout only before the output layer. It is missing at the other two places",
        {"read": Specified.embed, "rate_between": lambda self: 0.0},
    ),
    Mistake(
        "dropout-missing",
        "There is dropout only after the embedding. It is missing at the other two places",
        {"rate_between": lambda self: 0.0} | NO_DROP,
    ),
    Mistake(
        "dropout-missing",
        "Dropout is missing at all three places",
        {"read": Specified.embed, "rate_between": lambda self: 0.0} | NO_DROP,
    ),
    Mistake(
        "dropout-misplaced",
        "The embedded characters pass through dropout twice",
        {"read": lambda self, x: self.drop(self.drop(self.embed(x)))},
    ),
    Mistake(
        "dropout-misplaced",
        "The model applies dropout to the state that forward gets",
        {"begin": lambda self, given: each(self.drop)(Specified.begin(self, given))},
    ),
    *(
        Mistake("dropout-rate", f"The rate of {where} is {words}", {step: after(step, f)})
        for where, step in (("nn.Dropout", "rate"), ("the dropout between layers", "rate_between"))
        for words, f in RATES.items()
    ),
    *(
        Mistake(
            "dropout-rate",
            f"The rate of dropout at all places is {words}",
            {step: after(step, f) for step in ("rate", "rate_between")},
        )
        for words, f in RATES.items()
    ),
    Mistake(
        "dropout-always-on",
        "Dropout after the embedding stays on in evaluation mode",
        {"read": lambda self, x: always(self.embed(x))},
    ),
    Mistake(
        "dropout-always-on",
        "Dropout stays on in evaluation mode",
        {
            "read": lambda self, x: always(self.embed(x)),
            "write": lambda self, h: self.head(always(h)),
        },
    ),
]


def _in_one_branch(mistake, every, which):
    # Return a mistake that is made only with, or only without, return_sequences.
    steps = {step: when("every", every, step, does) for step, does in mistake.steps.items()}
    return replace(mistake, says=f"{mistake.says} (in the branch {which})", steps=steps)


KNOWN_MISTAKES = [  # in the order in which they are compared
    *MISTAKES,
    *(
        variant
        for mistake in IN_A_BRANCH
        for variant in (
            mistake,
            _in_one_branch(mistake, False, "without return_sequences"),
            _in_one_branch(mistake, True, "with return_sequences=True"),
        )
    ),
]


def most_explained(mistakes, explained, more_than):
    """Return the mistake that explains the most answers, or None. Of several, return the first.

    ``explained`` gives the number of answers that a mistake explains. It must be greater than
    ``more_than``.
    """
    best = max(mistakes, key=explained, default=None)
    return best if best and explained(best) > more_than else None


def alike(a, b, rtol=1e-3, atol=1e-4):
    """Return whether two answers agree, apart from rounding."""
    if type(a) is not type(b) or isinstance(a, Raised):
        return type(a) is type(b)
    if isinstance(a, np.ndarray):
        return a.shape == b.shape and a.dtype == b.dtype and np.allclose(a, b, rtol, atol)
    if isinstance(a, tuple):
        pairs = zip(a, b, strict=False)
        return len(a) == len(b) and all(alike(*pair, rtol, atol) for pair in pairs)
    return a == b
