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
    "vocab-size": "the number of logits does not follow vocab_size",
    "return-sequences": "return_sequences=True does not give the logits of every timestep",
    "bidirectional": "the logits of a timestep depend on characters that come after it",
    "batch-first": "the rows of a batch influence each other",
    "final-timestep": "the logits are not those of the final timestep",
    "hidden-shape": "the hidden state does not have the shapes of the contract",
    "num-layers": "the number of recurrent layers does not follow num_layers",
    "hidden-size": "the size of the hidden state or of the output layer's input is not hidden_dim",
    "embedding-size": "the embedding does not have vocab_size rows of embedding_dim numbers",
    "layer-type": "the recurrent layer is not the one that the class is named after",
    "parameter-count": "the number of parameters is not that of the specification",
    "raw-logits": "a softmax has been applied to the logits",
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
    "shared-model": "two names share one model",
    "not-trained": "no optimizer step changed a model",
    "frozen-model": "some parameters of a model were given to no optimizer",
    "learning-rate": "a learning rate lies outside 1e-5 to 5e-2",
    "trains-on-validation": "an optimizer step saw validation windows",
    "validation-missing": "val_losses do not measure the validation windows",
    "untrained-returned": "the models returned are not the models that were trained",
    "best-weights": "the models returned do not hold the weights of their best epoch",
    # Later TODOs
    "samples-missing": "samples lacks a model, a temperature or a text",
    "table-columns": "performance_table lacks a row or a column, or a column is not numbers",
    "figure-empty": "a figure is missing or shows nothing",
    "spans-missing": "spans does not hold one whole number per model",
    "recommendation-unknown": "recommendation is not one of the three names",
    "evidence-missing": "evidence holds no number under a column of the performance table",
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
        return f"{sign} {_title(self.check)}: {self.status}{rule}. {self.message}"

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
_CHECKS = {
    "char_rnn": _Check(1, 12, "CharRNN"),
    "char_lstm": _Check(2, 12, "CharLSTM"),
    "char_gru": _Check(3, 12, "CharGRU"),
    "parameters": _Check(4, 4, "parameter_counts"),
    "training": _Check(5, 20, "train_and_compare_models"),
    "samples": _Check(6, 8, "samples"),
    "performance": _Check(7, 8, "performance_table"),
    "figures": _Check(8, 8, "learning_curves and tradeoff_figure"),
    "long_context": _Check(9, 8, "spans"),
    "recommendation": _Check(10, 8, "recommendation and evidence"),
}

_latest = {}  # the last result of each check in this session, for summary()


def _title(check):
    return f"TODO {_CHECKS[check].number}, {_CHECKS[check].what}"


def summary():
    """Return a DataFrame with the state of all checks in this session, and their points."""
    rows = []
    for name, check in _CHECKS.items():
        result = _latest.get(name)
        rows.append(
            {
                "TODO": check.number,
                "check": name,
                "status": result.status if result else "not attempted",
                "points": result.points if result else 0,
                "of": check.points,
                "rule": (result.rule if result else None) or "",
            }
        )
    table = pd.DataFrame(rows).set_index("TODO")
    print(f"{table['points'].sum()} of {table['of'].sum()} points")
    return table


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
            status, points = "passed", _CHECKS[name].points
        except _NotAttempted:
            status, message = "not attempted", f"Fill in TODO {_CHECKS[name].number} above first."
        except _Broken as broken:
            rule, message = broken.rule, str(broken)
        except Exception as error:  # an answer of a kind that no rule foresaw
            rule, message = "raised", f"checking it raised {type(error).__name__}: {error}"
        result = CheckResult(name, status, rule, message, points, _CHECKS[name].points)
        _latest[name] = result
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
    ours = {__file__, helpers.__file__}
    library = Path(torch.__file__).parent.parent
    return filename not in ours and not Path(filename).is_relative_to(library)


# ---------------------------------------------------------------------------------------------
# TODO 1 to 3: the models
# ---------------------------------------------------------------------------------------------

# Sizes that all differ, so that no mix-up can hide.
_SPEC = {"vocab_size": 23, "embedding_dim": 12, "hidden_dim": 20, "num_layers": 3}
_BATCH, _STEPS = 5, 9
_GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}


def _expected_parameters(
    kind, vocab_size, embedding_dim=128, hidden_dim=256, num_layers=2, gates=_GATES
):
    """Return the number of parameters that the specification gives a model."""
    sizes = [embedding_dim] + [hidden_dim] * (num_layers - 1)
    recurrent = sum(gates[kind] * hidden_dim * (size + hidden_dim + 2) for size in sizes)
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
        return _run(call, cls, **spec)
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


