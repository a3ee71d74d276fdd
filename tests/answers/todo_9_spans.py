"""TODO 9: memory spans. An answer is the dict of spans."""

from tests.answers import right, wrong

SPANS = {"RNN": 4, "LSTM": 128, "GRU": 128}

WRONG = [
    # not one number of characters for each model
    wrong("spans-missing", {"RNN": 8, "LSTM": 128}),
    wrong("spans-missing", SPANS | {"GRU": None}),
    wrong("spans-missing", SPANS | {"GRU": 5.3}),
    wrong("spans-missing", [2, 128, 128]),
    # a gated model that remembers less than the RNN
    wrong("spans-swapped", {"RNN": 128, "LSTM": 4, "GRU": 128}),
    wrong("spans-swapped", {"RNN": 128, "LSTM": 128, "GRU": 4}),
]
RIGHT = [
    right(SPANS),
    right({"RNN": 128, "LSTM": 128, "GRU": 128}),
    right({"RNN": 0, "LSTM": 1, "GRU": 0}),
]
