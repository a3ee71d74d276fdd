"""lab/memory.py: what a fresh model can be taught, and what a trained one uses."""

import pytest

from lab import exercise, goal, memory


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


def test_spans_stand_beside_those_of_the_study_at_the_exercises_size(made_up):
    asked = goal.Requirements(**exercise.REQUIREMENTS | {"load": 2})
    figure = memory.plot_memory_spans({"RNN": 8, "LSTM": 128, "GRU": 128}, asked, made_up())
    (axes,) = figure.axes
    dashes, required = axes.lines
    assert list(dashes.get_xdata()) == ["RNN", "RNN", "LSTM", "LSTM", "GRU", "GRU"]
    assert list(dashes.get_ydata()) == [16, 64, 128, 128, 128, 128]
    assert required.get_ydata()[0] == 64
    other = memory.plot_memory_spans({"RNN": 8}, asked._replace(load=3), made_up())
    assert len(other.axes[0].lines) == 1  # a load that the study did not try
