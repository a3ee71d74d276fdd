"""TODO 6: samples. An answer is the dict samples[name][temperature] of texts."""

from tests.answers import right, wrong

PROMPT = "The meaning of"
TEXTS = {n: {t: f"{PROMPT} {n} {t}" for t in (0.5, 1.0)} for n in ("RNN", "LSTM", "GRU")}

WRONG = [
    # not two texts from each model
    wrong("samples-missing", {"RNN": TEXTS["RNN"]}),
    wrong("samples-missing", TEXTS | {"GRU": PROMPT + " GRU"}),
    wrong("samples-missing", TEXTS | {"GRU": {0.5: None, 1.0: None}}),
    wrong("samples-missing", TEXTS | {"GRU": {0.5: PROMPT + " it"}}),
    # texts that do not continue the prompt
    wrong("prompt-missing", TEXTS | {"GRU": {0.5: "it was", 1.0: "they were"}}),
    wrong("prompt-missing", TEXTS | {"GRU": {0.5: PROMPT, 1.0: PROMPT}}),
    # the same text twice
    wrong("identical-samples", TEXTS | {"GRU": TEXTS["LSTM"]}),
    wrong("identical-samples", TEXTS | {"GRU": dict.fromkeys((0.5, 1.0), PROMPT + " x")}),
]
RIGHT = [
    right(TEXTS),
    right({name: texts | {2.0: f"{PROMPT}!{name}"} for name, texts in TEXTS.items()}),
]
