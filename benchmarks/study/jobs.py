"""The jobs that make up the study: what each of them trains and measures.

A job is a named tuple. Its name with its values is its label, its fields are the columns that begin
its row in a file of the study, and equal tuples are the same job, of which a row there is enough.
plan.py says which jobs there are; the command carries them out and keeps what they measured.
"""

import contextlib
import functools
import io
import time
from collections import namedtuple

import torch
from torch import nn, optim
from torch.optim.optimizer import register_optimizer_step_post_hook

import helpers
from benchmarks.speed import protocols
from benchmarks.study import models
from course.read_solution import run_todos
from lab import memory
from lab.exercise import (
    BATCH_SIZE,
    DROPOUT,
    EPOCHS,
    LEARNING_RATES,
    MODELS,
    SEQ_LEN,
    SIZES,
    SPAN_BATCHES,
)
from lab.ngram import NGram
from lab.study import (
    AS_IN_THE_NOTEBOOK,
    LESS_DROPOUT,
    LESS_DROPOUT_LEARNED,
    NGRAM,
    UNTIL_LEARNED,
)

BLOCK = 100  # characters of test text to a row of blocks.csv
TRAININGS = {  # as blocks.csv calls them
    AS_IN_THE_NOTEBOOK: f"{EPOCHS} epochs",
    UNTIL_LEARNED: UNTIL_LEARNED,
}
# Until it has learned: a training ends when so many epochs have not lowered the validation loss,
# fewer where there is more than MANY characters, since an epoch takes as many more batches.
PATIENCE, MANY, PATIENCE_OF_MANY, MOST_EPOCHS = 6, 50_000, 3, 200
LEARNED = {  # what the study calls such trainings on the sample, by their dropout
    DROPOUT: UNTIL_LEARNED,
    LESS_DROPOUT: LESS_DROPOUT_LEARNED,
}
# Of WikiText-2, in characters: what is trained on, from the start; what follows the longest of them
# validates, and what follows that tests, at all sizes.
LONG_TEXT, ANOTHER_TEXT = "wikitext-2, 900,000 characters", "shakespeare"
TEXT_SIZES, HELD_OUT = (50_000, 200_000, 800_000), 50_000
WIKITEXT = "validation split of wikitext-2-v1, tokenised, from its start (Merity and others 2016)"
SOURCES = {
    "sample": "data/sample.txt",
    "wikitext-2": WIKITEXT,
    LONG_TEXT: WIKITEXT,
    ANOTHER_TEXT: "input.txt of tinyshakespeare in Karpathy's char-rnn, from its start",
}
TEXTS = {"sample": "the sample", LONG_TEXT: "WikiText-2", ANOTHER_TEXT: "Shakespeare's plays"}
CONTEXTS = (4, 8, 16, 32, 64, 128)  # characters that a prediction may look back
EVERY = 10  # of the test text's characters, which of them CONTEXTS are measured on
LAST_STEP_VARIANTS = {
    "original": {},
    "dropout and decay equal": {
        "dropouts": dict.fromkeys(MODELS, DROPOUT),
        "decays": dict.fromkeys(MODELS, 0.0),
    },
    "rates of the notebook": {"rates": LEARNING_RATES},
}
LAST_STEP_VARIANTS["both"] = {k: v for d in LAST_STEP_VARIANTS.values() for k, v in d.items()}

# One training on text, by the notebook's protocol.
Run = namedtuple(
    "Run",
    "corpus model seed rate hidden_dim dropout seq_len",
    defaults=(SIZES["hidden_dim"], DROPOUT, SEQ_LEN),
)
# One memory span; its budget is in times the batches that memory_span spends on a lag.
Span = namedtuple("Span", "model load hidden_dim num_layers rate seed budget", defaults=(1,))
# One training on so many characters until the validation loss stops improving.
Learned = namedtuple("Learned", "corpus characters model seed rate dropout", defaults=(DROPOUT,))
# Counting the same text.
Counted = namedtuple("Counted", "corpus characters")
# The last-step protocol, all three models, as it is or with something made equal.
LastStep = namedtuple("LastStep", "variant")
# ----- One job ------------------------------------------------------------------------------------


@functools.cache
def model_classes():
    """Return what makes a model, by name: the solution's three, and those beyond them."""
    with contextlib.redirect_stdout(io.StringIO()):
        classes = run_todos(1, 2, 3, 5)["MODEL_CLASSES"]
    return classes | {
        "Attention": functools.partial(models.attention_rnn, classes["RNN"]),
        "RNN, identity": functools.partial(models.identity_rnn, classes["RNN"]),
        "IRNN": functools.partial(models.identity_rnn, classes["RNN"], irnn=True),
    }


