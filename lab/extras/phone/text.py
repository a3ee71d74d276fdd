"""What sampled text is worth, without another model to judge it."""

import re

import pandas as pd

import helpers
from lab.extras.phone.keystrokes import with_counting


def share_of_known_words(text, source):
    """Return the share of the words of a text that the source has too, whatever their case."""
    words, known = (re.findall(r"[^\W\d_]+", one.lower()) for one in (text, source))
    return pd.Series(words, dtype=str).isin(known).mean() if words else 0.0


def text_quality(models, counting, train_X, train_y, test_y, chars, length=1_500):
    """Return a DataFrame: ``length`` characters sampled from each model and by counting, judged.

    By the share of their words that occur in the training text, at two temperatures; held-out text
    of the same length stands beside them. The prompt is the end of the training text.
    """
    if helpers.waits_for("training", models):
        return None
    vocabulary = {char: index for index, char in enumerate(chars)}, dict(enumerate(chars))
    source = as_text([*train_X[0].tolist(), *train_y.tolist()], chars)
    prompt, columns = source[-train_X.shape[1] :], {}
    for temperature in (0.5, 1.0):
        texts = {}
        with helpers.one_thread():
            for name, model in with_counting(models, counting).items():
                sampled = helpers.generate_text(model, prompt, *vocabulary, length, temperature)
                texts[name] = sampled[len(prompt) :]
        texts["held-out text"] = as_text(test_y[:length].tolist(), chars)
        shares = pd.Series({name: share_of_known_words(t, source) for name, t in texts.items()})
        columns[f"known words at {temperature}"] = shares.map("{:.0%}".format)
    return pd.DataFrame(columns)


def as_text(indices, chars):
    return "".join(chars[index] for index in indices)
