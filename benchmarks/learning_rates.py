"""The learning rates in helpers.py, and the grid that each was chosen from.

    python -m benchmarks.learning_rates           LEARNING_RATES: lowest validation loss
    python -m benchmarks.learning_rates --spans   SPAN_RATES: longest memory span, then time

Chosen on validation loss alone; the test split is not looked at. A best rate at an end of its grid
asks for a longer grid.
"""

import argparse
import contextlib
import io
import time

import pandas as pd

import helpers
from tools.solution import run_todos

NAMES = ("RNN", "LSTM", "GRU")
GRID = (1e-3, 2e-3, 4e-3, 8e-3)
SPAN_GRID = (5e-4, 1e-3, 2e-3, 4e-3, 8e-3)


def validation_losses(namespace, splits, vocab_size):
    """Yield one row per model and rate: the best validation loss and its epoch."""
    train = namespace["train_and_compare_models"]
    for name in NAMES:
        namespace["MODEL_CLASSES"] = {name: namespace[f"Char{name}"]}
        for rate in GRID:
            namespace["LEARNING_RATES"] = {name: rate}
            with contextlib.redirect_stdout(io.StringIO()):
                _, metrics = train(*splits, vocab_size)
            best, epoch = min(metrics[name]["val_losses"]), metrics[name]["best_epoch"]
            yield {"model": name, "rate": rate, "best_val_loss": best, "best_epoch": epoch}


def memory_spans(namespace, text, seeds=(1, 2)):
    """Yield one row per model, rate and seed: the memory span and the seconds it took."""
    for name in NAMES:
        for rate in SPAN_GRID:
            for seed in seeds:
                start = time.perf_counter()
                span = helpers.memory_span(namespace[f"Char{name}"], text, rate, seed=seed)
                seconds = time.perf_counter() - start
                yield {"model": name, "rate": rate, "seed": seed, "span": span, "seconds": seconds}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--spans", action="store_true", help="memory spans instead")
    arguments = parser.parse_args()
    text = helpers.load_text("sample")
    chars, char2idx, _ = helpers.build_vocabulary(text)
    namespace = run_todos(1, 2, 3, 5)
    if arguments.spans:
        rows = memory_spans(namespace, text)
    else:
        splits = helpers.prepare_sequences(text, char2idx)[:4]
        rows = validation_losses(namespace, splits, len(chars))
    table = []
    for row in rows:
        print(row, flush=True)
        table.append(row)
    print(pd.DataFrame(table).to_string(index=False))


if __name__ == "__main__":
    main()