@functools.cache
def parameters(name, vocab_size, hidden_dim=SIZES["hidden_dim"], num_layers=SIZES["num_layers"]):
    """Return the number of parameters of a model."""
    with torch.device("meta"):
        model = model_classes()[name](
            vocab_size, hidden_dim=hidden_dim, num_layers=num_layers, dropout=0.0
        )
    return helpers.count_parameters(model)


@functools.cache
def matched_hidden_dim(name, vocab_size, target, num_layers=SIZES["num_layers"]):
    """Return the hidden_dim at which the number of parameters is nearest to ``target``."""
    return min(
        range(16, 513),
        key=lambda hidden: abs(parameters(name, vocab_size, hidden, num_layers) - target),
    )


def fit(job, splits, vocab_size, epochs, patience=None, **sizes):
    """Return (model, what its row says of it, epochs) after training by the exercise's protocol.

    A batch holds as many characters at every length of the windows, so that all take the same
    number of steps; the order of the windows depends on the seed too. After ``patience`` epochs
    without a lower validation loss the training ends.
    """
    train_X, train_y, val_X, val_y, *_ = splits
    seq_len = train_X.shape[1]
    val_X, val_y = val_X[seq_len - 1 :: seq_len], val_y[seq_len - 1 :: seq_len]
    criterion, batch_size = nn.CrossEntropyLoss(), BATCH_SIZE * SEQ_LEN // seq_len
    torch.manual_seed(job.seed)
    model = model_classes()[job.model](vocab_size, **sizes)
    optimizer = optim.Adam(model.parameters(), lr=job.rate)
    best = helpers.BestWeights(model)
    for epoch in range(epochs):
        X, y = helpers.one_pass(train_X, train_y, seed=1000 * job.seed + epoch)
        helpers.train_epoch(model, X, y, optimizer, criterion, batch_size)
        best.update(helpers.evaluate_model(model, val_X, val_y, criterion, every_step=True))
        if patience and best.epoch - best.best_epoch >= patience:
            break
    best.restore()
    found = {"best_val_loss": round(best.best_loss, 6), "best_epoch": best.best_epoch}
    return model, {"parameters": helpers.count_parameters(model)} | found, best.epoch


def splits_of(job, text):
    """Return (the six splits, the characters of the vocabulary): the notebook's splits of a text.

    Of the long text the sizes that this module names.
    """
    chars, char2idx, _ = helpers.build_vocabulary(text)
    if getattr(job, "corpus", "sample") != LONG_TEXT:
        return helpers.prepare_sequences(text, char2idx, getattr(job, "seq_len", SEQ_LEN)), chars
    splits, held_out = [], text[max(TEXT_SIZES) :]
    for part in (text[: job.characters], held_out[:HELD_OUT], held_out[HELD_OUT:][:HELD_OUT]):
        encoded = helpers.encode(part, char2idx)
        splits += [encoded[:-1].unfold(0, SEQ_LEN, 1), encoded[SEQ_LEN:]]
    return splits, chars


@torch.no_grad()
def losses_of(model, X, y):
    """Return the loss of each target after its window, by a network or an NGram: (windows,)."""
    if isinstance(model, NGram):
        return -torch.from_numpy(model.probability_of(X, y)).log()
    model.eval()
    logits = torch.cat([model(part)[0] for part in X.split(500)])  # (windows, vocab_size)
    return nn.functional.cross_entropy(logits, y, reduction="none")


def losses_on_test(model, splits, chars):
    """Return ({name: mean loss}, losses) on the test text.

    Beside the mean of all, that of the characters outside <unk>, and, on every tenth character,
    those by windows of so many characters.
    """
    X, y = splits[4:]
    losses, text = losses_of(model, X, y), torch.cat([X[0], y])  # (t,)
    marked = "".join(chars[i] for i in text.tolist()).replace("<unk>", "\0" * len("<unk>"))
    outside = torch.tensor([char != "\0" for char in marked[SEQ_LEN:]])
    ends = torch.arange(max(CONTEXTS), len(text), EVERY)
    within = {
        f"within_{n}": losses_of(model, text.unfold(0, n, 1)[ends - n], text[ends])
        for n in CONTEXTS
    }
    found = {"test_loss": losses, "outside_unk": losses[outside]} | within
    return {name: round(of.mean().item(), 6) for name, of in found.items()}, losses


