"""What keeps the exercise fast stays in force: ratios, side by side, with wide margins.

benchmarks/speed/ measures the figures; these are the bounds below which something has broken.
"""

import statistics
import sys

import pandas as pd
import pytest

import helpers
from benchmarks.speed import __main__ as speed, protocols, timed
from lab import exercise
from lab.extras.phone import runtimes
from tests.running import in_a_new_process

LOOPS = (timed.train_epoch, protocols.bare_epoch)


@pytest.fixture(scope="module")
def windows():
    """The windows of the sample that train, and their targets."""
    return timed.sample()[1][:2]


def test_datasets_is_imported_only_for_a_corpus_from_the_hub():
    code = "import helpers, sys; from lab import checks; helpers.load_text()\n"
    assert in_a_new_process(f"{code}print('datasets' in sys.modules)") == "False"


@pytest.mark.slow
@pytest.mark.parametrize("name", exercise.MODELS)
def test_train_epoch_adds_little_to_a_bare_loop(windows, name):
    X, y = helpers.one_pass(*windows, seed=0)
    trained, ratios = [timed.begin(name, exercise.SEED) for _ in range(2)], []
    for size in [32] + 5 * [320]:  # the first one warms up
        of_loops = [
            loop(model, X[:size], y[:size], optimizer)[1]
            for loop, (model, optimizer) in zip(LOOPS, trained, strict=True)
        ]
        ratios.append(of_loops[1] / of_loops[0])
    assert statistics.median(ratios[1:]) > 0.75


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the setting is libgomp's")
def test_two_trainings_at_once_share_the_machine(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)  # each begins with a thread per core
    alone = statistics.median(timed.epoch(timed.train_epoch, "GRU", seed) for seed in (1, 2))
    assert timed.two_at_once(timed.train_epoch, "GRU", 1) < 5 * alone


def test_what_is_timed_takes_turns_and_gives_the_ratios_that_are_quoted():
    turns, models = [], ["RNN", "LSTM", "GRU"]

    def made_up(name, seed):
        turns.append((name, seed))
        return {"all": 10.0, "RNN": 1.0, "LSTM": 2.0, "GRU": 3.0}[name]

    contests = [(measure, made_up, rounds, names) for measure, _, rounds, names in speed.TIMED]
    table = speed.with_ratios(speed.side_by_side(contests)).set_index(["measure", "of"])["value"]
    assert turns[:3] == [(name, 1) for name in models] and turns[-1] == ("GRU", 5)
    assert not table.isna().any()
    found = {ratio for ratio, _ in table.index if ratio.startswith("ratio: ")}
    recorded = pd.read_csv(speed.RESULTS, comment="#")["measure"]
    assert found == set(recorded[recorded.str.startswith("ratio: ")])
    assert table["ratio: epoch without oneDNN, this model's / the LSTM's", "GRU"] == 1.5


def test_the_last_step_protocol_trains_on_whole_batches_of_the_first_windows():
    windows = protocols.last_step_windows(timed.sample()[1])
    assert [len(X) for X, _ in windows] == [124 * 64, 31 * 64, 15 * 64]
    assert all(len(X) == len(y) for X, y in windows)


@pytest.mark.slow
@pytest.mark.parametrize("name", exercise.MODELS)
def test_a_keystroke_takes_onnx_runtime_no_longer_than_eager_pytorch(
    namespace, sample, name, tmp_path
):
    chars = sample[1]
    model = namespace[f"Char{name}"](len(chars))
    (tmp_path / "step.onnx").write_bytes(runtimes.export_step(model, chars)[1].SerializeToString())
    streams = {"eager": helpers.Typing(model), "onnx": runtimes.Session(tmp_path / "step.onnx")}
    times = helpers.keystroke_times(streams, [0] * 1_100)
    assert times["onnx"].median() <= times["eager"].median()
