"""How long a test runs, where what it starts may write, and the solution's models for all tests."""

import atexit
import os
import shutil
import tempfile

import pandas as pd
import pytest

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
from course.solution import run_todos  # noqa: E402


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
