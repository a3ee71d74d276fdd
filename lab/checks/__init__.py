"""Feedback on each TODO: what was called, what came back, what was expected.

Each check runs its rules from the most basic up and reports the first one broken. A rule judges
behaviour: names of attributes, style and source text are free. Checks work on tiny models and
texts of their own, and leave the student's models, the global random state and stdout alone.
"""

import contextlib
import copy
import functools
import inspect
import io
import linecache
import math
import random
import sys
import textwrap
import time
import traceback
import warnings
from dataclasses import dataclass
from html import escape
from numbers import Real
from pathlib import Path

import matplotlib.figure
import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.optim.optimizer import register_optimizer_step_post_hook

import helpers
from lab import goal
from lab.checks import hints

MODELS = ("RNN", "LSTM", "GRU")

RULES = {
    # Models
    "not-a-module": "the class does not inherit from nn.Module",
    "signature": "the class, forward or init_hidden does not take the arguments of the contract",
    "super-init": "__init__ creates layers before it calls super().__init__()",
    "raised": "the code raised an exception",
    "unregistered-layer": "a layer sits in a plain list or dict, where PyTorch does not see it",
    "hidden-not-returned": "forward does not return a pair (logits, new hidden state)",
    "logits-shape": "the logits are not of shape (batch, vocab_size)",
    "vocab-size": "the number of logits or of embedded characters does not follow vocab_size",
    "return-sequences": "return_sequences=True does not give the logits of every timestep",
    "bidirectional": "the logits of a timestep depend on characters that come after it",
    "batch-first": "the rows of a batch influence each other",
    "final-timestep": "the logits are not those of the final timestep",
    "hidden-shape": "the hidden state does not have the shapes of the contract",
    "num-layers": "the number of recurrent layers does not follow num_layers",
    "hidden-size": "the size of the hidden state or of the output layer's input is not hidden_dim",
    "embedding-size": "the recurrent layer is not fed embedding_dim numbers per character",
    "layer-type": "the recurrent layer is not the one that the class is named after",
    "parameter-count": "the number of parameters is not that of the specification",
    "raw-logits": "a softmax or another activation has been applied to the logits",
    "hidden-ignored": "the hidden state that is passed in does not change the logits",
    "state-leaks": "the same call gives another result the second time",
    "detached": "the loss gives some parameter no gradient",
    "dropout-always-on": "dropout is active in evaluation mode",
    "dropout-missing": "dropout is missing at one of its three places",
    "dropout-rate": "dropout does not follow the argument dropout, or its default is not 0.3",
    "init-hidden-tuple": "init_hidden returns one tensor where two belong, or two where one does",
    "init-hidden-shape": "init_hidden does not give shape (num_layers, batch, hidden_dim)",
    "init-hidden-values": "init_hidden does not return zeros",
    "init-hidden-device": "init_hidden does not follow the device of the model",
    # Parameters
    "counts-wrong": "parameter_counts does not hold the number of parameters of each model",
    # Training
    "models-missing": "the first value returned is not a dict with one model per name",
    "metrics-keys": "metrics lacks a model or one of its four entries",
    "epochs-ignored": "the number of epochs does not follow the argument epochs",
    "metrics-length": "a list in metrics does not have one number per epoch",
    "metrics-swapped": "a list in metrics holds seconds in place of losses, or losses for seconds",
    "shared-model": "two names share one model",
    "not-trained": "no optimizer step changed a model",
    "frozen-model": "some parameters of a model were given to no optimizer",
    "learning-rate": "a learning rate lies outside 1e-5 to 5e-2",
    "trains-on-validation": "an optimizer step saw validation windows",
    "validation-missing": "val_losses do not measure the validation windows",
    "untrained-returned": "the models returned are not the models that were trained",
    "best-weights": "the models returned do not hold the weights of their best epoch",
    # Later TODOs
    "samples-missing": "samples lacks a model, a second temperature or a text",
    "prompt-missing": "a text does not begin with the prompt and go on from there",
    "identical-samples": "two of the texts are the same",
    "table-columns": "performance_table lacks a row or a column, or a column is not numbers",
    "table-stale": "a figure in performance_table is not that of the trained models on test_X",
    "figure-empty": "a figure is missing or shows nothing",
    "axes-unlabelled": "an axis has no label, or tradeoff_figure does not name the three models",
    "spans-missing": "spans does not hold one memory span per model: 0 or a power of two",
    "spans-swapped": "the plain RNN's span is longer than that of a gated model",
    "recommendation-unknown": "recommendation is not one of the three names",
    "recommendation-unsupported": "another model is the smallest that meets the requirements",
    "evidence-missing": "evidence does not hold numbers under names",
    "evidence-mismatch": "a number in evidence is not the recommended model's in the table",
}


# ---------------------------------------------------------------------------------------------
# Results
# ---------------------------------------------------------------------------------------------


@dataclass(eq=False)
class CheckResult:
    """The outcome of one check: ``status`` is "passed", "failed" or "not attempted"."""

    check: str
    status: str
    rule: str | None  # the id of the first rule broken (see RULES), else None
    message: str
    points: int
    max_points: int

    def __str__(self):
        sign = {"passed": "✔", "failed": "✘", "not attempted": "○"}[self.status]
        rule = f" [{self.rule}]" if self.rule else ""
        more = f'\n  For a hint: checks.hint("{self.check}")' if self.status == "failed" else ""
        return f"{sign} {title(self.check)}: {self.status}{rule}. {self.message}{more}"

    def _repr_html_(self):
        # The sign and the word carry the meaning; colour only repeats it, on any theme.
        colour = {"passed": "#009E73", "failed": "#D55E00", "not attempted": "#888888"}[self.status]
        return (
            f'<div style="border-left: 6px solid {colour}; padding: 4px 12px; '
            f'white-space: pre-wrap">{escape(str(self))}</div>'
        )

    def _ipython_display_(self):
        """Show the banner, unless the cell that is running has shown it already."""
        count = _execution_count()
        if count is None or count != getattr(self, "_shown_in", None):
            self._show(count)

    def _show(self, count):
        self._shown_in = count
        if count is None:
            print(self)
        else:
            from IPython.display import display

            display({"text/plain": str(self), "text/html": self._repr_html_()}, raw=True)


