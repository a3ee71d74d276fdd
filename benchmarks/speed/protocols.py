"""This project's training protocol, and the last-step protocol of the original exercise.

The last-step protocol, to the letter: windows one character apart, of which the first 8,000 train
and the first 2,000 validate; a loss on the final timestep only; batches of 64, the last ones
dropped; no dropout in the RNN; weight decay 1e-5 for the other two; the weights of the last epoch;
the first 1,000 test windows. benchmarks/speed/ runs both protocols on one corpus in one run.
"""

import math
import statistics
import time

import pandas as pd
import torch
from torch import nn, optim

import helpers
from course.read_solution import run_todos, seeded
from lab import exercise

LAST_STEP_RATES = {"RNN": 0.002, "LSTM": 0.0005, "GRU": 0.001}
LAST_STEP_DECAY = {"RNN": 0.0, "LSTM": 1e-5, "GRU": 1e-5}
LAST_STEP_DROPOUT = {"RNN": 0.0, "LSTM": 0.3, "GRU": 0.3}


# ----- The last-step protocol ---------------------------------------------------------------------


def last_step_batches(X, y):
    """Yield the batches of 64 of the protocol; what does not fill the last one is dropped."""
    for i in range(0, len(X) - 64, 64):
        yield X[i : i + 64], y[i : i + 64]


def last_step_train(model, X, y, optimizer, criterion):
    """Return (mean of the batch losses, seconds) of one epoch."""
    model.train()
    losses, start = [], time.perf_counter()
    for batch_X, batch_y in last_step_batches(X, y):
        optimizer.zero_grad()
        logits, _ = model(batch_X, model.init_hidden(len(batch_X)))
        loss = criterion(logits, batch_y)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 0.5)
        optimizer.step()
        losses.append(loss.item())
    return statistics.mean(losses), time.perf_counter() - start


@torch.no_grad()
def last_step_evaluate(model, X, y, criterion):
    """Return the mean of the batch losses."""
    model.eval()
    return statistics.mean(
        criterion(model(batch_X, model.init_hidden(len(batch_X)))[0], batch_y).item()
        for batch_X, batch_y in last_step_batches(X, y)
    )


def last_step_protocol(
    classes,
    splits,
    vocab_size,
    epochs=20,
    rates=LAST_STEP_RATES,
    decays=LAST_STEP_DECAY,
    dropouts=LAST_STEP_DROPOUT,
):
    """Return a DataFrame with one row per model and epoch; test perplexity is the last epoch's."""
    train_X, train_y, val_X, val_y, test_X, test_y = splits
    torch.manual_seed(42)
    models = {name: cls(vocab_size, dropout=dropouts[name]) for name, cls in classes.items()}
    optimizers = {
        name: optim.Adam(model.parameters(), lr=rates[name], weight_decay=decays[name])
        for name, model in models.items()
    }
    criterion, rows = nn.CrossEntropyLoss(), []
    for epoch in range(1, epochs + 1):
        for name, model in models.items():
            train_loss, seconds = last_step_train(
                model, train_X[:8000], train_y[:8000], optimizers[name], criterion
            )
            start = time.perf_counter()
            val_loss = last_step_evaluate(model, val_X[:2000], val_y[:2000], criterion)
            row = {"model": name, "epoch": epoch, "train_loss": train_loss, "val_loss": val_loss}
            row |= {"epoch_time": seconds, "val_time": time.perf_counter() - start}
            rows.append(row)
            print(f"last step  {name:<4}  {row}", flush=True)
    table = pd.DataFrame(rows)
    for name, model in models.items():
        loss = last_step_evaluate(model, test_X[:1000], test_y[:1000], criterion)
        table.loc[table["model"] == name, "test_perplexity"] = math.exp(loss)
    return table


# ----- This project's protocol --------------------------------------------------------------------


def this_protocol(splits, vocab_size, seed):
    """Return the performance table of one run of the solution with this seed, and its seconds."""
    start = time.perf_counter()
    namespace = run_todos(1, 2, 3, 5)
    classes = seeded(namespace["MODEL_CLASSES"], seed)
    models, metrics = namespace["train_and_compare_models"](classes, *splits[:4], vocab_size)
    table = helpers.create_performance_table(metrics, models, *splits[4:])
    return table, time.perf_counter() - start


def seconds_to_loss(namespace, name, splits, vocab_size, target, seed, batches=4):
    """Return the training seconds until the validation loss is below ``target``.

    Scored as the last-step protocol does, every few batches, outside the clock. Raises RuntimeError
    when 20 epochs do not suffice.
    """
    train_X, train_y, val_X, val_y = splits[:4]
    torch.manual_seed(seed)
    model = namespace["MODEL_CLASSES"][name](vocab_size)
    optimizer = optim.Adam(model.parameters(), lr=exercise.LEARNING_RATES[name])
    criterion, seconds = nn.CrossEntropyLoss(), 0.0
    for epoch in range(20):
        X, y = helpers.one_pass(train_X, train_y, seed=epoch)
        for part_X, part_y in zip(X.split(32 * batches), y.split(32 * batches), strict=True):
            seconds += helpers.train_epoch(model, part_X, part_y, optimizer, criterion)[1]
            if last_step_evaluate(model, val_X[:2000], val_y[:2000], criterion) < target:
                return seconds
    raise RuntimeError(f"{name}: validation loss {target:.3f} not reached in 20 epochs")
