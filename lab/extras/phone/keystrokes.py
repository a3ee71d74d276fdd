"""One keystroke: a character read with the state carried, timed, and what follows predicted."""

import copy
import time
import warnings

import numpy as np
import torch
from torch import nn

import helpers
from lab.ngram import NGram

TURN = 100  # keystrokes of one model before it is another's turn; the first turn warms up


class Eager:
    """A model in eager PyTorch that is fed one character at a time and carries its state."""

    def __init__(self, model):
        self.model = copy.deepcopy(model).cpu().eval()
        self.hidden = self.model.init_hidden(1)

    @torch.inference_mode()
    def feed(self, index):
        """Return the logits of the next character: array (vocab_size,)."""
        logits, self.hidden = self.model(torch.tensor([[index]]), self.hidden)
        return logits[0].numpy()

    def state_bytes(self):
        return sum(state.nbytes for state in helpers.states(self.hidden))


class Counting:
    """An n-gram model that is fed like Eager; its state is the last characters, a byte each."""

    def __init__(self, model):
        self.model, self.context = model, []

    def feed(self, index):
        self.context = [*self.context, index][1 - self.model.order :]
        return np.log(self.model.probabilities(self.context))

    def state_bytes(self):
        return self.model.order - 1


def keystroke_times(streams, indices, turn=TURN):
    """Return {name: list of ms}, one for each character that a stream was fed, on one thread.

    The streams take turns, so that what else the machine does falls on all alike.
    """
    times = {name: [] for name in streams}
    with helpers.one_thread():
        for start in range(0, len(indices), turn):
            for name, stream in streams.items():
                for index in indices[start : start + turn]:
                    begun = time.perf_counter()
                    stream.feed(index)
                    times[name].append(1000 * (time.perf_counter() - begun))
    return {name: measured[turn:] for name, measured in times.items()}


def say_what_onednn_costs(model, indices):
    """Print the median ms of an LSTM's keystroke through oneDNN, PyTorch's default, and without."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about settings that switching oneDNN looks at
        medians = []
        for enabled in (True, False):
            with torch.backends.mkldnn.flags(enabled=enabled):
                times = keystroke_times({"LSTM": Eager(model)}, indices)
            medians.append(float(np.median(times["LSTM"])))
    print(
        f"A keystroke of the LSTM takes {medians[0]:.2f} ms through oneDNN, the library that "
        f"PyTorch hands whole LSTM layers to, and {medians[1]:.2f} ms without it."
    )


def keystrokes_of(X):
    """Return 1,000 characters of text and those that warm up, from windows one character apart."""
    count = TURN + 1_000
    return X[:, 0].repeat(1 + count // len(X))[:count].tolist()  # a short text more than once


@torch.no_grad()
def predict_while_typing(model, X, y):
    """Return the log probabilities of the characters that follow: (len(y), vocab_size).

    The model, a network or an NGram, reads the text of the windows ``X`` and their targets ``y``
    once, from the first window on, with the state carried, as a keyboard would.
    """
    text = torch.cat([X[0], y[:-1]])  # (t,), and y follows from place seq_len - 1 on
    seq_len = X.shape[1]
    if isinstance(model, NGram):
        contexts = text.unfold(0, seq_len, 1)[:, 1 - model.order :].tolist()
        probabilities = np.array([model.probabilities(context) for context in contexts])
        return torch.from_numpy(probabilities).log()
    model = copy.deepcopy(model).cpu().eval()
    logits, _ = model(text[None], model.init_hidden(1), return_sequences=True)  # (1, t, vocab_size)
    return logits[0, seq_len - 1 :].log_softmax(dim=1)


def perplexity_of(log_probabilities, y):
    return nn.functional.nll_loss(log_probabilities.double(), y).exp().item()