def _execution_count():
    """Return the number of the notebook cell that is running, or None outside a notebook."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return shell.execution_count if shell else None


@dataclass(frozen=True)
class _Check:
    number: int
    points: int
    what: str


# The order of the TODOs, their points, and what each of them asks for.
CHECKS = {
    "char_rnn": _Check(1, 12, "CharRNN"),
    "char_lstm": _Check(2, 10, "CharLSTM"),
    "char_gru": _Check(3, 10, "CharGRU"),
    "parameters": _Check(4, 4, "parameter_counts"),
    "training": _Check(5, 18, "train_and_compare_models"),
    "samples": _Check(6, 7, "samples"),
    "performance": _Check(7, 7, "performance_table"),
    "figures": _Check(8, 8, "learning_curves and tradeoff_figure"),
    "long_context": _Check(9, 7, "spans"),
    "recommendation": _Check(10, 7, "recommendation and evidence"),
}

POINTS = {name: check.points for name, check in CHECKS.items()}  # of a check that passes
PARAGRAPH_POINTS = 10  # for the paragraph of TODO 10, which a person reads

latest = {}  # the last result of each check in this session, for summary() and hint()
_hinted = {}  # the number of hints given for a check and symptom


def title(check):
    """Return what a check is about, for people: "TODO 1, CharRNN"."""
    return f"TODO {CHECKS[check].number}, {CHECKS[check].what}"


def summary():
    """Return a DataFrame with the state of all checks in this session, points and what to do next.

    Its last row is the paragraph of TODO 10, whose points a person gives.
    """
    rows = []
    for name, check in CHECKS.items():
        result = latest.get(name)
        status = result.status if result else "not attempted"
        todo = f"fill in TODO {check.number} and run its check"
        steps = {"passed": "", "failed": f'mend it; checks.hint("{name}")', "not attempted": todo}
        rows.append(
            {
                "TODO": check.number,
                "check": name,
                "status": status,
                "points": result.points if result else 0,
                "of": check.points,
                "rule": (result.rule if result else None) or "",
                "next": steps[status],
            }
        )
    automatic = sum(check.points for check in CHECKS.values())
    rows.append(
        {
            "TODO": 10,
            "check": "paragraph",
            "status": "read by a person",
            "points": 0,
            "of": PARAGRAPH_POINTS,
            "rule": "",
            "next": "say why, at what cost, and what was not measured",
        }
    )
    table = pd.DataFrame(rows).set_index("TODO")
    print(
        f"{table['points'].sum()} of {automatic} points; your instructor gives up to "
        f"{PARAGRAPH_POINTS} more for the paragraph"
    )
    return table


def hint(check, step=None):
    """Print the next hint for a check, or the one with this number, counted from 1.

    Hints belong to a symptom, the rule that the check found broken last: from a question to nearly
    the line. After the last hint it is shown again. Raises ValueError for an unknown check or step.
    """
    if check not in CHECKS:
        raise ValueError(f"check={check!r}: expected one of {', '.join(CHECKS)}")
    rule = latest[check].rule if check in latest else None
    symptom, texts = hints.for_symptom(check, rule)
    if step is None:
        step = _hinted[check, symptom] = min(_hinted.get((check, symptom), 0) + 1, len(texts))
    if step not in range(1, len(texts) + 1):
        raise ValueError(f"step={step!r}: there are hints 1 to {len(texts)} for {check!r}")
    print(f"{title(check)}: {symptom}")
    print(textwrap.fill(f"Hint {step} of {len(texts)}: {texts[step - 1]}", 80))


class _Broken(Exception):
    """A rule is broken: its id, and what was seen."""

    def __init__(self, rule, message):
        super().__init__(message)
        self.rule = rule


class _NotAttempted(Exception):
    pass


def _check(function):
    """Turn a sequence of rules into a check that shows its banner and returns a CheckResult.

    The function returns the message for a pass, or raises _Broken or _NotAttempted.
    """
    name = function.__name__

    @functools.wraps(function)
    def check(*args, **kwargs):
        status, rule, points = "failed", None, 0
        try:
            with _nothing_changes():
                message = function(*args, **kwargs)
            status, points = "passed", CHECKS[name].points
        except _NotAttempted:
            status, message = "not attempted", f"Fill in TODO {CHECKS[name].number} above first."
        except _Broken as broken:
            rule, message = broken.rule, str(broken)
        except Exception as error:  # an answer of a kind that no rule foresaw
            rule, message = "raised", f"checking it raised {type(error).__name__}: {error}"
        result = CheckResult(name, status, rule, message, points, CHECKS[name].points)
        latest[name] = result
        result._show(_execution_count())
        return result

    return check


@contextlib.contextmanager
def _nothing_changes():
    """Keep global state, and what student code prints or warns, inside the check."""
    python_state, numpy_state = random.getstate(), np.random.get_state()
    threads = torch.get_num_threads()
    try:
        with (
            torch.random.fork_rng(),
            warnings.catch_warnings(),
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),  # nbgrader gives 0 for a word on it
        ):
            warnings.simplefilter("ignore")
            torch.manual_seed(0)
            yield
    finally:
        random.setstate(python_state)
        np.random.set_state(numpy_state)
        torch.set_num_threads(threads)


def _run(call, function, *args, **kwargs):
    """Run student code; an exception breaks the rule "raised", quoting the student's own line."""
    try:
        return function(*args, **kwargs)
    except Exception as error:
        message = f"{call} raised {type(error).__name__}: {error}"
        for frame in reversed(traceback.extract_tb(error.__traceback__)):
            if _is_student_code(frame.filename):
                if line := linecache.getline(frame.filename, frame.lineno).strip():
                    message += f"\n  at your line: {line}"
                break
        raise _Broken("raised", message) from error


def _is_student_code(filename):
    ours = Path(__file__).parent.parent, Path(helpers.__file__)  # lab/ and helpers.py
    library = Path(torch.__file__).parent.parent
    return not any(Path(filename).is_relative_to(path) for path in (*ours, library))


# ---------------------------------------------------------------------------------------------
# TODO 1 to 3: the models
# ---------------------------------------------------------------------------------------------

# Sizes that all differ, so that no mix-up can hide.
_SPEC = {"vocab_size": 23, "embedding_dim": 12, "hidden_dim": 20, "num_layers": 3}
_BATCH, _STEPS = 5, 9
_GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}


def _expected_parameters(kind, vocab_size, embedding_dim=128, hidden_dim=256, num_layers=2):
    """Return the number of parameters that the specification gives a model."""
    sizes = [embedding_dim] + [hidden_dim] * (num_layers - 1)
    recurrent = sum(_GATES[kind] * hidden_dim * (size + hidden_dim + 2) for size in sizes)
    return vocab_size * embedding_dim + recurrent + (hidden_dim + 1) * vocab_size


@_check
def char_rnn(CharRNN):
    """Return the CheckResult of TODO 1: the class CharRNN."""
    return _model(CharRNN, "RNN")


@_check
def char_lstm(CharLSTM):
    """Return the CheckResult of TODO 2: the class CharLSTM."""
    return _model(CharLSTM, "LSTM")


@_check
def char_gru(CharGRU):
    """Return the CheckResult of TODO 3: the class CharGRU."""
    return _model(CharGRU, "GRU")


