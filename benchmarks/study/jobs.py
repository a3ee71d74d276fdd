"""The runs that make up the study: what each trains and measures, and which there are.

benchmarks/study/ carries them out and keeps what they measured.
"""

import contextlib
import functools
import io
import itertools
import operator
import time
from typing import NamedTuple

import torch
from torch import nn, optim
from torch.optim.optimizer import register_optimizer_step_post_hook

import helpers
from benchmarks.speed import protocols
from benchmarks.study.attention import AttentionRNN
from course.read_solution import run_todos
from helpers import MODELS
from lab import memory

SEEDS = (1, 2, 3, 4, 5)  # of the comparison and the memory spans
FEW_SEEDS = SEEDS[:3]  # of everything else
GRID = (1e-3, 2e-3, 4e-3, 8e-3)
MATCHED_PARAMETERS = 500_000
HIDDEN_DIMS = (64, 128)
SEQ_LENS = (10, 25, 100)
SPAN_GRID = (1e-3, 2e-3, 4e-3)  # grows where the best rate is at an end
LOADS = (4, 2, 1)
SPAN_SIZES = ((128, 1), (256, 2))  # (hidden_dim, num_layers): those of TODO 9, those of TODO 1
PILOT_SEED = 0  # chooses the rates of the memory spans
BLOCK = 100  # characters of test text to a row of blocks.csv


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


class LastStep(NamedTuple):
    """The last-step protocol to the letter, all three models: last_step.csv."""

    corpus: str = "sample"


# ----- One run ------------------------------------------------------------------------------------


@functools.cache
def _model_class(name):
    """Return the solution's model class of this name, or AttentionRNN."""
    with contextlib.redirect_stdout(io.StringIO()):
        return {"Attention": AttentionRNN, **run_todos(1, 2, 3, 5)["MODEL_CLASSES"]}[name]


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


def fit(
    model_class, text, learning_rate, epochs, seed, hidden_dim=256, dropout=0.3, seq_len=50, order=0
):
    """Return (model, BestWeights, splits) after training by the exercise's protocol.

    A batch holds as many characters at every ``seq_len``, so that all take the same number of
    steps. ``order`` is the seed of the first epoch's windows.
    """
    chars, char2idx, _ = helpers.build_vocabulary(text)
    splits = helpers.prepare_sequences(text, char2idx, seq_len)
    train_X, train_y, val_X, val_y, *_ = splits
    val_X, val_y = val_X[seq_len - 1 :: seq_len], val_y[seq_len - 1 :: seq_len]
    criterion = nn.CrossEntropyLoss()
    torch.manual_seed(seed)
    model = model_class(len(chars), hidden_dim=hidden_dim, dropout=dropout)
    optimizer = optim.Adam(model.parameters(), lr=learning_rate)
    best = helpers.BestWeights(model)
    for epoch in range(epochs):
        X, y = helpers.one_pass(train_X, train_y, seed=order + epoch)
        helpers.train_epoch(model, X, y, optimizer, criterion, batch_size=1600 // seq_len)
        best.update(helpers.evaluate_model(model, val_X, val_y, criterion, every_step=True))
    best.restore()
    return model, best, splits


def run_on_text(run, text):
    """Return what one training by the notebook's protocol measured.

    That is parameters, best_val_loss, best_epoch, test_loss (nats per character, on the final
    timestep of every test window), and in ``blocks`` the test loss of each block of the test text.
    The order of the batches depends on the seed too.
    """
    model, best, (*_, test_X, test_y) = fit(
        _model_class(run.model),
        text,
        run.rate,
        helpers.budget().epochs,
        run.seed,
        run.hidden_dim,
        run.dropout,
        run.seq_len,
        order=1000 * run.seed,
    )
    test_X, test_y = helpers.within_budget(test_X, test_y)
    blocks = [
        helpers.evaluate_model(model, block_X, block_y, nn.CrossEntropyLoss())
        for block_X, block_y in zip(test_X.split(BLOCK), test_y.split(BLOCK), strict=True)
    ]
    lengths = [len(block) for block in test_y.split(BLOCK)]
    test_loss = sum(map(operator.mul, blocks, lengths)) / len(test_y)
    return {
        "parameters": helpers.count_parameters(model),
        "best_val_loss": round(best.best_loss, 6),
        "best_epoch": best.best_epoch,
        "test_loss": round(test_loss, 6),
        "blocks": [round(loss, 6) for loss in blocks],
    }


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
            )
    finally:
        hook.remove()
    return {"span": longest, "batches": next(steps)}


