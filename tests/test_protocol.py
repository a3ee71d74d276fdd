"""The claim that the exercise rests on: trained by its protocol, gated models beat counting."""

import pytest
import torch

import helpers
from benchmarks.protocols import five_gram_perplexity


def test_five_gram_of_a_text_that_repeats_knows_it():
    text = torch.tensor([0, 1, 2, 3] * 50).tolist()
    X, y = torch.tensor([[0, 1, 2, 3], [1, 2, 3, 0]]), torch.tensor([0, 1])
    assert 1 < five_gram_perplexity(text, X, y, 4) < 1.1
    assert five_gram_perplexity(text, X, y + 1, 4) > 20


def test_five_gram_of_no_text_guesses():
    X, y = torch.zeros(3, 4, dtype=torch.long), torch.tensor([0, 1, 2])
    assert five_gram_perplexity([], X, y, 7) == pytest.approx(7)


@pytest.mark.slow
def test_gated_models_predict_better_than_a_five_gram(namespace, sample):
    text, chars, char2idx, _ = sample
    splits = helpers.prepare_sequences(text, char2idx)
    counted = five_gram_perplexity(
        torch.cat([splits[0][0], splits[1]]).tolist(), *splits[4:], len(chars)
    )
    namespace = namespace | {"SEED": 1}
    classes = {name: namespace["MODEL_CLASSES"][name] for name in ("LSTM", "GRU")}
    train = namespace["train_and_compare_models"]
    before = train.__globals__["MODEL_CLASSES"]
    train.__globals__["MODEL_CLASSES"] = classes
    try:
        models, _ = train(*splits[:4], len(chars))
    finally:
        train.__globals__["MODEL_CLASSES"] = before
    for name, model in models.items():
        assert helpers.calculate_perplexity(model, *splits[4:]) < counted, name
