"""TODO 4: parameter counts. An answer is the dict, and the size of the vocabulary it is for."""

import torch

from tests.answers import right, wrong

COUNTS = {"RNN": 258_505, "LSTM": 949_705, "GRU": 719_305}

WRONG = [
    # other numbers
    wrong("counts-wrong", COUNTS | {"GRU": 1}, 73),
    wrong("counts-wrong", COUNTS, 86),
    # not one number for each model
    wrong("counts-wrong", {"RNN": 258_505}, 73),
    wrong("counts-wrong", list(COUNTS.values()), 73),
    wrong("counts-wrong", COUNTS | {"GRU": "719305"}, 73),
    wrong("counts-wrong", COUNTS | {"GRU": torch.nn.GRU(1, 1)}, 73),
    wrong("counts-wrong", {name.lower(): count for name, count in COUNTS.items()}, 73),
    wrong("counts-wrong", {name: f"{count:,}" for name, count in COUNTS.items()}, 73),
]
RIGHT = [
    right(COUNTS, 73),
    right({name: float(count) for name, count in COUNTS.items()}, 73),
]
