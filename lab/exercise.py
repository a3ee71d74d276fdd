"""The numbers of the exercise, each of them once. This module imports nothing of the project."""

from typing import NamedTuple

VERSION = "3.0"  # of the exercise: in the setup cell of both notebooks, and in their metadata


class Todo(NamedTuple):
    """A TODO of the notebook, by the check that judges it."""

    number: int
    points: int
    what: str
    wanted: str  # what it asks for

    @property
    def title(self):
        """What a check is about, for people: "TODO 1, CharRNN"."""
        return f"TODO {self.number}, {self.what}"


CHECKS = {
    "char_rnn": Todo(1, 12, "CharRNN", "a class"),
    "char_lstm": Todo(2, 10, "CharLSTM", "a class"),
    "char_gru": Todo(3, 8, "CharGRU", "a class"),
    "parameters": Todo(
        4, 6, "recurrent_ratio and parameter_counts", "two dicts with a number for each model"
    ),
    "training": Todo(5, 18, "train_and_compare_models", "a function"),
    "samples": Todo(
        6, 7, "samples and temperature_limits", "samples[name][temperature], and two words"
    ),
    "performance": Todo(
        7, 5, "uniform_perplexity and performance_table", "a number, and the table of the models"
    ),
    "figures": Todo(8, 6, "learning_curves and tradeoff_figure", "two plots, and the table"),
    "long_context": Todo(9, 8, "one_kept and spans", "a number, and a dict of spans"),
    "recommendation": Todo(
        10, 10, "misses, recommendation and evidence", "lists, a name, numbers, and the table"
    ),
}
PARAGRAPH_POINTS = 10  # for the paragraph of TODO 10, which the instructor grades
POINTS = sum(todo.points for todo in CHECKS.values())  # that the checks give
TOTAL = POINTS + PARAGRAPH_POINTS

# ----- Text and models ----------------------------------------------------------------------------

MODELS = ("RNN", "LSTM", "GRU")
SEED = 42
SEQ_LEN = 50  # characters of a window
SIZES = {"embedding_dim": 128, "hidden_dim": 256, "num_layers": 2}  # of the models of TODO 1 to 3
DROPOUT = 0.3
PROMPT = "The meaning of"  # of the texts of TODO 6
SUGGESTIONS = 3  # characters, and words, that a keyboard shows at once

# ----- Training -----------------------------------------------------------------------------------

EPOCHS = 20
BATCH_SIZE = 32
# Each model at its own best rate on validation loss, from one grid: benchmarks/study/.
LEARNING_RATES = {"RNN": 2e-3, "LSTM": 4e-3, "GRU": 2e-3}
MAX_GRADIENT_NORM = 0.5
# Nats per character above which a training has diverged. Guessing costs the logarithm of the
# vocabulary, 4.3 for the sample's 73 characters and 13.9 for all 1,114,112 of Unicode.
DIVERGED = 50.0

# ----- Memory spans -------------------------------------------------------------------------------

SPAN_SIZES = {
    "embedding_dim": 128,
    "hidden_dim": 128,
    "num_layers": 1,
}  # of memory_span
SPAN_RATES = {"RNN": 2e-3, "LSTM": 4e-3, "GRU": 4e-3}  # also the best of a grid
SPAN_BATCHES = 2_000  # of memory_span for one lag, at most
LONGEST_LAG = 128  # of memory_span, in characters

USED_WITHIN = 0.01  # "characters used" have a perplexity at most so far above that of all 50

# ----- What the product manager asks for ----------------------------------------------------------

REQUIREMENTS = {
    "latency_ms": 20,  # at most, for one keystroke
    "parameters": 1_400_000,  # at most
    "load": 4,  # symbols to remember at the same time
    "span": 64,  # characters after the symbols, at least
    "perplexity_margin": 0.05,  # 5 %: at most so far above the best network
}

# ----- Looks --------------------------------------------------------------------------------------

# Okabe and Ito's colour-blind-safe palette; line style and marker repeat what the colour says.
STYLES = {
    "RNN": {"color": "#D55E00", "linestyle": ":", "marker": "o"},
    "LSTM": {"color": "#0072B2", "linestyle": "-", "marker": "s"},
    "GRU": {"color": "#009E73", "linestyle": "--", "marker": "^"},
}
VERDICT_COLORS = {"passed": "#009E73", "failed": "#D55E00", "not attempted": "#888888"}

# ----- Grading ------------------------------------------------------------------------------------

GRADING_SECONDS = 60  # of processor time for a submission; of the clock, four times as many
GRADING_MEGABYTES = 1_000
