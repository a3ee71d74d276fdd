"""TODO 8: the contents of two figures, as plain data."""

import matplotlib.figure
import numpy as np
from matplotlib.legend import Legend
from matplotlib.text import Text

from helpers import describe
from lab.ask.outputs import table_facts
from lab.exercise import MODELS


def ask(learning_curves, tradeoff_figure, performance_table):
    """Return the facts on TODO 8."""
    return {
        "learning_curves": _figure(learning_curves),
        "tradeoff_figure": _figure(tradeoff_figure),
        "same": learning_curves is tradeoff_figure,
        "table": table_facts(performance_table),
    }


def _figure(given):
    # Return the contents of a figure's axes and all its words, or a value that is not one in words.
    if not isinstance(given, matplotlib.figure.Figure):
        return describe(given)
    given.canvas.draw()
    return {
        "axes": [_axes(axes) for axes in given.axes],  # first: asking puts names at the ticks
        "words": " ".join(text.get_text() for text in given.findobj(Text)).upper(),
    }


def _axes(axes):
    lines = [line for line in axes.lines if len(_finite(line.get_xydata()))]
    labels = {axis: _label(axes, axis) for axis in "xy"}
    return {
        "data": _has_data(axes, lines),
        "labels": labels,
        "unlabelled": [axis for axis, label in labels.items() if axes.axison and not label],
        "title": f"{axes.get_title()} {_label(axes, 'y')}".strip(),
        "limits": {axis: tuple(map(float, getattr(axes, f"get_{axis}lim")())) for axis in "xy"},
        "curves": [
            (str(line.get_label()), float(_finite(line.get_xydata())[-1, 1])) for line in lines
        ],
        "marks": _marks(axes),
        "ticks": {axis: _ticks(axes, axis) for axis in "xy"},
        "texts": [(text.get_text(), _place(axes, text)) for text in axes.texts],
    }


def _has_data(axes, lines):
    drawn = lines or axes.collections or axes.patches or axes.images
    return bool(drawn) and not hasattr(axes, "_colorbar")


def _finite(points):
    # Return those of some points (n, 2), masked or not, that are drawn: (m, 2).
    points = np.ma.filled(np.ma.asarray(points, dtype=float), np.nan)
    return points[np.isfinite(points).all(axis=1)]


def _label(axes, axis):
    # Return the label of an axis: its own, one that it shares, or that of the whole figure.
    shared = getattr(axes, f"get_shared_{axis}_axes")().get_siblings(axes)
    own = [getattr(each, f"get_{axis}label")() for each in (axes, *shared)]
    figures = (axes.figure, axes.get_figure(root=True))
    labels = own + [getattr(each, f"get_sup{axis}label")() for each in figures]
    return next((label.strip() for label in labels if label.strip()), "")


def _ticks(axes, axis):
    ticks = getattr(axes, f"get_{axis}ticklabels")()
    return [(float(t.get_position()["xy".index(axis)]), t.get_text()) for t in ticks]


def _place(axes, text):
    # Return the place in the data that a text stands at, or None for another system.
    if getattr(text, "xycoords", None) != "data" and text.get_transform() is not axes.transData:
        return None
    x, y = getattr(text, "xy", text.get_position())
    return float(axes.convert_xunits(x)), float(axes.convert_yunits(y))  # of categories, too


def _of_bars(axes):
    for container in axes.containers:
        for bar in getattr(container, "patches", ()):
            x, y, width, height = bar.get_x(), bar.get_y(), bar.get_width(), bar.get_height()
            ends = [(x + width / 2, y + height), (x + width, y + height / 2)]
            own, shared = str(bar.get_label()), str(container.get_label())
            yield ends, shared if own.startswith("_") else own


def _marks(axes):
    # Return (places, label) of each point and bar; a bar may be read at two places.
    found = [*_of_bars(axes)]
    for collection in axes.collections:
        points = _finite(collection.get_offsets()).tolist()
        found += [([tuple(point)], str(collection.get_label())) for point in points]
    for line in axes.lines:
        label, points = str(line.get_label()), _finite(line.get_xydata()).tolist()
        of_one = sum(name in label.upper() for name in MODELS) == 1
        found += [([tuple(p)], label) for p in points if not (of_one and len(points) > 1)]
    told = axes.get_figure(root=True).findobj(Legend)  # without one nobody reads the labels
    return [(places, label if told else "") for places, label in found]
