"""further.py: the protocol on any text, attention, and a text that is a time series."""

import itertools

import pytest
import torch

from lab.further import AttentionRNN, fit_and_score, mackey_glass


@pytest.fixture
def model():
    torch.manual_seed(0)
    return AttentionRNN(11, embedding_dim=8, hidden_dim=16).eval()


def test_attention_keeps_the_contract_of_the_models(model):
    x = torch.randint(11, (3, 7))
    last, hidden = model(x)
    every, _ = model(x, model.init_hidden(3), return_sequences=True)
    assert last.shape == (3, 11) and every.shape == (3, 7, 11) and hidden.shape == (2, 3, 16)
    assert torch.allclose(every[:, -1], last, atol=1e-6)


def test_attention_never_looks_ahead(model):
    x = torch.randint(11, (1, 7))
    changed = x.clone()
    changed[0, -1] = (x[0, -1] + 1) % 11
    before, _ = model(x, return_sequences=True)
    after, _ = model(changed, return_sequences=True)
    assert torch.allclose(before[:, :-1], after[:, :-1], atol=1e-6)
    assert not torch.allclose(before[:, -1], after[:, -1])


def test_attention_reaches_the_first_output_directly(model):
    """With the recurrence cut, only attention can carry the first character to the last output."""
    with torch.no_grad():
        for name, p in model.rnn.named_parameters():
            if "weight_hh" in name:
                p.zero_()
    x = torch.randint(11, (1, 7))
    changed = x.clone()
    changed[0, 0] = (x[0, 0] + 1) % 11
    assert not torch.allclose(model(x)[0], model(changed)[0])


def test_a_model_is_scored_beside_counting(namespace, capsys):
    perplexity = fit_and_score(
        namespace["CharRNN"], "the quick brown fox " * 50, 2e-3, epochs=1, hidden_dim=8, seq_len=10
    )
    printed = capsys.readouterr().out
    assert f"test perplexity {perplexity:.2f}, 5-gram 1." in printed
    assert "CharRNN" in printed and "1 epochs" in printed


def test_mackey_glass_is_a_series_in_symbols_that_never_repeats():
    series = mackey_glass(length=3_000, levels=32)
    assert len(series) == 3_000 and len(set(series)) == 32
    assert series == mackey_glass(length=3_000, levels=32)
    # Smooth: a step is at most a few levels. Chaotic: no period.
    steps = [abs(ord(a) - ord(b)) for a, b in itertools.pairwise(series)]
    assert max(steps) < 8
    assert not any(series[:2_000] == series[k : 2_000 + k] for k in range(1, 1_000))
