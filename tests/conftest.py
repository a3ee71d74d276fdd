"""How long a test runs, where what it starts may write, and the solution's models for all tests."""

import atexit
import hashlib
import json
import os
import shutil
import tempfile

import pandas as pd
import pytest
import torch

# The two notebooks that nbval runs follow the environment; every other test says what it needs.
os.environ.setdefault("EXERCISE_QUICK", "1")
os.environ["MPLBACKEND"] = "agg"
# Settings, and what Jupyter and others write, are of these tests: a user's own change nothing, and
# a home that cannot be written to does no harm.
HOME = tempfile.mkdtemp(prefix="tests-")
atexit.register(shutil.rmtree, HOME, ignore_errors=True)
for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR",
             "MPLCONFIGDIR", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"):  # fmt: skip
    os.environ[name] = os.path.join(HOME, name.lower())

import helpers  # noqa: E402
from course.read_solution import run_todos  # noqa: E402


@pytest.fixture(autouse=True, scope="module")
def full_length():
    """Every test runs at full length, whatever EXERCISE_QUICK is, unless it asks for ``quick``."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EXERCISE_QUICK", "0")
        yield


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
            "Inference Speed (ms)": [1.0, 3.0, 2.0],
        }
    )


@pytest.fixture
def made_up(tmp_path):
    """A function that writes the files of a made-up study and returns their folder."""

    def put(gru_against_lstm=(0.01, -0.01, 0.03), rnn=(0.08, 0.06, 0.10), spans=None, text="text"):
        differences = []
        for first, second, interval in (
            ("GRU", "LSTM", gru_against_lstm),
            ("RNN", "LSTM", rnn),
            ("RNN", "GRU", rnn),
        ):
            for over in ("seeds", "test text"):
                row = {"first": first, "second": second, "over": over}
                row |= dict(zip(("estimate", "low", "high"), interval, strict=True))
                differences.append(row | {"measure": "relative perplexity"})
        sizes = {"RNN": (258_505, 7.0), "LSTM": (949_705, 6.5), "GRU": (719_305, 6.6)}
        summary = [
            {"model": m, "parameters": n, "measure": "perplexity", "mean": mean,
             "sd": mean / 100, "low": mean - 0.1, "high": mean + 0.1}
            for m, (n, mean) in sizes.items()
        ]  # fmt: skip
        seeds = [{"model": m, "perplexity": 6.5 + s / 100} for m in sizes for s in range(5)]
        tables = {"differences": differences, "summary": summary, "comparisons": seeds}
        for name, rows in tables.items():
            table = pd.DataFrame(rows).assign(comparison="as in the notebook", corpus="sample")
            if name == "differences":  # alike at equal parameters, and only over seeds
                equal = table[table["over"] == "seeds"].assign(comparison="equal parameters")
                equal[["estimate", "low", "high"]] = [0.01, -0.04, 0.06]
                table = pd.concat([table, equal])
            table.to_csv(tmp_path / f"{name}.csv", index=False)
        spans = spans or {1: (128, 128), 2: (16, 64), 4: (2, 4)}
        rows = [
            {"hidden_dim": 128, "num_layers": 1, "load": load, "model": m, "seed": s, "span": span}
            for load, of_rnn in spans.items()
            for m in sizes
            for s, span in enumerate((999, *(of_rnn if m == "RNN" else (128, 128))))
        ]
        pd.DataFrame(rows).to_csv(tmp_path / "spans.csv", index=False)
        digest = hashlib.sha256(text.encode()).hexdigest()
        recorded = {"corpora": {"sample": {"sha256": digest}}}
        (tmp_path / "settings.json").write_text(json.dumps(recorded))
        return tmp_path

    return put


@pytest.fixture
def tiny(namespace):
    """A small trained-free GRU with its splits: (model, splits, char2idx, idx2char)."""
    text = "the quick brown fox jumps over the lazy dog. " * 20
    chars, char2idx, idx2char = helpers.build_vocabulary(text)
    torch.manual_seed(0)
    model = namespace["CharGRU"](len(chars), 8, 16, 2, 0.3)
    return model, helpers.prepare_sequences(text, char2idx, seq_len=20), char2idx, idx2char


@pytest.fixture
def metrics():
    measured = {
        "train_losses": [2.0, 1.5], "val_losses": [2.1, 1.6], "epoch_times": [0.5, 0.4],
        "best_epoch": 2,
    }  # fmt: skip
    return {name: dict(measured) for name in ("RNN", "LSTM", "GRU")}
