"""How fast the exercise computes, beside what people would use instead: one run, one table.

    python -m benchmarks.speed           one last-step epoch, its total extrapolated: 30 minutes
    python -m benchmarks.speed --full    all twenty

Writes benchmarks/speed/speed.csv, from which course/make_docs.py takes every figure about speed.
Ratios are of figures from the same run. Nothing else should run meanwhile.
"""

import argparse
import statistics
from pathlib import Path

import pandas as pd
import torch

import helpers
from benchmarks.speed import loop, peer, protocols, scaling, together
from course.read_solution import run_todos

RESULTS = Path(__file__).with_name("speed.csv")
NAMES = ("RNN", "LSTM", "GRU")


def protocol_rows(namespace, splits, vocab_size, full):
    """Yield (measure, model, value) for both training protocols, one after the other."""
    last_step = protocols.last_step_protocol(
        namespace["MODEL_CLASSES"], splits, vocab_size, epochs=20 if full else 1
    )
    curves = pd.read_csv(helpers.DATA / "study" / "last_step.csv")
    table, core_seconds = protocols.this_protocol(splits, vocab_size, helpers.SEED)
    ours = table.set_index("Model")

    last_step_seconds = 0.0
    for name in NAMES:
        timed = last_step[last_step["model"] == name]
        epoch, validation = timed["epoch_time"].median(), timed["val_time"].median()
        last_step_seconds += 20 * (epoch + validation)
        curve = curves[curves["model"] == name]
        best = curve.loc[curve["val_loss"].idxmin()]
        reach = statistics.median(
            protocols.seconds_to_loss(namespace, name, splits, vocab_size, best["val_loss"], seed)
            for seed in (1, 2, 3)
        )
        own_epoch = ours.loc[name, "Avg Epoch Time (s)"]
        yield "last-step protocol: epoch (s)", name, epoch
        yield "last-step protocol: best validation loss", name, best["val_loss"]
        yield "last-step protocol: best epoch", name, best["epoch"]
        yield "last-step protocol: seconds to it", name, best["epoch"] * epoch
        yield "last-step protocol: test perplexity", name, curve["test_perplexity"].iloc[-1]
        yield "this protocol: epoch (s)", name, own_epoch
        yield "this protocol: seconds to the same validation loss", name, reach
        yield "this protocol: test perplexity", name, ours.loc[name, "Test Perplexity"]
        yield "ratio: epoch, last-step / this", name, epoch / own_epoch
        yield (
            "ratio: time to the last-step best, last-step / this",
            name,
            (best["epoch"] * epoch / reach),
        )
    yield "last-step protocol: three models, 20 epochs (s)", "all", last_step_seconds
    yield "this protocol: three models, 20 epochs, test, table (s)", "all", core_seconds
    yield "ratio: core, last-step / this", "all", last_step_seconds / core_seconds


def loop_rows(namespace, splits, vocab_size):
    """Yield (measure, model, value) for the bare loop and the limit."""
    X, y = helpers.one_pass(*splits[:2], seed=0)
    steps = len(X) / loop.BATCH
    peak = 2 * 2000**3 / loop.seconds_of_product(2000, 2000, 2000, runs=5) / 1e9
    yield "limit: rate of a large matrix product (GFLOP/s)", "all", peak
    for name in NAMES:
        model_class = namespace[f"Char{name}"]
        ratio, seconds = loop.throughput_of_train_epoch(model_class, X, y, vocab_size)
        operations, products = (figure * steps for figure in loop.limit(name, vocab_size))
        yield "ratio: throughput, train_epoch / bare loop", name, ratio
        yield "limit: floating-point operations of an epoch (GFLOP)", name, operations / 1e9
        yield (
            "limit: rate of its matrix products alone (GFLOP/s)",
            name,
            operations / products / 1e9,
        )
        yield "limit: seconds of its matrix products alone", name, products
        yield "ratio: limit / epoch", name, products / seconds
        yield (
            "ratio: rate of the epoch / rate of a large product",
            name,
            (operations / 1e9 / seconds / peak),
        )


def together_rows(rounds=3, seconds=5):
    """Yield (measure, model, value) for two trainings at once, threads adapted and fixed."""
    settings = ("adapted", "fixed")
    for name in NAMES:
        alone, both = {key: [] for key in settings}, {key: [] for key in settings}
        for _ in range(rounds):
            for key in settings:
                alone[key] += together.milliseconds_per_step(name, 1, seconds, key)
                both[key] += together.milliseconds_per_step(name, 2, seconds, key)
        alone = {key: statistics.median(times) for key, times in alone.items()}
        both = {key: statistics.median(times) for key, times in both.items()}
        for key in settings:
            yield f"step alone, {key} threads (ms)", name, alone[key]
            yield f"step of two at once, {key} threads (ms)", name, both[key]
            yield f"ratio: two at once / alone, {key} threads", name, both[key] / alone[key]
        yield "ratio: alone, adapted / fixed threads", name, alone["adapted"] / alone["fixed"]


def scaling_rows():
    """Yield (measure, number of characters, value) for each stage."""
    for row in scaling.stages():
        yield f"{row['stage']}: seconds", row["characters"], row["seconds"]
        yield (
            f"{row['stage']}: bytes per character",
            row["characters"],
            row["memory_mb"] * 2**20 / row["characters"],
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--full", action="store_true", help="all twenty last-step epochs")
    full = parser.parse_args().full

    text = helpers.load_text("sample")
    chars, char2idx, _ = helpers.build_vocabulary(text)
    splits = helpers.prepare_sequences(text, char2idx)
    namespace = run_todos(1, 2, 3, 5)

    rows = []

    def record(part):
        for row in part:
            rows.append(row)
            print(f"{row[0]:<64} {row[1]:>8} {row[2]:>12.4g}", flush=True)

    record(loop_rows(namespace, splits, len(chars)))
    record(together_rows())
    versions = f"torch {torch.__version__}"
    peers = peer.side_by_side()
    if peers is None:
        print("The peer is left out: pip install -r benchmarks/speed/requirements.txt")
    for measured in peers or []:
        name, versions = measured.pop("model"), measured.pop("versions")
        record((f"peer: {measure}", name, value) for measure, value in measured.items())
    record(protocol_rows(namespace, splits, len(chars), full))
    record(scaling_rows())

    table = pd.DataFrame(rows, columns=["measure", "of", "value"])
    machine = f"# {helpers.describe_machine()}; peer: {versions}"
    command = f"# python -m benchmarks.speed{' --full' if full else ''}"
    RESULTS.write_text(
        f"{command}\n{machine}\n" + table.to_csv(index=False, float_format="%.5g"),
        encoding="utf-8",
        newline="\n",
    )
    print(f"written: {RESULTS.relative_to(helpers.DATA.parent)}")


if __name__ == "__main__":
    main()
