"""A bare PyTorch loop, and the last-step protocol of the original exercise, which uses this loop.

The last-step protocol has these settings. Windows are one character apart; the first 8,000 are for
training and the first 2,000 for validation. The loss is computed at the final timestep only. There
are batches of 64, and the last batches are dropped. The RNN has no dropout. The other two models
have a weight decay of 1e-5. The weights of the last epoch are used. The test uses the first 1,000
windows.
"""

import math
import statistics
import time

import pandas as pd
import torch
from torch import nn, optim

import helpers
from lab import exercise

LAST_STEP_RATES = {"RNN": 0.002, "LSTM": 0.0005, "GRU": 0.001}
LAST_STEP_DECAY = {"RNN": 0.0, "LSTM": 1e-5, "GRU": 1e-5}
LAST_STEP_DROPOUT = {"RNN": 0.0, "LSTM": 0.3, "GRU": 0.3}
LAST_STEP_BATCH = 64


def bare_epoch(model, X, y, optimizer, batch_size=exercise.BATCH_SIZE, every_step=True):
    """Train on every window once, without other code; return (mean loss of a batch, seconds)."""
    model.train()
    losses, start = [], time.perf_counter()
    for batch_X, targets in zip(X.split(batch_size), y.split(batch_size), strict=True):
        hidden = model.init_hidden(len(batch_X))
        logits, _ = model(batch_X, hidden, return_sequences=every_step)  # (b, t, v) or (b, v)
        if every_step:
            targets = torch.cat([batch_X[:, 1:], targets[:, None]], dim=1)  # (b, t)
        loss = nn.functional.cross_entropy(logits.flatten(0, -2), targets.flatten())
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), exercise.MAX_GRADIENT_NORM)
        optimizer.step()
        losses.append(loss.item())
    return statistics.mean(losses), time.perf_counter() - start


def last_step_windows(splits):
    """Return three pairs (X, y), for training, validation and test, in whole batches."""
    pairs = []
    for X, y, most in zip(splits[::2], splits[1::2], (8_000, 2_000, 1_000), strict=True):
        count = (min(len(X), most) - 1) // LAST_STEP_BATCH * LAST_STEP_BATCH
        pairs.append((X[:count], y[:count]))
    return pairs


def last_step_protocol(
    classes,
    splits,
    vocab_size,
    epochs,
    rates=LAST_STEP_RATES,
    decays=LAST_STEP_DECAY,
    dropouts=LAST_STEP_DROPOUT,
):
    """Train by the last-step protocol; return a DataFrame with one row per model and epoch.

    The test perplexity in all rows of a model is that of the last epoch.
    """
    train, validation, test = last_step_windows(splits)
    criterion = nn.CrossEntropyLoss()
    torch.manual_seed(42)
    models = {name: cls(vocab_size, dropout=dropouts[name]) for name, cls in classes.items()}
    optimizers = {
        name: optim.Adam(model.parameters(), lr=rates[name], weight_decay=decays[name])
        for name, model in models.items()
    }
    rows = []
    for epoch in range(1, epochs + 1):
        for name, model in models.items():
            train_loss, _ = bare_epoch(
                model, *train, optimizers[name], LAST_STEP_BATCH, every_step=False
            )
            val_loss = helpers.evaluate_model(model, *validation, criterion)
            rows.append(
                {"model": name, "epoch": epoch, "train_loss": train_loss, "val_loss": val_loss}
            )
    table = pd.DataFrame(rows)
    for name, model in models.items():
        loss = helpers.evaluate_model(model, *test, criterion)
        table.loc[table["model"] == name, "test_perplexity"] = math.exp(loss)
    return table