def _describe(value):
    if torch.is_tensor(value):
        return f"a tensor of shape {tuple(value.shape)}"
    if isinstance(value, (tuple, list)):
        return f"a {type(value).__name__} of {len(value)}: " + ", ".join(map(_describe, value))
    return "None" if value is None else f"a {type(value).__name__}"


def _same(a, b):
    return a.shape == b.shape and torch.allclose(a, b, atol=1e-5)


def _rules_of_the_logits(cls, model, x):
    vocab_size = _SPEC["vocab_size"]
    logits, _ = _forward(model, x)
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
    probabilities = logits.exp().sum(dim=-1)
    if (logits.min() >= 0 and _same(logits.sum(dim=-1), torch.ones(_BATCH))) or _same(
        probabilities, torch.ones(_BATCH)
    ):
        raise _Broken(
            "raw-logits",
            "the logits of each row are probabilities (or their logarithms) already: return the "
            "output layer's raw values, since nn.CrossEntropyLoss applies the softmax itself.",
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
    loud = copy.deepcopy(model)
    for parameter in loud.parameters():
        parameter.mul_(30)
    if kind == "RNN" and _states(_forward(loud, x)[1])[0].abs().max() > 1.001:
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
    if bad := sorted(rate for rate in steps.rates if not 1e-5 <= rate <= 5e-2):
        raise _Broken("learning-rate", f"learning rate {bad[0]:g}: expected 1e-5 to 5e-2.")
    if steps.saw_marker:
        raise _Broken(
            "trains-on-validation",
            "a training step saw a character that occurs in val_X only: train on train_X.",
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
def samples(samples):
    """Return the CheckResult of TODO 6: presence and type of the generated texts."""
    if samples is None:
        raise _NotAttempted
    _one_per_model(samples, "samples", "samples-missing", "a dict {temperature: text}")
    for name, texts in samples.items():
        if not isinstance(texts, dict) or not texts:
            raise _Broken(
                "samples-missing", f"samples[{name!r}] is {_describe(texts)}: expected a dict."
            )
        for temperature, text in texts.items():
            if not isinstance(text, str) or not text:
                raise _Broken(
                    "samples-missing",
                    f"samples[{name!r}][{temperature!r}] is {_describe(text)}: expected a text.",
                )
    return f"{sum(map(len, samples.values()))} texts from three models."


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


@_check
def performance(performance_table):
    """Return the CheckResult of TODO 7: rows, columns and types of the table."""
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
            f"the column Model holds {list(performance_table['Model'])}: expected {list(MODELS)}.",
        )
    for column in _NUMBERS:
        if not pd.api.types.is_numeric_dtype(performance_table[column]):
            raise _Broken("table-columns", f"the column {column!r} does not hold numbers.")
    return "One row per model, every column a number."


@_check
def figures(learning_curves, tradeoff_figure):
    """Return the CheckResult of TODO 8: two figures that show data."""
    if learning_curves is None and tradeoff_figure is None:
        raise _NotAttempted
    drawn = {"learning_curves": learning_curves, "tradeoff_figure": tradeoff_figure}
    for name, figure in drawn.items():
        if not isinstance(figure, matplotlib.figure.Figure):
            raise _Broken(
                "figure-empty", f"{name} is {_describe(figure)}: expected a matplotlib figure."
            )
        if not any(axes.has_data() for axes in figure.axes):
            raise _Broken("figure-empty", f"{name} has no axes that show any data.")
    return "Both figures show data."


@_check
def long_context(spans):
    """Return the CheckResult of TODO 9: presence and type of the memory spans."""
    if spans is None:
        raise _NotAttempted
    _one_per_model(spans, "spans", "spans-missing", "a memory span")
    for name, span in spans.items():
        if isinstance(span, bool) or not isinstance(span, Real) or span < 0 or span != int(span):
            raise _Broken(
                "spans-missing",
                f"spans[{name!r}] is {span!r}: expected the whole number that memory_span returns.",
            )
    return ", ".join(f"{name} {span}" for name, span in spans.items()) + " characters."


@_check
def recommendation(recommendation, evidence):
    """Return the CheckResult of TODO 10: presence and type of recommendation and evidence."""
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
    return "Now make sure that your paragraph says why."
