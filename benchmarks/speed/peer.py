"""The three models in Keras 3 on JAX, trained on the same batches side by side with train_epoch.

Run as ``python -m benchmarks.speed.peer``; prints one JSON object per model. Needs
``pip install -r benchmarks/speed/requirements.txt``. The differences that remain: Keras gives a
gate one bias where PyTorch gives it two, and draws its initial weights from other distributions.
"""

import importlib.util
import json
import os
import statistics
import subprocess
import sys
import time

import torch

import helpers
from course.read_solution import run_todos

LAYERS = {"RNN": "SimpleRNN", "LSTM": "LSTM", "GRU": "GRU"}


def side_by_side():
    """Return a list of one dict per model, or None where the peer is not installed."""
    if not all(map(importlib.util.find_spec, ("keras", "jax"))):
        return None
    environment = os.environ | {"KERAS_BACKEND": "jax"}
    command = [sys.executable, "-m", "benchmarks.speed.peer"]
    output = subprocess.run(
        command, check=True, text=True, stdout=subprocess.PIPE, env=environment
    ).stdout
    return [json.loads(line) for line in output.splitlines() if line.startswith("{")]


def keras_model(name, vocab_size):
    """Return the model of the exercise's specification, compiled for training."""
    import keras

    recurrent = getattr(keras.layers, LAYERS[name])
    options = {"unit_forget_bias": False} if name == "LSTM" else {}
    model = keras.Sequential(
        [
            keras.layers.Embedding(vocab_size, 128),
            keras.layers.Dropout(0.3),
            recurrent(256, return_sequences=True, **options),
            keras.layers.Dropout(0.3),
            recurrent(256, return_sequences=True, **options),
            keras.layers.Dropout(0.3),
            keras.layers.Dense(vocab_size),
        ]
    )
    model.compile(
        optimizer=keras.optimizers.Adam(2e-3, global_clipnorm=0.5),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    return model


def main(runs=5):
    import jax
    import keras

    namespace = run_todos(1, 2, 3)
    text = helpers.load_text("sample")
    chars, char2idx, _ = helpers.build_vocabulary(text)
    X, y = helpers.one_pass(*helpers.prepare_sequences(text, char2idx)[:2], seed=0)
    targets = torch.cat([X[:, 1:], y[:, None]], dim=1).numpy()  # (b, t)
    criterion = torch.nn.CrossEntropyLoss()
    for name in LAYERS:
        torch.manual_seed(helpers.SEED)
        keras.utils.set_random_seed(helpers.SEED)
        ours = namespace[f"Char{name}"](len(chars))
        optimizer = torch.optim.Adam(ours.parameters(), lr=2e-3)
        peer = keras_model(name, len(chars))
        times = {"ours": [], "peer": []}
        for _ in range(1 + runs):  # the peer compiles in its first epoch
            loss, seconds = helpers.train_epoch(ours, X, y, optimizer, criterion)
            times["ours"].append(seconds)
            start = time.perf_counter()
            history = peer.fit(X.numpy(), targets, batch_size=32, shuffle=False, verbose=0)
            times["peer"].append(time.perf_counter() - start)
        pairs = zip(times["peer"][1:], times["ours"][1:], strict=True)
        peer_seconds = statistics.median(times["peer"][1:])
        row = {
            "model": name,
            "characters per second": X.numel() / statistics.median(times["ours"][1:]),
            "characters per second, Keras": X.numel() / peer_seconds,
            "times the speed of Keras": statistics.median(p / o for p, o in pairs),
            "compilation (s)": times["peer"][0] - peer_seconds,
            "training loss": loss,
            "training loss, Keras": history.history["loss"][0],
            "versions": f"keras {keras.__version__}, jax {jax.__version__}",
        }
        print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
