"""Feedback on each TODO: what was called, what came back, what was expected.

Each check takes its looks from the most basic up and reports the first rule broken. A rule judges
behaviour: names of attributes, style and source text are free. Checks work on tiny models and
texts of their own, and leave the student's models, the global random state and stdout alone.
"""

import helpers
from lab.checks import (
    todo_1_models,
    todo_5_training,
    todo_6_outputs,
    todo_8_figures,
    todo_9_decision,
)
from lab.checks.results import (
    CHECKS,
    PARAGRAPH_POINTS,
    POINTS,
    CheckResult,
    check,
    hint,
    latest,
    summary,
    title,
)
from lab.checks.rule import RULES, NotAttempted


@check
def char_rnn(CharRNN):
    """Return the CheckResult of TODO 1: the class CharRNN."""
    return todo_1_models.judge(CharRNN, "RNN")


@check
def char_lstm(CharLSTM, CharRNN=None):
    """Return the CheckResult of TODO 2: the class CharLSTM."""
    return todo_1_models.judge(CharLSTM, "LSTM", CharRNN)


@check
def char_gru(CharGRU, CharRNN=None):
    """Return the CheckResult of TODO 3: the class CharGRU."""
    return todo_1_models.judge(CharGRU, "GRU", CharRNN)


@check
def parameters(parameter_counts, vocab_size):
    """Return the CheckResult of TODO 4: the dict of parameter counts, by formula."""
    _attempted(parameter_counts)
    todo_1_models.counts.judge((parameter_counts, vocab_size))
    counts = ", ".join(f"{name} {count:,}" for name, count in parameter_counts.items())
    ratio = parameter_counts["GRU"] / parameter_counts["LSTM"]
    return f"{counts}: the GRU has {ratio:.0%} of the LSTM's, 3 sets of recurrent weights, not 4."


@check
def training(train_and_compare_models, MODEL_CLASSES):
    """Return the CheckResult of TODO 5: the function, called on a tiny text for three epochs."""
    return todo_5_training.judge(train_and_compare_models, MODEL_CLASSES)


@check
def samples(samples, prompt, models, char2idx):
    """Return the CheckResult of TODO 6: samples[name][temperature], as the models would write."""
    _attempted(samples)
    trial = todo_6_outputs.Samples(samples, prompt, models, char2idx)
    todo_6_outputs.samples.judge(trial)
    return f"{len(trial.texts())} texts from three models."


@check
def performance(performance_table, models, metrics, test_X, test_y):
    """Return the CheckResult of TODO 7: the table, compared with the models it should describe.

    The perplexities are computed again: that takes as long as the table did.
    """
    _attempted(performance_table)
    trial = todo_6_outputs.Performance(performance_table, models, metrics, test_X, test_y)
    todo_6_outputs.performance.judge(trial)
    return "One row per model, and its figures are those of the trained models."


@check
def figures(learning_curves, tradeoff_figure, performance_table):
    """Return the CheckResult of TODO 8: two figures that show data and say of what."""
    _attempted(learning_curves, tradeoff_figure)
    trial = todo_8_figures.Figures(learning_curves, tradeoff_figure, performance_table)
    todo_8_figures.figures.judge(trial)
    return "Both figures show data, with labels, and the points are those of the table."


@check
def long_context(spans):
    """Return the CheckResult of TODO 9: one memory span for each model."""
    _attempted(spans)
    todo_9_decision.long_context.judge(spans)
    return ", ".join(f"{name} {span}" for name, span in spans.items()) + " characters."


@check
def recommendation(recommendation, evidence, paragraph, performance_table, spans, requirements):
    """Return the CheckResult of TODO 10: the recommendation against the student's own numbers.

    In quick mode, which submissions are graded in, the run measures nothing that the student saw:
    of the numbers in ``evidence`` only the parameters are compared.
    """
    _attempted(recommendation, evidence, paragraph)
    trial = todo_9_decision.Decision(
        recommendation, evidence, paragraph, performance_table, spans, requirements
    )
    todo_9_decision.recommendation.judge(trial)
    if helpers.quick():
        return "Quick mode: the numbers in evidence are for a person to judge, with the paragraph."
    found = trial.met.all(axis=1).any()
    none = "" if found else " No model meets the requirements in this run: say so."
    return f"Supported by your numbers.{none} Now make sure that your paragraph says why."


def _attempted(*answers):
    if all(answer is None for answer in answers):
        raise NotAttempted
