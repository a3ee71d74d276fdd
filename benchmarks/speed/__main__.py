"""How fast the exercise computes, beside the last-step protocol and a bare PyTorch loop.

    python -m benchmarks.speed           one last-step epoch, its total extrapolated: 20 minutes
    python -m benchmarks.speed --full    all twenty

Writes benchmarks/speed/speed.csv, from which course/generate.py takes every figure about speed.
Ratios are of figures from the same run. Nothing else should run meanwhile.
"""

import argparse
import statistics
from pathlib import Path

import pandas as pd

import helpers
from benchmarks.speed import loop, protocols, together
from course.read_solution import run_todos
from lab import exercise

RESULTS = Path(__file__).with_name("speed.csv")


def protocol_rows(namespace, splits, vocab_size, full):
    """Yield (measure, model, value) for both training protocols, one after the other."""
    last_step = protocols.last_step_protocol(
        namespace["MODEL_CLASSES"], splits, vocab_size, epochs=20 if full else 1
    )
    curves = pd.read_csv(helpers.DATA / "study" / "last_step.csv").query("variant == 'original'")
    table, core_seconds = protocols.this_protocol(splits, vocab_size, exercise.SEED)
    last_step_seconds = 0.0
    for name, ours in table.set_index("Model").iterrows():
        timed = last_step[last_step["model"] == name]
        epoch, validation = timed["epoch_time"].median(), timed["val_time"].median()
        last_step_seconds += 20 * (epoch + validation)
        best = curves.loc[curves[curves["model"] == name]["val_loss"].idxmin()]
        reach = statistics.median(
            protocols.seconds_to_loss(namespace, name, splits, vocab_size, best["val_loss"], seed)
            for seed in (1, 2, 3)
        )
        rows = {
            "last-step protocol: epoch (s)": epoch,
            "this protocol: epoch (s)": ours["Avg Epoch Time (s)"],
            "ratio: epoch, last-step / this protocol": epoch / ours["Avg Epoch Time (s)"],
            "last-step protocol: seconds to its best validation loss": best["epoch"] * epoch,
            "this protocol: seconds to that loss": reach,
            "ratio: time to the last-step protocol's best validation loss, last-step / this "
            "protocol": best["epoch"] * epoch / reach,
        }
        yield from ((measure, name, value) for measure, value in rows.items())
    yield "last-step protocol: three models, 20 epochs (s)", "all", last_step_seconds
    yield "this protocol: three models, 20 epochs, test and table (s)", "all", core_seconds
    ratio = (
        "ratio: training three models, last-step (20 epochs) / this protocol (with test and table)"
    )
    yield ratio, "all", last_step_seconds / core_seconds


def loop_rows(namespace, splits, vocab_size):
    """Yield (measure, model, value) for the bare loop."""
    X, y = helpers.one_pass(*splits[:2], seed=0)
    for name in exercise.MODELS:
        ratio = loop.throughput_of_train_epoch(namespace[f"Char{name}"], X, y, vocab_size)
        yield "ratio: throughput, train_epoch / bare PyTorch loop", name, ratio


def kernel_rows(namespace, splits, vocab_size):
    """Yield (measure, model, value): epochs with and without the library for LSTM layers."""
    X, y = helpers.one_pass(*splits[:2], seed=0)
    classes = namespace["MODEL_CLASSES"]
    for library, seconds in loop.seconds_with_and_without_onednn(classes, X, y, vocab_size).items():
        for name in exercise.MODELS:
            measure = f"ratio: epoch {library} oneDNN, this model's / the LSTM's"
            yield measure, name, seconds[name] / seconds["LSTM"]


def together_rows(rounds=3, seconds=5):
    """Yield (measure, model, value) for two trainings at once, by train_epoch and a bare loop."""
    loops = {"train_epoch": "train_epoch", "bare": "bare PyTorch loop"}
    for name in exercise.MODELS:
        alone, both = {key: [] for key in loops}, {key: [] for key in loops}
        for _ in range(rounds):
            for key in loops:
                alone[key] += together.milliseconds_per_step(name, 1, seconds, key)
                both[key] += together.milliseconds_per_step(name, 2, seconds, key)
        for key, called in loops.items():
            one, two = statistics.median(alone[key]), statistics.median(both[key])
            yield f"step alone, {called} (ms)", name, one
            yield f"step of two at once, {called} (ms)", name, two
            yield f"ratio: step, two at once / alone, {called}", name, two / one


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
    record(kernel_rows(namespace, splits, len(chars)))
    record(together_rows())
    record(protocol_rows(namespace, splits, len(chars), full))

    table = pd.DataFrame(rows, columns=["measure", "of", "value"])
    machine = f"# {helpers.describe_machine()}"
    command = f"# python -m benchmarks.speed{' --full' if full else ''}"
    RESULTS.write_text(
        f"{command}\n{machine}\n" + table.to_csv(index=False, float_format="%.5g"),
        encoding="utf-8",
        newline="\n",
    )
    print(f"written: {RESULTS.relative_to(helpers.DATA.parent)}")


if __name__ == "__main__":
    main()
