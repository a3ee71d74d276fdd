"""The training of one model, as TODO 5 asks for it, in steps; and known mistakes.

As in specified.py, a known mistake is the same training with another function for one or more
steps. It only names a difference that the comparison has found.
"""

import functools
import itertools
import math
from types import MethodType

import torch
from torch import nn
from torch.nn import functional as F

import helpers
from lab import exercise
from lab.ask import TooSlow
from lab.ask.training import SEQ_LEN, VOCAB, splits, stand_ins
from lab.checks.specified import Mistake


class Training:
    """The training of a stand-in on the short texts of a seed, ``of_texts``.

    ``otherwise`` replaces some of the steps.
    """

    def __init__(self, name, epochs, chosen, of_texts, **otherwise):
        self.epochs, self.chosen = epochs, chosen  # of the validation windows: the first, the step
        train_X, train_y, val_X, val_y = splits(of_texts)
        self.train, self.val = (train_X, train_y), (val_X, val_y)
        for step, function in otherwise.items():
            setattr(self, step, MethodType(function, self))
        self.seed()
        self.model = stand_ins([])[name](VOCAB)
        self.optimizer = torch.optim.Adam(self.learned(), lr=exercise.LEARNING_RATES[name])
        self.best = helpers.BestWeights(self.model)

    def __iter__(self):
        # Yield the events in their order: (quantity, number of the epoch from 1, or else 0, value).
        yield "weights at the start", 0, self.model.first
        for epoch in range(self.epochs):
            self.epoch = epoch
            losses = []
            for X, y in self.batches(*self.shown()):
                yield "windows", self.epoch + 1, X.tolist()
                losses.append((self.learn(X, y), len(X)))
                yield "weights", self.epoch + 1, self.model.weights()
            total = sum(rows for _, rows in losses)
            self.train_loss = sum(loss * rows for loss, rows in losses) / total
            self.val_loss = self.measured(*self.validated())
            self.update(self.val_loss)
            for name, loss in zip(("train_losses", "val_losses"), self.listed(), strict=True):
                yield name, self.epoch + 1, loss
        best_epoch = self.put_back()
        yield "weights at the end", 0, self.model.weights()
        yield "best_epoch", 0, float(best_epoch)
        yield "weights given to keep", 0, self.model.weights()

    def seed(self):
        torch.manual_seed(exercise.SEED)

    def learned(self):
        return list(self.model.parameters())

    def shown(self):
        return helpers.one_pass(*self.train, self.epoch)

    def batches(self, X, y):
        return zip(X.split(32), y.split(32), strict=True)

    def learn(self, X, y):
        # Make one step of learning from a batch; return its loss.
        self.model.train()
        self.forget()
        loss = self.loss(*self.predicted(X, y))
        loss.backward()
        self.clip()
        self.optimizer.step()
        return loss.item()

    def forget(self):
        self.optimizer.zero_grad()

    def predicted(self, X, y):
        # Return logits and targets at every timestep: (b * t, v) and (b * t,).
        logits, _ = self.model(X, return_sequences=True)
        return logits.flatten(0, 1), torch.cat([X[:, 1:], y[:, None]], dim=1).flatten()

    def loss(self, logits, targets):
        return F.cross_entropy(logits, targets)

    def clip(self):
        nn.utils.clip_grad_norm_(self.model.parameters(), exercise.MAX_GRADIENT_NORM)

    def validated(self):
        first, step = self.chosen
        return [part[first::step] for part in self.val]

    def measured(self, X, y):
        return helpers.evaluate_model(self.model, X, y, self.loss, every_step=True)

    def update(self, loss):
        self.best.update(loss)

    def listed(self):
        return self.train_loss, self.val_loss

    def put_back(self):
        # Give the model the weights of its best epoch, and return the epoch's number.
        return self.best.restore()


@functools.cache
def _trace(name, epochs, chosen, seed, mistake):
    # An iterator that computes each event once, and keeps it for copies of itself.
    steps = mistake.steps if mistake else {}
    return itertools.tee(Training(name, epochs, chosen, seed, **steps), 1)[0]


def trace(name, epochs, chosen, seed, mistake=None):
    """Yield all events of the training of the model with this name, with or without a mistake.

    ``seed`` is that of the texts. ``chosen`` gives the validation windows: the first window, and
    the distance to the next one.
    """
    try:
        yield from itertools.tee(_trace(name, epochs, chosen, seed, mistake))[1]
    except (Exception, TooSlow):  # the iterator that others share would end here
        _trace.cache_clear()
        raise


