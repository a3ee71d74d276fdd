"""Seconds and memory of each stage from file to trained epoch, for texts of several lengths.

Run as ``python -m benchmarks.speed.scaling CHARACTERS`` it measures one length and prints one JSON
object per stage: a process of its own for each length, because memory is counted by the process.
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch

import helpers
from course.read_solution import run_todos

LENGTHS = (60_000, 600_000, 6_000_000)


def stages(lengths=LENGTHS):
    """Yield a dict for each length and stage: characters, stage, seconds, peak memory in MB."""
    for length in lengths:
        command = [sys.executable, "-m", "benchmarks.speed.scaling", str(length)]
        output = subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE).stdout
        for line in output.splitlines():
            if line.startswith("{"):
                yield json.loads(line)


def _memory(field):
    """Return a figure of this process in MB: VmRSS, or VmHWM, its peak since it was last reset."""
    status = Path("/proc/self/status").read_text()
    return int(status.split(field + ":")[1].split()[0]) / 1024


def main(length):
    def measured(stage, function, *arguments):
        Path("/proc/self/clear_refs").write_text("5")  # resets the peak: man 5 proc
        before, start = _memory("VmRSS"), time.perf_counter()
        result = function(*arguments)
        seconds, memory = time.perf_counter() - start, _memory("VmHWM") - before
        row = {"characters": length, "stage": stage, "seconds": seconds, "memory_mb": memory}
        print(json.dumps(row), flush=True)
        return result

    namespace = run_todos(1)
    sample = helpers.load_text("sample", max_chars=None) + " "
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "text.txt"
        path.write_text((sample * (length // len(sample) + 1))[:length], encoding="utf-8")
        text = measured("load", helpers.load_text, path, None)
    chars, char2idx, _ = helpers.build_vocabulary(text)
    encoded = measured("encode", helpers.encode, text, char2idx)
    assert len(encoded) == length  # kept, so that its memory is not used again
    X, y, *_ = measured("prepare", helpers.prepare_sequences, text, char2idx)
    X, y = measured("one_pass", helpers.one_pass, X, y, 0)
    model = namespace["CharRNN"](len(chars))
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    criterion = torch.nn.CrossEntropyLoss()
    helpers.train_epoch(model, X[:32], y[:32], optimizer, criterion)
    measured("epoch of the RNN", helpers.train_epoch, model, X, y, optimizer, criterion)


if __name__ == "__main__":
    main(int(sys.argv[1]))
