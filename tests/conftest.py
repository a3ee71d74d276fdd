"""How long a test runs, where what it starts may write, and the solution's models for all tests."""

import atexit
import json
import os
import shutil
import tempfile

import matplotlib.pyplot as plt
import pandas as pd
import pytest
import torch

# The two notebooks that nbval runs follow the environment; every other test says what it needs.
os.environ.setdefault("EXERCISE_QUICK", "1")
os.environ["MPLBACKEND"] = "agg"
# One thread for each worker of pytest-xdist: PyTorch's own would only wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# Settings, and what Jupyter and others write, are of these tests: a user's own change nothing, and
# a home that cannot be written to does no harm.
HOME = tempfile.mkdtemp(prefix="tests-")
atexit.register(shutil.rmtree, HOME, ignore_errors=True)
for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR",
             "MPLCONFIGDIR", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"):  # fmt: skip
    os.environ[name] = os.path.join(HOME, name.lower())

import helpers  # noqa: E402
from course.read_solution import run_todos  # noqa: E402
from lab.extras.study_views import SETTINGS  # noqa: E402
from lab.ngram import NGram  # noqa: E402
from lab.study import exercise_numbers, fingerprint  # noqa: E402


@pytest.fixture(autouse=True)
def closed_figures():
    yield
    plt.close("all")


@pytest.fixture
def quick(monkeypatch):
    """Quick mode, in this process and in those that it starts."""
    monkeypatch.setenv("EXERCISE_QUICK", "1")


@pytest.fixture(scope="session")
def namespace():
    """The names that the solution's TODO 1, 2, 3 and 5 define, MODEL_CLASSES among them."""
    return run_todos(1, 2, 3, 5)


@pytest.fixture(scope="session")
def sample():
    """The bundled text with its vocabulary: (text, chars, char2idx, idx2char)."""
    text = helpers.load_text("sample")
    return (text, *helpers.build_vocabulary(text))


@pytest.fixture
def table():
    """A made-up performance table, in which the RNN is the worst and the GRU 2 % off the best."""
    return pd.DataFrame(
        {
            "Model": ["RNN", "LSTM", "GRU"],
            "Parameters": [10, 40, 30],
            "Test Perplexity": [6.0, 5.0, 5.1],
            "Avg Epoch Time (s)": [1.0, 2.0, 3.0],
            "Keystroke (ms)": [1.0, 3.0, 2.0],
            "Inference Speed (ms)": [1.0, 3.0, 2.0],
        }
    )


@pytest.fixture
def made_up(tmp_path):
    """A function that writes the files of a made-up study and returns their folder."""

    def put(gru_against_lstm=(0.01, -0.01, 0.03)):
        sizes = {"RNN": (258_505, 7.0), "LSTM": (949_705, 6.5), "GRU": (719_305, 6.6)}
        summary = [
            {"model": model, "parameters": parameters, "perplexity": mean, "best_epoch": 20}
            | {"sd": mean / 100, "low": mean - 0.1, "high": mean + 0.1}
            for model, (parameters, mean) in sizes.items()
        ]
        tables = {
            "differences": _made_up_differences(gru_against_lstm, (0.08, 0.06, 0.10)),
            "summary": summary,
            "comparisons": [
                {"model": m, "perplexity": 6.5 + s / 100} for m in sizes for s in range(5)
            ],
        }
        for name, rows in tables.items():
            table = pd.DataFrame(rows).assign(corpus="sample")
            tables = {c: table.assign(comparison=c) for c in (*SETTINGS, "128 units")}
            if name == "differences":
                tables["equal parameters"]["shown"] = "+1.0% (-4.0% to +6.0%)"
            pd.concat(tables.values()).to_csv(tmp_path / f"{name}.csv", index=False)
        spans = {1: (128, 128), 2: (16, 64), 4: (2, 4)}
        rows = [
            {"hidden_dim": units, "num_layers": layers, "load": load, "model": m, "seed": s}
            | {"budget": 1, "span": span}
            for units, layers in ((128, 1), (256, 2), (200, 2))
            for load, of_rnn in spans.items()
            if units != 200 or load == 4  # of equal parameters
            for m in sizes
            for s, span in enumerate((999, *(of_rnn if m == "RNN" else (128, 128))))
        ]
        pd.DataFrame(rows).to_csv(tmp_path / "spans.csv", index=False)
        _made_up_text_sizes(tmp_path)
        corpora = {"sample": {"sha256": fingerprint("text")}}
        recorded = {"corpora": corpora, "protocol": exercise_numbers()}
        (tmp_path / "settings.json").write_text(json.dumps(recorded))
        return tmp_path

    return put


