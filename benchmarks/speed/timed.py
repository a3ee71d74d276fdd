"""What is timed, on the bundled sample: functions of a model's name and a seed.

They stand in a module of their own, from which processes that two_at_once starts import them.
"""

import multiprocessing
import statistics
import timeit
from concurrent.futures import ProcessPoolExecutor
from functools import cache

import torch
from torch import nn

import helpers
from benchmarks.speed import protocols
from course.read_solution import run_todos
from lab import study
from lab.exercise import BATCH_SIZE, EPOCHS, LEARNING_RATES


@cache
def sample():
    """Return the names that the solution defines, the sample's windows, and its vocab_size."""
    text = helpers.load_text("sample")
    chars, char2idx, _ = helpers.build_vocabulary(text)
    return run_todos(1, 2, 3, 5), helpers.prepare_sequences(text, char2idx), len(chars)


def begin(name, seed, **options):
    """Return a new model and its optimizer."""
    solution, _, vocab_size = sample()
    torch.manual_seed(seed)
    model = solution["MODEL_CLASSES"][name](vocab_size, **options)
    return model, torch.optim.Adam(model.parameters(), lr=LEARNING_RATES[name])


def train_epoch(model, X, y, optimizer):
    return helpers.train_epoch(model, X, y, optimizer, nn.CrossEntropyLoss())


def epoch(loop, name, seed, ready=None):
    """Return the seconds of one epoch by a loop, train_epoch or protocols.bare_epoch.

    With a barrier ``ready`` it waits for other processes, and trains for an epoch in which it may
    find out that it is not alone, before the one that counts.
    """
    model, optimizer = begin(name, seed)
    X, y = helpers.one_pass(*sample()[1][:2], seed=0)
    loop(model, X[:BATCH_SIZE], y[:BATCH_SIZE], optimizer)  # warms up
    if ready:
        ready.wait()
        loop(model, X, y, optimizer)
    return loop(model, X, y, optimizer)[1]


def epoch_without_onednn(name, seed):
    """Return the seconds of one epoch without the library that PyTorch hands LSTM layers to."""
    with torch.backends.mkldnn.flags(False, None, None, None):  # None: as it is
        return epoch(train_epoch, name, seed)


def two_at_once(loop, name, seed):
    """Return the mean seconds of an epoch of two trainings that run at the same time.

    Each is a process of its own, as two students' kernels are.
    """
    context = multiprocessing.get_context("spawn")
    with context.Manager() as manager, ProcessPoolExecutor(2, context) as pool:
        ready = manager.Barrier(2, timeout=120)
        trainings = [pool.submit(epoch, loop, name, seed, ready) for _ in range(2)]
        return statistics.mean(training.result() for training in trainings)


def last_step_epoch(name, seed):
    """Return the seconds of one epoch by the last-step protocol, without its validation."""
    model, optimizer = begin(name, seed, dropout=protocols.LAST_STEP_DROPOUT[name])
    windows = protocols.last_step_windows(sample()[1])[0]
    return protocols.last_step_epoch(model, *windows, optimizer)[1]


def last_step_loss(model):
    """Return the validation loss as the last-step protocol measures it."""
    windows = protocols.last_step_windows(sample()[1])[1]
    return helpers.evaluate_model(model, *windows, nn.CrossEntropyLoss())


def last_step_validation(name, seed):
    model, _ = begin(name, seed)
    return timeit.timeit(lambda: last_step_loss(model), number=1)


def last_step_best():
    """Return a DataFrame, a row per model: the epoch of the last-step protocol's best loss."""
    curves = study.read_study("last_step").query("variant == 'original'")
    return curves.loc[curves.groupby("model")["val_loss"].idxmin()].set_index("model")


def seconds_to_loss(name, seed, batches=4):
    """Return the training seconds until the last-step protocol's best validation loss is beaten.

    Scored every few batches, outside the clock. Raises RuntimeError when the epochs do not suffice.
    """
    target, seconds = last_step_best().at[name, "val_loss"], 0.0
    model, optimizer = begin(name, seed)
    for number in range(EPOCHS):
        windows = helpers.one_pass(*sample()[1][:2], seed=number)
        parts = [part.split(batches * BATCH_SIZE) for part in windows]
        for X, y in zip(*parts, strict=True):
            seconds += train_epoch(model, X, y, optimizer)[1]
            if last_step_loss(model) < target:
                return seconds
    raise RuntimeError(f"{name}: validation loss {target:.3f} not reached in {EPOCHS} epochs")


def train_and_score(everything, seed):
    """Return the seconds in which the solution trains all models and makes their table."""
    solution, (*learned, test_X, test_y), vocab_size = sample()

    def run():
        classes = solution["MODEL_CLASSES"]
        models, metrics = solution["train_and_compare_models"](classes, *learned, vocab_size)
        helpers.create_performance_table(metrics, models, test_X, test_y)

    return timeit.timeit(run, number=1)