def work(job, text):
    """Return (job, what it measured, seconds)."""
    torch.set_num_threads(1)  # as many runs at once as there are cores
    start = time.perf_counter()
    if isinstance(job, Run):
        measured = run_on_text(job, text)
    elif isinstance(job, Span):
        measured = measure_span(job, text)
    else:
        measured = last_step(text)
    return job, measured, time.perf_counter() - start


def last_step(text):
    """Return the rows of last_step.csv."""
    chars, char2idx, _ = helpers.build_vocabulary(text)
    classes = {name: _model_class(name) for name in MODELS}
    splits = helpers.prepare_sequences(text, char2idx)
    with contextlib.redirect_stdout(io.StringIO()):
        table = protocols.last_step_protocol(classes, splits, len(chars), helpers.budget().epochs)
    return table[["model", "epoch", "train_loss", "val_loss", "test_perplexity"]].round(4)


# ----- What to run --------------------------------------------------------------------------------


# Each part takes the size of the sample's vocabulary and what spans.csv holds so far.


def seeds(vocab_size, known, corpus="sample"):
    """The comparison itself."""
    return [Run(corpus, m, s, helpers.LEARNING_RATES[m]) for s in SEEDS for m in MODELS]


def wikitext(vocab_size, known):
    """The comparison on WikiText-2."""
    return seeds(vocab_size, known, "wikitext-2")


def grid(vocab_size, known):
    """The learning rates that LEARNING_RATES was chosen from, on validation loss."""
    return [Run("sample", m, s, rate) for s in FEW_SEEDS for rate in GRID for m in MODELS]


def variants(vocab_size, known):
    """What else "identical" could mean: parameters, no dropout, the original exercise's rates."""
    for seed, model in itertools.product(FEW_SEEDS, MODELS):
        rate = helpers.LEARNING_RATES[model]
        matched = matched_hidden_dim(model, vocab_size, MATCHED_PARAMETERS)
        yield Run("sample", model, seed, rate, hidden_dim=matched)
        yield Run("sample", model, seed, rate, dropout=0.0)
        yield Run("sample", model, seed, protocols.LAST_STEP_RATES[model])


def attention(vocab_size, known):
    """An RNN with attention that has as many parameters as the plain one."""
    hidden_dim = matched_hidden_dim("Attention", vocab_size, parameters("RNN", vocab_size))
    return [Run("sample", "Attention", s, r, hidden_dim) for s in FEW_SEEDS for r in GRID[:3]]


def sweeps(vocab_size, known):
    """Shorter and longer windows, smaller models."""
    for seed, model in itertools.product(FEW_SEEDS, MODELS):
        rate = helpers.LEARNING_RATES[model]
        for hidden_dim in HIDDEN_DIMS:
            yield Run("sample", model, seed, rate, hidden_dim)
        for seq_len in SEQ_LENS:
            yield Run("sample", model, seed, rate, seq_len=seq_len)


def spans(vocab_size, known):
    """Memory spans: the rates first, with a seed of their own, then the seeds at the best rate.

    ``known`` maps the Spans measured so far to what they measured. What is yielded depends on it:
    call again until nothing new comes.
    """
    settings = [("Attention", 4, attention_span_size(vocab_size))]
    settings += [(m, load, size) for size in SPAN_SIZES for load in LOADS for m in MODELS]
    for model, load, size in settings:
        pilots = {
            span.rate: (measured["span"], -measured["batches"])
            for span, measured in known.items()
            if (span.model, span.load, span[2:4], span.seed) == (model, load, size, PILOT_SEED)
        }
        rates = sorted({*SPAN_GRID, *pilots})
        if set(pilots) == set(rates):
            best = max(rates, key=pilots.get)
            if pilots[best][0] in (0, memory.LONGEST_LAG) or best not in (rates[0], rates[-1]):
                yield from (Span(model, load, *size, best, seed) for seed in SEEDS)
            else:  # the best may lie beyond
                rates = [best / 2 if best == rates[0] else best * 2]
        yield from (Span(model, load, *size, rate, PILOT_SEED) for rate in rates)


def attention_span_size(vocab_size):
    """Return the (hidden_dim, num_layers) that give Attention the plain RNN's parameters."""
    asked = vocab_size + 12  # memory_span adds 8 symbols and 4 queries
    target = parameters("RNN", asked, 128, 1)
    return matched_hidden_dim("Attention", asked, target, 1), 1


def last_step_once(vocab_size, known):
    """The last-step protocol."""
    return [LastStep()]


PARTS = {
    "seeds": seeds,
    "grid": grid,
    "variants": variants,
    "attention": attention,
    "spans": spans,
    "sweeps": sweeps,
    "last-step": last_step_once,
    "wikitext": wikitext,
}
