"""TODO 8: the figures, and whether their marks are those of the table."""

import re
from functools import cached_property
from typing import NamedTuple

import matplotlib.figure
import numpy as np
import pandas as pd
from matplotlib.legend import Legend
from matplotlib.patches import Rectangle

from helpers import MODELS
from lab.checks.rule import Looks, describe
from lab.checks.todo_6_outputs import NUMBERS, fault_of, with_model_column

figures = Looks()

QUALITY = ("Test Perplexity", "Bits per Character", "Final Val Loss", "Final Train Loss")
COST = ("Parameters", "Avg Epoch Time (s)", "Inference Speed (ms)")
WORDS = {  # by which the label of an axis says what it shows
    "Test Perplexity": r"perplex|\bppl\b",
    "Bits per Character": r"\bbits?\b|\bbpc\b",
    "Final Val Loss": r"\bval(id(ation)?)?\b",
    "Final Train Loss": r"\btrain(ing)? loss\b",
    "Parameters": r"\bparam|\bweights\b|\bsize\b",
    "Avg Epoch Time (s)": r"\b(epoch|train).*(time|second|speed)|(time|second).*\b(epoch|train)",
    "Inference Speed (ms)": r"\binference|\blatency|\bspeed\b|\b(time|speed).*answer|answer.*time",
}


class Mark(NamedTuple):
    """One mark of a plot: where it may be read, and the model that its own label names."""

    places: list  # of (x, y): of a bar, those for standing and for lying
    label: str


class Shown(NamedTuple):
    """A column of the table that an axis shows."""

    axes: object
    axis: str  # "x" or "y"
    column: str
    marks: dict  # by model, the numbers of its marks


class Figures:
    """The two figures, and the table that the second is drawn from."""

    def __init__(self, learning_curves, tradeoff_figure, table):
        self.figures = {"learning_curves": learning_curves, "tradeoff_figure": tradeoff_figure}
        self.tradeoff, self.table = tradeoff_figure, with_model_column(table)

    def drawn(self):
        """Yield (name of a figure, its axes that show data and are no colour bar)."""
        for name, figure in self.figures.items():
            yield name, [a for a in figure.axes if _has_data(a) and not hasattr(a, "_colorbar")]

    def tradeoff_axes(self):
        return dict(self.drawn())["tradeoff_figure"]

    @cached_property
    def shown(self):
        """What the axes of tradeoff_figure show of the table: a list of Shown."""
        rows, found = self.table[self.table["Model"].isin(MODELS)].set_index("Model"), []
        for axes in self.tradeoff_axes():
            marks = _marks(axes)
            for n, axis in enumerate("xy"):
                for column in (*QUALITY, *COST):
                    if column in rows:
                        at = _matched(rows[column].astype(float), marks, n)
                        found += [Shown(axes, axis, column, at)] if at else []
        return found

    def pairs(self):
        """Yield (quality, cost) as Shown: of one set of points, or of two named rows of marks."""
        for quality in (s for s in self.shown if s.column in QUALITY):
            for cost in (s for s in self.shown if s.column in COST):
                if quality.axes is cost.axes and quality.axis != cost.axis:
                    found = all(quality.marks[name] & cost.marks[name] for name in MODELS)
                else:
                    found = _names_its_marks(quality.axes) and _names_its_marks(cost.axes)
                if found:
                    yield quality, cost


def _has_data(axes):
    lines = any(
        np.isfinite(line.get_xydata().astype(float)).all(axis=1).any() for line in axes.lines
    )
    return lines or bool(axes.collections or axes.patches or axes.images)


