"""TODO 1 to 3: the answers of a model class to questions, with weights that come from a seed."""

import copy
import inspect
import itertools
import re
from typing import NamedTuple

import torch
from torch import nn

import helpers
from helpers import describe
from lab.ask import Raised, plain, run, simple
from lab.exercise import DROPOUT

# All sizes differ, so every exchange of two sizes shows.
SPEC = {"vocab_size": 23, "embedding_dim": 12, "hidden_dim": 20, "num_layers": 3}
USUAL = {  # settings of PyTorch's layers, as they are by default
    nn.Embedding: {"padding_idx": None, "max_norm": None, "scale_grad_by_freq": False,
                   "sparse": False},
    nn.RNNBase: {"bidirectional": False, "proj_size": 0},
    nn.RNN: {"nonlinearity": "tanh"},
}  # fmt: skip
BATCH, STEPS = 5, 9  # windows of a question, characters of a window
DEFAULT = (("vocab_size", 11),)  # all other arguments have their defaults
CALLS = [  # that a class must accept: a method, arguments after self, and arguments by name
    ("__init__", ["vocab_size"], dict.fromkeys(("embedding_dim", "hidden_dim", "num_layers"), 1)),
    ("__init__", [], {"vocab_size": 1, "dropout": 0.0}),
    ("forward", ["x"], {}),
    ("forward", ["x"], {"hidden": None, "return_sequences": True}),
    ("forward", ["x", "hidden"], {"return_sequences": True}),
    ("init_hidden", ["batch_size"], {}),
]


class Question(NamedTuple):
    """A question for a model: it reads windows, or it gives its first state."""

    x: tuple = ()  # windows of indices, or the size of a batch for the part "start"
    part: str = "output"  # (logits, state); or "start", "gradients", "scatter"
    every: bool = False  # return_sequences
    state: tuple = ()  # the shape of the state given, or nothing
    train: bool = False
    dropout: float = DROPOUT
    num_layers: int = SPEC["num_layers"]
    seed: int = 0

    def spec(self):
        """Return the sizes of the model, as pairs. They also identify the model."""
        return tuple((SPEC | {"num_layers": self.num_layers, "dropout": self.dropout}).items())

    def hidden(self):
        """Return the state that the model gets: a pair for shapes (2, l, b, h)."""
        if not self.state:
            return None
        drawn = torch.randn(self.state, generator=torch.Generator().manual_seed(self.seed))
        return tuple(drawn) if len(drawn) == 2 else drawn[0]

    def __str__(self):
        if self.part == "start":
            return f"init_hidden({self.x})"
        given = f"x of shape {(len(self.x), len(self.x[0]))}"
        given += ", hidden" * bool(self.state) + ", return_sequences=True" * self.every
        more = f" in training mode with dropout={self.dropout}" * self.train
        more += f" with num_layers={self.num_layers}" * (self.num_layers != SPEC["num_layers"])
        return f"model({given}){more}"


