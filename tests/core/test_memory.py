"""lab/memory.py: what a new model can learn, and what a trained one uses."""

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


ASKED = goal.Requirements(**exercise.REQUIREMENTS)


def test_the_curve_asks_each_taught_model_and_a_changed_class_has_none(namespace, sample, capsys):
    text = sample[0]
    measured = memory.memory_span(namespace["CharGRU"], text, 4e-3, load=1, longest_lag=2)
    spans = {"GRU": measured, "LSTM": measured, "RNN": 8}
    classes = {"GRU": namespace["CharGRU"], "LSTM": namespace["CharLSTM"], "RNN": object}
    figure = memory.plot_forgetting(spans, classes, text, ASKED._replace(load=1))
    (axes,) = figure.axes
    curve = dict(zip(*axes.lines[0].get_data(), strict=True))
    assert list(curve) == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512] and curve[2] > 0.9
    assert [line.get_label() for line in axes.lines] == [
        "GRU, memory span 2",
        "chance: 1 of 8",
        "required span",
    ]
    told = capsys.readouterr().out
    assert (
        "LSTM has no curve (the class or the text has changed" in told
        and "RNN has no curve" in told
    )


@pytest.mark.parametrize(
    ("span", "shares", "told"),
    [
        (
            2,
            {1: 0.30, 2: 0.96, 4: 0.27},
            "96% right answers at a lag of 2, but only 30% at a lag of 1,",
        ),
        (
            128,
            {1: 0.99, 128: 0.97, 256: 0.95, 512: 0.6},
            "Its share of right answers is 95% at a lag of 256, 60%",
        ),
        (128, {1: 0.99, 128: 0.97, 256: 0.5, 512: 0.1}, ""),  # holds as far as it was taught
        (0, {1: 0.13, 2: 0.12}, ""),  # was taught nothing
        (8, {1: 0.2, 8: 0.4, 16: 0.1}, ""),  # knows no lag well
    ],
)
def test_what_is_said_of_a_curve_is_what_it_shows(span, shares, told, capsys):
    memory._say_what_is_remembered("GRU", span, shares)
    said = capsys.readouterr().out
    assert told in said and bool(told) == bool(said)
