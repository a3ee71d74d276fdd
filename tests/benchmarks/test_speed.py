"""What keeps the exercise fast stays in force: ratios, side by side, with wide margins.

benchmarks/speed/ measures the figures; these are the bounds below which something has broken.
"""

import statistics
import subprocess
import sys

import pytest
import torch

import helpers
from benchmarks.speed import loop, protocols, together
from lab import exercise
from lab.extras.phone import keystrokes, runtimes


def test_datasets_is_imported_only_for_a_corpus_from_the_hub():
    code = "import helpers, sys; from lab import checks; helpers.load_text()\n"
    code += "print('datasets' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "False\n"


@pytest.mark.slow
@pytest.mark.parametrize("name", exercise.MODELS)
def test_train_epoch_adds_little_to_a_bare_loop(namespace, sample, name):
    text, chars, char2idx, _ = sample
    X, y = helpers.one_pass(*helpers.prepare_sequences(text, char2idx)[:2], seed=0)
    model_class = namespace[f"Char{name}"]
    ratio = loop.throughput_of_train_epoch(model_class, X[:320], y[:320], len(chars))
    assert ratio > 0.75


@pytest.mark.slow
@pytest.mark.parametrize("name", exercise.MODELS)
def test_an_epoch_is_several_times_faster_than_one_of_the_last_step_protocol(
    namespace, sample, name
):
    text, chars, char2idx, _ = sample
    X, y = helpers.prepare_sequences(text, char2idx)[:2]
    pass_X, pass_y = helpers.one_pass(X, y, seed=0)
    model, criterion = namespace[f"Char{name}"](len(chars)), torch.nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    ratios = []
    for _ in range(3):
        # Five batches of either; an epoch has 124 and len(pass_X) / 32.
        last_step = protocols.last_step_train(model, X[:321], y[:321], optimizer, criterion)[1]
        own = helpers.train_epoch(model, pass_X[:160], pass_y[:160], optimizer, criterion)[1]
        ratios.append((last_step / 5 * 124) / (own / 160 * len(pass_X)))
    assert statistics.median(ratios) > 3


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the setting is libgomp's")
def test_two_trainings_at_once_share_the_machine():
    alone, both = [], []
    for _ in range(2):
        alone += together.milliseconds_per_step("GRU", 1, 3)
        both += together.milliseconds_per_step("GRU", 2, 3)
    assert statistics.median(both) < 5 * statistics.median(alone)


@pytest.mark.slow
@pytest.mark.parametrize("name", exercise.MODELS)
def test_a_keystroke_takes_onnx_runtime_no_longer_than_eager_pytorch(
    namespace, sample, name, tmp_path
):
    chars = sample[1]
    model = namespace[f"Char{name}"](len(chars))
    (tmp_path / "step.onnx").write_bytes(runtimes.export_step(model, chars)[1].SerializeToString())
    streams = {"eager": keystrokes.Eager(model), "onnx": runtimes.Session(tmp_path / "step.onnx")}
    times = keystrokes.keystroke_times(streams, [0] * 1_100)
    assert statistics.median(times["onnx"]) <= statistics.median(times["eager"])
