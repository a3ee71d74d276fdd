"""TODO 6: samples. An answer is a function that makes them of ``write(name, temperature)``.

``write(…, trained=False)`` lets a model write that has learned nothing.
"""

from lab.exercise import MODELS
from tests.answers import right, wrong

PROMPT = "the "


TURNED = {"RNN": "RNN", "LSTM": "GRU", "GRU": "LSTM"}  # two texts under each other's name


def texts(write, temperatures=(0.5, 1.0)):
    return {name: {t: write(name, t) for t in temperatures} for name in MODELS}


def with_gru(of_gru):
    """Return an answer with other texts from the GRU."""
    return lambda write: texts(write) | {"GRU": of_gru(write) if callable(of_gru) else of_gru}


WRONG = [
    # not two texts from each model
    wrong("samples-missing", lambda write: {"RNN": texts(write)["RNN"]}),
    wrong("samples-missing", lambda write: {}),
    wrong("samples-missing", lambda write: list(texts(write).values())),
    wrong("samples-missing", lambda write: {k.lower(): v for k, v in texts(write).items()}),
    wrong("samples-missing", with_gru(PROMPT + "GRU")),
    wrong("samples-missing", with_gru({})),
    wrong("samples-missing", with_gru({0.5: None, 1.0: None})),
    wrong("samples-missing", with_gru({0.5: PROMPT + "it"})),
    wrong("samples-missing", with_gru(lambda write: {"low": write("GRU", 0.5), "high": ""})),
    wrong("samples-missing", with_gru(lambda write: {0: write("GRU", 0.5), 1: write("GRU", 1.0)})),
    # texts that do not continue the prompt
    wrong("samples-missing", with_gru({0.5: "it was", 1.0: "they were"})),
    wrong("samples-missing", with_gru({0.5: PROMPT, 1.0: PROMPT})),
    # the same text twice
    wrong("samples-untrained", lambda write: dict.fromkeys(MODELS, texts(write)["RNN"])),
    wrong("samples-untrained", with_gru(lambda w: dict.fromkeys((0.5, 1.0), w("GRU", 0.5)))),
    # texts of other models, or of nobody
    wrong(
        "samples-untrained", with_gru(lambda w: {t: w("GRU", t, trained=False) for t in (0.5, 1)})
    ),
    wrong("samples-untrained", lambda write: texts(lambda n, t: write(n, t, trained=False))),
    wrong("samples-untrained", lambda w: texts(lambda n, t: w(TURNED[n], t))),
    wrong("samples-untrained", with_gru(lambda w: {50: w("GRU", 0.5), 100: w("GRU", 1.0)})),
    wrong("samples-untrained", with_gru({t: PROMPT + f"xyz{t} " * 30 for t in (0.5, 1.0)})),
    wrong("samples-untrained", with_gru(lambda w: {t: w("GRU", t) + "\u2603" for t in (0.5, 1.0)})),
]
RIGHT = [
    right(texts),
    right(lambda write: texts(write, (0.3, 0.8, 1.2))),
    right(lambda write: texts(write, (1, 2))),
    right(lambda write: texts(write, (0.01, 0.02))),
    right(
        lambda write: {
            name: {t: text[:60] for t, text in of.items()} for name, of in texts(write).items()
        }
    ),
]
