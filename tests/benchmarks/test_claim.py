"""What the exercise rests on: by its protocol, gated models come within 5 % of counting."""

import pytest

import helpers
from lab.ngram import NGram
from tests.running import seeded


@pytest.mark.slow
def test_gated_models_come_within_five_per_cent_of_counting(namespace, sample):
    text, chars, char2idx, _ = sample
    splits = helpers.prepare_sequences(text, char2idx)
    counted = NGram.of_windows(*splits[:4], len(chars)).perplexity(*splits[4:])
    classes = {name: namespace["MODEL_CLASSES"][name] for name in ("LSTM", "GRU")}
    train = namespace["train_and_compare_models"]
    models, _ = train(seeded(classes, 1), *splits[:4], len(chars))
    for name, model in models.items():
        assert helpers.calculate_perplexity(model, *splits[4:]) < 1.05 * counted, name
