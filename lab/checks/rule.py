"""The rules that an answer can break, in a line each, and how a verdict is told."""

from helpers import describe
from lab.exercise import MODELS

RULES = {  # id -> what is wrong
    "raised": "the code raised an exception",
    "cell-failed": "the cell of the TODO ended in an error",
    "too-slow": "the code does not come to an end",
    "other-version": "the notebook is of another version of the exercise than the checks",
    "differs": "the answer computes something else than what was asked for",
    # TODO 1 to 3
    "not-a-module": "the class does not inherit from nn.Module",
    "signature": "the class, forward or init_hidden does not take the specified arguments",
    "super-init": "__init__ creates layers before it calls super().__init__()",
    "other-name": "the cell gives its answer another name: a copied class keeps that of the first",
    "stale": "the class is made from a class that has been replaced since",
    "unregistered-layer": "a layer sits in a plain list or dict, where PyTorch does not see it",
    "layer-size": "the size of a layer does not follow the argument that it should follow",
    "layer-type": "the recurrent layer is not the one that the class is named after",
    "parameter-count": "the model has other parameters than those of the specification",
    "logits-shape": "the logits are not of shape (batch, vocab_size)",
    "final-timestep": "the logits are not those of the final timestep",
    "return-sequences": "return_sequences=True does not give the logits of every timestep",
    "batch-first": "the recurrent layer takes the batch for time",
    "bidirectional": "the logits of a timestep depend on characters that come after it",
    "input-ignored": "a character of the window does not change the prediction after it",
    "any-size": "a batch of one window, or a window of one character, is treated differently",
    "raw-logits": "a softmax or another activation has been applied to the logits",
    "output-layer": "the output layer does not read what the recurrent layer gives",
    "embedding-changed": "the recurrent layer does not read the embedding as it is",
    "hidden-ignored": "the hidden state that is passed in does not change the logits",
    "hidden-not-returned": "forward does not return a pair (logits, new hidden state)",
    "hidden-shape": "the hidden state that is returned does not have the specified shape",
    "random-start": "without a hidden state the model does not begin at zero",
    "state-leaks": "the model keeps something from one call to the next",
    "detached": "the loss does not give each parameter its gradient",
    "dropout-always-on": "dropout is active in evaluation mode",
    "dropout-rate": "dropout does not follow the argument dropout, or its default is not 0.3",
    "dropout-missing": "dropout is missing at one of its three places",
    "dropout-misplaced": "dropout stands in a place, or is of a kind, that was not asked for",
    "mode-dependent": "something other than dropout differs between training and evaluation",
    "init-hidden": "init_hidden does not return a state of zeros in the specified shape",
    "init-hidden-device": "a tensor is made on the CPU whatever device the model is on",
    # TODO 4 and 5
    "ratio": "recurrent_ratio does not say how many times the RNN's weights a layer has",
    "counts-wrong": "parameter_counts does not hold the number of parameters of each model",
    "models-missing": "the first value returned is not a dict with one model per name",
    "wrong-class": "a name holds a model of another class",
    "many-models": "the model that was trained under a name is not the one that is returned",
    "model-sizes": "a model was not made as its class makes it by default",
    "metrics-lists": "metrics lacks an entry, or one is not a list with a number for each epoch",
    "seed": "a model does not begin with the weights that SEED gives it",
    "learning-rate": "a model was not trained at its own learning rate",
    "optimizer": "a model was not trained, whole, by one Adam as it is by default",
    "not-trained": "no optimizer step changed a model",
    "other-windows": "a training step read other windows than those that one_pass chose",
    "wrong-targets": "the targets are not the characters that follow in the windows",
    "other-loss": "the loss is not the one that the given line makes",
    "update-steps": "a step of the training is not done as train_epoch does it",
    "train-mode": "a model was trained in evaluation mode, or on the last timestep only",
    "losses-changed": "a list in metrics does not hold what was measured",
    "validation": "val_losses do not measure the validation windows at every timestep",
    "best-weights": "the weights or the number of the best epoch are not what is returned",
    "keep-missing": "keep is not given each trained model",
    # TODO 6 to 8
    "temperature-limits": "temperature_limits does not say what becomes of the probabilities",
    "uniform-perplexity": "uniform_perplexity is not that of one chance for all characters",
    "samples-missing": "samples lacks a model, a second temperature, a text or the prompt",
    "samples-untrained": "a text is not one that the trained model would write",
    "models-incomplete": "there are not three trained models as specified",
    "table-columns": "performance_table lacks a row or a column, or a column is not numbers",
    "table-stale": "a figure in performance_table is not that of the trained models on test_X",
    "figure-empty": "a figure is missing or shows nothing",
    "curves-missing": "learning_curves does not show the losses of all three models",
    "axes-labels": "a label is missing, or an axis is labelled for another measure",
    "tradeoff-points": "tradeoff_figure does not show a quality against a cost",
    "tradeoff-names": "a name in tradeoff_figure stands at another model's point",
    "tradeoff-hidden": "the limits of an axis hide a point",
    # TODO 9 and 10
    "one-kept": "one_kept is not the share of right answers of a model that kept one symbol",
    "spans-missing": "spans does not hold one memory span per model",
    "spans-setting": "a memory span was not measured as asked",
    "misses": "misses does not name the requirements that each model misses",
    "recommendation-unknown": "recommendation is not one of the three names",
    "recommendation-unsupported": "another model is the smallest that meets the requirements",
    "evidence-missing": "evidence does not hold the numbers that the cell asks for",
    "evidence-mismatch": "a number in evidence is not the recommended model's in the table",
    "paragraph-missing": "there is no paragraph",
}


class Broken(Exception):
    """A rule is broken: its id, and what was seen."""

    def __init__(self, rule, message):
        super().__init__(message)
        self.rule = rule


class NotAttempted(Exception):
    """Nothing has been filled in yet; the message, if any, says what to do first."""


def attempted(*answers):
    """Raise NotAttempted where all answers, as they were handed over, are None."""
    if all(answer is None or answer == "None" for answer in answers):
        raise NotAttempted


def need(right, rule, message):
    """Raise Broken, with the rule and what was seen, unless an answer is right."""
    if not right:
        raise Broken(rule, message)


def need_number(rule, name, value):
    """Raise Broken for a value that is not a number."""
    need(isinstance(value, int | float), rule, f"{name} is {value}: expected a number.")


def need_one_per_model(rule, values, name, expected):
    """Raise Broken unless a value is a dict with the three names of the models."""
    need(
        isinstance(values, dict) and set(values) == set(MODELS),
        rule,
        f"{name} is {describe(values)}: expected a dict with {expected} under each of "
        f"{', '.join(map(repr, MODELS))}.",
    )
