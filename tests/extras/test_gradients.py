"""lab/extras/gradients.py: how far back the trained models' gradients reach."""

import pytest
import torch
from torch import nn

import helpers
from lab.extras.gradients import plot_reach, reach_of


def test_gradients_reach_back_as_far_as_a_model_looks(namespace, sample):
    class Forgetful(namespace["CharGRU"]):
        def forward(self, x, hidden=None, return_sequences=False):
            seen = self.embedding(x)
            seen = torch.cat([torch.zeros_like(seen[:, :-3]), seen[:, -3:]], dim=1)
            out, hidden = self.rnn(seen, hidden)
            return self.output(out[:, -1]), hidden

    torch.manual_seed(0)
    text, chars, char2idx, _ = sample
    X, y = helpers.prepare_sequences(text[:600], char2idx)[:2]
    model = Forgetful(len(chars), 8, 16)
    reach = reach_of(model, X, y)
    assert len(reach) == 50 and reach[0] == 1
    assert min(reach[:3]) > 0 and set(reach[3:]) == {0}
    assert model.training and all(p.grad is None for p in model.parameters())


def test_gradient_reach_draws_a_line_per_model(tiny):
    model, splits, *_ = tiny
    figure = plot_reach({"GRU": model, "RNN": model}, *splits[4:])
    assert [len(line.get_xdata()) for line in figure.axes[0].lines] == [20, 20]


def test_gradient_reach_needs_an_embedding():
    with pytest.raises(ValueError, match=r"Linear has no nn\.Embedding"):
        reach_of(nn.Linear(2, 2), None, None)
