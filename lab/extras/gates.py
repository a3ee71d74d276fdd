"""The values of the gates: in models trained for the recall task, and in models trained on text.

A gate is a number between 0 and 1. Each unit has its own value at each character. In the GRU, z is
the share of the old state that a unit keeps. In the LSTM, f is the share of the old cell state c
that a unit keeps, and i is the share of the new content that it writes. This module computes the
gates from the weights of a model. It recognises each weight by its shape, so it works for every
class that the checks of TODO 2 and 3 accept.
"""

import math

import matplotlib.pyplot as plt
import pandas as pd
import torch
from torch.nn import functional as F

from helpers import say, states, waits_for
from lab.checks.specified import ordered
from lab.exercise import LONGEST_LAG, SEED, SIZES, SPAN_SIZES
from lab.memory import Recall, Span

GATES = {
    "GRU": ("keeps (z)",),
    "LSTM": ("keeps (f)", "writes (i)"),
}  # the first one scales the old state
OPEN, CLOSED = 0.9, 0.1  # above OPEN a gate is nearly open, below CLOSED nearly closed
LAG, WINDOWS = 64, 64  # characters between symbols and question; windows of text
KINDS = {  # kinds of characters; the gate of a unit may differ at them
    "spaces": str.isspace,
    "capitals": str.isupper,
    "vowels": lambda char: char in "aeiou",
}
READ, STRETCH, SHOWN = 4_000, 200, 80  # characters: read in all, read in one go, shown


def gru_step(x, h, w_ih, w_hh, b_ih, b_hh):
    """Return (h, z) after one timestep of nn.GRU: x is (b, inputs), h and z are (b, units)."""
    x_r, x_z, x_n = F.linear(x, w_ih, b_ih).chunk(3, dim=1)
    h_r, h_z, h_n = F.linear(h, w_hh, b_hh).chunk(3, dim=1)
    z = torch.sigmoid(x_z + h_z)
    n = torch.tanh(x_n + torch.sigmoid(x_r + h_r) * h_n)
    return z * h + (1 - z) * n, z


def lstm_step(x, state, w_ih, w_hh, b_ih, b_hh):
    """Return ((h, c), f, i) after one timestep of nn.LSTM: x (b, inputs), the others (b, units)."""
    h, c = state
    i, f, g, o = (F.linear(x, w_ih, b_ih) + F.linear(h, w_hh, b_hh)).chunk(4, dim=1)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return (o.sigmoid() * c.tanh(), c), f.sigmoid(), i.sigmoid()


@torch.no_grad()
def gates_of(kind, weights, x, step, **sizes):
    """Return the gates of a model that reads ``x`` (b, t): for each layer {gate: (b, t, units)}.

    ``kind`` is "GRU" or "LSTM". ``weights`` are the weights of a model with these sizes, in any
    order. ``step`` is gru_step or lstm_step. If the weights do not have the right shapes, the list
    is empty and one line is printed.
    """
    try:
        weights = [torch.as_tensor(values).detach().cpu() for values in weights]
        table, *flat, _, _ = ordered(kind, weights, **sizes)
    except ValueError as error:
        say(f"{kind}: the gates cannot be computed from the weights of this model ({error}).")
        return []
    inputs, found = F.embedding(x, table), []
    for n in range(0, len(flat), 4):
        zeros, outputs, gates = torch.zeros(len(x), sizes["hidden_dim"]), [], []
        state = (zeros, zeros) if kind == "LSTM" else zeros
        for value in inputs.unbind(dim=1):
            state, *opened = step(value, state, *flat[n : n + 4])
            outputs.append(states(state)[0])
            gates.append(torch.stack(opened))
        inputs = torch.stack(outputs, dim=1)  # (b, t, units), the input of the next layer
        found.append(dict(zip(GATES[kind], torch.stack(gates, dim=2), strict=True)))
    return found


STEPS = {"GRU": gru_step, "LSTM": lstm_step}


def while_remembering(spans, text, steps=STEPS):
    """Return {name: gates_of(...)} while models read the symbols, a lag and a question.

    ``spans`` are the spans that memory_span returned. Each span holds the weights of the model that
    was trained for the recall task. ``steps`` has the function for one timestep of each model.
    """
    if waits_for("long_context", spans):
        return {}
    found = {}
    for kind, step in steps.items():
        if not isinstance(spans.get(kind), Span):
            continue
        _, _, load, *_, hidden_dim, num_layers = spans[kind].setting
        task = Recall(text, load, LONGEST_LAG)
        torch.manual_seed(SEED)
        sizes = {"vocab_size": task.vocab_size, "embedding_dim": SPAN_SIZES["embedding_dim"]}
        sizes |= {"hidden_dim": hidden_dim, "num_layers": num_layers}
        found[kind] = gates_of(kind, spans[kind].taught, task.batch(LAG)[0], step, **sizes)
    return {kind: gates for kind, gates in found.items() if gates}


