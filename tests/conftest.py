"""Quick mode for every notebook that the tests run, and the solution's models for all tests."""

import os

import matplotlib
import pandas as pd
import pytest

import helpers
from tools.solution import run_todos

matplotlib.use("Agg")
# helpers is imported above, at full length; the kernels of the notebooks inherit this.
os.environ.setdefault("EXERCISE_QUICK", "1")


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
