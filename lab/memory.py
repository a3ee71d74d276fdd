"""How far back a model remembers: what a new one can learn, and what a trained one uses."""

import math
import statistics
import time
from collections import deque
from typing import NamedTuple

import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.nn.utils import clip_grad_norm_

from helpers import build_vocabulary, call_model, encode, say, threads, waits_for
from lab.exercise import (
    LONGEST_LAG,
    MAX_GRADIENT_NORM,
    SEED,
    SPAN_BATCHES,
    SPAN_SIZES,
    STYLES,
    USED_WITHIN,
)

EMBEDDING_DIM = SPAN_SIZES["embedding_dim"]
SYMBOLS = 8  # how many exist: a guess is right in one of 8 cases
KNOWN = 0.85  # the least share of right answers that counts as remembered


class Setting(NamedTuple):
    """What a memory span was measured with."""

    model: str  # the name of the class
    learning_rate: float
    load: int
    batches: int  # at most, for a lag
    longest_lag: int
    hidden_dim: int
    num_layers: int


measured = []  # all spans of this session, the last one last


class Span(int):
    """A memory span in characters, a whole number that knows how it was measured.

    ``setting`` is its Setting. ``first`` and ``taught`` are weights, lists of arrays in the order
    of the model's parameters. ``first`` are the weights at the start. ``taught`` are the weights
    when the model passed its last lag, or at the end of its training if it passed none.
    """

    def __new__(cls, span, setting, first, taught):
        made = super().__new__(cls, span)
        made.setting, made.first, made.taught = setting, first, taught
        return made

    def __getnewargs__(self):  # for copies
        return int(self), self.setting, self.first, self.taught


def memory_span(
    model_class,
    text,
    learning_rate,
    load=4,
    hidden_dim=128,
    num_layers=1,
    seed=SEED,
    batches=SPAN_BATCHES,
    longest_lag=LONGEST_LAG,
):
    """Return a Span: the longest lag, in characters, at which a new model of a class remembers.

    The model is trained on Recall, first at lag 1. Each time its accuracy over the last 20 batches
    of 64 is above 0.95, it has passed the lag, and the lag is doubled, up to ``longest_lag``. The
    training ends when so many ``batches`` were not enough for a lag. Raises ValueError if the text
    is not longer than the longest lag, TypeError for a model in place of its class.
    """
    if isinstance(model_class, nn.Module):
        raise TypeError(f"got a {type(model_class).__name__}, a model. Give its class.")
    name = getattr(model_class, "__name__", str(model_class))
    setting = Setting(name, learning_rate, load, batches, longest_lag, hidden_dim, num_layers)
    task = Recall(text, load, longest_lag)
    torch.manual_seed(seed)
    sizes = {"embedding_dim": EMBEDDING_DIM, "hidden_dim": hidden_dim, "num_layers": num_layers}
    model = model_class(task.vocab_size, **sizes, dropout=0.0).train()
    optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate)
    first, taught, span, start = _weights(model), None, 0, time.perf_counter()
    symbols = f"{load} symbol{'s' * (load > 1)}"
    print(f"{name} is trained to remember {symbols}. Lags that it passes:", flush=True)
    while span < longest_lag:
        level = max(1, 2 * span)
        if not _passes(task, model, optimizer, level, batches):
            break
        span, taught = level, _weights(model)
        print(f"{' ' if span == 1 else ', '}{span}", end="", flush=True)
    ended = "the longest that is trained" if span == longest_lag else f"not {level}"
    print(f"; {ended} ({time.perf_counter() - start:.0f} s)", flush=True)
    measured.append(Span(span, setting, first, taught or _weights(model)))
    return measured[-1]


def _weights(model):
    return [p.detach().cpu().numpy().copy() for p in model.parameters()]


class Recall:
    """The task of memory_span: symbols, then a lag of real text, then a question about one symbol.

    A model reads ``load`` symbols, each one of 8, then a lag of real text, then the question "which
    was the j-th?". Its answer is the prediction after the final timestep; a guess is right in one
    of 8 cases. Lags are drawn from the upper half of their range. Each batch has new random
    symbols, a new lag and new places in the text. It is a delayed-recall task like those of
    Hochreiter and Schmidhuber, "Long Short-Term Memory" (1997).

    The task has its own vocabulary: the characters of the text, the 8 symbols and the questions, in
    this order. Raises ValueError if the text is not longer than the longest lag.
    """

    def __init__(self, text, load, longest_lag):
        chars, char2idx, _ = build_vocabulary(text)
        self.encoded, self.load = encode(text, char2idx), load
        if len(self.encoded) <= longest_lag:
            raise ValueError(
                f"the text has {len(text)} characters, but lags of up to {longest_lag} need more: "
                "use a longer text."
            )
        self.symbols, self.queries = len(chars), len(chars) + SYMBOLS  # their first indices
        self.vocab_size = self.queries + load

    def batch(self, lag):
        """Return 64 examples: x (b, load + lag + 1), and the answers (b,), from 0 to 7."""
        shown = torch.randint(SYMBOLS, (64, self.load))  # (b, load)
        asked = torch.randint(self.load, (64, 1))  # (b, 1)
        places = torch.randint(len(self.encoded) - lag, (64, 1)) + torch.arange(lag)  # (b, lag)
        x = torch.cat([self.symbols + shown, self.encoded[places], self.queries + asked], dim=1)
        return x, shown.gather(1, asked).squeeze(1)

    def logits(self, model, x):
        """Return a model's logits of the 8 symbols after the query: (b, 8)."""
        logits, _ = call_model(model, x)  # (b, vocab_size)
        return self.of_symbols(logits)

    def of_symbols(self, logits):
        return logits[:, self.symbols : self.queries]


