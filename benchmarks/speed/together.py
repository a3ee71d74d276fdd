"""Two trainings at once on one machine beside one alone.

Each training is a process of its own, as two students' kernels are. Run as
``python -m benchmarks.speed.together NAME SECONDS LOOP`` it is one of them: it says that it is
ready, waits for a line, trains for SETTLING seconds, in which it may find out that it is not alone,
then for that many seconds, and prints the median milliseconds of a step of the latter.
"""

import statistics
import subprocess
import sys
import time

import torch

import helpers
from benchmarks.speed.loop import bare_epoch
from course.read_solution import run_todos

SETTLING = 3


def milliseconds_per_step(name, count, seconds, loop="train_epoch"):
    """Return the milliseconds of a step of each of ``count`` trainings run at the same time.

    ``loop`` is "train_epoch", which leaves busy cores to others, or "bare", which does not.
    """
    command = [sys.executable, "-m", "benchmarks.speed.together", name, str(seconds), loop]
    trainings = [
        subprocess.Popen(command, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for _ in range(count)
    ]
    for training in trainings:
        while training.stdout.readline() not in ("ready\n", ""):
            pass  # what the setup cell prints
    for training in trainings:
        training.stdin.write("go\n")
        training.stdin.flush()
    return [float(training.communicate()[0]) for training in trainings]


def main(name, seconds, loop):
    text = helpers.load_text("sample")
    chars, char2idx, _ = helpers.build_vocabulary(text)
    X, y = helpers.one_pass(*helpers.prepare_sequences(text, char2idx)[:2], seed=0)
    batches = list(zip(X.split(32), y.split(32), strict=True))[:-1]
    model = run_todos(1, 2, 3)[f"Char{name}"](len(chars))
    optimizer, criterion = torch.optim.Adam(model.parameters(), 2e-3), torch.nn.CrossEntropyLoss()

    def step(X, y):
        if loop == "bare":
            return bare_epoch(model, X, y, optimizer)
        return helpers.train_epoch(model, X, y, optimizer, criterion)[1]

    step(*batches[0])
    print("ready", flush=True)
    sys.stdin.readline()

    def steps_for(seconds):
        times, end = [], time.perf_counter() + seconds
        while time.perf_counter() < end or len(times) < 5:
            times.append(step(*batches[len(times) % len(batches)]))
        return times

    steps_for(SETTLING)
    print(statistics.median(steps_for(seconds)) * 1000)


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]), sys.argv[3])