def _marks(axes):
    """Return the marks of axes: points, tops of bars. A curve of one model is none."""
    found = []
    for collection in axes.collections:
        offsets = np.ma.filled(np.ma.asarray(collection.get_offsets(), dtype=float), np.nan)
        found += [Mark([tuple(place)], _named(collection.get_label())) for place in offsets]
    for line in axes.lines:
        label, places = _named(line.get_label()), np.asarray(line.get_xydata(), dtype=float)
        if not (label and len(places) > 1):
            found += [Mark([tuple(place)], label) for place in places]
    labels = {id(bar): c.get_label() for c in axes.containers for bar in getattr(c, "patches", ())}
    for bar in axes.patches:
        if isinstance(bar, Rectangle):
            x, y, width, height = bar.get_x(), bar.get_y(), bar.get_width(), bar.get_height()
            ends = [(x + width / 2, y + height), (x + width, y + height / 2)]
            label = _named(str(labels.get(id(bar), ""))) or _named(str(bar.get_label()))
            found.append(Mark(ends, label))
    return found


def _named(text):
    """Return the one model that a text names, in any case, or an empty text."""
    named = [name for name in MODELS if name in str(text).upper()]
    return named[0] if len(named) == 1 else ""


def _matched(values, marks, n):
    """Return {model: numbers of the marks at its value on axis ``n``}, in any unit, if all have."""
    for exponent in range(-6, 7):
        at = {}
        for name, value in values.items():
            shown = [value * 10.0**exponent]
            shown += [float(f"{shown[0]:.{digits}g}") for digits in (2, 3, 4)]  # rounded
            at[name] = {
                number
                for number, mark in enumerate(marks)
                if any(
                    np.isclose(place[n], shown, rtol=[1e-3, *[1e-9] * 3], atol=0).any()
                    for place in mark.places
                )
            }
        if all(at.values()):
            return at
    return None


def _names_its_marks(axes):
    """Return whether there are a few marks, and ticks, labels or texts that name the models."""
    marks = _marks(axes)
    names = {_named(text) for text in _words(axes)} | {mark.label for mark in marks}
    return len(marks) <= 9 and names >= set(MODELS)


@figures.at("figure-empty", "a figure is missing or shows nothing")
def _(t):
    for name, figure in t.figures.items():
        if not isinstance(figure, matplotlib.figure.Figure):
            remedy = "axes.figure is the figure of axes" if figure is not None else "assign it"
            return f"{name} is {describe(figure)}: expected a matplotlib figure ({remedy})."
        if not any(map(_has_data, figure.axes)):
            return f"{name} has no axes that show any data."


@figures.at(
    "axes-unlabelled", "an axis has no label, or tradeoff_figure does not name the three models"
)
def _(t):
    for name, drawn in t.drawn():
        for axes in drawn:
            for axis in "xy":
                if axes.axison and not _label(axes, axis):
                    return (
                        f"{name} has axes without {axis}label: axes.set({axis}label=...) says what "
                        "is shown, and in which unit."
                    )


def _label(axes, axis):
    """Return the label of an axis: its own, one that it shares, or that of the whole figure."""
    shared = getattr(axes, f"get_shared_{axis}_axes")().get_siblings(axes)
    labels = [getattr(a, f"get_{axis}label")() for a in (axes, *shared)]
    figures = {axes.figure, axes.get_figure(root=True)}
    labels += [getattr(figure, f"get_sup{axis}label")() for figure in figures]
    return next((label.strip() for label in labels if label.strip()), "")


@figures.at("axes-unlabelled")
def _(t):
    words = [text for axes in t.tradeoff.axes for text in _words(axes)]
    words += [text.get_text() for text in [*t.tradeoff.texts, *_legends(t.tradeoff)]]
    if unnamed := [name for name in MODELS if name not in " ".join(words).upper()]:
        return (
            f"tradeoff_figure does not say which point is {' and which is '.join(unnamed)}: write "
            "the names beside the points, or give a legend."
        )


def _legends(figure):
    """Return the texts of all legends of a figure."""
    owners = (figure, *figure.axes)
    legends = [child for owner in owners for child in owner.get_children()]
    return [text for c in legends if isinstance(c, Legend) for text in c.get_texts()]