def questions(kind, seed=0):
    """Return the questions for a class, in order: pairs (rule of an unnamed mistake, Question)."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randint(SPEC["vocab_size"], (BATCH, STEPS), generator=generator)
    state = (1 + (kind == "LSTM"), SPEC["num_layers"], BATCH, SPEC["hidden_dim"])
    x, letters = x.tolist(), [[letter] for letter in range(SPEC["vocab_size"])]
    small, paths = (x[:1], [row[:1] for row in x], [x[0][:1]]), (False, True)
    rates = ((0.0, "mode-dependent"), (1.0, "dropout-missing"))
    asked = [
        ("differs", Question(x)),
        ("return-sequences", Question(x, every=True)),
        ("hidden-ignored", Question(x, state=state)),
        ("hidden-ignored", Question(x, state=state, every=True)),
        *(("any-size", Question(few, every=every)) for few in small for every in paths),
        ("any-size", Question(x, num_layers=1)),
        ("input-ignored", Question(letters)),
        *(("detached", Question(x, "gradients", every=every)) for every in paths),
        *(("init-hidden", Question(size, "start")) for size in (BATCH, 4, 1)),
        *(
            (rule, Question(x, state=given, every=every, train=True, dropout=rate))
            for (rate, rule), every, given in itertools.product(rates, paths, ((), state))
        ),
        *(
            ("dropout-rate", Question(x, "scatter", every, train=True, dropout=0.25))
            for every in paths
        ),
        ("state-leaks", Question(x)),  # asked again
    ]
    return [(rule, q._replace(seed=seed)) for rule, q in asked]


def weights(shapes, seed):
    """Return tensors of these shapes, with the random numbers of a seed."""
    generator = torch.Generator().manual_seed(seed)
    return [torch.empty(shape).uniform_(-0.5, 0.5, generator=generator) for shape in shapes]


def _fill(parameters, seed):
    # Give a list of parameters the numbers of a seed, whatever they began with.
    drawn = weights([p.shape for p in parameters], seed)
    for parameter, numbers in zip(parameters, drawn, strict=True):
        parameter.data.copy_(numbers)


def ask(kind, cls, seed, first=None):
    """Return the facts on a class, a dict. ``answers`` answer the questions, in their order.

    ``first`` is the present class CharRNN. A class that is made from an older CharRNN is stale.

    A class gets no questions if it is not an nn.Module, takes other arguments or does not work.
    """
    facts = {"class": describe(cls), "module": inspect.isclass(cls) and issubclass(cls, nn.Module)}
    facts["signature"] = _signature(cls) if facts["module"] else None
    if not facts["module"] or facts["signature"]:
        return facts
    asked = [question for _, question in questions(kind, seed)]
    models = _built(cls, asked)
    facts["raised"] = next((m for m in models.values() if isinstance(m, Raised)), None)
    if facts["raised"]:
        return facts
    facts["built"] = {spec: _layers(model) for spec, model in models.items()}
    model = models[Question().spec()]
    facts["stale"] = _of_an_older(cls, first)
    facts["empty"] = _is_empty(model)
    if facts["empty"]:
        return facts
    dropout = inspect.signature(cls).parameters.get("dropout")
    facts["dropout"] = simple(getattr(dropout, "default", None))
    with torch.no_grad():
        facts["answers"] = [answer(models[q.spec()], q) for q in asked]
        facts["copies"] = [
            answer(copy.deepcopy(model), asked[0]._replace(seed=other)) for other in (1, 2)
        ]
        facts["elsewhere"] = _elsewhere(model)
    return facts


def _of_an_older(cls, first):
    # Whether a class is made from one that had the name of the first, and is not the first.
    name = getattr(first, "__name__", None)
    return any(base.__name__ == name and base is not first for base in cls.__mro__[1:])


def _signature(cls):
    # Return how a class departs from the arguments that it should take, or None.
    for name, args, kwargs in CALLS:
        if not hasattr(cls, name):
            return f"{cls.__name__} does not have the method {name}."
        given = ", ".join([*args, *(f"{argument}={value}" for argument, value in kwargs.items())])
        try:
            inspect.signature(getattr(cls, name)).bind(None, *args, **kwargs)
        except TypeError as error:
            return f"The check cannot call {name}({given}) of {cls.__name__}: {error}."
    return None


def _built(cls, asked):
    # Return models of all sizes that are asked for, with a seed's weights, or what was raised.
    models = {}
    for spec in dict.fromkeys([*(q.spec() for q in asked), DEFAULT]):
        given = ", ".join(f"{argument}={value}" for argument, value in spec)
        models[spec] = model = run(f"{cls.__name__}({given})", cls, **dict(spec))
        if not isinstance(model, Raised):
            _fill(list(model.parameters()), asked[0].seed)
            model.eval()
    return models


def _layers(model):
    # Return the facts on a model's layers, apart from their results.
    modules = list(model.modules())
    return {
        "names": [name for name, _ in model.named_parameters()],
        "shapes": [tuple(p.shape) for p in model.parameters()],
        "unseen": next((name for m in modules for name in _unregistered(m)), None),
        "settings": [
            (f"nn.{type(module).__name__}", setting, getattr(module, setting), usual)
            for module in modules
            for layer, settings in USUAL.items()
            if isinstance(module, layer)
            for setting, usual in settings.items()
            if getattr(module, setting) is not usual
        ],
        "dropouts": [
            type(m).__name__ for m in modules if isinstance(m, nn.modules.dropout._DropoutNd)
        ],
    }


def _unregistered(module):
    # Yield in words the attributes that hold layers in a plain list or dict.
    for name, value in vars(module).items():
        members = list(value.values()) if isinstance(value, dict) else value
        several = isinstance(members, (list, tuple, set)) and not name.startswith("_")
        if several and any(isinstance(member, nn.Module) for member in members):
            yield f"self.{name} is a {type(value).__name__}"


def _is_empty(model):
    # Return whether nothing has been filled in: no layers, and a forward that returns nothing.
    x = torch.zeros(1, 1, dtype=torch.long)
    return not list(model.parameters()) and run("model(x)", model, x) is None


def answer(model, q):
    """Return the answer of a model to a question, as plain data."""
    torch.manual_seed(q.seed)
    model.train(q.train)
    if q.part == "start":
        return plain(run(str(q), model.init_hidden, q.x))
    x, every = torch.tensor(q.x), {"return_sequences": True} if q.every else {}
    if q.part != "output":
        measure = {"gradients": _gradients, "scatter": _scatter}[q.part]
        return plain(run(str(q), measure, model, x, every))
    given = (q.hidden(),) if q.state else ()
    output = run(str(q), model, x, *given, **every)
    return describe(output) if isinstance(output, list) else plain(output)


@torch.enable_grad()
def _gradients(model, x, every):
    # Return the norms of the gradients of all parameters, in their order; 0 without a gradient.
    for parameter in model.parameters():
        parameter.grad = None
    logits = model(x, **every)[0]
    if logits.requires_grad:
        logits.logsumexp(dim=-1).sum().backward()
    gradients = (parameter.grad for parameter in model.parameters())
    return tuple(torch.zeros(()) if g is None else g.float().norm() for g in gradients)


def _scatter(model, x, every, times=500):
    # Return how far dropout scatters logits and states: the mean variance of each.
    logits, hidden = model(x[:1].repeat(times, 1), **every)  # (n, …, v), (l, n, h)
    return logits.var(dim=0).mean(), helpers.states(hidden)[0].var(dim=1).mean()


def _elsewhere(model):
    # Return the method in which a model on another device makes a tensor on the CPU, or None.
    model = copy.deepcopy(model).to("meta")  # a device without numbers, which any machine has
    seen = run("model(x)", model, torch.zeros(2, 3, dtype=torch.long, device="meta"))
    if isinstance(seen, Raised) and re.search("(same|expected) device", seen.text):
        return "forward"
    state = helpers.states(run("init_hidden(2)", model.init_hidden, 2))
    on_cpu = any(part.device.type != "meta" for part in state if torch.is_tensor(part))
    return "init_hidden" if on_cpu else None
