"""The rules that an answer can break, with one line for each rule, and the way to report them."""

from helpers import describe
from lab.exercise import MODELS

RULES = {  # id -> what is wrong
    "raised": "the code raised an exception",
    "cell-failed": "the cell of the TODO ended in an error",
    "too-slow": "the code did not end in time",
    "other-version": "the notebook and the checks are of different versions of the exercise",
    "differs": "the answer computes other values than the specified ones",
    # TODO 1 to 3
    "not-a-module": "the class does not inherit from nn.Module",
    "signature": "the class, forward or init_hidden does not take the specified arguments",
    "super-init": "__init__ creates layers before it calls super().__init__()",
    "other-name": "the answer does not have the name that the check asks for",
    "stale": "the class is made from a class that has been replaced since then",
    "unregistered-layer": "a layer is in a plain list or dict, where PyTorch does not see it",
    "layer-size": "the size of a layer does not depend on the right argument",
    "layer-type": "the recurrent layer does not match the name of the class",
    "parameter-count": "the model does not have the parameters of the specification",
    "logits-shape": "the logits do not have the shape (batch, vocab_size)",
    "final-timestep": "the logits do not belong to the final timestep",
    "return-sequences": "return_sequences=True does not give the logits of every timestep",
    "batch-first": "the recurrent layer uses the batch dimension as time",
    "bidirectional": "the logits of a timestep depend on characters that come after it",
    "input-ignored": "a character of the window does not change the prediction after it",
    "any-size": "a batch of one window, or a window of one character, is treated differently",
    "raw-logits": "the logits have passed through a softmax or another activation",
    "output-layer": "the output layer does not read the output of the recurrent layer as it is",
    "embedding-changed": "the recurrent layer does not read the embedding as it is",
    "hidden-ignored": "the hidden state that forward gets does not change the logits",
    "hidden-not-returned": "forward does not return a pair (logits, new hidden state)",
    "hidden-shape": "the returned hidden state does not have the specified shape",
    "random-start": "without a hidden state, the model does not begin with zeros",
    "state-leaks": "the model keeps something from one call to the next",
    "detached": "a parameter does not get its gradient from the loss",
    "dropout-always-on": "dropout is active in evaluation mode",
    "dropout-rate": "the dropout rate is not the argument dropout, or its default is not 0.3",
    "dropout-missing": "dropout is missing at one of its three places",
    "dropout-misplaced": "dropout is at a place, or of a kind, that was not asked for",
    "mode-dependent": "training and evaluation differ in something other than dropout",
    "init-hidden": "init_hidden does not return a state of zeros in the specified shape",
    "init-hidden-device": "a tensor is made on the CPU, although the model is on another device",
    # TODO 4 and 5
    "ratio": "recurrent_ratio does not compare a layer's recurrent weights with those of an RNN",
    "counts-wrong": "parameter_counts does not hold the number of parameters of each model",
    "models-missing": "the first returned value is not a dict with one model for each name",
    "wrong-class": "the model under a name does not have the class of this name",
    "many-models": "the returned model is not the one that was trained under its name",
    "model-sizes": "a model was not made with the default values of its class",
    "metrics-lists": "metrics lacks an entry, or a list does not have one number for each epoch",
    "seed": "a model does not begin with the weights that SEED gives to it",
    "learning-rate": "a model was not trained with its own learning rate",
    "optimizer": "a model was not trained by one Adam with default settings for all its parameters",
    "not-trained": "no optimizer changed the weights of a model",
    "other-windows": "an optimizer step read other windows than those that one_pass chose",
    "wrong-targets": "the targets are not the characters that come next",
    "other-loss": "the loss is not the one that the given line makes",
    "update-steps": "an optimizer step is not made as in train_epoch",
    "train-mode": "a model was trained in evaluation mode, or on the last timestep only",
    "losses-changed": "a list in metrics does not hold the measured numbers",
    "validation": "val_losses are not the losses on the validation windows at every timestep",
    "best-weights": "the returned weights, or best_epoch, are not those of the best epoch",
    "keep-missing": "keep is not called with each trained model",
    # TODO 6 to 8
    "temperature-limits": "temperature_limits does not describe the probabilities at both limits",
    "uniform-perplexity": "uniform_perplexity is not the perplexity of equal probabilities",
    "samples-missing": "samples lacks a model, a second temperature, a text or the prompt",
    "samples-untrained": "a text in samples does not fit the trained model and the temperature",
    "models-incomplete": "there are not three trained models as specified",
    "table-columns": "performance_table lacks a row or a column, or a column does not hold numbers",
    "table-stale": "a number in performance_table is not that of the trained models on test_X",
    "figure-empty": "a figure is missing or does not show data",
    "curves-missing": "learning_curves does not show the losses of all three models",
    "axes-labels": "a label is missing, or an axis has the label of another quantity",
    "tradeoff-points": "tradeoff_figure does not show a quality and a cost of each model",
    "tradeoff-names": "a name in tradeoff_figure is at the point of another model",
    "tradeoff-hidden": "the limits of an axis hide a point",
    # TODO 9 and 10
    "one-kept": "one_kept is not the share of right answers of a model that kept one symbol",
    "spans-missing": "spans does not hold one memory span for each model",
    "spans-setting": "a memory span was not measured as the cell asks",
    "misses": "misses does not name the requirements that each model does not meet",
    "recommendation-unknown": "recommendation is not one of the three names",
    "recommendation-unsupported": "another model is the smallest one that meets the requirements",
    "evidence-missing": "evidence does not hold the numbers that the cell asks for",
    "evidence-mismatch": "a number in evidence is not the number of the recommended model",
    "paragraph-missing": "the paragraph is missing",
}


class Broken(Exception):
    """A rule is broken. It holds the id of the rule; the message names what the check saw."""

    def __init__(self, rule, message):
        super().__init__(message)
        self.rule = rule


class NotAttempted(Exception):
    """The answer is not filled in yet. A message, if there is one, names the first thing to do."""


def attempted(*answers):
    """Raise NotAttempted if each answer is None, or was described as "None"."""
    if all(answer is None or answer == "None" for answer in answers):
        raise NotAttempted


def need(right, rule, message):
    """Raise Broken, with the rule and the message, unless an answer is right."""
    if not right:
        raise Broken(rule, message)


def need_number(rule, name, value):
    """Raise Broken for a value that is not a number."""
    need(
        isinstance(value, int | float),
        rule,
        f"{name} is {describe(value)}, but it must be a number.",
    )


def need_one_per_model(rule, values, name, expected):
    """Raise Broken unless a value is a dict with the three names of the models."""
    need(
        isinstance(values, dict) and set(values) == set(MODELS),
        rule,
        f"{name} is {describe(values)}, but it must be a dict with {expected} for each of "
        f"{', '.join(map(repr, MODELS))}.",
    )
