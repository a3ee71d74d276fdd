"""The functions that are timed, on the bundled sample. They take a model's name and a seed.

They have their own module, because the processes that two_at_once starts must import them.
"""

import multiprocessing
import statistics
from concurrent.futures import ProcessPoolExecutor
from functools import cache

import torch
from torch import nn

import helpers
from course.read_solution import run_todos
from lab.exercise import BATCH_SIZE, LEARNING_RATES


@cache
def sample():
    """Return the names that the solution defines, the windows of the sample, and its vocab_size."""
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
    """Return the seconds of one epoch with ``loop``: train_epoch or protocols.bare_epoch.

    If there is a barrier ``ready``, the function first waits for other processes. Then it trains
    one epoch that is not timed, in which it can notice the other processes.
    """
    model, optimizer = begin(name, seed)
    X, y = helpers.one_pass(*sample()[1][:2], seed=0)
    loop(model, X[:BATCH_SIZE], y[:BATCH_SIZE], optimizer)  # warms up
    if ready:
        ready.wait()
        loop(model, X, y, optimizer)
    return loop(model, X, y, optimizer)[1]


def epoch_without_onednn(name, seed):
    """Return the seconds of one epoch without oneDNN, which PyTorch uses for LSTM layers."""
    with torch.backends.mkldnn.flags(False, None, None, None):  # None: as it is
        return epoch(train_epoch, name, seed)


def two_at_once(loop, name, seed):
    """Return the mean seconds of an epoch when two trainings run at the same time.

    Each training has its own process, like the kernels of two students.
    """
    context = multiprocessing.get_context("spawn")
    with context.Manager() as manager, ProcessPoolExecutor(2, context) as pool:
        ready = manager.Barrier(2, timeout=120)
        trainings = [pool.submit(epoch, loop, name, seed, ready) for _ in range(2)]
        return statistics.mean(training.result() for training in trainings)
