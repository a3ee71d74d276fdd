"""The questions of TODO 4, 6, 7 and 9. An answer is the question's name and what is put into it.

In the text that they are asked on 73 characters are distinct.
"""

import math

from tests.answers import right, wrong

RATIO, LIMITS = {"LSTM": 4, "GRU": 3}, {"to 0": "likeliest", "without limit": "uniform"}

WRONG = [
    # gates alone, whole models, exchanged, no dict of two numbers
    wrong("ratio", "recurrent_ratio", {"LSTM": 3, "GRU": 2}),
    wrong("ratio", "recurrent_ratio", {"LSTM": 3.67, "GRU": 2.78}),
    wrong("ratio", "recurrent_ratio", {"LSTM": 3, "GRU": 4}),
    wrong("ratio", "recurrent_ratio", {"LSTM": 4}),
    wrong("ratio", "recurrent_ratio", [4, 3]),
    wrong("ratio", "recurrent_ratio", {"LSTM": "4", "GRU": "3"}),
    # exchanged, another of the four, the marks left
    wrong(
        "temperature-limits",
        "temperature_limits",
        {"to 0": "uniform", "without limit": "likeliest"},
    ),
    wrong("temperature-limits", "temperature_limits", LIMITS | {"to 0": "trained"}),
    wrong("temperature-limits", "temperature_limits", LIMITS | {"without limit": "frequent"}),
    wrong("temperature-limits", "temperature_limits", {"to 0": "?", "without limit": "?"}),
    wrong("temperature-limits", "temperature_limits", "likeliest"),
    # loss, bits, chance, a half, no number
    wrong("uniform-perplexity", "uniform_perplexity", math.log(73)),
    wrong("uniform-perplexity", "uniform_perplexity", math.log2(73)),
    wrong("uniform-perplexity", "uniform_perplexity", 1 / 73),
    wrong("uniform-perplexity", "uniform_perplexity", 36.5),
    wrong("uniform-perplexity", "uniform_perplexity", "vocab_size"),
    # one of two parts, their sum, per cent
    wrong("one-kept", "one_kept", 1 / 4),
    wrong("one-kept", "one_kept", 1 / 8),
    wrong("one-kept", "one_kept", 3 / 8),
    wrong("one-kept", "one_kept", 34.4),
    wrong("one-kept", "one_kept", "11/32"),
]
RIGHT = [
    right("recurrent_ratio", RATIO),
    right("recurrent_ratio", {"LSTM": 4.0, "GRU": 3.0}),
    right("temperature_limits", LIMITS),
    right("uniform_perplexity", 73),
    right("uniform_perplexity", math.exp(math.log(73))),
    right("one_kept", 11 / 32),
    right("one_kept", 0.344),
]
