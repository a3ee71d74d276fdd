"""Measure the speed of the exercise and of a bare PyTorch loop.

    python -m benchmarks.speed           takes some minutes

Writes benchmarks/speed/speed.csv. course/generate.py takes all numbers about speed from this file.
Ratios are ratios of medians from the same run. No other program should compute at the same time.
"""

from functools import partial
from pathlib import Path

import pandas as pd

import benchmarks
from benchmarks.speed import protocols, timed
from lab.exercise import MODELS

RESULTS = Path(__file__).with_name("speed.csv")
TIMED = [  # metric, function, rounds, models
    ("this protocol: epoch (s)", partial(timed.epoch, timed.train_epoch), 5, MODELS),
    ("bare PyTorch loop: epoch (s)", partial(timed.epoch, protocols.bare_epoch), 5, MODELS),
    ("this protocol without oneDNN: epoch (s)", timed.epoch_without_onednn, 3, MODELS),
    (
        "two at once, this protocol: epoch (s)",
        partial(timed.two_at_once, timed.train_epoch),
        3,
        MODELS,
    ),
    (
        "two at once, bare PyTorch loop: epoch (s)",
        partial(timed.two_at_once, protocols.bare_epoch),
        3,
        MODELS,
    ),
]
RATIOS = {  # the metrics whose medians are divided
    "throughput, train_epoch / bare PyTorch loop": (
        "bare PyTorch loop: epoch (s)",
        "this protocol: epoch (s)",
    ),
    "epoch, two trainings at once / one alone, train_epoch": (
        "two at once, this protocol: epoch (s)",
        "this protocol: epoch (s)",
    ),
    "epoch, two trainings at once / one alone, bare PyTorch loop": (
        "two at once, bare PyTorch loop: epoch (s)",
        "bare PyTorch loop: epoch (s)",
    ),
}
ONEDNN = {"with": "this protocol: epoch (s)", "without": "this protocol without oneDNN: epoch (s)"}


def with_ratios(medians):
    """Return the rows of speed.csv (measure, of, value) for a table of medians, with the ratios."""
    table = medians.copy()
    for ratio, (above, below) in RATIOS.items():
        table.loc[f"ratio: {ratio}"] = table.loc[above] / table.loc[below]
    for library, measure in ONEDNN.items():
        ratio = f"ratio: epoch {library} oneDNN, this model's / the LSTM's"
        table.loc[ratio] = table.loc[measure] / table.at[measure, "LSTM"]
    return table.stack().dropna().rename("value").reset_index()


def side_by_side(contests):
    """Return a DataFrame of medians: a row for each of ``contests``, a column for each model.

    ``contests`` has rows (metric, function, rounds, names). The functions take turns, so that other
    work of the machine affects all of them in the same way.
    """
    rows = []
    for turn in range(max(rounds for _, _, rounds, _ in contests)):
        for measure, function, rounds, names in contests:
            for name in names if turn < rounds else ():
                rows.append((measure, name, function(name, turn + 1)))
                print(*rows[-1], sep="  ", flush=True)
    table = pd.DataFrame(rows, columns=["measure", "of", "value"])
    return table.groupby(["measure", "of"], sort=False)["value"].median().unstack(sort=False)


if __name__ == "__main__":
    benchmarks.record(RESULTS, with_ratios(side_by_side(TIMED)), float_format="%.5g")
