"""A student's guess and common claims, compared with what was measured."""

import pandas as pd

from helpers import say, waits_for
from lab import goal, study
from lab.exercise import MODELS

AGREES, DISAGREES, UNDECIDED = "agrees", "disagrees", "undecided"
TIMES = {  # by the unit that is timed
    "epoch": "Avg Epoch Time (s)",
    "key": "Keystroke (ms)",
    "window": "Inference Speed (ms)",
}
ALIKE = 0.15  # smaller differences of times count as none: an epoch of the LSTM varied by 13 %


def _winners(values, tolerance):
    """Return the names with the lowest value, or one within the tolerance of it, as text."""
    best = values.min()
    return " and ".join(values.index[values <= best + tolerance * abs(best)])


TOPICS = {
    "perplexity": "to have the lowest test perplexity",
    "speed": "to need the least time for a keystroke",
    "memory": "to have the longest memory span",
}


def note_guess(guess):
    """Print what is wrong with a guess, which names one of the three models for each topic."""
    if not isinstance(guess, dict) or set(guess) != set(TOPICS):
        say(f"guess must be a dict with the keys {', '.join(TOPICS)}.")
        return
    for topic, name in guess.items():
        if not _is_model(name):
            say(f"guess[{topic!r}] is {name!r}: put in one of {', '.join(MODELS)}.")


def _is_model(name):
    return isinstance(name, str) and name in MODELS


def compare_guess(guess, table, spans, folder=study.STUDY):
    """Return a DataFrame: the guess made before the training, and which model measured best.

    Two perplexities are treated as equal where two seeds of one model could differ as much, two
    times where they differ by less than 15 %. Prints a sentence on what was surprising.
    """
    if waits_for("performance long_context", table, spans):
        return None
    table = goal.with_spans(table, spans)
    noise = study.seed_noise(folder)
    measured = {
        "perplexity": _winners(table["Test Perplexity"], noise),
        "speed": _winners(table["Keystroke (ms)"], ALIKE),
        "memory": _winners(-table["Memory Span"], 0),
    }
    guess = guess if isinstance(guess, dict) else {}
    made = {topic: guess[topic] for topic in TOPICS if _is_model(guess.get(topic))}
    surprises = [
        f"you expected the {name} {TOPICS[topic]}, but you measured this for {measured[topic]}"
        for topic, name in made.items()
        if name not in measured[topic].split(" and ")
    ]
    if surprises:
        say(f"Surprising: {'. And '.join(surprises)}.")
    elif made:
        say("No surprise: the models that you guessed measured best, or as well as the best.")
    if made:
        say(
            f"Here two perplexities are treated as equal if they differ by less than {noise:.1%}. "
            "In our experiment on the sample, 95% of the pairs of runs of one model would differ "
            "by less."
        )
    rows = {
        topic: {"your guess": made.get(topic, "no guess"), "measured winner": winners}
        for topic, winners in measured.items()
    }
    return pd.DataFrame(rows).T


def key_takeaways(table, spans, requirements, text, folder=study.STUDY):
    """Return a DataFrame: common claims, part by part, and whether this run agrees.

    The verdict is "undecided" where the run cannot decide: two perplexities that differ by no more
    than two seeds of one model could, two times that differ by less than 15 %. On the text of the
    study, a column has what its runs show. A keystroke was timed on one thread, an epoch and a
    window on all threads.
    """
    if waits_for("performance long_context", table, spans):
        return None
    table = goal.with_spans(table, spans)
    if missing := [name for name in MODELS if name not in spans or name not in table.index]:
        say(f"The claims compare all three models: train {' and '.join(missing)} too.")
        return None
    rows = [
        *_claims_of_the_gru(table, folder),
        *_claims_of_the_rnn(table, requirements, folder),
        *_claims_of_the_size(table, folder),
    ]
    columns = ["claim", "this run", "verdict", "the study"]
    shown = pd.DataFrame(rows, columns=columns).set_index("claim")
    return shown if study.of_this_text(text, folder) else shown.drop(columns="the study")


def _below(change, noise):
    """Return the verdict on "it is less", given a relative change and what is taken as equal."""
    return UNDECIDED if abs(change) <= noise else AGREES if change < 0 else DISAGREES


def _faster(changes):
    """Return the verdict on "it is faster", by relative changes of times taken in several ways."""
    verdicts = {_below(change, ALIKE) for change in changes}
    return verdicts.pop() if len(verdicts) == 1 else "depends on what is timed"


