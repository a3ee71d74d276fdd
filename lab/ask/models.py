"""TODO 1 to 3: what a model class answers to questions, with weights that a seed gives it."""

import contextlib
import copy
import inspect
from typing import NamedTuple

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

import helpers
from helpers import describe
from lab.ask import Raised, plain, run
from lab.exercise import DROPOUT

# Sizes that all differ, so that no mix-up can hide.
SPEC = {"vocab_size": 23, "embedding_dim": 12, "hidden_dim": 20, "num_layers": 3}
USUAL = {  # settings of PyTorch's layers, as they are by default
    nn.Embedding: {"padding_idx": None, "max_norm": None, "scale_grad_by_freq": False,
                   "sparse": False},
    nn.RNNBase: {"bidirectional": False, "proj_size": 0, "bias": True},
    nn.RNN: {"nonlinearity": "tanh"},
}  # fmt: skip
DEFAULT = {"vocab_size": 11}  # all else as the class has it by default


class Question(NamedTuple):
    """What a model is asked: to read windows, or for its first state."""

    x: tuple = ()  # windows of indices, or the size of a batch for the part "start"
    part: str = "output"  # (logits, state); or "start", "twice", "gradients", "scatter"
    every: bool = False  # return_sequences
    state: tuple = ()  # the shape of the state given, or nothing
    train: bool = False
    dropout: float = DROPOUT
    num_layers: int = SPEC["num_layers"]
    seed: int = 0

    def spec(self):
        return SPEC | {"num_layers": self.num_layers, "dropout": self.dropout}

    def hidden(self):
        """Return the state that is given to the model: a pair for shapes (2, l, b, h)."""
        if not self.state:
            return None
        drawn = torch.randn(self.state, generator=torch.Generator().manual_seed(self.seed))
        return tuple(drawn) if len(drawn) == 2 else drawn[0]

    def __str__(self):
        if self.part == "start":
            return f"init_hidden({self.x})"
        shape = (len(self.x), len(self.x[0]))
        words = [f"x of shape {shape}", "hidden" * bool(self.state)]
        words += ["return_sequences=True" * self.every]
        more = f" in training mode with dropout={self.dropout}" * self.train
        more += f" with num_layers={self.num_layers}" * (self.num_layers != SPEC["num_layers"])
        return f"model({', '.join(filter(None, words))}){more}"


def weights(shapes, seed):
    """Return the numbers of a seed in these shapes."""
    generator = torch.Generator().manual_seed(seed)
    return [torch.empty(shape).uniform_(-0.5, 0.5, generator=generator) for shape in shapes]


def fill(parameters, seed):
    """Give parameters the numbers of a seed, in their order, whatever they began with."""
    parameters = list(parameters)
    drawn = weights([p.shape for p in parameters], seed)
    for parameter, numbers in zip(parameters, drawn, strict=True):
        parameter.data.copy_(numbers)


def ask(cls, questions):
    """Return the facts on a class, a dict; ``answers`` are those to the questions, in order.

    A class that is no nn.Module, or that takes other arguments, is asked nothing.
    """
    facts = {"name": getattr(cls, "__name__", ""), "class": describe(cls), "answers": []}
    facts["module"] = inspect.isclass(cls) and issubclass(cls, nn.Module)
    facts["signature"] = _signature(cls) if facts["module"] else None
    if not facts["module"] or facts["signature"]:
        return facts
    facts["dropout"] = _number(inspect.signature(cls).parameters.get("dropout"))
    facts["built"], models = _built(cls, questions)
    facts["empty"] = _is_empty(models.get(key(Question().spec())))
    if any(isinstance(built, Raised) for built in facts["built"].values()) or facts["empty"]:
        return facts
    with torch.no_grad():
        facts["answers"] = [answer(models[key(q.spec())], q) for q in questions]
        facts["again"] = answer(models[key(Question().spec())], questions[0])
        facts["copies"] = _copies(models[key(Question().spec())], questions[0])
        facts["elsewhere"] = _elsewhere(models[key(Question().spec())])
    return facts


def shapes(cls):
    """Return the shapes of the parameters of a class, sorted, or None where it does not work."""
    with contextlib.suppress(Exception):
        return sorted(tuple(p.shape) for p in cls(**SPEC).parameters())


def _number(parameter):
    # Return the default of an argument if it is a number, else what it is in words.
    default = getattr(parameter, "default", None)
    return default if isinstance(default, (int, float)) else describe(default)


def key(spec):
    """Return the name of a model's sizes among the facts."""
    return tuple(sorted(spec.items()))


def _signature(cls):
    # Return how a class departs from the arguments that it should take, or None.
    spec = {"embedding_dim": 1, "hidden_dim": 1, "num_layers": 1, "dropout": 0.0}
    calls = {
        "__init__": (cls, (7,), spec),
        "forward": (cls.forward, (None, "x", "hidden"), {"return_sequences": True}),
        "init_hidden": (getattr(cls, "init_hidden", None), (None, 4), {}),
    }
    for name, (function, args, kwargs) in calls.items():
        if function is None:
            return f"{cls.__name__} has no method {name}."
        try:
            bound = inspect.signature(function).bind(*args, **kwargs).arguments
            if name == "forward":
                inspect.signature(function).bind(None, "x")
                if bound.get("hidden") != "hidden":
                    raise TypeError("after x comes hidden, by that name, then return_sequences")
        except TypeError as error:
            return f"{cls.__name__}.{name} does not take the specified arguments: {error}."
    return None


