"""The numbers of the exercise, each of them once. This module imports nothing of the project."""

from typing import NamedTuple

VERSION = "2.0"  # of the exercise: in the setup cell of both notebooks, and in their metadata


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
    "char_gru": Todo(3, 10, "CharGRU", "a class"),
    "parameters": Todo(4, 4, "parameter_counts", "a dict with a number for each model"),
    "training": Todo(5, 18, "train_and_compare_models", "a function"),
    "samples": Todo(6, 7, "samples", "samples[name][temperature], texts of the trained models"),
    "performance": Todo(7, 7, "performance_table", "the table, and what training returned"),
    "figures": Todo(8, 8, "learning_curves and tradeoff_figure", "two figures, and the table"),
    "long_context": Todo(9, 7, "spans", "a dict with a span for each model"),
    "recommendation": Todo(10, 7, "recommendation and evidence", "a name, numbers, and the table"),
}
PARAGRAPH_POINTS = 10  # for the paragraph of TODO 10, which a person reads
POINTS = sum(todo.points for todo in CHECKS.values())  # that the checks give
