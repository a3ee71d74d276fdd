"""What sampled text is worth, without another model to judge it."""

import re

import pandas as pd
import torch

import helpers
from lab import exercise
from lab.extras.phone.keystrokes import Counting, Eager


def share_of_known_words(text, source):
    """Return the share of the words of a text that the source has too, whatever their case."""
    words, known = (re.findall(r"[^\W\d_]+", t.lower()) for t in (text, source))
    known = set(known)
    return sum(word in known for word in words) / len(words) if words else 0.0


def longest_copy(text, source):
    """Return the longest stretch of a text that stands in the source too, as it is."""
    longest = ""
    for start in range(len(text)):
        while (end := start + len(longest) + 1) <= len(text) and text[start:end] in source:
            longest = text[start:end]
    return longest


def sample(stream, prompt, length, temperature):
    """Return ``length`` indices sampled from a stream after the indices of the prompt."""
    generator = torch.Generator().manual_seed(exercise.SEED)
    *first, index = prompt
    for known in first:
        stream.feed(known)
    sampled = []
    for _ in range(length):
        logits = torch.from_numpy(stream.feed(index)).double()  # (vocab_size,)
        probabilities = torch.softmax(logits / temperature, dim=0)
        index = int(torch.multinomial(probabilities, 1, generator=generator))
        sampled.append(index)
    return sampled


def text_quality(models, counting, train_X, train_y, test_y, chars, length=1_500):
    """Return a DataFrame: ``length`` characters sampled from each model and by counting, judged.

    By the share of their words that occur in the training text, and by the longest run copied from
    it, at two temperatures; held-out text of the same length stands beside them. The prompt is the
    end of the training text.
    """
    if helpers.waits_for("5: train the models", models):
        return None
    streams = {name: lambda model=model: Eager(model) for name, model in models.items()}
    streams[counting.name] = lambda: Counting(counting)
    source = as_text([*train_X[0].tolist(), *train_y.tolist()], chars)
    held_out = as_text(test_y[:length].tolist(), chars)
    rows = {name: {} for name in [*streams, "held-out text"]}
    for temperature in (0.5, 1.0):
        texts = {"held-out text": held_out}
        with helpers.one_thread():
            for name, stream in streams.items():
                sampled = sample(stream(), train_X[-1].tolist(), length, temperature)
                texts[name] = as_text(sampled, chars)
        for name, text in texts.items():
            words = share_of_known_words(text, source)
            rows[name][f"known words at {temperature}"] = f"{words:.0%}"
            rows[name][f"longest copy at {temperature}"] = len(longest_copy(text, source))
    return pd.DataFrame(rows).T


def as_text(indices, chars):
    return "".join(chars[index] for index in indices)
