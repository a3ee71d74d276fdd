"""The questions of TODO 4, 6, 7 and 9, whose answers no run changes."""

import math

from helpers import describe, short
from lab.checks.rule import Broken, NotAttempted, need

GUESSED = "that is the share of a model that only guesses"
RATIOS = {
    ("LSTM", 3): "these are its gates; the new content has weights of its own",
    ("GRU", 2): "these are its gates; the new content has weights of its own",
}


def recurrent_ratio(given):
    """Raise Broken unless an LSTM layer has 4 and a GRU layer 3 times an RNN layer's weights."""
    _each("recurrent_ratio", "ratio", given, {"LSTM": 4, "GRU": 3}, RATIOS)


def temperature_limits(given):
    """Raise Broken unless the ends of the temperature are told apart."""
    wanted = {"to 0": "likeliest", "without limit": "uniform"}
    _each("temperature_limits", "temperature-limits", given, wanted, {})


def uniform_perplexity(given, vocab_size):
    """Raise Broken unless it is the perplexity of one chance for all: the vocabulary's size."""
    known = {
        math.log(vocab_size): "that is the loss in nats; perplexity is exp of it",
        math.log2(vocab_size): "these are the bits per character; perplexity is 2 to their power",
        1 / vocab_size: "that is the chance of one character",
    }
    _number("uniform_perplexity", "uniform-perplexity", given, vocab_size, known)


def one_kept(given, load, symbols):
    """Raise Broken unless it is the share of right answers of who kept one symbol of ``load``."""
    known = {
        1 / load: "the answers that are guessed right are missing",
        1 / symbols: GUESSED,
        1 / load + 1 / symbols: "the model guesses only where the symbol that it kept is not asked",
    }
    _number("one_kept", "one-kept", given, 1 / load + (1 - 1 / load) / symbols, known)


def _answered(name, given):
    if given == "None":
        raise NotAttempted(f"The question is still open: put your answer into {name}.")


def _each(name, rule, given, wanted, known):
    _answered(name, given)
    keys = " and ".join(map(repr, wanted))
    expected = f"{name} is {describe(given)}: expected a dict with an answer under {keys}."
    need(isinstance(given, dict) and set(given) == set(wanted), rule, expected)
    for key, answer in given.items():
        why = known.get((key, answer), "that is not right")
        need(answer == wanted[key], rule, f"{name}[{key!r}] is {short(answer)}: {why}.")


def _number(name, rule, given, wanted, known):
    _answered(name, given)
    need(isinstance(given, int | float), rule, f"{name} is {describe(given)}: expected a number.")
    if not math.isclose(given, wanted, rel_tol=0.01):
        whose = (why for value, why in known.items() if math.isclose(given, value, rel_tol=0.01))
        raise Broken(rule, f"{name} is {given:.4g}: {next(whose, 'that is not right')}.")