# Each yields (claim, what this run shows, whether it agrees, what the runs of the study show).


def _less(change, less="less"):
    """Return a relative change in words, like "40% less"."""
    return f"{abs(change):.0%} {'more' if change > 0 else less}"


def _claims_of_the_gru(table, folder):
    gru, lstm = table.loc["GRU"], table.loc["LSTM"]
    apart, noise = gru["Test Perplexity"] / lstm["Test Perplexity"] - 1, study.seed_noise(folder)
    alike = AGREES if abs(apart) + noise <= 0.05 else UNDECIDED
    yield (
        "1. LSTM and GRU predict equally well (within 5%).",
        f"The GRU's perplexity differs by {apart:+.1%}. On the sample, two runs of one model with "
        f"different seeds can differ by {noise:.1%}.",
        DISAGREES if abs(apart) - noise > 0.05 else alike,
        f"It differs by {study.difference('GRU', 'LSTM', folder=folder)['shown']}.",
    )
    change = {"size": gru["Parameters"] / lstm["Parameters"] - 1}
    change |= {unit: gru[column] / lstm[column] - 1 for unit, column in TIMES.items()}
    yield (
        "1. The GRU is smaller than the LSTM.",
        f"The GRU has {_less(change['size'], 'fewer')} parameters.",
        _below(change["size"], 0),
        "",
    )
    yield (
        "1. The GRU trains faster than the LSTM.",
        f"An epoch of the GRU takes {_less(change['epoch'])} time.",
        _below(change["epoch"], ALIKE),
        "",
    )
    yield (
        "1. The GRU predicts faster than the LSTM.",
        f"The GRU takes {_less(change['key'])} time for a keystroke, and "
        f"{_less(change['window'])} for a window.",
        _faster([change["key"], change["window"]]),
        "",
    )


def _claims_of_the_rnn(table, requirements, folder):
    times = table[[*TIMES.values()]].set_axis([*TIMES], axis=1)
    ahead = times.loc["RNN"] / times.drop("RNN").min() - 1
    yield (
        "2. The simple RNN is the fastest.",
        f"It takes {_less(ahead['epoch'])} time than the next model for an epoch, "
        f"{_less(ahead['key'])} for a keystroke, and {_less(ahead['window'])} for a window.",
        _faster(ahead),
        "",
    )
    span = table["Memory Span"]
    learned = UNDECIDED if span.max() < requirements.span else AGREES
    known = study.spans_of_seeds((128, 1), requirements.load, folder)
    seen = [f"{name} {study.value_range(known[name])}" for name in MODELS if name in known]
    yield (
        "2. But the simple RNN struggles with long sequences.",
        f"Its memory span with {requirements.load} symbols is {span['RNN']:.0f} characters. The "
        f"longest span of a model is {span.max():.0f}.",
        learned if span["RNN"] < requirements.span else DISAGREES,
        f"Memory spans: {', '.join(seen)}." if seen else "",
    )


def _claims_of_the_size(table, folder):
    perplexity, noise = table["Test Perplexity"], study.seed_noise(folder)
    smaller = study.difference("GRU", "LSTM", "128 units", folder)
    by_size = table["Parameters"].sort_values()
    largest, smallest = by_size.index[-1], by_size.index[0]
    change = perplexity.drop(largest).min() / perplexity[largest] - 1
    yield (
        "3. More parameters are not always better.",
        f"The {largest} is the largest model. The best smaller model differs from it by "
        f"{change:+.1%} in perplexity.",
        AGREES if change < -noise else UNDECIDED,  # a better larger model does not refute it
        "It agrees (an exploratory result): with 128 units, the smaller GRU differs from the LSTM "
        f"by {smaller['shown']}."
        if smaller["verdict"] == "GRU better"
        else smaller["verdict"],
    )
    best = {
        "Best predictions": _winners(perplexity, noise),
        "Shortest keystroke": _winners(table["Keystroke (ms)"], ALIKE),
        "Longest memory span": _winners(-table["Memory Span"], 0),
    }
    yield (
        "4. Which model is best depends on the use. No model is best in every respect.",
        f"The {smallest} is the smallest model. "
        + " ".join(f"{what}: {names}." for what, names in best.items()),
        DISAGREES if all(smallest in names.split(" and ") for names in best.values()) else AGREES,
        "",
    )
