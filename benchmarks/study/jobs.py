"""The runs that make up the study: what each of them trains and measures.

parts.py says which there are; the command carries them out and keeps what they measured.
"""

import contextlib
import functools
import io
import itertools
import re
import time
from typing import NamedTuple

import torch
from torch import nn, optim
from torch.optim.optimizer import register_optimizer_step_post_hook

import helpers
from benchmarks.speed import protocols
from benchmarks.study import models
from course.read_solution import run_todos
from lab import exercise, memory
from lab.exercise import EPOCHS, MODELS, SPAN_BATCHES
from lab.ngram import NGram

BLOCK = 100  # characters of test text to a row of blocks.csv
# Until it has learned: a training ends when so many epochs have not lowered the validation loss,
# fewer where there is more than MANY characters, since an epoch takes as many more batches.
PATIENCE, MANY, PATIENCE_OF_MANY, MOST_EPOCHS = 6, 50_000, 3, 200
# Of WikiText-2, in characters: what is trained on, from the start; what follows the longest of them
# validates, and what follows that tests, at all sizes.
LONG_TEXT = "wikitext-2, 900,000 characters"
SIZES, HELD_OUT = (50_000, 200_000, 800_000), 50_000
CONTEXTS = (4, 8, 16, 32, 64, 128)  # characters that a prediction may look back
EVERY = 10  # of the test text's characters, which of them CONTEXTS are measured on
LAST_STEP_VARIANTS = {
    "original": {},
    "dropout and decay equal": {
        "dropouts": dict.fromkeys(MODELS, 0.3),
        "decays": dict.fromkeys(MODELS, 0.0),
    },
    "rates of the notebook": {"rates": exercise.LEARNING_RATES},
}
LAST_STEP_VARIANTS["both"] = {k: v for d in LAST_STEP_VARIANTS.values() for k, v in d.items()}


class Run(NamedTuple):
    """One training on text: the columns of runs.csv that say what was run."""

    corpus: str
    model: str
    seed: int
    rate: float
    hidden_dim: int = 256
    dropout: float = 0.3
    seq_len: int = 50


class Span(NamedTuple):
    """One memory span: the columns of spans.csv that say what was measured."""

    model: str
    load: int
    hidden_dim: int
    num_layers: int
    rate: float
    seed: int
    budget: int = 1  # times the batches that memory_span spends on a lag


class Learned(NamedTuple):
    """One training until the validation loss stops improving: the columns of learned.csv."""

    corpus: str
    characters: int  # trained on
    model: str
    seed: int
    rate: float


class Counted(NamedTuple):
    """Counting the same text: the columns of counted.csv."""

    corpus: str
    characters: int


class LastStep(NamedTuple):
    """The last-step protocol, all three models, as it is or with something made equal."""

    variant: str = "original"


class Epoch(NamedTuple):
    """One epoch of it: the columns of last_step.csv."""

    model: str
    epoch: int
    variant: str = "original"


# ----- One run ------------------------------------------------------------------------------------


@functools.cache
def _model_class(name):
    """Return the solution's model class of this name, or one of those beyond the three."""
    with contextlib.redirect_stdout(io.StringIO()):
        classes = run_todos(1, 2, 3, 5)["MODEL_CLASSES"]
    started = {"RNN, identity": models.identity_rnn, "IRNN": models.irnn}
    if name in started:
        return started[name](classes["RNN"])
    return {"Attention": models.AttentionRNN, **classes}[name]


@functools.cache
def parameters(name, vocab_size, hidden_dim=256, num_layers=2):
    """Return the number of parameters of a model."""
    with torch.device("meta"):
        model = _model_class(name)(vocab_size, 128, hidden_dim, num_layers, dropout=0.0)
    return helpers.count_parameters(model)


@functools.cache
def matched_hidden_dim(name, vocab_size, target, num_layers=2):
    """Return the hidden_dim at which the number of parameters is nearest to ``target``."""
    return min(
        range(16, 513),
        key=lambda hidden: abs(parameters(name, vocab_size, hidden, num_layers) - target),
    )