def while_reading(models, X, vocab_size):
    """Return {name: gates_of(...)} of the GRU and LSTM trained on text, for some windows of X."""
    if waits_for("training", models):
        return {}
    x, sizes = X[:: max(1, len(X) // WINDOWS)], SIZES | {"vocab_size": vocab_size}
    return {
        kind: gates
        for kind, step in STEPS.items()
        if kind in models and (gates := gates_of(kind, models[kind].parameters(), x, step, **sizes))
    }


def plot_places(taught):
    """Return a figure: the gates at each character of the recall task, with a panel per model.

    ``taught`` is what while_remembering returned. Lines are means over units and examples. Bands
    contain the middle 80 % of the units. The means are printed too. If they clearly show where a
    model writes and where it keeps, one more line says so.
    """
    if not taught:
        return None
    figure, panels = _panels(len(taught), 1, (7, 2.2 * len(taught) + 0.6))
    for axes, (kind, (gates, *_)) in zip(panels[:, 0], taught.items(), strict=True):
        for (name, values), style in zip(gates.items(), ("C0-", "C3--"), strict=False):
            low, high = values.mean(dim=0).quantile(torch.tensor([0.1, 0.9]), dim=1)
            axes.plot(values.mean(dim=(0, 2)), style, label=f"{kind}, gate that {name}")
            axes.fill_between(range(len(low)), low, high, color=style[:2], alpha=0.2)
        question = len(low) - 1
        axes.axvspan(-0.5, question - LAG - 0.5, color="gray", alpha=0.2)
        axes.axvspan(question - 0.5, question + 0.5, color="gray", alpha=0.2)
        axes.set(ylabel="value of the gate", ylim=(0, 1.03), xlim=(-1, question + 1))
        axes.legend(loc="center")
        _say_where_it_holds(kind, gates)
    panels[0, 0].set_title("Gray: symbols (left) and question (right). Bands: 80 % of the units")
    panels[-1, 0].set_xlabel("position in the window (characters)")
    return figure


def _panels(rows, columns, figsize):
    shared = {"sharex": True, "sharey": True, "squeeze": False}
    return plt.subplots(rows, columns, figsize=figsize, layout="constrained", **shared)


def _say_where_it_holds(kind, gates):
    means = {name: values.mean(dim=(0, 2)) for name, values in gates.items()}  # by place
    for name, mean in means.items():
        told = ", ".join(f"{value:.2f}" for value in mean[: -LAG - 1])
        later = f"{mean[-LAG - 1 : -1].mean():.2f} during the lag, {mean[-1]:.2f} at the question"
        say(f"{kind}, mean of the gate that {name}: {told} at the symbols, {later}.")
    keeps, *others = means.values()
    writes = others[0] if others else 1 - keeps  # the GRU's share of new content
    lag = keeps[-LAG - 1 : -1].mean()
    at_symbols = keeps[: -LAG - 1].max() < lag - 0.1 and (
        writes[: -LAG - 1].min() > writes[-LAG - 1 : -1].mean() + 0.1
    )
    if lag > OPEN and at_symbols:
        say(f"So the {kind} writes new content at the symbols and keeps its state during the lag.")


def half_lives(taught, reading):
    """Return a DataFrame about the gate that keeps: a row for each model and layer.

    The rows are the models trained for the recall task, then the models trained on text. The
    half-life of a unit is the number of characters after which its gates have halved the content of
    its state: ln 0.5 divided by the mean of ln z. (A gate as the inverse of a time scale: Tallec
    and Ollivier, "Can recurrent neural networks warp time?", 2018.) The half-life does not include
    the content that the unit writes in the meantime (Ohno and Kumagai, arXiv 2111.03282, 2021).
    """
    kept, rows = {}, {}
    for kind, gates in taught.items():
        kept[f"{kind}, trained for the recall task, during the lag"] = _in_lag(kind, gates)
    for kind, layers in reading.items():
        for n, gates in enumerate(layers, 1):
            kept[f"{kind}, trained on text, layer {n}"] = gates[GATES[kind][0]]
    for name, values in kept.items():
        lives = math.log(0.5) / values.log().mean(dim=(0, 1)).clamp(max=-1e-9)
        means = values.mean(dim=(0, 1))  # (units,)
        rows[name] = {
            "mean of the gate": f"{values.mean():.2f}",
            f"units with a mean above {OPEN}": f"{(means > OPEN).sum()} of {len(lives)}",
            "half-life of the median unit (characters)": f"{lives.median():.1f}",
        }
    return pd.DataFrame(rows).T if rows else None


def _in_lag(kind, layers):
    return layers[0][GATES[kind][0]][:, -LAG - 1 : -1]


def plot_saturation(taught, reading):
    """Return a figure with a point per unit: how often its gate is nearly open or nearly closed.

    ``taught`` is what while_remembering returned, ``reading`` what while_reading returned.
    After Karpathy, Johnson and Fei-Fei, "Visualizing and Understanding Recurrent Networks" (2015).
    """
    if not (kinds := [kind for kind in taught if kind in reading]):
        return None
    figure, panels = _panels(len(kinds), 2, (7, 2.6 * len(kinds)))
    figure.set_label(
        f"One point for each unit of {' and '.join(kinds)}. It shows the share of characters at "
        f"which the gate is above {OPEN} (vertical) and the share at which it is below {CLOSED} "
        "(horizontal). The panels on the left are for the models trained for the recall task, the "
        "panels on the right for the models trained on text"
    )
    for (left, right), kind in zip(panels, kinds, strict=True):
        on_text = [gates[GATES[kind][0]] for gates in reading[kind]]
        for axes, layers in ((left, [_in_lag(kind, taught[kind])]), (right, on_text)):
            for n, (values, marker) in enumerate(zip(layers, "ox", strict=False), 1):
                closed, opened = (values < CLOSED).float(), (values > OPEN).float()
                shares = closed.mean(dim=(0, 1)), opened.mean(dim=(0, 1))
                axes.scatter(*shares, s=14, alpha=0.5, marker=marker, label=f"layer {n}")
            axes.plot([0, 1], [1, 0], color="gray", linewidth=0.7)
            axes.set_xlabel(f"share of characters with a gate below {CLOSED}")
            axes.margins(0.05)
        left.set(
            title=f"{kind}, recall task, during the lag", ylabel=f"share with a gate above {OPEN}"
        )
        right.set_title(f"{kind}, trained on text")
        right.legend()
    return figure


def plot_sentence(models, model_classes, X, chars):
    """Return a figure: a sentence whose characters have the colour of one unit's gate z.

    For each kind of characters in KINDS, a search in the first half of a text finds one unit of the
    GRU: the unit whose z differs most between characters of this kind and all other characters. The
    sentence and the means in the titles come from the second half. The row below shows the result
    of the same search in a model before its training. That result is chance.
    """
    if waits_for("training", models) or "GRU" not in models:
        return None
    torch.manual_seed(SEED)
    untrained, rows = model_classes["GRU"](len(chars)), {}
    x = X[:: X.shape[1]].flatten()[:READ]  # the text from which the windows were cut
    x = x[: len(x) // STRETCH * STRETCH].view(-1, STRETCH)
    text, half = "".join(chars[i] for i in x.flatten().tolist()), x.numel() // 2
    shown = _with_a_capital(text, half)
    for name, model in (("trained", models["GRU"]), ("untrained", untrained)):
        sizes = SIZES | {"vocab_size": len(chars)}
        if not (layers := gates_of("GRU", model.parameters(), x, gru_step, **sizes)):
            return None
        kept = torch.cat([gates["keeps (z)"] for gates in layers], dim=2).flatten(0, 1)
        for kind, title, unit in _units(kept, text, half):
            rows[kind, name] = f"{name}, {title}", kept[shown, unit]
    if not rows:
        say(f"The text has none of these: {', '.join(KINDS)}. So no unit can be chosen for them.")
        return None
    return _coloured(sorted(rows.items()), text[shown])


def _with_a_capital(text, begin):
    # The slice of SHOWN characters that begins at the next capital, or at ``begin`` itself.
    capitals = (n for n in range(begin, len(text) - SHOWN) if text[n].isupper())
    begin = next(capitals, begin)
    return slice(begin, begin + SHOWN)


def _units(kept, text, half):
    """Yield (kind, title, unit): for each kind of characters the unit that differs most."""
    for kind, belongs in KINDS.items():
        chosen = torch.tensor([*map(belongs, text)])
        halves = chosen[:half], chosen[half:]
        if all(one.any() and not one.all() for one in halves):
            at, elsewhere = _means(kept[:half], chosen[:half])
            unit = (at - elsewhere).abs().argmax()
            at, elsewhere = (mean[unit] for mean in _means(kept[half:], chosen[half:]))
            layer, place = divmod(unit.item(), SIZES["hidden_dim"])
            which = f"layer {layer + 1}, unit {place}"
            yield kind, f"{which}: mean z is {at:.2f} at {kind}, {elsewhere:.2f} elsewhere", unit


def _means(kept, chosen):
    return kept[chosen].mean(dim=0), kept[~chosen].mean(dim=0)


def _coloured(rows, sentence):
    figure, panels = _panels(len(rows), 1, (10, 0.75 * len(rows)))
    for axes, (_, (title, values)) in zip(panels[:, 0], rows, strict=True):
        image = axes.imshow(values[None].numpy(), aspect="auto", cmap="cividis", vmin=0, vmax=1)
        for place, (char, value) in enumerate(zip(sentence, values, strict=True)):
            colour = "white" if value < 0.5 else "black"
            axes.text(place, 0, char, color=colour, ha="center", va="center", family="monospace")
        axes.set_title(title, fontsize="small", loc="left")
        axes.axis("off")
    figure.colorbar(image, ax=panels, label="z (share that is kept)")
    titles = "; ".join(title for _, (title, _) in rows)
    figure.set_label(f"A sentence. The colour of each character shows the z of one unit. {titles}")
    return figure
