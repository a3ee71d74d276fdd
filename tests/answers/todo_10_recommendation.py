"""TODO 10: recommendation and evidence, with the spans and requirements that they are judged by."""

import pandas as pd

from lab import goal
from tests.answers import Answer
from tests.answers.todo_9_spans import SPANS

MEASURED = pd.DataFrame(
    {
        "Model": ["RNN", "LSTM", "GRU"],
        "Parameters": [258_505, 949_705, 719_305],
        "Test Perplexity": [7.137, 6.629, 6.620],
        "Inference Speed (ms)": [2.0, 2.5, 5.4],
    }
)
ASKED = goal.Requirements(20, 1_400_000, load=4, span=64, perplexity_margin=0.05)
GOOD = {"Parameters": 719_305, "Test Perplexity": 6.62}


def decided(rule, name, evidence, spans=SPANS, **asked):
    """Return an answer to the requirements ASKED, but for those in ``asked``."""
    return Answer(rule, (name, evidence, spans, ASKED._replace(**asked)))


WRONG = [
    # not the name of a model
    decided("recommendation-unknown", "gru", GOOD),
    decided("recommendation-unknown", None, GOOD),
    decided("recommendation-unknown", "CharGRU", GOOD),
    # a model that does not meet the requirements, or is larger than one that does
    decided("recommendation-unsupported", "GRU", GOOD, latency_ms=3),
    decided("recommendation-unsupported", "LSTM", {"Memory Span": 128}, parameters=800_000),
    decided("recommendation-unsupported", "RNN", {"Parameters": 258_505}),
    decided("recommendation-unsupported", "RNN", {"Parameters": 258_505}, span=4),
    decided("recommendation-unsupported", "LSTM", {"Parameters": 949_705}),
    decided("recommendation-unsupported", "GRU", GOOD, spans=None),
    # no numbers
    decided("evidence-missing", "GRU", {}),
    decided("evidence-missing", "GRU", None),
    decided("evidence-missing", "GRU", "6.62"),
    decided("evidence-missing", "GRU", {"Test Perplexity": "6.62"}),
    # other numbers than the model's
    decided("evidence-mismatch", "GRU", GOOD | {"Test Perplexity": 5.0}),
    decided("evidence-mismatch", "GRU", {"Parameters": 949_705}),
    decided("evidence-mismatch", "GRU", {"Perplexity": 6.62}),
    decided("evidence-mismatch", "GRU", {"Memory Span": 64}),
]
RIGHT = [
    # the smallest model that meets the requirements
    decided(None, "GRU", GOOD),
    decided(None, "GRU", GOOD | {"Memory Span": 128}),
    decided(None, "GRU", {"Test Perplexity": 6.6}),
    decided(None, "RNN", {"Parameters": 258_505}, span=4, perplexity_margin=0.1),
    decided(None, "LSTM", {"Memory Span": 128}, SPANS | {"GRU": 32}),
    decided(None, "LSTM", {"Inference Speed (ms)": 2.5}, latency_ms=3),
    # no model meets them
    decided(None, "LSTM", {"Memory Span": 128}, span=256),
    decided(None, "RNN", {"Parameters": 258_505}, parameters=500_000),
]
