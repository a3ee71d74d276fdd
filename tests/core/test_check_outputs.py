"""TODO 6 and 7: what the checks of the texts and of the table find."""

import copy
import functools

import pytest
import torch

import helpers
from lab import checks
from tests.answers import assert_breaks, cases, todo_6_samples, todo_7_performance
from tests.answers.todo_questions import LIMITS


@pytest.fixture(scope="module")
def trained(namespace, short):
    """What the notebook has after TODO 7: (performance_table, models, metrics, test_X, test_y)."""
    (train_X, train_y, *_, test_X, test_y), chars, *_ = short
    torch.manual_seed(0)
    models, metrics = {}, {}
    for name, model_class in namespace["MODEL_CLASSES"].items():
        models[name] = model = model_class(len(chars))
        optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
        for seed in range(2):  # some steps, so that it predicts otherwise than it began
            X, y = helpers.one_pass(train_X, train_y, seed)
            helpers.train_epoch(model, X, y, optimizer, torch.nn.CrossEntropyLoss(), batch_size=8)
        loss = 2.0 + len(metrics) / 10
        metrics[name] = {"train_losses": [3.0, loss], "val_losses": [3.1, loss + 0.1]}
        metrics[name] |= {"epoch_times": [0.5, 0.4], "best_epoch": 2}
    table = helpers.create_performance_table(metrics, models, test_X, test_y)
    return table, models, metrics, test_X, test_y


@pytest.fixture(scope="module")
def write(namespace, short, trained):
    """A function (name, temperature, trained) -> a text that a model writes."""
    _, chars, char2idx, idx2char = short
    models = {True: trained[1]}
    models[False] = {n: c(len(chars)) for n, c in namespace["MODEL_CLASSES"].items()}

    @functools.cache
    def written(name, temperature, trained=True):
        prompt = todo_6_samples.PROMPT
        model = models[trained][name]
        return helpers.generate_text(model, prompt, char2idx, idx2char, temperature=temperature)

    return written


@pytest.mark.parametrize("rule, answer", cases(todo_6_samples))
def test_samples_are_texts_that_the_trained_models_would_write(rule, answer, write, short, trained):
    given = answer(write), todo_6_samples.PROMPT, trained[1], short[2]
    assert_breaks(rule, checks.samples(LIMITS, *given))


@pytest.mark.parametrize("rule, change", cases(todo_7_performance))
def test_the_table_is_compared_with_the_trained_models(rule, change, trained):
    assert_breaks(rule, checks.performance(73, 73, change(*trained), *trained[1:]))


@pytest.mark.parametrize(
    "change",
    [
        lambda models, metrics: (None, None),
        lambda models, metrics: ({"RNN": models["RNN"]}, metrics),
        lambda models, metrics: (dict.fromkeys(models, models["RNN"]), metrics),
        lambda models, metrics: (
            {n: type(m)(28, hidden_dim=64) for n, m in models.items()},
            metrics,
        ),
        lambda models, metrics: ({n: type(m) for n, m in models.items()}, metrics),
        lambda models, metrics: (models, dict.fromkeys(models)),
        lambda models, metrics: (models, {n: {"train_losses": [1.0]} for n in models}),
    ],
)
def test_a_table_needs_three_models_as_specified(change, trained):
    table, models, metrics, *test = trained
    result = checks.performance(73, 73, table, *change(models, metrics), *test)
    assert_breaks("models-incomplete", result)


@pytest.mark.parametrize("training", [True, False])
def test_the_trained_models_stay_as_they_are(training, trained):
    table, models, metrics, test_X, test_y = copy.deepcopy(trained)
    for model in models.values():
        model.train(training)(test_X[:2])[0].sum().backward()
    gradients = {n: [p.grad.clone() for p in m.parameters()] for n, m in models.items()}
    weights = copy.deepcopy({name: model.state_dict() for name, model in models.items()})
    checks.performance(73, 73, table, models, metrics, test_X, test_y)
    for name, model in models.items():
        assert all(m.training == training for m in model.modules())
        assert all(torch.equal(v, weights[name][k]) for k, v in model.state_dict().items())
        pairs = zip(model.parameters(), gradients[name], strict=True)
        assert all(torch.equal(p.grad, gradient) for p, gradient in pairs)
