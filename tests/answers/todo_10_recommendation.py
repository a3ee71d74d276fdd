"""TODO 10: recommendation and evidence, with the spans and requirements that they are judged by."""

import pandas as pd

from lab import exercise, goal
from tests.answers import Answer
from tests.answers.todo_9_spans import SPANS

MEASURED = pd.DataFrame(
    {
        "Model": ["RNN", "LSTM", "GRU"],
        "Parameters": [258_505, 949_705, 719_305],
        "Test Perplexity": [7.137, 6.629, 6.620],
        "Keystroke (ms)": [2.0, 2.5, 5.4],
        "Inference Speed (ms)": [2.0, 2.5, 5.4],
        "Final Train Loss": [1.9, 1.7, 1.6],
        "Final Val Loss": [2.0, 1.95, 1.94],
    }
)
ASKED = goal.Requirements(**exercise.REQUIREMENTS)
FINER = MEASURED.assign(**{"Keystroke (ms)": [2.04, 2.51, 5.449]})
SLOWER = MEASURED.assign(**{"Keystroke (ms)": [3.1, 4.2, 10.4]})
GOOD_LSTM = {"Keystroke (ms)": 2.5, "Test Perplexity": 6.629, "Memory Span": 128}
GOOD = {"Parameters": 719_305, "Test Perplexity": 6.62, "Memory Span": 128}
SPAN = {"Memory Span": 128}


PARAGRAPH = "I recommend the {}, because its numbers meet what was asked, at a cost that I name."


def missed(table, spans, asked):
    """Return what a right answer has for ``misses``, where all three models were measured."""
    try:
        met = goal.requirements_met(table, spans, asked)
        return {name: [r for r in met if not met.at[name, r]] for name in exercise.MODELS}
    except Exception:  # the answer is wrong for another reason
        return None


def decided(
    rule, name, evidence, spans=SPANS, paragraph=None, table=MEASURED, misses=None, **asked
):
    """Return an answer to the requirements ASKED, but for those in ``asked``."""
    paragraph, asked = paragraph or PARAGRAPH.format(name), ASKED._replace(**asked)
    misses = misses or missed(table, spans, asked)
    return Answer(rule, (misses, name, evidence, paragraph, table, spans, asked))


MISSES = missed(MEASURED, SPANS, ASKED)


