"""What each check judges: a function for each, which compares what lab/ask/checks.py found.

Nothing here runs student code. The arguments after the seed are those of the notebook's cell that
are not the student's. Each function returns the message for a right answer, or raises Broken or
NotAttempted.
"""

import inspect

from lab import memory
from lab.checks import (
    decision,
    figures as plots,
    models as classes,
    outputs,
    questions,
    training as trainings,
)


def char_rnn(facts, seed):
    return classes.judge("RNN", facts, seed)


def char_lstm(facts, seed):
    return classes.judge("LSTM", facts, seed)


def char_gru(facts, seed):
    return classes.judge("GRU", facts, seed)


def parameters(facts, seed, vocab_size):
    questions.recurrent_ratio(facts["ratio"])
    return classes.judge_counts(facts["counts"], vocab_size)


def training(facts, seed):
    return trainings.judge(facts, seed)


def samples(facts, seed, char2idx):
    passed = outputs.judge_samples(facts | {"char2idx": char2idx})
    questions.temperature_limits(facts["limits"])
    return passed


def performance(facts, seed, vocab_size, test_X, test_y):
    questions.uniform_perplexity(facts["uniform"], vocab_size)
    if facts["table"] != "None" and len(test_X) > 1_000:
        print(
            "Checking TODO 7 takes some seconds, because the check reads "
            f"{len(test_X):,} test windows again."
        )
    return outputs.judge_performance(facts, test_X, test_y)


def figures(facts, seed):
    return plots.judge(facts)


def long_context(facts, seed, text, requirements):
    questions.one_kept(facts["kept"], requirements.load, memory.SYMBOLS)
    measured = facts["spans"], facts["classes"]
    return decision.judge_spans(*measured, text, requirements, facts["batches"])


def recommendation(facts, seed, requirements, quick):
    return decision.judge_recommendation(facts, requirements, quick)


def judge(name, facts, seed, given):
    """Return the message for right facts of a check, or raise.

    ``given`` has the values of the notebook's names, of which each check needs some.
    """
    of_check = globals()[name]
    needed = [*inspect.signature(of_check).parameters][2:]
    return of_check(facts, seed, **{one: given[one] for one in needed})
