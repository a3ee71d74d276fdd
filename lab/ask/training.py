"""TODO 5: the effect of a training function on small stand-ins for the three classes.

The stand-ins do not have dropout, so all randomness comes from the seed. They record their
training: the windows that they read, the mode, and their weights after each optimizer step.
"""

import time

import torch
from torch import nn
from torch.optim.optimizer import register_optimizer_step_post_hook

from helpers import describe
from lab.ask import Raised, run, simple
from lab.exercise import MODELS

SEQ_LEN = 8
BLOCKS = 45  # of 8 characters, in either text: seven in a cycle of six, then one that counts
SYMBOLS = 6 + BLOCKS  # of a text
VOCAB = 2 * SYMBOLS
KEYS = ("train_losses", "val_losses", "epoch_times", "best_epoch")
SETTINGS = ("betas", "eps", "weight_decay", "amsgrad", "maximize")
SCHEDULED = "initial_lr"  # a setting that learning rate schedulers add


def splits(seed=0):
    """Return train_X, train_y, val_X, val_y of two texts in which every window of 8 occurs once.

    Each text has 360 characters. The two texts do not share a character. A seed other than 0 gives
    the characters another order.
    """
    places = torch.arange(SEQ_LEN * BLOCKS)
    text = torch.where(places % SEQ_LEN == SEQ_LEN - 1, 6 + places // SEQ_LEN, places % 6)
    if seed:
        text = torch.randperm(SYMBOLS, generator=torch.Generator().manual_seed(seed))[text]
    X, y = text[:-1].unfold(0, SEQ_LEN, 1), text[SEQ_LEN:]
    return X, y, X + SYMBOLS, y + SYMBOLS


EPOCHS = (4, 2)  # the function is called once with each of these numbers


class StandIn(nn.Module):
    """A small model in place of one of the three. Its subclass sets ``kind`` and ``log``.

    In evaluation mode, its logits are multiplied by a number that depends on its weights. So
    validation losses go up and down, and the best epoch cannot be guessed.
    """

    kind, log = "RNN", []

    def __init__(self, vocab_size, embedding_dim=128, hidden_dim=256, num_layers=2, dropout=0.3):
        super().__init__()
        self.spec = {
            "vocab_size": vocab_size,
            "embedding_dim": embedding_dim,
            "hidden_dim": hidden_dim,
            "num_layers": num_layers,
            "dropout": dropout,
        }
        self.embedding = nn.Embedding(vocab_size, 8)
        self.rnn = getattr(nn, self.kind)(8, 12, batch_first=True)
        self.output = nn.Linear(12, vocab_size)
        self.first, self.steps = self.weights(), []
        self.read = {"windows": None, "training": True}  # last, and whether in training mode
        self.log.append(self)

    def forward(self, x, hidden=None, return_sequences=False):
        self.read = {"windows": x.tolist(), "training": self.training}
        outputs, hidden = self.rnn(self.embedding(x), hidden)  # (b, t, 12)
        logits = self.output(outputs if return_sequences else outputs[:, -1])
        if not self.training:
            logits = logits * (1.5 + 1.5 * torch.sin(116 * self.output.bias.sum()))
        return logits, hidden

    def init_hidden(self, rows):
        zeros = torch.zeros(1, rows, 12, device=self.output.weight.device)
        return (zeros, zeros.clone()) if self.kind == "LSTM" else zeros

    def facts(self):
        return {n: getattr(self, n) for n in ("kind", "spec", "first", "steps")}

    def weights(self):
        """Return all weights as one vector, a NumPy array."""
        return torch.cat([p.detach().flatten().cpu() for p in self.parameters()]).numpy().copy()


def stand_ins(log):
    """Return the three classes by name. Each new model is appended to ``log``."""
    return {name: type(f"Char{name}", (StandIn,), {"kind": name, "log": log}) for name in MODELS}


def ask(function, seed):
    """Return the facts on a training function: a dict of plain data for each number in EPOCHS.

    The function trains on the texts of this seed. If it is None, None is returned.
    """
    return None if function is None else [_trained(function, epochs, seed) for epochs in EPOCHS]


def _trained(function, epochs, seed):
    made, kept, optimizers = [], [], {}

    def moved(optimizer, args, kwargs):
        groups = optimizer.param_groups
        step = {
            "optimizer": type(optimizer).__name__,
            "number": optimizers.setdefault(optimizer, len(optimizers)),  # of the optimizer
            "settings": [{k: g.get(k) for k in ("lr", SCHEDULED, *SETTINGS)} for g in groups],
        }
        owned = {id(p) for group in groups for p in group["params"] if p.grad is not None}
        for model in made:
            if any(id(p) in owned for p in model.parameters()):
                model.steps.append(step | model.read | {"weights": model.weights()})

    def keep(name, model, measured):
        kept.append((simple(name), _model(model, made), simple(measured, depth=1)))

    call = f"train_and_compare_models(classes, …, {VOCAB}, epochs={epochs}, keep=keep)"
    given = stand_ins(made), *splits(seed), VOCAB
    start = time.perf_counter()
    with register_optimizer_step_post_hook(moved):
        result = run(call, function, *given, epochs=epochs, keep=keep)
    seconds = time.perf_counter() - start
    pair = type(result) is tuple and len(result) == 2 and all(isinstance(r, dict) for r in result)
    models, metrics = result if pair else ({}, {})
    return {
        "seconds": seconds,
        "made": [model.facts() for model in made],
        "kept": kept,
        "raised": result if isinstance(result, Raised) else None,
        "returned": "the pair" if pair else describe(result),
        "models": {simple(name): _model(model, made) for name, model in models.items()},
        "metrics": simple(metrics, depth=2),
    }


def _model(model, made):
    # Return the facts on a model, with its place among those made; or another value in words.
    if not isinstance(model, StandIn):
        return describe(model)
    place = next((n for n, other in enumerate(made) if other is model), None)
    return model.facts() | {"place": place, "weights": model.weights()}