def _model(cls, kind):
    if cls is None:
        raise _NotAttempted
    _rules_of_the_class(cls)
    model = _build(cls, **_SPEC, dropout=0.3).eval()
    x = torch.randint(_SPEC["vocab_size"], (_BATCH, _STEPS))  # (b, t)
    if _is_stub(model, x):
        raise _NotAttempted
    _rule_unregistered_layer(model)
    with torch.no_grad():
        try:
            _forward(model, x)
        except _Broken as broken:
            if broken.rule == "raised":
                _rules_behind_an_exception(kind, model, broken)
            raise
        _rules_of_the_logits(cls, model, x)
        _rules_of_the_sizes(cls, kind, model, x)
        _rules_of_the_state(kind, model, x)
    _rule_detached(model, x)
    _rules_of_dropout(cls, x)
    _rules_of_init_hidden(kind, model)
    return (
        "Shapes, sizes, hidden state, gradients and dropout behave as specified; "
        f"{_expected_parameters(kind, 73):,} parameters at 73 characters."
    )


def _rules_of_the_class(cls):
    if not (inspect.isclass(cls) and issubclass(cls, nn.Module)):
        raise _Broken("not-a-module", f"{cls!r} is not a class that inherits from nn.Module.")
    calls = {
        "__init__": (cls, (7,), dict(embedding_dim=1, hidden_dim=1, num_layers=1, dropout=0.0)),
        "forward": (cls.forward, (None, None), dict(hidden=None, return_sequences=True)),
        "init_hidden": (getattr(cls, "init_hidden", None), (None, 4), {}),
    }
    for name, (function, args, kwargs) in calls.items():
        if function is None:
            raise _Broken("signature", f"{cls.__name__} has no method {name}.")
        try:
            inspect.signature(function).bind(*args, **kwargs)
        except TypeError as error:
            raise _Broken(
                "signature",
                f"{cls.__name__}.{name} does not take the specified arguments: {error}.",
            ) from error


def _build(cls, **spec):
    call = f"{cls.__name__}({', '.join(f'{name}={value}' for name, value in spec.items())})"
    try:
        model = _run(call, cls, **spec)
        with torch.no_grad():  # whatever initial weights the student chose: zeros would hide much
            for parameter in model.parameters():
                parameter.uniform_(-0.5, 0.5)
        return model
    except _Broken as broken:
        if "before Module.__init__() call" in str(broken):
            raise _Broken(
                "super-init", f"{broken}\n  Call super().__init__() first in __init__."
            ) from None
        raise


def _is_stub(model, x):
    """Return whether nothing has been filled in: no layers, and methods that return nothing."""
    with contextlib.suppress(Exception):
        return not list(model.parameters()) and model(x) is model.init_hidden(_BATCH) is None
    return False


def _rule_unregistered_layer(model):
    for module in model.modules():
        for name, value in vars(module).items():
            members = value.values() if isinstance(value, dict) else value
            if name.startswith("_") or not isinstance(members, (list, tuple, type({}.values()))):
                continue
            if any(isinstance(member, nn.Module) for member in members):
                raise _Broken(
                    "unregistered-layer",
                    f"self.{name} is a {type(value).__name__} that holds layers: "
                    "model.parameters() does not contain their weights, so no optimizer trains "
                    "them. Use nn.ModuleList or nn.ModuleDict, or one attribute per layer.",
                )


def _forward(model, x, *args, **kwargs):
    """Call the model and return ``(logits, hidden)``."""
    shape = tuple(x.shape)
    extra = "".join(f", {name}={value}" for name, value in kwargs.items() if name != "hidden")
    extra += ", hidden" if args or kwargs.get("hidden") is not None else ""
    output = _run(f"model(x of shape {shape}{extra})", model, x, *args, **kwargs)
    if not (isinstance(output, tuple) and len(output) == 2):
        raise _Broken(
            "hidden-not-returned",
            f"model(x of shape {shape}{extra}) returned {_describe(output)}: expected a pair "
            "(logits, hidden).",
        )
    return output


def _rules_behind_an_exception(kind, model, raised):
    """Break the rule that names better why the first call raised, if there is one."""
    spec = _SPEC
    for layer in model.modules():
        wanted = {}  # attribute of torch's own layer: its value, the rule, the argument it follows
        if isinstance(layer, nn.Embedding):
            wanted["num_embeddings"] = spec["vocab_size"], "vocab-size", "vocab_size"
            wanted["embedding_dim"] = spec["embedding_dim"], "embedding-size", "embedding_dim"
        elif isinstance(layer, nn.RNNBase):
            wanted["bidirectional"] = False, "bidirectional", "past characters only"
            if layer.num_layers > 1:  # not one of several layers that are stacked by hand
                wanted["input_size"] = spec["embedding_dim"], "embedding-size", "embedding_dim"
                wanted["num_layers"] = spec["num_layers"], "num-layers", "num_layers"
            wanted["hidden_size"] = spec["hidden_dim"], "hidden-size", "hidden_dim"
            if "Expected hidden" in str(raised):  # PyTorch's words for a state of another batch
                wanted["batch_first"] = True, "batch-first", "x is (batch, seq_len)"
        elif isinstance(layer, nn.Linear):
            wanted["in_features"] = spec["hidden_dim"], "hidden-size", "hidden_dim"
            wanted["out_features"] = spec["vocab_size"], "vocab-size", "vocab_size"
        for attribute, (value, rule, argument) in wanted.items():
            if (seen := getattr(layer, attribute)) != value:
                raise _Broken(
                    rule,
                    f"{raised}\n  The {type(layer).__name__} has {attribute}={seen}: expected "
                    f"{value} ({argument}).",
                )
    with contextlib.suppress(AttributeError):
        _rules_of_init_hidden(kind, model)


def _describe(value):
    if torch.is_tensor(value):
        return f"a tensor of shape {tuple(value.shape)}"
    if isinstance(value, (tuple, list)):
        return f"a {type(value).__name__} of {len(value)}: " + ", ".join(map(_describe, value))
    return "None" if value is None else f"a {type(value).__name__}"


def _same(a, b):
    return a.shape == b.shape and torch.allclose(a, b, atol=1e-5)


def _loud(model):
    """Return a copy with weights so large that only an activation can keep a value within 1."""
    loud = copy.deepcopy(model)
    for parameter in loud.parameters():
        parameter.mul_(30)
    return loud