def _words(axes):
    """Return what is written beside the data of axes: names of points and of ticks."""
    ticks = [*axes.get_xticklabels(), *axes.get_yticklabels()]
    return [text.get_text() for text in [*axes.texts, *ticks]]


@figures.at("tradeoff-points", "tradeoff_figure does not show a quality against a cost")
def _(t):
    if t.tradeoff is t.figures["learning_curves"]:
        return (
            "learning_curves and tradeoff_figure are the same figure: expected one of the losses "
            "and one of its own for the trade-off."
        )
    known = [c for c in NUMBERS if isinstance(t.table, pd.DataFrame) and c in t.table]
    if fault := fault_of(t.table, known or NUMBERS):
        return f"{fault} Its check, of TODO 7, says more."
    if not any(t.pairs()):
        found = {shown.column for shown in t.shown}
        seen = f"only {' and '.join(sorted(found))}" if found else "no column of the table"
        if found & set(QUALITY) and found & set(COST):
            seen = "a quality and a cost, but not of the same points"
        return (
            f"tradeoff_figure shows {seen}: expected a point for each model, at a quality "
            f"({', '.join(QUALITY[:2])}) and a cost ({', '.join(COST)}), the numbers of "
            "performance_table themselves."
        )


@figures.at("tradeoff-names", "a name in tradeoff_figure stands at another model's point")
def _(t):
    for shown in t.shown:
        marks = _marks(shown.axes)
        for name in shown.marks:
            named = _named_by_its_own(shown, marks, name)
            named = _written_at(shown, marks, name) if named is None else named
            if named not in (None, name):
                return (
                    f"the name {name} stands at the {shown.column} of the {named}: take the name "
                    "and the numbers from the same row."
                )


def _named_by_its_own(shown, marks, name):
    """Return whose value a mark shows that has this name as its label or at its tick, or None."""
    own = {number for number, mark in enumerate(marks) if mark.label == name}
    if not own:
        other = "xy"["yx".index(shown.axis)]
        ticks = getattr(shown.axes, f"get_{other}ticklabels")()
        at = [
            text.get_position()["xy".index(other)]
            for text in ticks
            if _named(text.get_text()) == name
        ]
        own = {
            number
            for number, mark in enumerate(marks)
            for place in mark.places
            if any(abs(place["xy".index(other)] - where) < 0.45 for where in at)
        }
        if len(at) != 1:
            return None
    if not own or own & shown.marks[name]:
        return None
    return next((model for model, numbers in shown.marks.items() if own & numbers), None)


def _written_at(shown, marks, name):
    """Return the model at whose mark this name is written, None where that cannot be told."""
    places = {
        model: np.array(marks[min(numbers)].places[0]) for model, numbers in shown.marks.items()
    }
    if any(len(mark.places) > 1 for mark in marks):
        return None  # bars: a name may stand anywhere along them
    spread = np.ptp(np.array(list(places.values())), axis=0).clip(min=1e-12)
    nearest = []
    for text in shown.axes.texts:
        in_data = getattr(text, "xycoords", None) == "data" or (
            not hasattr(text, "xycoords") and text.get_transform() == shown.axes.transData
        )
        if in_data and _named(text.get_text()) == name:
            at = np.array(getattr(text, "xy", text.get_position()), dtype=float)
            away = {model: np.hypot(*((at - place) / spread)) for model, place in places.items()}
            nearest.append(min(away, key=lambda model: (away[model], model != name)))
    return None if not nearest or name in nearest else nearest[0]


@figures.at("tradeoff-labels", "an axis of tradeoff_figure is labelled for another measure")
def _(t):
    for shown in t.shown:
        axes, axis = shown.axes, shown.axis
        columns = {s.column for s in t.shown if s.axes is axes and s.axis == axis}
        label = _label(axes, axis)
        said = {column for column, words in WORDS.items() if re.search(words, label.lower())}
        if said and not said & columns:
            return (
                f"the {axis} axis of tradeoff_figure is labelled {label!r}, but shows "
                f"{' or '.join(sorted(columns))}."
            )
