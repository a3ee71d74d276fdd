"""lab/extras/gates.py and by_hand.py: what gates do, and one step of a GRU by hand."""

import pytest
import torch
from torch import nn

from lab.extras import by_hand, gates
from lab.memory import Setting, Span


def test_the_steps_are_pytorchs():
    x, h, c = torch.randn(4, 2), torch.randn(4, 3), torch.randn(4, 3)
    gru, lstm = nn.GRUCell(2, 3), nn.LSTMCell(2, 3)
    assert torch.allclose(gates.gru_step(x, h, *gru.parameters())[0], gru(x, h), atol=1e-6)
    ours, *_ = gates.lstm_step(x, (h, c), *lstm.parameters())
    assert torch.allclose(torch.stack(ours), torch.stack(lstm(x, (h, c))), atol=1e-6)


SIZES = {"vocab_size": 11, "embedding_dim": 5, "hidden_dim": 3, "num_layers": 2}


def test_gates_are_those_of_each_layer_whatever_the_order_of_the_weights(namespace):
    model, x = namespace["CharGRU"](**SIZES).eval(), torch.randint(11, (4, 6))
    states = []

    def step(x, h, *weights):
        new, z = gates.gru_step(x, h, *weights)
        states.append(new)
        return new, z

    weights = [*model.parameters()]
    first, second = gates.gates_of("GRU", weights[-2:] + weights[:-2], x, step, **SIZES)
    _, hidden = model(x)
    assert torch.allclose(torch.stack([states[5], states[-1]]), hidden, atol=1e-6)
    assert first["keeps (z)"].shape == second["keeps (z)"].shape == (4, 6, 3)


@pytest.fixture
def spans(namespace, sample):
    """A function: the spans of models as they begin, once ``change`` has seen their weights."""

    def of(change=lambda table, layer: None):
        found = {}
        for kind in gates.GATES:
            torch.manual_seed(0)
            model = namespace[f"Char{kind}"](len(sample[1]) + 12, 128, 128, 1, 0.0)
            with torch.no_grad():
                change(model.embedding.weight, model.rnn)
            weights = [p.detach().numpy() for p in model.parameters()]
            found[kind] = Span(2, Setting(kind, 2e-3, 4, 20, 128, 128, 1), weights, weights)
        return found

    return of


def test_of_models_that_learned_little_the_means_are_told_and_nothing_follows(
    spans, sample, capsys
):
    figure = gates.plot_places(gates.while_remembering(spans(), sample[0]))
    told = capsys.readouterr().out
    assert len(figure.axes) == 2 and told.count("during the lag") == 3 and "So the" not in told


def test_it_is_said_where_a_model_holds(spans, sample, capsys):
    keeps, writes = slice(128, 256), slice(128)  # the LSTM's i comes first; there the GRU has r

    def change(table, layer):
        layer.bias_ih_l0[writes] = -6.0
        layer.weight_ih_l0[writes, 0] = 20.0
        layer.bias_ih_l0[keeps] = 6.0
        layer.weight_ih_l0[keeps, 0] = -20.0
        table[:, 0] = 0.0
        table[len(sample[1]) :, 0] = 1.0  # the symbols and the questions

    gates.plot_places(gates.while_remembering(spans(change), sample[0]))
    told = capsys.readouterr().out
    assert told.count("writes new content at the symbols and keeps its state during the lag") == 2


def test_weights_of_another_shape_are_told_in_a_line(spans, sample, capsys):
    found = spans()
    found["GRU"].taught.pop()
    assert list(gates.while_remembering(found, sample[0])) == ["LSTM"]
    assert capsys.readouterr().out.startswith("GRU: the gates cannot be computed")
    assert gates.plot_places({}) is None and gates.plot_saturation({}, {}) is None


@pytest.mark.parametrize(("gate", "life"), [(0.5, "1.0"), (0.99, "69.0")])
def test_a_half_life_is_the_time_in_which_a_gate_halves(gate, life):
    reading = {"GRU": [{"keeps (z)": torch.full((2, 70, 3), gate)}]}
    shown = gates.half_lives({}, reading).loc["GRU, trained on text, layer 1"]
    assert shown["half-life of the median unit (characters)"] == life
    assert shown[f"units with a mean above {gates.OPEN}"] == (
        "3 of 3" if gate > gates.OPEN else "0 of 3"
    )


def test_a_point_says_how_often_a_unit_is_nearly_closed_and_nearly_open():
    z = torch.tensor([0.05, 0.05, 0.5, 0.95]).repeat(25)[None, :, None]  # (1, 100, 1)
    figure = gates.plot_saturation(*[{"GRU": [{"keeps (z)": z}]}] * 2)
    (point,) = figure.axes[1].collections[0].get_offsets().tolist()
    assert point == pytest.approx([0.5, 0.25])


def test_a_sentence_is_coloured_by_units_that_follow_a_kind_of_character(namespace):
    text = "a word of it, " * 80
    chars = sorted(set(text))
    X = torch.tensor([chars.index(char) for char in text]).unfold(0, 50, 1)
    torch.manual_seed(1)
    model = namespace["CharGRU"](len(chars))
    with torch.no_grad():  # unit 7 keeps all at spaces, and nothing elsewhere
        model.embedding.weight[:, 0] = -1.0
        model.embedding.weight[chars.index(" "), 0] = 1.0
        model.rnn.weight_ih_l0[256 + 7, 0] = 30.0
    figure = gates.plot_sentence({"GRU": model}, {"GRU": namespace["CharGRU"]}, X, chars)
    titles = [axes.get_title(loc="left") for axes in figure.axes[:-1]]
    assert [title.split(",")[0] for title in titles] == ["trained", "untrained"] * 2  # no capitals
    assert "trained, layer 1, unit 7: mean z is 1.00 at spaces, 0.00 elsewhere" in titles
    assert all("nan" not in title for title in titles)


# --- one step by hand -------------------------------------------------------------------------


def test_the_right_step_is_said_to_be_right(capsys):
    assert by_hand.check(gates.gru_step) is gates.gru_step
    assert capsys.readouterr().out.startswith("✔")


@pytest.mark.parametrize("mistake", by_hand.KNOWN)
def test_a_known_mistake_is_named(mistake, capsys):
    def step(x, h, w_ih, w_hh, b_ih, b_hh):
        given = {"w_ih": w_ih, "w_hh": w_hh, "b_ih": b_ih, "b_hh": b_hh}
        return by_hand._step(x, h, **given | by_hand.KNOWN[mistake])

    assert by_hand.check(step) is None
    assert mistake in capsys.readouterr().out


def test_another_mistake_is_told_to_be_in_z_or_behind_it(capsys):
    assert by_hand.check(lambda x, h, *weights: (h, h)) is None
    assert "z is wrong" in capsys.readouterr().out
    assert by_hand.check(lambda x, h, *weights: (h, gates.gru_step(x, h, *weights)[1])) is None
    assert "z is right, but r, n or the last line is not" in capsys.readouterr().out


def test_what_is_no_pair_of_states_is_named_and_an_error_shown(capsys):
    assert by_hand.check(lambda *given: None) is None
    assert "returned None. Expected a pair (h, z)" in capsys.readouterr().out
    assert by_hand.check(lambda x, h, *weights: (x @ h, h)) is None
    assert "raised an error for x of shape (4, 2)" in capsys.readouterr().out


def test_each_try_gets_the_same_numbers():
    seen = []
    by_hand.check(lambda *given: seen.append(given))
    by_hand.check(lambda *given: seen.append(given))
    assert all((a == b).all() for a, b in zip(*seen, strict=True))