def _rules_of_the_logits(cls, model, x):
    vocab_size = _SPEC["vocab_size"]
    logits, hidden = _forward(model, x)
    expected = (_BATCH, vocab_size)
    seen = f"model(x of shape {tuple(x.shape)}) returned {_describe(logits)} as logits"
    if not torch.is_tensor(logits):
        raise _Broken("logits-shape", f"{seen}: expected a tensor of shape {expected}.")
    if logits.shape == (_BATCH, _STEPS, vocab_size):
        raise _Broken(
            "final-timestep",
            f"{seen}, one prediction per timestep: expected {expected}, the final timestep only, "
            "unless return_sequences=True.",
        )
    if logits.shape[:-1] == (_BATCH,) and logits.shape != expected:
        other, _ = _forward(_build(cls, **_SPEC | {"vocab_size": 7}, dropout=0.3).eval(), x % 7)
        if other.shape == logits.shape:
            raise _Broken(
                "vocab-size",
                f"{seen}, whatever vocab_size is: expected {expected} for vocab_size={vocab_size}.",
            )
    if logits.shape != expected:
        state = _states(hidden)[0]
        if torch.is_tensor(state) and state.shape[1:2] == (_STEPS,):
            raise _Broken(
                "batch-first",
                f"{seen}, and a hidden state for a batch of {_STEPS}: the recurrent layer takes "
                "the batch for time. Pass batch_first=True, or transpose.",
            )
        raise _Broken("logits-shape", f"{seen}: expected {expected}, (batch, vocab_size).")

    if not _same(_forward(model, x)[0], logits):
        # Copies of one model share its state, but not its luck.
        one, other = (_forward(copy.deepcopy(model), x)[0] for _ in range(2))
        if _same(one, other):
            raise _Broken(
                "state-leaks",
                "model(x) gives other logits when it is called again: it keeps something from the "
                "first call. Start from hidden=None, and return the new state instead.",
            )
        raise _Broken(
            "dropout-always-on",
            "after model.eval(), model(x) gives other logits when it is called again: dropout is "
            "still active. Use nn.Dropout, or F.dropout(..., training=self.training).",
        )

    changed = x.clone()
    changed[0] = (changed[0] + 1) % vocab_size
    if not _same(_forward(model, changed)[0][1:], logits[1:]):
        raise _Broken(
            "batch-first",
            "changing row 0 of x changed the logits of other rows: the recurrent layer takes the "
            "batch for time. Pass batch_first=True, or transpose.",
        )

    steps, _ = _forward(model, x, return_sequences=True)
    expected = (_BATCH, _STEPS, vocab_size)
    if not torch.is_tensor(steps) or steps.shape != expected:
        raise _Broken(
            "return-sequences",
            f"model(x of shape {tuple(x.shape)}, return_sequences=True) returned "
            f"{_describe(steps)} as logits: expected {expected}.",
        )
    changed = x.clone()
    changed[:, -1] = (changed[:, -1] + 1) % vocab_size
    if not _same(_forward(model, changed, return_sequences=True)[0][:, :-1], steps[:, :-1]):
        raise _Broken(
            "bidirectional",
            "changing the last character changed the logits of earlier timesteps: a model that "
            "predicts the next character must not read it.",
        )
    prefix, _ = _forward(model, x[:, :4])
    if not _same(logits, steps[:, -1]) or not _same(prefix, steps[:, 3]):
        if _same(logits, steps[:, -1]) or not _same(prefix, _forward(model, x[:, :4])[0]):
            raise _Broken(
                "return-sequences",
                "model(x, return_sequences=True)[0][:, 3] differs from model(x[:, :4])[0]: both "
                "are the prediction after four characters.",
            )
        what = (
            "those of the first timestep"
            if _same(logits, steps[:, 0])
            else ("the mean over time" if _same(logits, steps.mean(dim=1)) else "something else")
        )
        raise _Broken(
            "final-timestep",
            f"the logits of model(x) are {what}: expected those of the final timestep, "
            "rnn_out[:, -1, :], which model(x, return_sequences=True)[0][:, -1] gives.",
        )
    squashed = logits.min() >= 0 or _forward(_loud(model), x)[0].abs().max() < 1.001
    if squashed or _same(logits.exp().sum(dim=-1), torch.ones(_BATCH)):
        raise _Broken(
            "raw-logits",
            "the logits have been through a softmax or another activation: return the output "
            "layer's raw values, since nn.CrossEntropyLoss applies the softmax itself.",
        )


def _states(hidden):
    """Return the tensors of a hidden state as a list: [h], or [h, c] for the LSTM."""
    return list(hidden) if isinstance(hidden, (tuple, list)) else [hidden]


def _rules_of_the_sizes(cls, kind, model, x):
    _, hidden = _forward(model, x)
    states = _states(hidden)
    if hidden is None or not all(map(torch.is_tensor, states)):
        raise _Broken(
            "hidden-not-returned",
            f"model(x) returned {_describe(hidden)} as hidden: expected the new hidden state of "
            "the recurrent layer.",
        )
    layers, width = _SPEC["num_layers"], _SPEC["hidden_dim"]
    shape = (layers, _BATCH, width)
    seen = f"model(x of shape {tuple(x.shape)}) returned {_describe(hidden)} as hidden"
    for state in states:
        if state.shape[1:] == shape[1:] and state.dim() == 3 and state.shape[0] != layers:
            raise _Broken(
                "num-layers", f"{seen}: expected {shape}, since num_layers={layers} was asked for."
            )
        if state.shape[:2] == shape[:2] and state.dim() == 3 and state.shape[2] != width:
            raise _Broken(
                "hidden-size", f"{seen}: expected {shape}, since hidden_dim={width} was asked for."
            )
        if state.shape != shape:
            raise _Broken(
                "hidden-shape", f"{seen}: expected {shape}, (num_layers, batch, hidden_dim)."
            )
    if (kind == "LSTM") != isinstance(hidden, (tuple, list)) or len(states) != 1 + (kind == "LSTM"):
        counts = {k: _expected_parameters(k, **_SPEC) for k in MODELS if k != kind}
        if helpers.count_parameters(model) in counts.values():
            raise _Broken("layer-type", f"{seen}: {_state_of(kind)}. Use nn.{kind}.")
        raise _Broken("hidden-shape", f"{seen}: {_state_of(kind)}.")

    shapes = [tuple(p.shape) for p in model.parameters()]
    embedding = (_SPEC["vocab_size"], _SPEC["embedding_dim"])
    count, expected = helpers.count_parameters(model), _expected_parameters(kind, **_SPEC)
    if count != expected:
        for other in MODELS:
            if other != kind and count == _expected_parameters(other, **_SPEC):
                raise _Broken(
                    "layer-type", f"the model has the parameters of nn.{other}: use nn.{kind}."
                )
        for layer in model.modules():
            if isinstance(layer, nn.Embedding) and layer.num_embeddings != embedding[0]:
                raise _Broken(
                    "vocab-size",
                    f"the embedding has {layer.num_embeddings} rows: expected vocab_size, here "
                    f"{embedding[0]}.",
                )
        if embedding not in shapes:
            raise _Broken(
                "embedding-size",
                f"no parameter has shape {embedding}, (vocab_size, embedding_dim), as the "
                "embedding needs.",
            )
        raise _Broken(
            "parameter-count",
            f"{cls.__name__}({', '.join(f'{k}={v}' for k, v in _SPEC.items())}) has {count:,} "
            f"parameters: expected {expected:,} for an embedding, nn.{kind} and one Linear layer.",
        )
    count, expected = (
        helpers.count_parameters(_build(cls, vocab_size=11)),
        _expected_parameters(kind, 11),
    )
    if count != expected:
        raise _Broken(
            "parameter-count",
            f"{cls.__name__}(vocab_size=11) has {count:,} parameters: expected {expected:,} with "
            "the defaults embedding_dim=128, hidden_dim=256, num_layers=2.",
        )
    if kind == "RNN" and _states(_forward(_loud(model), x)[1])[0].abs().max() > 1.001:
        raise _Broken(
            "layer-type",
            "hidden states exceed 1: expected tanh, the activation of a vanilla RNN (nn.RNN's "
            "default).",
        )