WRONG = [
    # another requirement, one too many, one too few, no lists by name
    decided("misses", "GRU", GOOD, misses=MISSES | {"GRU": ["Keystroke (ms)"]}),
    decided("misses", "GRU", GOOD, misses=MISSES | {"RNN": ["Memory Span"]}),
    decided("misses", "GRU", GOOD, misses=MISSES | {"RNN": []}),
    decided("misses", "GRU", GOOD, misses=MISSES | {"LSTM": "none"}),
    decided("misses", "GRU", GOOD, misses={"RNN": MISSES["RNN"]}),
    decided("misses", "GRU", GOOD, misses=["Memory Span"]),
    # not the name of a model
    decided("recommendation-unknown", "gru", GOOD),
    decided("recommendation-unknown", None, GOOD),
    decided("recommendation-unknown", "CharGRU", GOOD),
    decided("recommendation-unknown", ["GRU"], GOOD),
    decided("recommendation-unknown", "LSTM or GRU", GOOD),
    # a model that does not meet the requirements, or is larger than one that does
    decided("recommendation-unsupported", "GRU", GOOD, latency_ms=3),
    decided("recommendation-unsupported", "LSTM", {"Memory Span": 128}, parameters=800_000),
    decided("recommendation-unsupported", "RNN", {"Parameters": 258_505}),
    decided("recommendation-unsupported", "RNN", {"Parameters": 258_505}, span=4),
    decided("recommendation-unsupported", "LSTM", {"Parameters": 949_705}),
    # made on two models of three, or on none
    decided("models-incomplete", "GRU", GOOD, spans=None),
    decided("models-incomplete", "GRU", GOOD, table=None),
    decided("models-incomplete", "GRU", GOOD, spans={"RNN": 2, "GRU": 128}),
    decided("models-incomplete", "GRU", GOOD, table=MEASURED.tail(2)),
    decided("models-incomplete", "GRU", GOOD, table=MEASURED.drop(columns="Test Perplexity")),
    decided("models-incomplete", "GRU", GOOD, table={"GRU": GOOD}),
    decided("models-incomplete", "GRU", GOOD, table=MEASURED.astype(str)),
    decided("models-incomplete", "GRU", GOOD, table=pd.concat([MEASURED, MEASURED])),
    decided("models-incomplete", "GRU", GOOD, spans=[2, 128, 128]),
    decided("models-incomplete", "GRU", GOOD, spans={name: [span] for name, span in SPANS.items()}),
    decided("models-incomplete", "GRU", GOOD, spans=dict.fromkeys(SPANS)),
    # no numbers
    decided("evidence-missing", "GRU", {}),
    decided("evidence-missing", "GRU", None),
    decided("evidence-missing", "GRU", "6.62"),
    decided("evidence-missing", "GRU", {"Test Perplexity": "6.62"}),
    decided("evidence-missing", "GRU", {"Test Perplexity": float("nan")}),
    decided("evidence-missing", "GRU", {"Test Perplexity": float("inf")}),
    # other numbers than the model's
    decided("evidence-mismatch", "GRU", GOOD | {"Test Perplexity": 5.0}),
    decided("evidence-mismatch", "GRU", {"Parameters": 949_705}),
    decided("evidence-mismatch", "GRU", SPAN | {"Parameters": 723_000}),
    decided("evidence-mismatch", "GRU", {"Perplexity": 6.62}),
    decided("evidence-mismatch", "GRU", {"Memory Span": 64}),
    decided("evidence-mismatch", "GRU", {"Test Perplexity": 6.5}),
    # costs only
    decided("evidence-missing", "GRU", {"Parameters": 719_305}),
    decided("evidence-missing", "GRU", {"Parameters": 719_305, "Keystroke (ms)": 5.4}),
    decided("evidence-missing", "GRU", {"Parameters": 719_305, "Test Perplexity": 6.62}),
    # no paragraph
    decided("paragraph-missing", "GRU", GOOD, paragraph="\n?\n"),
    decided("paragraph-missing", "GRU", GOOD, paragraph="?"),
    decided("paragraph-missing", "GRU", GOOD, paragraph="The GRU."),
    decided("paragraph-missing", "GRU", GOOD, paragraph=["the GRU"] * 9),
]
RIGHT = [
    # the smallest model that meets the requirements
    decided(None, "GRU", GOOD),
    decided(None, "GRU", GOOD | {"Memory Span": 128}),
    decided(None, "RNN", {"Memory Span": 4}, span=4, perplexity_margin=0.1),
    decided(None, "LSTM", {"Memory Span": 128}, SPANS | {"GRU": 32}),
    decided(None, "LSTM", GOOD_LSTM, latency_ms=3),
    # a number as a table shows it
    decided(None, "GRU", SPAN | {"Test Perplexity": 6.6}),
    decided(None, "GRU", SPAN | {"Test Perplexity": 6.62, "Keystroke (ms)": 5.4}),
    decided(None, "GRU", SPAN | {"Test Perplexity": 6.6, "Keystroke (ms)": 5.4}, table=FINER),
    decided(None, "GRU", GOOD | {"Keystroke (ms)": 10}, table=SLOWER),
    # the table in another form
    decided(None, "GRU", GOOD, table=MEASURED.set_index("Model")),
    decided(None, "GRU", GOOD, table=MEASURED.astype(object).sort_values("Parameters")),
    # a paragraph that writes the name its own way
    decided(None, "GRU", GOOD, paragraph="A gru, since it meets all that we were asked for."),
    decided(None, "GRU", GOOD, paragraph="I recommend CharGRU: it is the smallest that meets all."),
    decided(None, "GRU", GOOD, paragraph="GRUs are the smallest models that meet what was asked."),
    # no model meets them
    decided(None, "LSTM", {"Memory Span": 128}, span=256),
    decided(None, "RNN", {"Test Perplexity": 7.14, "Memory Span": 4}, parameters=500_000),
    # a paragraph on another model, which a person reads
    decided(None, "GRU", GOOD, paragraph=PARAGRAPH.format("LSTM")),
]