def _built(cls, questions):
    # Return facts on the models of all sizes that are needed, and these models with a
    # seed's weights.
    facts, models = {}, {}
    for spec in (Question().spec(), DEFAULT, *(q.spec() for q in questions)):
        if (name := key(spec)) not in facts:
            call = f"{cls.__name__}({', '.join(f'{name}={value}' for name, value in spec.items())})"
            model = run(call, cls, **spec)
            facts[name] = model if isinstance(model, Raised) else _layers(model)
            if not isinstance(model, Raised):
                fill(model.parameters(), questions[0].seed)
                models[name] = model.eval()
    return facts, models


def _layers(model):
    # Return what is to be known of a model's layers beside what they compute.
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
    # Return whether nothing has been filled in: no layers, and a forward that returns
    # nothing.
    with contextlib.suppress(Exception):
        return not list(model.parameters()) and model(torch.zeros(1, 1).long()) is None
    return False


def answer(model, q):
    """Return a model's answer to a question, as plain data."""
    torch.manual_seed(q.seed)
    model.train(q.train)
    if q.part == "start":
        return plain(run(str(q), model.init_hidden, q.x))
    x, every = torch.tensor(q.x), {"return_sequences": True} if q.every else {}
    if q.part == "gradients":
        return plain(run(str(q), _gradients, model, x, every))
    if q.part == "scatter":
        return plain(run(str(q), _scatter, model, x, every))
    given = (q.hidden(),) if q.state else ()
    output = run(str(q), model, x, *given, **every)
    return describe(output) if isinstance(output, list) else plain(output)


@torch.enable_grad()
def _gradients(model, x, every):
    # Return the norms of the gradients of all parameters, in their order; 0 without a
    # gradient.
    for parameter in model.parameters():
        parameter.grad = None
    logits = model(x, **every)[0]
    if logits.requires_grad:
        logits.logsumexp(dim=-1).sum().backward()
    found = [p.grad for p in model.parameters()]
    return tuple(torch.zeros(()) if g is None else g.float().norm() for g in found)


def _scatter(model, x, every, times=500):
    # Return how far dropout scatters logits and states: the mean variance of each.
    logits, hidden = model(x[:1].repeat(times, 1), **every)  # (n, …, v), (l, n, h)
    return logits.var(dim=0).mean(), helpers.states(hidden)[0].var(dim=1).mean()


def _copies(model, q):
    # Return two answers of copies of a model, under other random numbers: alike without
    # chance.
    answers = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        answers.append(plain(run(str(q), copy.deepcopy(model), torch.tensor(q.x))))
    return answers


# ----- A model on another device ------------------------------------------------------------------


class Elsewhere(TorchFunctionMode):
    """Lets a model on the CPU seem to be on another device, and notes tensors made on the CPU.

    Weights, inputs and what comes of them say that they are on the device ``there``; what is made
    without it is noted once it meets them. Single numbers and integers, which index, may do so.
    """

    there = torch.device("meta")  # a name only: nothing is put there

    def __init__(self):
        super().__init__()
        self.here, self.mixed = [], False

    def __torch_function__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if getattr(function, "__self__", None) is torch.Tensor.device:
            return torch.device("cpu") if self.is_here(args[0]) else self.there
        given = [part for v in (*args, *kwargs.values()) for part in helpers.states(v)]
        tensors = list(filter(torch.is_tensor, given))
        here = list(filter(self.is_here, tensors))
        result = function(*map(self.cpu, args), **{k: self.cpu(v) for k, v in kwargs.items()})
        met = len(here) < len(tensors)  # something of the model
        if self.moves(function, given, met):
            return result.clone() if self.is_here(result) else result
        if met:
            self.mixed |= any(tensor.is_floating_point() and tensor.dim() for tensor in here)
        else:
            self.here += filter(torch.is_tensor, helpers.states(result))
        return result

    def moves(self, function, given, met):
        by_name = getattr(function, "__name__", "") in ("to", "type_as")
        return any(map(self.means_there, given)) or (by_name and met)

    def is_here(self, tensor):
        return any(tensor is other for other in self.here)

    def means_there(self, value):
        return isinstance(value, (str, torch.device)) and str(value) == str(self.there)

    def cpu(self, value):
        return "cpu" if self.means_there(value) else value


def _elsewhere(model):
    # Return in words what a model on another device makes on the CPU, or None.
    with contextlib.suppress(Exception), Elsewhere() as mode:
        model(torch.zeros(2, 3, dtype=torch.long, device=mode.there))
        if mode.mixed:
            return "forward"
    with contextlib.suppress(Exception), Elsewhere() as mode:
        state = helpers.states(model.init_hidden(2))
        if any(map(mode.is_here, state)):
            return "init_hidden"
    return None