def _state_of(kind):
    return "an LSTM has two states, (h, c)" if kind == "LSTM" else "expected one tensor"


def _pack(kind, states):
    return tuple(states) if kind == "LSTM" else states[0]


def _rules_of_the_state(kind, model, x):
    logits, hidden = _forward(model, x)
    given = [torch.randn_like(state) for state in _states(hidden)]
    if _same(_forward(model, x, _pack(kind, given))[0], logits):
        raise _Broken(
            "hidden-ignored",
            "model(x, hidden) gives the same logits for every hidden: pass it on to the recurrent "
            "layer.",
        )
    _, half = _forward(model, x[:, :4])
    resumed, _ = _forward(model, x[:, 4:], half)
    if not _same(resumed, logits):
        raise _Broken(
            "hidden-not-returned",
            "reading x in two halves, with the hidden state that the first call returned passed to "
            "the second, does not give the logits of reading it at once: return the recurrent "
            "layer's new state.",
        )


def _rule_detached(model, x):
    model = copy.deepcopy(model)
    logits, _ = _forward(model, x, return_sequences=True)
    if logits.requires_grad:
        logits.logsumexp(dim=-1).sum().backward()
    without = [
        name for name, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0
    ]
    if without:
        raise _Broken(
            "detached",
            f"after loss.backward() these parameters have no gradient: {', '.join(without)}. Is "
            "there a detach(), .data or torch.no_grad() in forward, or a layer that is not used?",
        )


def _rules_of_dropout(cls, x):
    torch.manual_seed(0)
    model = _build(cls, **_SPEC, dropout=0.0).train()
    with torch.no_grad():
        if not _same(_forward(model, x)[0], _forward(model, x)[0]):
            raise _Broken(
                "dropout-rate",
                "with dropout=0.0, two calls in training mode differ: pass dropout on.",
            )
        model = _build(cls, **_SPEC, dropout=0.5).train()
        if _same(_forward(model, x)[0], _forward(model, x)[0]):
            raise _Broken(
                "dropout-missing",
                "with dropout=0.5, two calls in training mode agree: dropout belongs after the "
                "embedding, between the recurrent layers and before the output.",
            )
        # At dropout=1 whatever passes a dropout is zero, which shows where dropout is.
        model = _build(cls, **_SPEC, dropout=1.0).train()
        (one, one_state), (other, other_state) = _forward(model, x), _forward(model, x)
        if not (_same(one, other) and _same(_states(one_state)[0], _states(other_state)[0])):
            raise _Broken(
                "dropout-rate",
                "with dropout=1.0, two calls in training mode differ, though nothing should be "
                "left to chance: pass dropout on as it is.",
            )
        hidden = copy.deepcopy(model.eval()(x)[1])
        model.train()
        first, *others = _states(hidden)
        first = torch.randn_like(first)
        first[1:] = 0  # only the lowest layer's state differs between the rows
        state = _pack("LSTM" if others else "", [first] + [torch.zeros_like(o) for o in others])
        logits, _ = _forward(model, x, return_sequences=True)
        _, free = _forward(model, x)
        _, driven = _forward(model, x, state)
        places = {
            "after the embedding": _rows_agree(_states(free)[0][0]),
            "between the recurrent layers": _rows_agree(_states(driven)[0][1]),
            "before the output": _same(logits[:, 0], logits[:, -1]),
        }
    if missing := [place for place, found in places.items() if not found]:
        raise _Broken(
            "dropout-missing",
            f"no dropout {' and '.join(missing)} (tried with dropout=1.0): all three models have "
            "it after the embedding, between the recurrent layers and before the output.",
        )
    default = inspect.signature(cls).parameters.get("dropout")
    if default is not None and default.default != 0.3:
        raise _Broken("dropout-rate", f"the default of dropout is {default.default}: expected 0.3.")


def _rows_agree(state):
    return _same(state, state[:1].expand_as(state))


def _rules_of_init_hidden(kind, model):
    shape = (_SPEC["num_layers"], 4, _SPEC["hidden_dim"])
    state = _run("init_hidden(4)", model.init_hidden, 4)
    seen = f"init_hidden(4) returned {_describe(state)}"
    tensors = _states(state)
    if (kind == "LSTM") != isinstance(state, tuple) or len(tensors) != 1 + (kind == "LSTM"):
        wanted = (
            f"a pair (h, c), each of shape {shape}" if kind == "LSTM" else f"one tensor {shape}"
        )
        raise _Broken("init-hidden-tuple", f"{seen}: expected {wanted}.")
    for tensor in tensors:
        if not torch.is_tensor(tensor) or tensor.shape != shape:
            raise _Broken(
                "init-hidden-shape", f"{seen}: expected {shape}, (num_layers, batch, hidden_dim)."
            )
        if tensor.abs().max() > 0:
            raise _Broken("init-hidden-values", "init_hidden(4) returned numbers other than zero.")
    elsewhere = copy.deepcopy(model).to("meta")  # a device that every machine has
    for tensor in _states(_run("init_hidden(4)", elsewhere.init_hidden, 4)):
        if tensor.device.type != "meta":
            raise _Broken(
                "init-hidden-device",
                f"init_hidden returned a tensor on {tensor.device} for a model on another device: "
                "create it with device=next(self.parameters()).device.",
            )


# ---------------------------------------------------------------------------------------------
# TODO 4: parameters
# ---------------------------------------------------------------------------------------------