def blocks_of(job, comparison, losses):
    """Return {"blocks": the mean loss of each block of the sample's test text}; of another, {}."""
    if job.corpus != "sample" or getattr(job, "dropout", DROPOUT) != DROPOUT:
        return {}
    of = {
        "corpus": job.corpus,
        "model": getattr(job, "model", NGRAM),
        "seed": getattr(job, "seed", 0),
        "training": TRAININGS[comparison],
    }
    means = [round(block.mean().item(), 6) for block in losses.split(BLOCK)]
    return {"blocks": [of | {"block": n, "test_loss": mean} for n, mean in enumerate(means)]}


# Each of the following takes a job and its text. It returns a list of what was measured, a dict for
# each row of the job, and what blocks_of returns of it.


def run_on_text(job, text):
    """Train by the notebook's protocol.

    Losses are in nats per character, that of the test on the final timestep of every window. Blocks
    are kept of the notebook's own settings.
    """
    splits, chars = splits_of(job, text)
    model, measured, _ = fit(
        job, splits, len(chars), EPOCHS, hidden_dim=job.hidden_dim, dropout=job.dropout
    )
    losses = losses_of(model, *splits[4:])
    measured |= {"test_loss": round(losses.mean().item(), 6)}
    own = Run(job.corpus, job.model, job.seed, LEARNING_RATES.get(job.model))
    return [measured], blocks_of(job, AS_IN_THE_NOTEBOOK, losses) if job == own else {}


def learn(job, text):
    """Train until early stopping; or count, as often as the order says that validation chose."""
    splits, chars = splits_of(job, text)
    if isinstance(job, Counted):
        model = NGram.of_windows(*splits[:4], len(chars))
        measured = {"order": model.order, "counts": model.counts}
    else:
        patience = PATIENCE_OF_MANY if job.characters > MANY else PATIENCE
        model, measured, epochs = fit(
            job, splits, len(chars), MOST_EPOCHS, patience, dropout=job.dropout
        )
        measured["epochs"] = epochs
    on_test, losses = losses_on_test(model, splits, chars)
    return [measured | on_test], blocks_of(job, UNTIL_LEARNED, losses)


def measure_span(job, text):
    """Measure the memory span, and the batches that it took to measure it."""
    steps = []
    hook = register_optimizer_step_post_hook(lambda *_: steps.append(1))
    longest = memory.memory_span(
        model_classes()[job.model],
        text,
        job.rate,
        load=job.load,
        hidden_dim=job.hidden_dim,
        num_layers=job.num_layers,
        seed=job.seed,
        batches=job.budget * SPAN_BATCHES,
    )
    hook.remove()
    return [{"span": longest, "batches": len(steps)}], {}


def last_step(job, text):
    """Run the last-step protocol: a row for each model and epoch."""
    splits, chars = splits_of(job, text)
    classes = {name: model_classes()[name] for name in MODELS}
    table = protocols.last_step_protocol(
        classes, splits, len(chars), EPOCHS, **LAST_STEP_VARIANTS[job.variant]
    )
    columns = ["model", "epoch", "train_loss", "val_loss", "test_perplexity"]
    return table[columns].round(4).to_dict("records"), {}


JOBS = {  # the name of the file that has their rows, and what measures them
    Run: ("runs", run_on_text),
    Span: ("spans", measure_span),
    Learned: ("learned", learn),
    Counted: ("counted", learn),
    LastStep: ("last_step", last_step),
}
ROWS = {  # the columns that tell the rows of a file apart
    **{name: job_type._fields for job_type, (name, _) in JOBS.items()},
    "last_step": ("model", "epoch", "variant"),
    "blocks": ("corpus", "model", "seed", "block", "training"),
    "seconds": ("job",),
}


def work(job, text):
    """Return (job, what it measured: {file: rows}, seconds)."""
    torch.set_num_threads(1)  # as many jobs at once as there are cores
    start = time.perf_counter()
    name, measure = JOBS[type(job)]
    with contextlib.redirect_stdout(io.StringIO()):
        measured, blocks = measure(job, text)
    seconds = time.perf_counter() - start
    rows = {
        name: [job._asdict() | row for row in measured],
        "seconds": [{"job": str(job), "seconds": round(seconds, 1)}],
    }
    return job, rows | blocks, seconds
