"""The kinds of jobs in the study, and the functions that train and measure for them.

A job is a named tuple. Its name and values are its label. Its fields are the first columns of its
row in a file of the study. Equal tuples are the same job, and one row for them is enough. plan.py
has the list of the jobs. The command ``python -m benchmarks.study`` runs them and stores their
results.
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

BLOCK = 100  # characters of test text for each row of blocks.csv
TRAININGS = {  # the names in blocks.csv
    AS_IN_THE_NOTEBOOK: f"{EPOCHS} epochs",
    UNTIL_LEARNED: UNTIL_LEARNED,
}
# Until early stopping: a training ends when PATIENCE epochs have not lowered the validation loss.
# For a text of more than MANY characters it is PATIENCE_OF_MANY, because an epoch has more batches.
PATIENCE, MANY, PATIENCE_OF_MANY, MOST_EPOCHS = 6, 50_000, 3, 200
LEARNED = {  # the names of such trainings on the sample, by their dropout
    DROPOUT: UNTIL_LEARNED,
    LESS_DROPOUT: LESS_DROPOUT_LEARNED,
}
# WikiText-2, in characters: the training texts begin at its start. The validation text follows the
# longest training text, and the test text follows the validation text, for all sizes.
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
CONTEXTS = (4, 8, 16, 32, 64, 128)  # the numbers of last characters that a prediction may read
EVERY = 10  # CONTEXTS are measured at every 10th character of the test text
LAST_STEP_VARIANTS = {
    "original": {},
    "dropout and decay equal": {
        "dropouts": dict.fromkeys(MODELS, DROPOUT),
        "decays": dict.fromkeys(MODELS, 0.0),
    },
    "rates of the notebook": {"rates": LEARNING_RATES},
}
LAST_STEP_VARIANTS["both"] = {k: v for d in LAST_STEP_VARIANTS.values() for k, v in d.items()}

# One training on text in the same way as in the notebook.
Run = namedtuple(
    "Run",
    "corpus model seed rate hidden_dim dropout seq_len",
    defaults=(SIZES["hidden_dim"], DROPOUT, SEQ_LEN),
)
# One memory span; "budget" is a factor: how many times SPAN_BATCHES each lag may take.
Span = namedtuple("Span", "model load hidden_dim num_layers rate seed budget", defaults=(1,))
# One training on so many characters until the validation loss stops improving.
Learned = namedtuple("Learned", "corpus characters model seed rate dropout", defaults=(DROPOUT,))
# The n-gram model of the same text.
Counted = namedtuple("Counted", "corpus characters")
# The last-step protocol of all three models, in one of its variants.
LastStep = namedtuple("LastStep", "variant")

# ----- One job ------------------------------------------------------------------------------------


@functools.cache
def model_classes():
    """Return {name: function that makes a model}: the solution's three classes and the others."""
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
    """Train in the same way as the exercise; return (model, values for its row, epochs).

    A batch has the same number of characters for every window length, so the number of optimizer
    steps is the same too. The order of the windows also depends on the seed. The training ends
    after ``patience`` epochs without a lower validation loss.
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
    """Return (six tensors of windows and targets, the characters of the vocabulary) of a text.

    The text is split as in the notebook. The long text is split by the sizes in this module.
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
    """Return the loss of a network or an NGram for each target after its window: (windows,)."""
    if isinstance(model, NGram):
        return -torch.from_numpy(model.probability_of(X, y)).log()
    model.eval()
    logits = torch.cat([model(part)[0] for part in X.split(500)])  # (windows, vocab_size)
    return nn.functional.cross_entropy(logits, y, reduction="none")


def losses_on_test(model, splits, chars):
    """Return ({name: mean loss}, losses) on the test text.

    The dict has the mean over all characters and the mean over the characters outside <unk>. It
    also has the means at every tenth character for windows of each length in CONTEXTS.
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
    """Return {"blocks": mean loss of each block of the sample's test text}, {} for other texts."""
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


# Each of the following functions takes a job and its text. It returns the measured values (a list
# with a dict for each row of the job) and the result of blocks_of.


def run_on_text(job, text):
    """Train in the same way as the notebook.

    Losses are in nats per character. The test loss is computed at the final timestep of every
    window. Blocks are stored only for the notebook's own settings.
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
    """Train until early stopping, or make the n-gram model of the order that validation chose."""
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
    """Measure the memory span and the number of batches that the measurement used."""
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
    """Run the last-step protocol; the result has a row for each model and epoch."""
    splits, chars = splits_of(job, text)
    classes = {name: model_classes()[name] for name in MODELS}
    table = protocols.last_step_protocol(
        classes, splits, len(chars), EPOCHS, **LAST_STEP_VARIANTS[job.variant]
    )
    columns = ["model", "epoch", "train_loss", "val_loss", "test_perplexity"]
    return table[columns].round(4).to_dict("records"), {}


JOBS = {  # for each kind of job: the file of its rows, and the function that measures
    Run: ("runs", run_on_text),
    Span: ("spans", measure_span),
    Learned: ("learned", learn),
    Counted: ("counted", learn),
    LastStep: ("last_step", last_step),
}
ROWS = {  # the columns that identify a row of a file
    **{name: job_type._fields for job_type, (name, _) in JOBS.items()},
    "last_step": ("model", "epoch", "variant"),
    "blocks": ("corpus", "model", "seed", "block", "training"),
    "seconds": ("job",),
}


def work(job, text):
    """Return (job, its results as {file: rows}, seconds)."""
    torch.set_num_threads(1)  # there are as many jobs at once as cores
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