def fit(model_class, splits, vocab_size, rate, epochs, seed, *, order=0, patience=None, **sizes):
    """Return (model, BestWeights) after training by the exercise's protocol.

    A batch holds as many characters at every ``seq_len``, so that all take the same number of
    steps. ``order`` is the seed of the first epoch's windows. After ``patience`` epochs without a
    lower validation loss the training ends.
    """
    train_X, train_y, val_X, val_y, *_ = splits
    seq_len = train_X.shape[1]
    val_X, val_y = val_X[seq_len - 1 :: seq_len], val_y[seq_len - 1 :: seq_len]
    criterion = nn.CrossEntropyLoss()
    torch.manual_seed(seed)
    model = model_class(vocab_size, **sizes)
    optimizer = optim.Adam(model.parameters(), lr=rate)
    best = helpers.BestWeights(model)
    for epoch in range(epochs):
        X, y = helpers.one_pass(train_X, train_y, seed=order + epoch)
        helpers.train_epoch(model, X, y, optimizer, criterion, batch_size=1600 // seq_len)
        best.update(helpers.evaluate_model(model, val_X, val_y, criterion, every_step=True))
        if patience and best.epoch - best.best_epoch >= patience:
            break
    best.restore()
    return model, best


def run_on_text(run, text):
    """Return what one training by the notebook's protocol measured.

    That is parameters, best_val_loss, best_epoch, test_loss (nats per character, on the final
    timestep of every test window), and in ``blocks`` the test loss of each block of the test text.
    The order of the batches depends on the seed too.
    """
    chars, char2idx, _ = helpers.build_vocabulary(text)
    splits = helpers.prepare_sequences(text, char2idx, run.seq_len)
    model, best = fit(
        _model_class(run.model),
        splits,
        len(chars),
        run.rate,
        EPOCHS,
        run.seed,
        order=1000 * run.seed,
        hidden_dim=run.hidden_dim,
        dropout=run.dropout,
    )
    losses = losses_of(model, *splits[4:])
    return {
        "parameters": helpers.count_parameters(model),
        "best_val_loss": round(best.best_loss, 6),
        "best_epoch": best.best_epoch,
        "test_loss": round(losses.mean().item(), 6),
        "blocks": blocks_of(losses),
    }


def learning_splits(job, text):
    """Return (the six splits, the size of the vocabulary, which test characters are not in <unk>).

    Of the sample, the notebook's; of WikiText-2 the sizes that this module names.
    """
    chars, char2idx, _ = helpers.build_vocabulary(text)
    if job.corpus == "sample":
        splits = helpers.prepare_sequences(text, char2idx)
        return splits, len(chars), torch.ones(len(splits[5]), dtype=torch.bool)
    splits, last = [], max(SIZES)
    parts = text[: job.characters], text[last : last + HELD_OUT], text[last + HELD_OUT :][:HELD_OUT]
    for part in parts:
        encoded = helpers.encode(part, char2idx)
        splits += [encoded[:-1].unfold(0, 50, 1), encoded[50:]]
    outside = torch.ones(len(parts[2]), dtype=torch.bool)
    for found in re.finditer("<unk>", parts[2]):
        outside[found.start() : found.end()] = False
    return splits, len(chars), outside[50:]


@torch.no_grad()
def losses_of(model, X, y):
    """Return the loss of each target after its window, by a network or an NGram: (windows,)."""
    if isinstance(model, NGram):
        return -torch.from_numpy(model.probability_of(X, y)).log()
    model.eval()
    pieces = zip(X.split(500), y.split(500), strict=True)
    logits = ((model(part, model.init_hidden(len(part)))[0], target) for part, target in pieces)
    return torch.cat([nn.functional.cross_entropy(z, t, reduction="none") for z, t in logits])


def blocks_of(losses):
    """Return the mean loss of each block of a text."""
    return [round(block.mean().item(), 6) for block in losses.split(BLOCK)]


def losses_on_test(model, splits, outside):
    """Return the losses on the test text: all of it, outside <unk>, and by how far one may look.

    The last are measured on every tenth character, by windows of so many characters.
    """
    X, y = splits[4:]
    losses = losses_of(model, X, y)
    measured = {"test_loss": losses.mean(), "outside_unk": losses[outside[: len(losses)]].mean()}
    text = torch.cat([X[0], y])  # (t,)
    ends = torch.arange(max(CONTEXTS), len(text), EVERY)
    for context in CONTEXTS:
        windows = text.unfold(0, context, 1)[ends - context]
        measured[f"within_{context}"] = losses_of(model, windows, text[ends]).mean()
    return {name: round(loss.item(), 6) for name, loss in measured.items()}, losses


def learn(job, text):
    """Return what one training until it has learned measured, with the blocks of its test text."""
    splits, vocab_size, outside = learning_splits(job, text)
    model, best = fit(
        _model_class(job.model),
        splits,
        vocab_size,
        job.rate,
        min(MOST_EPOCHS, EPOCHS * 10),
        job.seed,
        order=1000 * job.seed,
        patience=PATIENCE_OF_MANY if job.characters > MANY else PATIENCE,
    )
    measured, losses = losses_on_test(model, splits, outside)
    return {
        "parameters": helpers.count_parameters(model),
        "best_val_loss": round(best.best_loss, 6),
        "best_epoch": best.best_epoch,
        "epochs": best.epoch,
        **measured,
        "blocks": blocks_of(losses),
    }


def count(job, text):
    """Return the order and the number of counts that validation chose, and the test losses."""
    splits, vocab_size, outside = learning_splits(job, text)
    model = NGram.of_windows(*splits[:4], vocab_size)
    measured, losses = losses_on_test(model, splits, outside)
    measured |= {"blocks": blocks_of(losses)}
    return {"order": model.order, "counts": model.counts, **measured}


def measure_span(span, text):
    """Return the memory span, and the batches that it took to measure it."""
    steps = itertools.count()
    hook = register_optimizer_step_post_hook(lambda *_: next(steps))
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            longest = memory.memory_span(
                _model_class(span.model),
                text,
                span.rate,
                load=span.load,
                hidden_dim=span.hidden_dim,
                num_layers=span.num_layers,
                seed=span.seed,
                batches=span.budget * SPAN_BATCHES,
            )
    finally:
        hook.remove()
    return {"span": longest, "batches": next(steps)}


def work(job, text):
    """Return (job, what it measured, seconds)."""
    torch.set_num_threads(1)  # as many runs at once as there are cores
    start = time.perf_counter()
    measure = {Run: run_on_text, Span: measure_span, Learned: learn, Counted: count}
    measured = measure.get(type(job), last_step)(job, text)
    return job, measured, time.perf_counter() - start


def last_step(job, text):
    """Return the rows of last_step.csv, by Epoch."""
    chars, char2idx, _ = helpers.build_vocabulary(text)
    classes = {name: _model_class(name) for name in MODELS}
    splits = helpers.prepare_sequences(text, char2idx)
    with contextlib.redirect_stdout(io.StringIO()):
        table = protocols.last_step_protocol(
            classes,
            splits,
            len(chars),
            EPOCHS,
            **LAST_STEP_VARIANTS[job.variant],
        )
    rows = table[["model", "epoch", "train_loss", "val_loss", "test_perplexity"]].round(4)
    return {
        Epoch(row.pop("model"), row.pop("epoch"), job.variant): row
        for row in rows.to_dict("records")
    }
