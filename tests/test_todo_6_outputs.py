"""TODO 6 to 8: what the checks of the texts, the table and the figures find."""

import copy

import pytest
import torch

import helpers
from lab import checks
from tests.answers import assert_breaks, cases, todo_6_samples, todo_7_performance, todo_8_figures


@pytest.fixture(scope="module")
def trained(namespace):
    """What the notebook has after TODO 7: (performance_table, models, metrics, test_X, test_y)."""
    text = "the quick brown fox jumps over the lazy dog. " * 20
    chars, char2idx, _ = helpers.build_vocabulary(text)
    test_X, test_y = helpers.prepare_sequences(text, char2idx, seq_len=20)[4:]
    torch.manual_seed(0)
    models = {n: c(len(chars), 8, 16) for n, c in namespace["MODEL_CLASSES"].items()}
    metrics = {
        name: {
            "train_losses": [3.0, loss],
            "val_losses": [3.1, loss + 0.1],
            "epoch_times": [0.5, 0.4],
            "best_epoch": 2,
        }
        for name, loss in (("RNN", 2.3), ("LSTM", 2.1), ("GRU", 2.0))
    }
    table = helpers.create_performance_table(metrics, models, test_X, test_y)
    return table, models, metrics, test_X, test_y


@pytest.mark.parametrize("rule, samples", cases(todo_6_samples))
def test_samples_are_two_texts_of_each_model_that_continue_the_prompt(rule, samples):
    assert_breaks(rule, checks.samples(samples, todo_6_samples.PROMPT))


@pytest.mark.parametrize("rule, change", cases(todo_7_performance))
def test_the_table_is_compared_with_the_trained_models(rule, change, trained):
    assert_breaks(rule, checks.performance(change(*trained), *trained[1:]))


def test_a_table_without_trained_models_is_stale(trained):
    assert checks.performance(trained[0], None, None, *trained[3:]).rule == "table-stale"


@pytest.mark.parametrize("training", [True, False])
def test_the_trained_models_stay_as_they_are(training, trained):
    table, models, metrics, test_X, test_y = copy.deepcopy(trained)
    for model in models.values():
        model.train(training)(test_X[:2])[0].sum().backward()
    gradients = {n: [p.grad.clone() for p in m.parameters()] for n, m in models.items()}
    weights = copy.deepcopy({name: model.state_dict() for name, model in models.items()})
    checks.performance(table, models, metrics, test_X, test_y)
    for name, model in models.items():
        assert all(m.training == training for m in model.modules())
        assert all(torch.equal(v, weights[name][k]) for k, v in model.state_dict().items())
        pairs = zip(model.parameters(), gradients[name], strict=True)
        assert all(torch.equal(p.grad, gradient) for p, gradient in pairs)


@pytest.mark.parametrize("rule, learning_curves, tradeoff_figure", cases(todo_8_figures))
def test_both_figures_show_data_and_say_of_what(rule, learning_curves, tradeoff_figure):
    assert_breaks(rule, checks.figures(learning_curves, tradeoff_figure))
