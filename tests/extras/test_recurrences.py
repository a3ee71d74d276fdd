"""recurrences.py, and the model that the study makes of it: attention keeps the contract."""

import pytest
import torch

from benchmarks.study.models import attention_rnn
from lab.extras.recurrences import Attention, MinGRU


@pytest.fixture
def model(namespace):
    torch.manual_seed(0)
    return attention_rnn(namespace["CharRNN"], 11, embedding_dim=8, hidden_dim=16).eval()


def changed(x, place):
    x = x.clone()
    x[0, place] = (x[0, place] + 1) % 11
    return x


def test_the_layer_has_the_interface_of_torchs_own():
    layer = Attention(8, 16, num_layers=2).eval()
    x = torch.randn(3, 7, 8)
    outputs, hidden = layer(x)
    assert outputs.shape == (3, 7, 32) and hidden.shape == (2, 3, 16)
    _, half = layer(x[:, :4])
    assert torch.allclose(layer(x[:, 4:], half)[1], hidden, atol=1e-6)


def test_the_model_keeps_the_contract_of_the_exercise(model):
    x = torch.randint(11, (3, 7))
    last, hidden = model(x)
    every, _ = model(x, model.init_hidden(3), return_sequences=True)
    assert last.shape == (3, 11) and every.shape == (3, 7, 11) and hidden.shape == (2, 3, 16)
    assert torch.allclose(every[:, -1], last, atol=1e-6)


def test_attention_never_looks_ahead(model):
    x = torch.randint(11, (1, 7))
    before, _ = model(x, return_sequences=True)
    after, _ = model(changed(x, -1), return_sequences=True)
    assert torch.allclose(before[:, :-1], after[:, :-1], atol=1e-6)
    assert not torch.allclose(before[:, -1], after[:, -1])


def test_attention_reaches_the_first_output_directly(model):
    """With the recurrence cut, only attention can carry the first character to the last output."""
    with torch.no_grad():
        for name, p in model.rnn.named_parameters():
            if "weight_hh" in name:
                p.zero_()
    x = torch.randint(11, (1, 7))
    assert not torch.allclose(model(x)[0], model(changed(x, 0))[0])


def test_min_gru_computes_all_places_as_it_would_one_by_one():
    layer = MinGRU(5, 7, num_layers=2).eval()
    x, hidden = torch.randn(3, 50, 5), torch.randn(2, 3, 7)
    outputs, last = layer(x, hidden)
    for t in range(50):
        one, hidden = layer(x[:, t : t + 1], hidden)
        assert torch.allclose(one[:, 0], outputs[:, t], atol=1e-5)
    assert torch.allclose(hidden, last, atol=1e-5) and last.shape == (2, 3, 7)
