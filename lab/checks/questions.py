"""The questions of TODO 4, 6, 7 and 9. Their right answers are the same in every run."""

import math

from helpers import describe, short
from lab.checks.rule import Broken, NotAttempted, need

GUESSED = "This is the share of right answers of a model that only guesses"
RATIOS = {
    ("LSTM", 3): "This is the number of gates, but the new content has its own weights too",
    ("GRU", 2): "This is the number of gates, but the new content has its own weights too",
}


def recurrent_ratio(given):
    """Raise Broken unless an LSTM layer has 4 and a GRU layer 3 times an RNN layer's weights."""
    _each("recurrent_ratio", "ratio", given, {"LSTM": 4, "GRU": 3}, RATIOS)


def temperature_limits(given):
    """Raise Broken unless both limits of the temperature have the right word."""
    wanted = {"to 0": "likeliest", "without limit": "uniform"}
    _each("temperature_limits", "temperature-limits", given, wanted, {})


def uniform_perplexity(given, vocab_size):
    """Raise Broken unless it is the perplexity of equal probabilities: the vocabulary's size."""
    known = {
        math.log(vocab_size): "This is the loss in nats. Perplexity is exp of the loss",
        math.log2(vocab_size): "These are the bits per character. Perplexity is 2 to this power",
        1 / vocab_size: "This is the probability of one character",
    }
    _number("uniform_perplexity", "uniform-perplexity", given, vocab_size, known)


def one_kept(given, load, symbols):
    """Raise Broken unless it is the share of right answers of a model that kept one symbol.

    ``load`` is the number of symbols that it read, ``symbols`` the number that it guesses among.
    """
    known = {
        1 / load: "This number leaves out the answers that the model guesses right",
        1 / symbols: GUESSED,
        1 / load + 1 / symbols: "The model guesses only if the question asks for another symbol",
    }
    _number("one_kept", "one-kept", given, 1 / load + (1 - 1 / load) / symbols, known)


def _answered(name, given):
    if given == "None":
        raise NotAttempted(f"The question is not answered yet. Put your answer into {name}.")


def _each(name, rule, given, wanted, known):
    _answered(name, given)
    keys = " and ".join(map(repr, wanted))
    expected = f"{name} is {describe(given)}, but it must be a dict with an answer for {keys}."
    need(isinstance(given, dict) and set(given) == set(wanted), rule, expected)
    for key, answer in given.items():
        why = known.get((key, answer), "This is not right")
        need(answer == wanted[key], rule, f"{name}[{key!r}] is {short(answer)}. {why}.")


def _number(name, rule, given, wanted, known):
    _answered(name, given)
    need(
        isinstance(given, int | float),
        rule,
        f"{name} is {describe(given)}, but it must be a number.",
    )
    if not math.isclose(given, wanted, rel_tol=0.01):
        whose = (why for value, why in known.items() if math.isclose(given, value, rel_tol=0.01))
        raise Broken(rule, f"{name} is {given:.4g}. {next(whose, 'This is not right')}.")