def _made_up_differences(gru_against_lstm, rnn):
    rows = []
    for first, second, (estimate, low, high) in (
        ("GRU", "LSTM", gru_against_lstm),
        ("RNN", "LSTM", rnn),
        ("RNN", "GRU", rnn),
        *((name, "n-gram model", rnn) for name in ("RNN", "LSTM", "GRU")),
    ):
        for one, other, *ends in ((first, second, low, high), (second, first, -high, -low)):
            better = one if estimate < 0 else other
            verdict = f"{better} better" if low * high > 0 else "no significant difference"
            figures = {"estimate": estimate, "low": ends[0], "high": ends[1]}
            shown = "{estimate:+.1%} ({low:+.1%} to {high:+.1%})".format(**figures)
            told = {"first": one, "second": other, "shown": shown, "verdict": verdict}
            rows.append(told | figures)
            estimate = -estimate
    return rows


def _made_up_text_sizes(folder):
    """Two sizes of text; on the larger one the RNN comes within 5 % of the LSTM."""
    losses = {(1_000, "RNN"): 2.0, (1_000, "LSTM"): 1.9, (1_000, "GRU"): 1.9}
    losses |= {(9_000, "RNN"): 1.54, (9_000, "LSTM"): 1.5, (9_000, "GRU"): 1.6}
    rows = [
        {"characters": n, "model": m, "seed": s, "test_loss": loss + apart}
        for (n, m), loss in losses.items()
        for s, apart in ((1, -0.2), (2, 0.2))
    ]
    rows += [
        {"characters": n, "model": "n-gram model", "seed": 0, "test_loss": 1.7}
        for n in (1_000, 9_000)
    ]
    table = pd.DataFrame(rows).assign(text="WikiText-2")
    sample = table.assign(text="the sample", characters=500)
    pd.concat([table, sample]).to_csv(folder / "text_sizes.csv", index=False)


@pytest.fixture(scope="session")
def short():
    """A short text: its splits into windows of 20 characters, chars, char2idx, idx2char."""
    text = "the quick brown fox jumps over the lazy dog. " * 20
    chars, char2idx, idx2char = helpers.build_vocabulary(text)
    return helpers.prepare_sequences(text, char2idx, seq_len=20), chars, char2idx, idx2char


@pytest.fixture
def tiny(namespace, short):
    """A small untrained GRU with the short text: (model, splits, char2idx, idx2char)."""
    splits, chars, char2idx, idx2char = short
    torch.manual_seed(0)
    return namespace["CharGRU"](len(chars), 8, 16, 2, 0.3), splits, char2idx, idx2char


@pytest.fixture(scope="session")
def to_type(namespace, short):
    """What write_keyboard takes: small models, an NGram, train_X, train_y, test_X, chars."""
    splits, chars, *_ = short
    torch.manual_seed(0)
    classes = namespace["MODEL_CLASSES"].items()
    models = {name: model_class(len(chars), 10, 20, 2, 0.3) for name, model_class in classes}
    ngram_model = NGram.of_windows(*splits[:4], len(chars))
    return models, ngram_model, *splits[:2], splits[4], chars


@pytest.fixture
def metrics():
    measured = {
        "train_losses": [2.0, 1.5], "val_losses": [2.1, 1.6], "epoch_times": [0.5, 0.4],
        "best_epoch": 2,
    }  # fmt: skip
    return {name: dict(measured) for name in ("RNN", "LSTM", "GRU")}