# Windows that do not overlap: every 50th, as in the notebook, or as far apart as these are long.
# The notebook's own line comes first: a loss that fits none is compared with it.
ONCE = [(first, step) for step in (exercise.SEQ_LEN, SEQ_LEN) for first in reversed(range(step))]


def losses_by_choice(name, seed):
    """Yield the validation loss after one epoch, for each choice of windows in ONCE."""
    made = Training(name, 1, ONCE[0], seed)
    list(made)
    for made.chosen in ONCE:
        yield made.measured(*made.validated())


# ----- Known mistakes -----------------------------------------------------------------------------


FINAL_STEP = {"measured": lambda self, X, y: helpers.evaluate_model(self.model, X, y, self.loss)}

MISTAKES = [
    Mistake("seed", "The seed is not set", {"seed": lambda self: None}),
    Mistake("seed", "The seed is not SEED", {"seed": lambda self: torch.manual_seed(0)}),
    Mistake("seed", "The seed is not SEED", {"seed": lambda self: torch.manual_seed(1)}),
    Mistake(
        "optimizer",
        "The optimizer gets only the parameters of the output layer",
        {"learned": lambda self: list(self.model.output.parameters())},
    ),
    Mistake(
        "optimizer",
        "The optimizer gets only the parameters of the recurrent layer",
        {"learned": lambda self: list(self.model.rnn.parameters())},
    ),
    Mistake(
        "other-windows",
        "The epoch trains on all windows of train_X, which overlap. It must train only on the "
        "windows that one_pass chose",
        {"shown": lambda self: self.train},
    ),
    *(
        Mistake(
            "other-windows",
            "Every epoch trains on the same windows in the same order, because one_pass gets the "
            "same seed each time",
            {"shown": lambda self, seed=seed: helpers.one_pass(*self.train, seed)},
        )
        for seed in (0, 1, exercise.SEED)
    ),
    Mistake(
        "other-windows",
        "The seed of one_pass is the number of the epoch, counted from 1 and not from 0",
        {"shown": lambda self: helpers.one_pass(*self.train, self.epoch + 1)},
    ),
    Mistake(
        "other-windows",
        "The epoch trains only on its first batch",
        {"batches": lambda self, X, y: [(X[:32], y[:32])]},
    ),
    Mistake(
        "other-windows",
        "Every epoch trains twice on its windows",
        {"batches": lambda self, X, y: [*Training.batches(self, X, y)] * 2},
    ),
    Mistake(
        "other-windows",
        "The epoch uses all its windows as one batch",
        {"batches": lambda self, X, y: [(X, y)]},
    ),
    Mistake(
        "wrong-targets",
        "The targets are the first entries of train_y, which belong to other windows",
        {"batches": lambda self, X, y: Training.batches(self, X, self.train[1][: len(X)])},
    ),
    Mistake(
        "wrong-targets",
        "Each character is its own target",
        {"predicted": lambda self, X, y: (Training.predicted(self, X, y)[0], X.flatten())},
    ),
    Mistake(
        "wrong-targets",
        "The targets are the last characters of the windows. They must be the next characters",
        {"batches": lambda self, X, y: Training.batches(self, X, X[:, -1])},
    ),
    Mistake(
        "train-mode",
        "The loss uses only the final timestep, but train_epoch uses every timestep",
        {"predicted": lambda self, X, y: (self.model(X)[0], y)},
    ),
    Mistake(
        "update-steps", "The gradients of several batches add up", {"forget": lambda self: None}
    ),
    Mistake("update-steps", "The gradients are not clipped", {"clip": lambda self: None}),
    Mistake(
        "other-loss",
        "The loss has label smoothing, but the given loss does not have it",
        {"loss": lambda self, z, y: F.cross_entropy(z, y, label_smoothing=0.1)},
    ),
    Mistake(
        "other-loss",
        "The loss is the sum over all predictions, not the mean",
        {"loss": lambda self, z, y: F.cross_entropy(z, y, reduction="sum")},
    ),
    Mistake(
        "other-loss",
        "The loss is nn.NLLLoss. It expects log-probabilities, but the models return logits",
        {"loss": lambda self, z, y: F.nll_loss(z, y)},
    ),
    Mistake(
        "validation",
        "The validation uses only the final timestep, not every timestep",
        FINAL_STEP,
    ),
    Mistake(
        "validation",
        "The validation uses all windows of val_X, which overlap",
        {"validated": lambda self: self.val},
    ),
    *(
        Mistake(
            "validation",
            f"The validation uses windows of val_X that begin {every} characters apart. They "
            "overlap, so characters count several times",
            {"validated": lambda self, every=every: [part[::every] for part in self.val]},
        )
        for every in (2, 5, 10, 25)
    ),
    *(
        Mistake(
            "validation",
            "The validation uses only 50 windows of val_X, which overlap",
            {"validated": lambda self, some=some: [part[some] for part in self.val]},
        )
        for some in (slice(50), slice(-50, None))
    ),
    Mistake(
        "validation",
        "The validation uses all windows of val_X, which overlap, and only their final timesteps",
        {"validated": lambda self: self.val} | FINAL_STEP,
    ),
    Mistake(
        "validation",
        "The validation uses windows that the model was trained on",
        {"validated": lambda self: Training.shown(self)},
    ),
    Mistake(
        "validation",
        "The validation uses windows of train_X",
        {"validated": lambda self: [p[self.chosen[0] :: self.chosen[1]] for p in self.train]},
    ),
    Mistake(
        "validation",
        "The validation uses all windows of train_X",
        {"validated": lambda self: self.train},
    ),
    Mistake(
        "validation",
        "The validation runs in training mode, in which dropout is on",
        {"measured": lambda self, X, y: self.loss(*self.predicted(X, y)).item()},
    ),
    Mistake(
        "validation",
        "The training loss is used as the validation loss",
        {"measured": lambda self, X, y: self.train_loss},
    ),
    Mistake(
        "losses-changed",
        "The list val_losses holds the training losses",
        {"listed": lambda self: (self.train_loss, self.train_loss)},
    ),
    Mistake(
        "losses-changed",
        "The list train_losses holds the validation losses",
        {"listed": lambda self: (self.val_loss, self.val_loss)},
    ),
    Mistake(
        "losses-changed",
        "The lists train_losses and val_losses are exchanged",
        {"listed": lambda self: (self.val_loss, self.train_loss)},
    ),
    Mistake(
        "losses-changed",
        "The list train_losses holds perplexities, not losses",
        {"listed": lambda self: (math.exp(self.train_loss), self.val_loss)},
    ),
    Mistake(
        "losses-changed",
        "The list val_losses holds perplexities, not losses",
        {"listed": lambda self: (self.train_loss, math.exp(self.val_loss))},
    ),
    Mistake(
        "losses-changed",
        "The list val_losses holds the lowest loss so far, not the loss of each epoch",
        {"listed": lambda self: (self.train_loss, self.best.best_loss)},
    ),
    Mistake(
        "best-weights",
        "The code does not store the weights of any epoch, so the model ends with its weights from "
        "before the training",
        {"update": lambda self, loss: None},
    ),
    Mistake(
        "best-weights",
        "best.update gets the training loss",
        {"update": lambda self, loss: Training.update(self, self.train_loss)},
    ),
    Mistake(
        "best-weights",
        "best.update gets the validation loss with the opposite sign",
        {"update": lambda self, loss: Training.update(self, -loss)},
    ),
    Mistake(
        "best-weights",
        "best.update gets the number of the epoch",
        {"update": lambda self, loss: Training.update(self, self.epoch)},
    ),
    Mistake(
        "best-weights",
        "best.update is called only after the first epoch",
        {"update": lambda self, loss: self.epoch or Training.update(self, loss)},
    ),
    Mistake(
        "best-weights",
        "best.restore() is called in every epoch, so an epoch begins with the best weights so far",
        {"update": lambda self, loss: (Training.update(self, loss), self.put_back())},
    ),
    Mistake(
        "best-weights",
        "A new BestWeights is made in each epoch, so it knows only one epoch",
        {"put_back": lambda self: 1},
    ),
    Mistake(
        "best-weights",
        "The weights of the best epoch are not put back, so the model keeps the weights of its "
        "last epoch (for example, because state_dict() alone does not copy weights)",
        {"put_back": lambda self: self.best.best_epoch},
    ),
    Mistake(
        "best-weights",
        "The weights and best_epoch are those of the last epoch, not of the best epoch",
        {"put_back": lambda self: self.epochs},
    ),
    Mistake(
        "best-weights",
        "best_epoch is counted from 0, not from 1",
        {"put_back": lambda self: Training.put_back(self) - 1},
    ),
    Mistake(
        "best-weights",
        "best_epoch is the last epoch, not the best epoch",
        {"put_back": lambda self: Training.put_back(self) and self.epochs},
    ),
    Mistake(
        "best-weights",
        "best_epoch holds the lowest loss, not the number of the epoch",
        {"put_back": lambda self: Training.put_back(self) and self.best.best_loss},
    ),
    Mistake(
        "best-weights",
        "best.update is called twice in an epoch, so each epoch is counted twice",
        {"update": lambda self, loss: [Training.update(self, loss) for _ in range(2)]},
    ),
]
