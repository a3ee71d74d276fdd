"""Feedback on each TODO: the call, the returned value, and the expected value.

Each check has two halves. lab.ask runs the student's code and returns plain data. The modules here
compare this data with a reference. They judge behaviour: names of attributes, style and source text
are free. A check does not change the student's models, the global random state and stdout.
"""

from lab import memory
from lab.ask import (
    figures as ask_figures,
    models as ask_models,
    outputs as ask_outputs,
    simple,
    training as ask_training,
)
from lab.checks import (
    decision,
    figures as of_figures,
    models as of_models,
    outputs as of_outputs,
    questions,
    training as of_training,
)
from lab.checks.results import (
    CheckResult,
    answered,
    check,
    hint,
    latest,
    summary,
)
from lab.checks.rule import RULES, attempted


def _class(kind, model_class, char_rnn=None):
    asked = of_models.questions(kind)
    facts = answered(ask_models.ask, model_class, [question for _, question in asked], char_rnn)
    return of_models.judge(kind, facts, asked)


@check
def char_rnn(CharRNN):
    """Return the CheckResult of TODO 1: the class CharRNN."""
    return _class("RNN", CharRNN)


@check
def char_lstm(CharLSTM, CharRNN=None):
    """Return the CheckResult of TODO 2: the class CharLSTM."""
    return _class("LSTM", CharLSTM, CharRNN)


@check
def char_gru(CharGRU, CharRNN=None):
    """Return the CheckResult of TODO 3: the class CharGRU."""
    return _class("GRU", CharGRU, CharRNN)


@check
def parameters(recurrent_ratio, parameter_counts, vocab_size):
    """Return the CheckResult of TODO 4: a prediction, and the numbers of parameters, by formula."""
    questions.recurrent_ratio(simple(recurrent_ratio, 1))
    return of_models.judge_counts(answered(simple, parameter_counts, 1), vocab_size)


@check
def training(train_and_compare_models):
    """Return the CheckResult of TODO 5: the function, called on short texts with stand-ins."""
    attempted(train_and_compare_models)
    return of_training.judge(answered(ask_training.ask, train_and_compare_models))


@check
def samples(temperature_limits, samples, prompt, models, char2idx):
    """Return the CheckResult of TODO 6: texts of the models, and the limits of the temperature."""
    passed = of_outputs.judge_samples(
        answered(ask_outputs.samples, samples, prompt, models, char2idx)
    )
    questions.temperature_limits(simple(temperature_limits, 1))
    return passed


@check
def performance(uniform_perplexity, vocab_size, performance_table, models, metrics, test_X, test_y):
    """Return the CheckResult of TODO 7: a number, and the table of the trained models.

    The perplexities are computed again. This takes as long as the table did.
    """
    questions.uniform_perplexity(simple(uniform_perplexity), vocab_size)
    if performance_table is not None and getattr(test_X, "shape", ())[:1] > (1_000,):
        print(
            "Checking TODO 7 takes some seconds, because the check reads "
            f"{len(test_X):,} test windows again."
        )
    facts = answered(ask_outputs.performance, performance_table, models, metrics, test_X, test_y)
    return of_outputs.judge_performance(facts, test_X, test_y)


@check
def figures(learning_curves, tradeoff_figure, performance_table):
    """Return the CheckResult of TODO 8: two figures that show data and name the data."""
    facts = answered(ask_figures.ask, learning_curves, tradeoff_figure, performance_table)
    return of_figures.judge(facts)


@check
def long_context(one_kept, spans, MODEL_CLASSES, text, requirements, batches):
    """Return the CheckResult of TODO 9: a share, and one memory span for each model."""
    questions.one_kept(simple(one_kept), requirements.load, memory.SYMBOLS)
    names = {name: getattr(cls, "__name__", None) for name, cls in MODEL_CLASSES.items()}
    facts = answered(ask_outputs.span_facts, spans, names)
    return decision.judge_spans(facts, names, text, requirements, batches)


@check
def recommendation(
    misses, recommendation, evidence, paragraph, performance_table, spans, requirements, quick
):
    """Return the CheckResult of TODO 10: the recommendation and the numbers behind it."""
    answer = misses, recommendation, evidence, paragraph
    facts = answered(ask_outputs.decision, *answer, performance_table, spans)
    return decision.judge_recommendation(facts, requirements, quick)
