"""TODO 8: what the artists of two figures hold, as plain data."""

import matplotlib.figure
import numpy as np
from matplotlib.legend import Legend
from matplotlib.patches import Rectangle
from matplotlib.text import Text

from helpers import describe
from lab.ask.outputs import table_facts
from lab.exercise import MODELS


def ask(learning_curves, tradeoff_figure, performance_table):
    """Return the facts on TODO 8."""
    return {
        "learning_curves": figure(learning_curves),
        "tradeoff_figure": figure(tradeoff_figure),
        "same": learning_curves is tradeoff_figure,
        "table": table_facts(performance_table),
    }


def figure(given):
    """Return {"axes": …, "words": …} of a figure, or what it is in words."""
    if not isinstance(given, matplotlib.figure.Figure):
        return describe(given)
    given.canvas.draw()
    axes = [_axes(axes) for axes in given.axes]  # asks for the ticks, which puts names at them
    words = " ".join(text.get_text() for text in given.findobj(Text))
    return {"axes": axes, "words": words.upper()}


def _axes(axes):
    return {
        "data": _has_data(axes) and not hasattr(axes, "_colorbar"),
        "unlabelled": [a for a in "xy" if axes.axison and not _label(axes, a)],
        "labels": {axis: _label(axes, axis) for axis in "xy"},
        "limits": {axis: tuple(map(float, getattr(axes, f"get_{axis}lim")())) for axis in "xy"},
        "curves": [_curve(line) for line in axes.lines if _points(line).size],
        "marks": _marks(axes),
        "ticks": {axis: _ticks(axes, axis) for axis in "xy"},
        "texts": [_text(axes, text) for text in axes.texts],
        "title": axes.get_title(),
    }


def _has_data(axes):
    lines = any(_points(line).size for line in axes.lines)
    return lines or bool(axes.collections or axes.patches or axes.images)


def _points(line):
    # Return the finite points of a line: (n, 2).
    points = np.asarray(line.get_xydata(), dtype=float)
    return points[np.isfinite(points).all(axis=1)]


def _curve(line):
    return {"label": str(line.get_label()), "points": _points(line)}


def _label(axes, axis):
    # Return the label of an axis: its own, one that it shares, or that of the whole figure.
    shared = getattr(axes, f"get_shared_{axis}_axes")().get_siblings(axes)
    labels = [getattr(a, f"get_{axis}label")() for a in (axes, *shared)]
    figures = {axes.figure, axes.get_figure(root=True)}
    labels += [getattr(each, f"get_sup{axis}label")() for each in figures]
    return next((label.strip() for label in labels if label.strip()), "")


def _ticks(axes, axis):
    ticks = getattr(axes, f"get_{axis}ticklabels")()
    return [(float(t.get_position()["xy".index(axis)]), t.get_text()) for t in ticks]


def _text(axes, text):
    # Return a text, and the place in the data that it stands at, or None for another
    # system.
    in_data = getattr(text, "xycoords", None) == "data" or (
        not hasattr(text, "xycoords") and text.get_transform() == axes.transData
    )
    place = getattr(text, "xy", text.get_position())
    try:
        return text.get_text(), tuple(float(v) for v in place) if in_data else None
    except (TypeError, ValueError):  # a place by the name of a category
        return text.get_text(), None


def _of_bars(axes):
    labels = {id(bar): c.get_label() for c in axes.containers for bar in getattr(c, "patches", ())}
    for bar in axes.patches:
        if isinstance(bar, Rectangle):
            x, y, width, height = bar.get_x(), bar.get_y(), bar.get_width(), bar.get_height()
            ends = [(x + width / 2, y + height), (x + width, y + height / 2)]
            own, shared = str(bar.get_label()), str(labels.get(id(bar), ""))
            yield ends, shared if own.startswith("_") else own


def _marks(axes):
    # Return (places, label) of each point and bar; a bar may be read at two places.
    found = [*_of_bars(axes)]
    for collection in axes.collections:
        offsets = np.ma.filled(np.ma.asarray(collection.get_offsets(), dtype=float), np.nan)
        found += [([tuple(place)], str(collection.get_label())) for place in offsets.tolist()]
    for line in axes.lines:
        label, points = str(line.get_label()), _points(line).tolist()
        of_one = sum(name in label.upper() for name in MODELS) == 1
        found += [([tuple(p)], label) for p in points if not (of_one and len(points) > 1)]
    told = axes.get_figure(root=True).findobj(Legend)  # without one nobody reads the labels
    return [(places, label if told else "") for places, label in found]
