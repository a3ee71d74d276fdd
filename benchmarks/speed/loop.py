"""train_epoch beside a bare PyTorch loop, and without the library for LSTM layers."""

import statistics
import time

import torch
from torch import nn

import helpers
from lab import exercise

BATCH = 32


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
        nn.utils.clip_grad_norm_(model.parameters(), exercise.MAX_GRADIENT_NORM)
        optimizer.step()
    return time.perf_counter() - start


def throughput_of_train_epoch(model_class, X, y, vocab_size, runs=5):
    """Return the median of bare seconds / train_epoch seconds, over epochs that run in turn."""
    contenders = []
    for _ in range(2):
        torch.manual_seed(exercise.SEED)
        model = model_class(vocab_size)
        contenders.append((model, torch.optim.Adam(model.parameters(), lr=2e-3)))
    (ours, ours_optimizer), (bare, bare_optimizer) = contenders
    bare_epoch(bare, X[:BATCH], y[:BATCH], bare_optimizer)  # train_epoch warms itself up
    ratios = []
    for _ in range(runs):
        _, seconds = helpers.train_epoch(ours, X, y, ours_optimizer, nn.CrossEntropyLoss())
        ratios.append(bare_epoch(bare, X, y, bare_optimizer) / seconds)
    return statistics.median(ratios)


def seconds_with_and_without_onednn(classes, X, y, vocab_size, runs=3):
    """Return {"with": {name: seconds}, "without": {…}}: medians of epochs that run in turn.

    oneDNN is the library that PyTorch hands whole LSTM layers to on a CPU.
    """
    times = {"with": {}, "without": {}}
    for name, model_class in classes.items():
        torch.manual_seed(exercise.SEED)
        model = model_class(vocab_size)
        optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
        taken = {"with": [], "without": []}
        for _ in range(runs):
            for library, seconds in taken.items():
                with torch.backends.mkldnn.flags(enabled=library == "with"):
                    epoch = helpers.train_epoch(model, X, y, optimizer, nn.CrossEntropyLoss())
                seconds.append(epoch[1])
        for library, seconds in taken.items():
            times[library][name] = statistics.median(seconds)
    return times
