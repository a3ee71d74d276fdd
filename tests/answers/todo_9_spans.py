"""TODO 9: memory spans. An answer is a function that makes them of those measured as asked."""

from lab.memory import Span
from tests.answers import right, wrong

SPANS = {"RNN": 4, "LSTM": 128, "GRU": 128}  # for TODO 10, which needs the numbers only


def again(span, value=None, **setting):
    """Return a span with another value, or measured otherwise."""
    value = int(span) if value is None else value
    return Span(value, span.setting._replace(**setting), span.first, span.taught)


def all_with(**setting):
    return lambda spans: {name: again(span, **setting) for name, span in spans.items()}


WRONG = [
    # not one span for each model
    wrong("spans-missing", lambda spans: {"RNN": spans["RNN"], "LSTM": spans["LSTM"]}),
    wrong("spans-missing", lambda spans: spans | {"GRU": None}),
    wrong("spans-missing", lambda spans: spans | {"GRU": 5.3}),
    wrong("spans-missing", lambda spans: list(spans.values())),
    wrong("spans-missing", lambda spans: {name: span >= 0 for name, span in spans.items()}),
    # typed, or measured otherwise
    wrong("spans-setting", lambda spans: SPANS),
    wrong("spans-setting", lambda spans: dict.fromkeys(spans, spans["LSTM"])),
    wrong("spans-setting", lambda spans: spans | {"RNN": spans["GRU"], "GRU": spans["RNN"]}),
    wrong("spans-setting", all_with(learning_rate=0.001)),
    wrong("spans-setting", all_with(load=1)),
    wrong("spans-setting", all_with(longest_lag=8)),
    wrong("spans-setting", all_with(batches=5)),
    wrong("spans-setting", all_with(hidden_dim=256)),
    # weights that were not taught it
    wrong("spans-setting", lambda spans: spans | {"GRU": again(spans["GRU"], 128)}),
    wrong(
        "spans-setting",
        lambda spans: {n: Span(s, s.setting, s.first, s.first) for n, s in spans.items()},
    ),
]
RIGHT = [right(lambda spans: spans), right(lambda spans: dict(reversed(spans.items())))]