def _one_per_model(values, name, rule, expected):
    """Break ``rule`` unless ``values`` is a dict with the three model names."""
    if not isinstance(values, dict) or set(values) != set(MODELS):
        got = sorted(map(str, values)) if isinstance(values, dict) else f"a {type(values).__name__}"
        raise _Broken(
            rule, f"{name} is {got}: expected a dict with {expected} for each of {MODELS}."
        )


@_check
def parameters(parameter_counts, vocab_size):
    """Return the CheckResult of TODO 4: the dict of parameter counts, by formula."""
    if parameter_counts is None:
        raise _NotAttempted
    _one_per_model(parameter_counts, "parameter_counts", "counts-wrong", "a number")
    for name, count in parameter_counts.items():
        expected = _expected_parameters(name, vocab_size)
        if isinstance(count, bool) or not isinstance(count, Real) or count != expected:
            raise _Broken(
                "counts-wrong",
                f"parameter_counts[{name!r}] is {count!r}: expected {expected:,}, the trainable "
                f"parameters of Char{name}({vocab_size}).",
            )
    ratio = parameter_counts["GRU"] / parameter_counts["LSTM"]
    return f"The GRU has {ratio:.0%} of the LSTM's parameters: three gates instead of four."


# ---------------------------------------------------------------------------------------------
# TODO 5: training
# ---------------------------------------------------------------------------------------------

_KEYS = ("train_losses", "val_losses", "epoch_times", "best_epoch")
_EPOCHS = 3


def _tiny_splits():
    """Return train_X, train_y, val_X, val_y of a text that is learned within a few steps.

    The last of its seven characters occurs in the validation windows only, and what they predict is
    wrong for whoever learned the training text, so that validation loss rises while training loss
    falls. Windows are 8 characters long.
    """
    pattern = torch.tensor([0, 1, 2, 3, 4, 5])
    train = pattern.repeat(60)  # 0 1 2 3 4 5 0 1 2 ...
    val = torch.tensor([0, 2, 6, 1, 5, 3, 4]).repeat(60)  # so that every 50th is a fair choice
    splits = []
    for encoded in (train, val):
        splits += [encoded[:-1].unfold(0, 8, 1), encoded[8:]]
    return splits


class _Steps:
    """Watches every optimizer step: which parameters it moved, from what data, at what rate."""

    def __init__(self, marker, vocab_size):
        self.marker, self.vocab_size = marker, vocab_size
        self.sums = {}  # id of a parameter -> its sum after every step that had a gradient for it
        self.parameters = []  # keeps the ids from being used again
        self.rates = set()
        self.saw_marker = False

    def __call__(self, optimizer, args, kwargs):
        rows = []
        for group in optimizer.param_groups:
            self.rates.add(group["lr"])
            for p in group["params"]:
                if p.grad is None:
                    continue
                if id(p) not in self.sums:
                    self.parameters.append(p)
                self.sums.setdefault(id(p), []).append(p.detach().double().sum().item())
                if p.shape[0] == self.vocab_size and p.dim() == 2:
                    rows.append(p.grad[self.marker].abs().max().item())
        # The output layer has a gradient for every character, the embedding for those it reads.
        self.saw_marker |= bool(rows) and min(rows) > 0


@_check
def training(train_and_compare_models):
    """Return the CheckResult of TODO 5: the function, called on a tiny text for three epochs."""
    if train_and_compare_models is None:
        raise _NotAttempted
    train_X, train_y, val_X, val_y = _tiny_splits()
    vocab_size, marker = 7, 6
    steps = _Steps(marker, vocab_size)
    hook = register_optimizer_step_post_hook(steps)
    start = time.perf_counter()
    try:
        result = _run(
            f"train_and_compare_models(train_X, train_y, val_X, val_y, {vocab_size}, "
            f"epochs={_EPOCHS})",
            train_and_compare_models,
            train_X,
            train_y,
            val_X,
            val_y,
            vocab_size,
            epochs=_EPOCHS,
        )
    finally:
        hook.remove()
        seconds = time.perf_counter() - start
    if (result is None or result == (None, None)) and not steps.sums:
        raise _NotAttempted
    if not (isinstance(result, tuple) and len(result) == 2):
        raise _Broken(
            "models-missing",
            f"train_and_compare_models returned {_describe(result)}: expected (models, metrics).",
        )
    models, metrics = result
    _one_per_model(models, "models", "models-missing", "a trained model")
    for name, model in models.items():
        if not isinstance(model, nn.Module):
            raise _Broken("models-missing", f"models[{name!r}] is {_describe(model)}.")
    # Before what it may have led to: a training that diverges ends early.
    if bad := sorted(rate for rate in steps.rates if not 1e-5 <= rate <= 5e-2):
        raise _Broken("learning-rate", f"learning rate {bad[0]:g}: expected 1e-5 to 5e-2.")
    _rules_of_the_metrics(metrics)
    owners = {}
    for name, model in models.items():
        for p in model.parameters():
            if owners.setdefault(id(p), name) != name:
                raise _Broken(
                    "shared-model",
                    f"{owners[id(p)]} and {name} share parameters: create one model per name.",
                )
    _rules_of_the_steps(models, steps)
    _rule_metrics_swapped(metrics, seconds)
    # Both texts repeat, with periods 6 and 7: these windows stand for all.
    train, val = (train_X[:42], train_y[:42]), (val_X[:42], val_y[:42])
    _rules_of_the_weights(models, metrics, steps, train, val)
    return f"Three models trained for {_EPOCHS} epochs on a tiny text, best weights kept."


def _rules_of_the_metrics(metrics):
    _one_per_model(metrics, "metrics", "metrics-keys", f"the entries {_KEYS}")
    for name, measured in metrics.items():
        if not isinstance(measured, dict) or (missing := [k for k in _KEYS if k not in measured]):
            lacking = missing if isinstance(measured, dict) else _KEYS
            raise _Broken("metrics-keys", f"metrics[{name!r}] lacks {lacking}.")
    for name, measured in metrics.items():
        lengths = {key: len(measured[key]) for key in _KEYS[:3]}
        if set(lengths.values()) == {_EPOCHS}:
            continue
        if len(set(lengths.values())) == 1 and lengths["train_losses"] > 0:
            raise _Broken(
                "epochs-ignored",
                f"asked for epochs={_EPOCHS}, metrics[{name!r}] holds {lengths['train_losses']}.",
            )
        raise _Broken(
            "metrics-length",
            f"metrics[{name!r}] holds {lengths} numbers: expected one per epoch, {_EPOCHS} each.",
        )
    for name, measured in metrics.items():
        for key in _KEYS[:3]:
            if not all(isinstance(v, Real) and not isinstance(v, bool) for v in measured[key]):
                raise _Broken(
                    "metrics-length",
                    f"metrics[{name!r}][{key!r}] holds {_describe(measured[key][0])}: expected "
                    "plain numbers.",
                )


