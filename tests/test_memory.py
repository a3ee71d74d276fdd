"""lab/memory.py: what a fresh model can be taught, and what a trained one uses."""

import matplotlib.pyplot as plt
import pytest
import torch
from torch import nn

import helpers
from lab import goal, memory


def test_lstm_passes_lag_1_of_the_memory_task(namespace, sample, capsys):
    span = memory.memory_span(namespace["CharLSTM"], sample[0], 4e-3, load=1, longest_lag=2)
    assert span == 2
    assert "CharLSTM" in capsys.readouterr().out


def test_memory_span_needs_a_text_longer_than_the_lags(namespace):
    with pytest.raises(ValueError, match=r"26 characters.*128"):
        memory.memory_span(namespace["CharGRU"], "abcdefghijklmnopqrstuvwxyz", 4e-3)


def test_a_model_that_forgets_has_no_memory_span(namespace, sample):
    class Forgetful(namespace["CharGRU"]):
        def forward(self, x, hidden=None, return_sequences=False):
            return super().forward(x[:, -1:], None, return_sequences)

    assert memory.memory_span(Forgetful, sample[0], 4e-3, load=1, batches=60) == 0


def test_gradients_reach_back_as_far_as_a_model_looks(namespace, sample):
    class Forgetful(namespace["CharGRU"]):
        def forward(self, x, hidden=None, return_sequences=False):
            seen = self.embedding(x)
            seen = torch.cat([torch.zeros_like(seen[:, :-3]), seen[:, -3:]], dim=1)
            out, hidden = self.rnn(seen, hidden)
            return self.output(out[:, -1]), hidden

    torch.manual_seed(0)
    text, chars, char2idx, _ = sample
    X, y = helpers.prepare_sequences(text[:200], char2idx)[:2]
    model = Forgetful(len(chars), 8, 16)
    reach = memory.gradient_reach(model, X, y)
    assert len(reach) == 50 and reach[0] == 1
    assert min(reach[:3]) > 0 and set(reach[3:]) == {0}
    assert model.training and all(p.grad is None for p in model.parameters())


def test_gradient_reach_draws_a_line_per_model(tiny):
    model, splits, *_ = tiny
    figure = memory.plot_gradient_reach({"GRU": model, "RNN": model}, *splits[4:])
    assert [len(line.get_xdata()) for line in figure.axes[0].lines] == [20, 20]


def test_gradient_reach_needs_an_embedding():
    with pytest.raises(ValueError, match=r"Linear has no nn\.Embedding"):
        memory.gradient_reach(nn.Linear(2, 2), None, None)


def test_memory_given_none_says_what_it_waits_for(capsys):
    assert memory.plot_memory_spans(None, None) is None
    assert capsys.readouterr().out.startswith("Waiting for TODO 9")
    assert memory.plot_gradient_reach(None, None, None) is None
    assert capsys.readouterr().out.startswith("Waiting for TODO 5")


def test_spans_stand_beside_those_of_the_study_at_the_exercises_size(made_up):
    asked = goal.Requirements(20, 1_400_000, load=2, span=64, perplexity_margin=0.05)
    figure = memory.plot_memory_spans({"RNN": 8, "LSTM": 128, "GRU": 128}, asked, made_up())
    (axes,) = figure.axes
    dashes, required = axes.lines
    assert list(dashes.get_xdata()) == ["RNN", "RNN", "LSTM", "LSTM", "GRU", "GRU"]
    assert list(dashes.get_ydata()) == [16, 64, 128, 128, 128, 128]
    assert required.get_ydata()[0] == 64
    other = memory.plot_memory_spans({"RNN": 8}, asked._replace(load=3), made_up())
    assert len(other.axes[0].lines) == 1  # a load that the study did not try
    plt.close(figure)
    plt.close(other)
