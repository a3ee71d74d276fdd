"""TODO 5: what a training function does to small stand-ins for the three classes.

The stand-ins have no dropout, so nothing is left to chance but the seed, and they write down what
happens to them: the windows that they read, in which mode, and their weights after each step.
"""

import time
from numbers import Real
from typing import NamedTuple

import torch
from torch import nn
from torch.optim.optimizer import register_optimizer_step_post_hook

from helpers import MODELS
from lab.ask import Raised, describe, run

SEQ_LEN = 8
BLOCKS = 45  # of 8 characters, in either text: seven in a cycle of six, then one that counts
SYMBOLS = 6 + BLOCKS  # of a text
VOCAB = 2 * SYMBOLS
KEYS = ("train_losses", "val_losses", "epoch_times", "best_epoch")
SETTINGS = ("betas", "eps", "weight_decay", "amsgrad", "maximize")


class Task(NamedTuple):
    """Tiny texts to train and validate on, in which every window occurs once.

    They share the cycle, so that the last epoch is the best, or nothing, so that the first one is.
    """

    shares: bool
    epochs: int

    def texts(self):
        """Return the indices of both texts, {"train": (360,), "val": (360,)}."""
        places = torch.arange(SEQ_LEN * BLOCKS)
        counts, counter = places % SEQ_LEN == SEQ_LEN - 1, 6 + places // SEQ_LEN
        return {
            "train": torch.where(counts, counter, places % 6),
            "val": torch.where(counts, SYMBOLS + counter, places % 6 + SYMBOLS * (not self.shares)),
        }

    def splits(self):
        """Return train_X, train_y, val_X, val_y."""
        texts = self.texts().values()
        return [p for text in texts for p in (text[:-1].unfold(0, SEQ_LEN, 1), text[SEQ_LEN:])]


TASKS = (Task(shares=False, epochs=3), Task(shares=True, epochs=2))


class StandIn(nn.Module):
    """A small model in place of one of the three; ``kind`` and ``log`` are its subclass's."""

    kind, log = "RNN", []

    def __init__(self, vocab_size, embedding_dim=128, hidden_dim=256, num_layers=2, dropout=0.3):
        super().__init__()
        self.spec = (vocab_size, embedding_dim, hidden_dim, num_layers, dropout)
        self.embedding = nn.Embedding(vocab_size, 8)
        self.rnn = getattr(nn, self.kind)(8, 12, batch_first=True)
        self.output = nn.Linear(12, vocab_size)
        self.first, self.events = self.weights(), []
        self.log.append(self)

    def forward(self, x, hidden=None, return_sequences=False):
        self.events.append(Read(x.tolist(), self.training, return_sequences))
        outputs, hidden = self.rnn(self.embedding(x), hidden)  # (b, t, 12)
        return self.output(outputs if return_sequences else outputs[:, -1]), hidden

    def init_hidden(self, rows):
        zeros = torch.zeros(1, rows, 12, device=self.output.weight.device)
        return (zeros, zeros.clone()) if self.kind == "LSTM" else zeros

    def weights(self):
        """Return all weights as one vector, a NumPy array."""
        return torch.cat([p.detach().flatten().cpu() for p in self.parameters()]).numpy().copy()


class Read(NamedTuple):
    """What a stand-in was called with."""

    windows: list
    training: bool
    every_step: bool


class Step(NamedTuple):
    """A step of an optimizer that moved a stand-in."""

    optimizer: str  # the name of its class
    number: int  # of the optimizer, in the order of their first steps
    settings: list  # of each group of parameters, a dict
    weights: object  # after it


def stand_ins(log):
    """Return the three classes by name; what they make is appended to ``log``."""
    return {name: type(f"Char{name}", (StandIn,), {"kind": name, "log": log}) for name in MODELS}


def ask(function, tasks=TASKS):
    """Return what a function did to each task, a list of dicts of plain data."""
    return [_trained(function, task) for task in tasks]


def _trained(function, task):
    made, kept, optimizers = [], [], []

    def moved(optimizer, args, kwargs):
        if optimizer not in optimizers:
            optimizers.append(optimizer)
        settings = [{k: g.get(k) for k in ("lr", *SETTINGS)} for g in optimizer.param_groups]
        owned = {id(p) for g in optimizer.param_groups for p in g["params"] if p.grad is not None}
        for model in made:
            if any(id(p) in owned for p in model.parameters()):
                number = optimizers.index(optimizer)
                name = type(optimizer).__name__
                model.events.append(Step(name, number, settings, model.weights()))

    hook = register_optimizer_step_post_hook(moved)
    start = time.perf_counter()
    call = f"train_and_compare_models(classes, …, {VOCAB}, epochs={task.epochs}, keep=keep)"
    classes = stand_ins(made)
    try:
        result = run(
            call, function, classes, *task.splits(), VOCAB, epochs=task.epochs,
            keep=lambda *given: kept.append(_kept(*given)),
        )  # fmt: skip
    finally:
        hook.remove()
    found = {"seconds": time.perf_counter() - start, "kept": kept, "raised": None}
    if isinstance(result, Raised):
        found["raised"], result = result, None
    pair = type(result) is tuple and len(result) == 2 and all(isinstance(r, dict) for r in result)
    models, metrics = result if pair else ({}, {})
    found["returned"] = "the pair" if pair else describe(result)
    found["models"] = {str(name): _returned(model, made) for name, model in models.items()}
    found["metrics"] = {str(name): _metrics(measured) for name, measured in metrics.items()}
    found["lists"] = _shared_lists(metrics)
    found["made"] = [_made(model) for model in made]
    return found


def _kept(name=None, model=None, measured=None, *more):
    weights = model.weights() if isinstance(model, StandIn) else describe(model)
    keys = sorted(map(str, measured)) if isinstance(measured, dict) else describe(measured)
    return str(name), weights, keys


def _returned(model, made):
    """Return the kind, the place among those made and the weights of a model, or what it is."""
    if not isinstance(model, StandIn):
        return describe(model)
    place = next((n for n, other in enumerate(made) if other is model), None)
    return {"kind": model.kind, "place": place, "weights": model.weights()}


def _made(model):
    return {"kind": model.kind, "spec": model.spec, "first": model.first, "events": model.events}


def _metrics(measured):
    """Return what was measured of a model: its lists with plain numbers, or words for all else."""
    if not isinstance(measured, dict):
        return describe(measured)
    return {str(key): _numbers(value) for key, value in measured.items()}


def _numbers(value):
    if isinstance(value, list):
        return [_number(each) for each in value[:100]]
    return _number(value)


def _number(value):
    if isinstance(value, Real) and not isinstance(value, bool):
        return float(value)
    return describe(value)


def _shared_lists(metrics):
    """Return pairs of places (name, key) that hold one and the same list."""
    seen, shared = {}, []
    for name, measured in metrics.items():
        for key, value in measured.items() if isinstance(measured, dict) else ():
            if isinstance(value, list):
                if id(value) in seen:
                    shared.append((seen[id(value)], (str(name), str(key))))
                seen.setdefault(id(value), (str(name), str(key)))
    return shared