def _rules_of_the_steps(models, steps):
    for name, model in models.items():
        moved = [p for p in model.parameters() if id(p) in steps.sums]
        if not moved:
            if steps.sums and len(steps.sums) >= len(list(model.parameters())):
                raise _Broken(
                    "untrained-returned",
                    f"models[{name!r}] is not a model that an optimizer stepped on: return the "
                    "models that you trained.",
                )
            raise _Broken("not-trained", f"no optimizer step reached models[{name!r}].")
        if len(moved) < len(list(model.parameters())):
            raise _Broken(
                "frozen-model",
                f"{len(list(model.parameters())) - len(moved)} parameters of models[{name!r}] were "
                "never stepped on: give the optimizer model.parameters().",
            )
    if steps.saw_marker:
        raise _Broken(
            "trains-on-validation",
            "a training step saw a character that occurs in val_X only: train on train_X.",
        )


def _rule_metrics_swapped(metrics, seconds):
    for name, measured in metrics.items():
        if list(measured["train_losses"]) == list(measured["epoch_times"]):
            raise _Broken(
                "metrics-swapped",
                f"metrics[{name!r}] holds the same numbers as train_losses and as epoch_times: "
                "train_epoch returns (mean loss, seconds), in this order.",
            )
    if (total := sum(sum(measured["epoch_times"]) for measured in metrics.values())) > seconds:
        raise _Broken(
            "metrics-swapped",
            f"the epoch_times add up to {total:.1f} s, but the whole call took {seconds:.1f} s: "
            "train_epoch returns (mean loss, seconds), in this order.",
        )


