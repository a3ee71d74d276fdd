"""One keystroke: the model reads a character, keeps its state, and predicts the next one."""

import copy

import numpy as np
import torch
from torch import nn

import helpers
from lab.exercise import SUGGESTIONS

TOP = ["Top-1 (%)", f"Top-{SUGGESTIONS} (%)"]
SAVINGS = ["Keystroke Savings (%)", "Savings, from (%)", "Savings, to (%)"]
DIFFER = "Logits Differ"
FORMATS = {  # for helpers.show_table: the metrics that only this section has
    **dict.fromkeys(["MACs per Keystroke", "State (bytes)"], ",.0f"),
    **dict.fromkeys(TOP + SAVINGS, ".1f"),
    **dict.fromkeys([f"{DIFFER}, fp32", f"{DIFFER}, int8", f"Device: {DIFFER}"], ".0e"),
}


class Step(nn.Module):
    """One timestep of a model on the CPU. Its state is tensors of (num_layers, b, hidden_dim)."""

    def __init__(self, model):
        super().__init__()
        self.model = copy.deepcopy(model).cpu().eval()

    def start(self):
        """Return the initial state, a list of tensors."""
        return helpers.states(self.model.init_hidden(1))

    def forward(self, characters, *state):
        """Return the logits (b, vocab_size) after ``characters`` (b, 1), then the new states."""
        logits, hidden = self.model(characters, state if len(state) > 1 else state[0])
        return logits, *helpers.states(hidden)


class NGramStep:
    """One timestep of an NGram, with the same methods as Step.

    The state is one tensor (1, b, order - 1) with the characters of the context; the last character
    is at the end. It has -1 where no character was read yet.
    """

    def __init__(self, ngram):
        self.ngram = ngram

    def start(self):
        return [torch.full((1, 1, self.ngram.order - 1), -1)]

    def __call__(self, characters, context):
        """Return log probabilities (b, vocab_size) after ``characters`` (b, 1), and the state."""
        context = torch.cat([context, characters[None]], dim=2)[:, :, 1:]
        found = [self.ngram.probabilities(one) for one in context[0].tolist()]
        return torch.from_numpy(np.log(found)), context


def say_what_onednn_costs(model, indices):
    """Print the median time of an LSTM's keystroke with oneDNN (PyTorch's default) and without."""
    medians = []
    for enabled in (True, False):
        # None does not change the other settings; setting them may warn.
        with torch.backends.mkldnn.flags(enabled, None, None, None):
            medians.append(
                helpers.keystroke_times({"LSTM": helpers.Typing(model)}, indices)["LSTM"].median()
            )
    helpers.say(
        f"A keystroke of the LSTM takes {medians[0]:.2f} ms with oneDNN and {medians[1]:.2f} ms "
        "without it. (oneDNN is the library that PyTorch uses to compute whole LSTM layers.)"
    )


@torch.no_grad()
def predict_while_typing(model, X, y):
    """Return the predicted log probabilities of the targets ``y``: (len(y), vocab_size).

    The model reads the text of the windows ``X`` and their targets ``y`` once, from the first
    window to the end, and keeps its state, as a keyboard does.
    """
    text = torch.cat([X[0], y[:-1]])  # (t,); y begins after position seq_len - 1
    model = copy.deepcopy(model).cpu().eval()
    logits, _ = model(text[None], model.init_hidden(1), return_sequences=True)  # (1, t, vocab_size)
    return logits[0, X.shape[1] - 1 :].log_softmax(dim=1)


def perplexity_of(log_probabilities, y):
    return nn.functional.nll_loss(log_probabilities.double(), y).exp().item()
