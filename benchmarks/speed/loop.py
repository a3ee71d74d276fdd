"""train_epoch beside a bare PyTorch loop, and beside the time of its matrix products alone."""

import statistics
import time

import torch
from torch import nn

import helpers

GATES = {"RNN": 1, "LSTM": 4, "GRU": 3}
HIDDEN, EMBEDDING, LAYERS, BATCH, SEQ_LEN = 256, 128, 2, 32, 50


def bare_epoch(model, X, y, optimizer):
    """Return the seconds of one epoch, trained as ``train_epoch`` does with nothing around it."""
    model.train()
    start = time.perf_counter()
    for i in range(0, len(X), BATCH):
        batch_X, batch_y = X[i : i + BATCH], y[i : i + BATCH]
        targets = torch.cat([batch_X[:, 1:], batch_y[:, None]], dim=1)  # (b, t)
        logits, _ = model(batch_X, return_sequences=True)  # (b, t, v)
        loss = nn.functional.cross_entropy(logits.transpose(1, 2), targets)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 0.5)
        optimizer.step()
    return time.perf_counter() - start


def throughput_of_train_epoch(model_class, X, y, vocab_size, runs=5):
    """Return (bare seconds / train_epoch seconds, train_epoch seconds) of an epoch, medians.

    The two run in turn; the first median is that of the pairs' ratios.
    """
    contenders = []
    for _ in range(2):
        torch.manual_seed(helpers.SEED)
        model = model_class(vocab_size)
        contenders.append((model, torch.optim.Adam(model.parameters(), lr=2e-3)))
    (ours, ours_optimizer), (bare, bare_optimizer) = contenders
    bare_epoch(bare, X[:BATCH], y[:BATCH], bare_optimizer)  # train_epoch warms itself up
    times, ratios = [], []
    for _ in range(runs):
        _, seconds = helpers.train_epoch(ours, X, y, ours_optimizer, nn.CrossEntropyLoss())
        times.append(seconds)
        ratios.append(bare_epoch(bare, X, y, bare_optimizer) / seconds)
    return statistics.median(ratios), statistics.median(times)


def products(name, vocab_size):
    """Return the matrix products of one training step as (rows, inner, columns, how many).

    The state forces one product a timestep for the state and one for its gradient; all others can
    take the whole batch of timesteps at once.
    """
    tokens, gates = BATCH * SEQ_LEN, GATES[name] * HIDDEN
    shapes = []
    for inputs in [EMBEDDING] + [HIDDEN] * (LAYERS - 1):
        shapes += [(BATCH, HIDDEN, gates, SEQ_LEN), (BATCH, gates, HIDDEN, SEQ_LEN)]
        shapes += [(tokens, inputs, gates, 1), (tokens, gates, inputs, 1)]
        shapes += [(gates, tokens, inputs, 1), (gates, tokens, HIDDEN, 1)]
    return shapes + [
        (tokens, HIDDEN, vocab_size, 1),
        (tokens, vocab_size, HIDDEN, 1),
        (vocab_size, tokens, HIDDEN, 1),
    ]


def seconds_of_product(rows, inner, columns, runs=50):
    """Return the median seconds of one matrix product of this shape."""
    left, right, times = torch.randn(rows, inner), torch.randn(inner, columns), []
    for _ in range(runs):
        start = time.perf_counter()
        left @ right
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def limit(name, vocab_size):
    """Return (floating-point operations of a training step, seconds of its matrix products)."""
    shapes = products(name, vocab_size)
    operations = sum(2 * m * k * n * count for m, k, n, count in shapes)
    return operations, sum(seconds_of_product(m, k, n) * count for m, k, n, count in shapes)