def _rules_of_the_weights(models, metrics, steps, train, val):
    criterion = nn.CrossEntropyLoss()
    for name, model in models.items():
        measured = metrics[name]
        trained = [
            helpers.evaluate_model(model, *train, criterion, every_step=every)
            for every in (True, False)
        ]
        validated = min(
            helpers.evaluate_model(model, *val, criterion, every_step=every)
            for every in (True, False)
        )
        best = min(measured["val_losses"])
        gap = validated - max(trained)
        # A model that has learned too little for a gap cannot tell one loss from the other.
        if gap > 0.1 and best < validated - gap / 2:
            raise _Broken(
                "validation-missing",
                f"the lowest of metrics[{name!r}]['val_losses'] is {best:.2f}, but on val_X the "
                f"model's loss is {validated:.2f}: evaluate on the validation windows.",
            )
        first = next(model.parameters())
        sums = steps.sums[id(first)]
        best_epoch = int(np.argmin(measured["val_losses"])) + 1
        after_best = sums[len(sums) * best_epoch // _EPOCHS - 1]
        if not math.isclose(first.detach().double().sum().item(), after_best, abs_tol=1e-9):
            raise _Broken(
                "best-weights",
                f"{name}'s validation loss was lowest in epoch {best_epoch} of {_EPOCHS}, but the "
                "model returned does not hold that epoch's weights: call BestWeights.update after "
                "every epoch and restore() at the end.",
            )


# ---------------------------------------------------------------------------------------------
# TODO 6 to 10
# ---------------------------------------------------------------------------------------------


@_check
def samples(samples, prompt):
    """Return the CheckResult of TODO 6: samples[name][temperature], texts that continue prompt."""
    if samples is None:
        raise _NotAttempted
    _one_per_model(samples, "samples", "samples-missing", "a dict {temperature: text}")
    owners = {}
    for name, texts in samples.items():
        if not isinstance(texts, dict) or len(texts) < 2:
            raise _Broken(
                "samples-missing",
                f"samples[{name!r}] is {_describe(texts)}: expected a dict with a text for each of "
                "two temperatures.",
            )
        for temperature, text in texts.items():
            call = f"samples[{name!r}][{temperature!r}]"
            if not isinstance(text, str) or not text:
                raise _Broken("samples-missing", f"{call} is {_describe(text)}: expected a text.")
            if not text.startswith(prompt) or text == prompt:
                raise _Broken(
                    "prompt-missing",
                    f"{call} begins {text[:30]!r}: expected the prompt {prompt!r} and what the "
                    "model makes of it.",
                )
            if text in owners:
                raise _Broken(
                    "identical-samples",
                    f"{call} is the same text as {owners[text]}: sample from each model, at two "
                    "different temperatures.",
                )
            owners[text] = call
    return f"{len(owners)} texts from three models."


_NUMBERS = (
    "Parameters",
    "Final Train Loss",
    "Final Val Loss",
    "Best Epoch",
    "Test Perplexity",
    "Bits per Character",
    "Avg Epoch Time (s)",
    "Inference Speed (ms)",
)
_WINDOWS = 300  # of the test split, spread evenly: checking perplexity on all takes too long


@_check
def performance(performance_table, models, metrics, test_X, test_y):
    """Return the CheckResult of TODO 7: the table, compared with the models it should describe."""
    if performance_table is None:
        raise _NotAttempted
    if not isinstance(performance_table, pd.DataFrame):
        raise _Broken(
            "table-columns",
            f"performance_table is {_describe(performance_table)}: expected the "
            "DataFrame that create_performance_table returns.",
        )
    if missing := [c for c in ("Model", *_NUMBERS) if c not in performance_table]:
        raise _Broken("table-columns", f"performance_table lacks the columns {missing}.")
    if sorted(map(str, performance_table["Model"])) != sorted(MODELS):
        raise _Broken(
            "table-columns",
            f"the column Model holds {list(performance_table['Model'])}: expected {list(MODELS)} "
            "(run the training cell to its end).",
        )
    for column in _NUMBERS:
        if not pd.api.types.is_numeric_dtype(performance_table[column]):
            raise _Broken("table-columns", f"the column {column!r} does not hold numbers.")
    if models is None or metrics is None:
        raise _Broken("table-stale", "there are no trained models: run the cell that trains them.")
    table = performance_table.set_index("Model")
    for name, model in models.items():
        _rule_table_stale(name, table.loc[name], model, metrics[name], test_X, test_y)
    return "One row per model, and its figures are those of the trained models."


def _rule_table_stale(name, row, model, measured, test_X, test_y):
    perplexity = row["Test Perplexity"]
    expected = {
        "Parameters": helpers.count_parameters(model),
        "Final Train Loss": [math.nan, *measured["train_losses"]][-1],
        "Final Val Loss": [math.nan, *measured["val_losses"]][-1],
        "Best Epoch": measured["best_epoch"],
        "Avg Epoch Time (s)": float(np.mean(measured["epoch_times"] or [math.nan])),
        "Bits per Character": math.log2(perplexity) if perplexity > 0 else math.nan,
    }
    for column, value in expected.items():
        if not np.isclose(row[column], value, rtol=1e-3, atol=1e-3, equal_nan=True):
            raise _Broken(
                "table-stale",
                f"{column} of the {name} is {row[column]:.6g} in the table, but {value:.6g} for "
                "the models and metrics at hand: make the table anew from models and metrics.",
            )
    windows = helpers.budget().windows
    X, y = test_X[:windows], test_y[:windows]
    every = max(1, len(X) // _WINDOWS)
    device = next(model.parameters()).device
    with torch.no_grad():
        logits, _ = copy.deepcopy(model).eval()(X[::every].to(device))  # (b, v)
        losses = nn.functional.cross_entropy(logits, y[::every].to(device), reduction="none")
    loss, margin = losses.mean().item(), 0.01
    if every > 1:  # a sample: four standard errors
        margin = 4 * losses.std().item() / math.sqrt(len(losses))
    if not (perplexity > 0 and abs(math.log(perplexity) - loss) <= margin):
        raise _Broken(
            "table-stale",
            f"Test Perplexity of the {name} is {perplexity:.2f} in the table, but its trained "
            f"model's is about {math.exp(loss):.2f}: make the table from the models that "
            "train_and_compare_models returned, on test_X and test_y.",
        )


@_check
def figures(learning_curves, tradeoff_figure):
    """Return the CheckResult of TODO 8: two figures that show data and say of what."""
    if learning_curves is None and tradeoff_figure is None:
        raise _NotAttempted
    drawn = {"learning_curves": learning_curves, "tradeoff_figure": tradeoff_figure}
    for name, figure in drawn.items():
        if not isinstance(figure, matplotlib.figure.Figure):
            remedy = "axes.figure is the figure of axes" if figure is not None else "assign it"
            raise _Broken(
                "figure-empty",
                f"{name} is {_describe(figure)}: expected a matplotlib figure ({remedy}).",
            )
        if not any(axes.has_data() for axes in figure.axes):
            raise _Broken("figure-empty", f"{name} has no axes that show any data.")
    for name, figure in drawn.items():
        for axes in figure.axes:
            for axis in ("xlabel", "ylabel"):
                if axes.has_data() and not getattr(axes, f"get_{axis}")().strip():
                    raise _Broken(
                        "axes-unlabelled",
                        f"{name} has axes without {axis}: axes.set({axis}=...) says what is shown, "
                        "and in which unit.",
                    )
    words = " ".join(_words(tradeoff_figure))
    if unnamed := [name for name in MODELS if name not in words]:
        raise _Broken(
            "axes-unlabelled",
            f"tradeoff_figure does not say which point is {' and which is '.join(unnamed)}: write "
            "the names beside the points, or give a legend.",
        )
    return "Both figures show data, with labels."


def _words(figure):
    """Return what is written beside the data of a figure: labels of points, ticks and legends."""
    texts = list(figure.texts)
    legends = [*figure.legends, *(axes.get_legend() for axes in figure.axes)]
    for axes in figure.axes:
        texts += [*axes.texts, *axes.get_xticklabels(), *axes.get_yticklabels()]
    texts += [text for legend in legends if legend for text in legend.get_texts()]
    return [text.get_text() for text in texts]


@_check
def long_context(spans):
    """Return the CheckResult of TODO 9: one memory span for each model."""
    if spans is None:
        raise _NotAttempted
    _one_per_model(spans, "spans", "spans-missing", "a memory span")
    possible = [0] + [2**i for i in range(8)]
    for name, span in spans.items():
        if isinstance(span, bool) or not isinstance(span, Real) or span not in possible:
            raise _Broken(
                "spans-missing",
                f"spans[{name!r}] is {span!r}: expected the number that memory_span returns, one "
                f"of {possible}.",
            )
    for name in ("LSTM", "GRU"):
        if spans["RNN"] > spans[name]:
            raise _Broken(
                "spans-swapped",
                f"the span of the RNN is {spans['RNN']}, that of the {name} {spans[name]}: a model "
                "without gates does not remember longer. Are the names and classes in the same "
                "order, each with its own learning rate?",
            )
    return ", ".join(f"{name} {span}" for name, span in spans.items()) + " characters."


@_check
def recommendation(recommendation, evidence, performance_table, spans, requirements):
    """Return the CheckResult of TODO 10: the recommendation against the student's own numbers.

    In quick mode, which submissions are graded in, the run measures nothing that the student saw:
    of the numbers in ``evidence`` only the parameters are compared.
    """
    if recommendation is None and evidence is None:
        raise _NotAttempted
    if recommendation not in MODELS:
        raise _Broken(
            "recommendation-unknown",
            f"recommendation is {recommendation!r}: expected one of {', '.join(MODELS)}.",
        )
    if not isinstance(evidence, dict) or not evidence:
        raise _Broken("evidence-missing", f"evidence is {_describe(evidence)}: expected a dict.")
    for column, number in evidence.items():
        if isinstance(number, bool) or not isinstance(number, Real):
            raise _Broken("evidence-missing", f"evidence[{column!r}] is {number!r}: not a number.")
    if performance_table is None or spans is None:
        raise _Broken(
            "recommendation-unsupported", "there are no measurements yet: fill in TODO 7 and 9."
        )
    table = performance_table.set_index("Model").assign(**{"Memory Span": pd.Series(spans)})
    met = goal.requirements_met(performance_table, spans, requirements)
    meets = met.all(axis=1)
    if meets.any():
        smallest = table.loc[meets, "Parameters"].idxmin()
        if not meets[recommendation]:
            missed = [
                f"{column}, {table.loc[recommendation, column]:.5g}"
                for column in met.columns[~met.loc[recommendation]]
            ]
            raise _Broken(
                "recommendation-unsupported",
                f"the {recommendation} misses what is required of it: {'; '.join(missed)} (the "
                "table above says what is asked).",
            )
        if recommendation != smallest:
            raise _Broken(
                "recommendation-unsupported",
                f"the {recommendation} meets the requirements, but the product manager wants the "
                "smallest model that does, and a smaller one does too.",
            )
    for column, number in evidence.items():
        if column not in table:
            raise _Broken(
                "evidence-mismatch",
                f"evidence names {column!r}: expected columns of performance_table, or "
                "'Memory Span'.",
            )
        comparable = column == "Parameters" or not helpers.quick()
        if comparable and not math.isclose(number, table.loc[recommendation, column], rel_tol=0.01):
            raise _Broken(
                "evidence-mismatch",
                f"evidence[{column!r}] is {number:g}, but the {recommendation} has "
                f"{table.loc[recommendation, column]:g} there.",
            )
    if helpers.quick():
        return "Quick mode: the numbers in evidence are for a person to judge, with the paragraph."
    found = "" if meets.any() else " No model meets the requirements in this run: say so."
    return f"Supported by your numbers.{found} Now make sure that your paragraph says why."