def lag_of(level):
    """Return a lag drawn from the upper half of the lags up to a level."""
    return int(torch.randint(level // 2 + 1, level + 1, (1,)))


@torch.enable_grad()
def _passes(task, model, optimizer, level, batches):
    """Train at lags up to a level; return whether the accuracy passes 0.95 within these batches."""
    recent = deque(maxlen=20)
    for _ in range(batches):
        threads().adapt()
        x, answers = task.batch(lag_of(level))
        logits = task.logits(model, x)  # (b, 8)
        optimizer.zero_grad()
        nn.functional.cross_entropy(logits, answers).backward()
        clip_grad_norm_(model.parameters(), MAX_GRADIENT_NORM)
        optimizer.step()
        recent.append((logits.argmax(dim=1) == answers).float().mean().item())
        if len(recent) == 20 and statistics.mean(recent) > 0.95:
            return True
    return False


@torch.no_grad()
def characters_used(perplexity, X, y):
    """Return how many of the last characters of windows a model's predictions use.

    It is the smallest number with which the perplexity is at most 1 % above that with all
    characters; every third window is used. ``perplexity`` is a function of windows (windows,
    seq_len) and their targets. Returns NaN where the perplexity is not finite.
    """
    X, y = X[::3], y[::3]
    whole = perplexity(X, y)
    if not math.isfinite(whole):
        return math.nan
    counts = range(1, X.shape[1])
    near = (1 + USED_WITHIN) * whole
    return next((n for n in counts if perplexity(X[:, -n:], y) <= near), X.shape[1])


def taught_model(model_class, span, vocab_size):
    """Return a model with the weights of a Span, in evaluation mode.

    These are the weights that it had when it passed its last lag. Raises ValueError if the class
    has other parameters than when its span was measured.
    """
    sizes = {"embedding_dim": EMBEDDING_DIM, "hidden_dim": span.setting.hidden_dim}
    model = model_class(vocab_size, **sizes, num_layers=span.setting.num_layers, dropout=0.0)
    parameters = list(model.parameters())
    if [tuple(p.shape) for p in parameters] != [weights.shape for weights in span.taught]:
        raise ValueError("the class or the text has changed since: measure the span again.")
    for parameter, weights in zip(parameters, span.taught, strict=True):
        parameter.data = torch.from_numpy(weights)
    return model.eval()


@torch.no_grad()
def forgetting(task, model, lags, batches=4):
    """Return {lag: share of right answers} of a model, each over so many batches of a Recall."""
    torch.manual_seed(SEED)
    shares = {}
    for lag in lags:
        asked = [task.batch(lag) for _ in range(batches)]
        x, answers = (torch.cat(parts) for parts in zip(*asked, strict=True))
        shares[lag] = (task.logits(model, x).argmax(dim=1) == answers).float().mean().item()
    return shares


def plot_forgetting(spans, model_classes, text, requirements):
    """Return a figure: the share of right answers at each lag, a curve for each trained model.

    Prints what the shares show. If memory_span did not measure a span, or if its class has changed
    since, a printed line says so, and the curve is left out.
    """
    if waits_for("long_context", spans):
        return None
    task = Recall(text, requirements.load, LONGEST_LAG)
    lags = [2**n for n in range(10) if 2**n < len(text)]
    figure, axes = plt.subplots(layout="constrained")
    for name, span in spans.items():
        try:
            shares = forgetting(
                task, taught_model(model_classes[name], span, task.vocab_size), lags
            )
        except (AttributeError, KeyError, ValueError) as error:
            say(f"{name} has no curve ({error}). Only a span that memory_span returns has a curve.")
            continue
        label = f"{name}, memory span {span}"
        axes.plot(shares.keys(), shares.values(), label=label, **STYLES.get(name, {}))
        _say_what_is_remembered(name, span, shares)
    axes.axhline(1 / SYMBOLS, color="gray", linestyle=":", label=f"chance: 1 of {SYMBOLS}")
    axes.axvline(requirements.span, color="gray", linestyle="--", label="required span")
    axes.set_xscale("log", base=2)
    axes.set_xticks(lags, lags)
    axes.set(
        title="How much is remembered after a lag",
        xlabel="lag: characters between the symbols and the question",
        ylabel="share of right answers",
        ylim=(0, 1.05),
    )
    axes.legend()
    return figure


def _say_what_is_remembered(name, span, shares):
    beyond = {lag: share for lag, share in shares.items() if lag > span}
    lost = [lag for lag in shares if lag < span and shares[lag] < 0.5 * KNOWN]
    if shares.get(span, 0) < KNOWN:
        return
    if lost:
        say(
            f"The {name} gives {shares[span]:.0%} right answers at a lag of {span}, but only "
            f"{shares[lost[0]]:.0%} at a lag of {lost[0]}, although it passed a lag of {lost[0]} "
            "earlier in its training. So it has learned to look at one distance only. This is not "
            "remembering."
        )
    elif span > 1 and max(beyond.values(), default=0) >= KNOWN:
        told = ", ".join(f"{share:.0%} at a lag of {lag}" for lag, share in beyond.items())
        say(
            f"The {name} was never trained at a lag above {span}. Its share of right answers is "
            f"{told}."
        )
