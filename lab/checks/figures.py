"""TODO 8: two figures, and the marks of the second one, compared with the table.

A mark belongs to a model if both numbers are those of this model. If two models share a mark, the
check decides in favour of the student.
"""

import itertools
import math
import re
from typing import NamedTuple

import numpy as np

from lab.checks.decision import QUALITY
from lab.checks.outputs import NUMBERS, rows_of
from lab.checks.rule import Broken, attempted, need
from lab.exercise import MODELS

COST = ("Parameters", "Avg Epoch Time (s)", "Keystroke (ms)", "Inference Speed (ms)")
WORDS = {  # in the label of an axis, by the column that these words name
    "Test Perplexity": r"perplex|\bppl\b",
    "Bits per Character": r"\bbits?\b|\bbpc\b",
    "Final Val Loss": r"\bval(id(ation)?)?\b",
    "Final Train Loss": r"\btrain(ing)? loss\b",
    "Parameters": r"\bparam|\bweights\b|\bsize\b",
    "Avg Epoch Time (s)": r"\b(epoch|train).*(time|second|speed)|(time|second).*\b(epoch|train)",
    "Keystroke (ms)": r"\bkey(stroke)?s?\b|\blatency|\b(time|speed).*answer|answer.*time",
    "Inference Speed (ms)": r"\binference|\blatency|\bspeed\b|\b(time|speed).*answer|answer.*time",
}


class Shown(NamedTuple):
    """A column of the table that an axis shows."""

    axes: dict  # the facts on the axes
    axis: str  # "x" or "y"
    column: str
    marks: dict  # by model, the places of its marks among those of the axes


def judge(facts):
    """Return the message for two figures that show the right data, or raise."""
    attempted(facts["tradeoff_figure"])
    for name in ("learning_curves", "tradeoff_figure"):
        _shows_data(name, facts[name])
    need(
        not facts["same"],
        "tradeoff-points",
        "learning_curves and tradeoff_figure are the same figure. Make one figure of the losses, "
        "and another figure for the trade-off.",
    )
    curves = facts["learning_curves"]
    labels = (label.upper() for axes in curves["axes"] for label, _ in axes["curves"])
    words = " ".join([curves["words"], *labels])
    _says_which("learning_curves", words, "curves-missing", "curve")
    rows = _rows(facts["table"])
    _curves(curves, rows)
    tradeoff = facts["tradeoff_figure"]
    shown = [*_shown(tradeoff, rows)]
    whole = [found for found in shown if all(found.marks.values())]
    _a_quality_against_a_cost(whole, shown)
    _says_which("tradeoff_figure", tradeoff["words"], "axes-labels", "point")
    for found in whole:
        _names(found)
        _label(found, whole)
    return "Both plots show data and have labels. The points are those of the table."


def _shows_data(name, figure):
    need(
        isinstance(figure, dict),
        "figure-empty",
        f"{name} is {figure}, but it must be a whole matplotlib figure.",
    )
    shown = [axes for axes in figure["axes"] if axes["data"]]
    need(shown, "figure-empty", f"{name} does not show any data.")
    for axes in shown:
        need(
            not axes["unlabelled"],
            "axes-labels",
            f"{name} has axes without {''.join(axes['unlabelled'][:1])}label. The label must name "
            "the quantity and its unit.",
        )


def _says_which(figure, words, rule, what):
    missing = [model for model in MODELS if model not in words]
    need(
        not missing,
        rule,
        f"{figure} does not show which {what} belongs to {' and which to '.join(missing)}. Write a "
        f"name next to each {what}, or use a legend.",
    )


# ----- Learning curves ----------------------------------------------------------------------------


def _curves(figure, rows):
    # Learning curves end at the table's final losses, each under its own name and its own title.
    losses = [column for column in ("Final Train Loss", "Final Val Loss") if column in rows["RNN"]]
    curves = [curve for axes in figure["axes"] for curve in axes["curves"]]
    for column, (name, row) in itertools.product(losses, rows.items()):
        own = [end for label, end in curves if _named(label) in ("", name)]
        need(
            not math.isfinite(row[column]) or any(_ends(end, row[column]) for end in own),
            "curves-missing",
            f"learning_curves must show training and validation losses of all three models. A "
            f"curve of the {name} that ends at its {column}, {row[column]:.3f}, is missing.",
        )
    for axes in figure["axes"]:
        _title(axes, losses, rows)


def _title(axes, losses, rows):
    title = axes["title"].lower()
    said = [c for c in losses if re.search(WORDS[c].replace(" loss", ""), title)]
    drawn = [c for c in losses if _all_end_at(axes["curves"], [rows[m][c] for m in MODELS])]
    need(
        len(said) != 1 or len(drawn) != 1 or said == drawn,
        "curves-missing",
        f"A plot has the title {axes['title']!r}, but it shows the {' '.join(drawn)}.",
    )


def _all_end_at(curves, finals):
    return curves and all(any(_ends(end, final) for final in finals) for _, end in curves)


def _ends(end, final):
    # Return whether a curve's end is a final loss, or its perplexity.
    rounded = 0.0051 * (final == round(final, 2))  # a table may have two decimals
    return bool(np.isclose(end, [final, np.exp(min(final, 99))], rtol=1e-3, atol=rounded).any())


def _named(text):
    # Return the one model that a text names, in any case, or an empty text.
    named = [name for name in MODELS if name in str(text).upper()]
    return named[0] if len(named) == 1 else ""


def _rows(table):
    known = [c for c in NUMBERS if isinstance(table, dict) and c in table["columns"]]
    try:
        return rows_of(table, "tradeoff-points", known or NUMBERS)
    except Broken as broken:
        raise Broken(broken.rule, f"{broken} The check of TODO 7 shows more.") from None


# ----- A quality against a cost -------------------------------------------------------------------


def _shown(figure, rows):
    # Yield which columns of the table the axes show, of one model at least.
    columns = [column for column in (*QUALITY, *COST) if column in rows["RNN"]]
    for axes, axis, column in itertools.product(figure["axes"], "xy", columns):
        values = {name: float(rows[name][column]) for name in MODELS}
        marks = _matched(values, axes["marks"], "xy".index(axis))
        if axes["data"] and any(marks.values()):
            yield Shown(axes, axis, column, marks)


def _matched(values, marks, n):
    # Return {model: places of the marks at its value on axis ``n``}, in the unit that fits most.
    units = [
        {name: _at(value * 10.0**exponent, marks, n) for name, value in values.items()}
        for exponent in range(-6, 7)
    ]
    return max(units, key=lambda at: sum(map(bool, at.values())))


def _at(value, marks, n):
    # Return the places of the marks at a value, or at what it is when rounded, on axis ``n``.
    shown = [value, *(float(f"{value:.{digits}g}") for digits in (2, 3, 4))]
    return {
        number
        for number, (places, _) in enumerate(marks)
        if any(np.isclose(p[n], shown, rtol=[1e-3, *[1e-9] * 3], atol=0).any() for p in places)
    }


def _a_quality_against_a_cost(whole, shown):
    qualities = [found for found in whole if found.column in QUALITY]
    costs = [found for found in whole if found.column in COST]
    for pair in itertools.product(qualities, costs):
        if _of_the_same_marks(*pair) or all(_names_its_marks(found.axes) for found in pair):
            for found in pair:
                _in_sight(found)
            return
    raise Broken(
        "tradeoff-points",
        f"tradeoff_figure shows {_drawn(shown)}. It must show a point for each model, with a "
        f"quality ({', '.join(QUALITY[:2])}) and a cost ({', '.join(COST)}). These must be the "
        "numbers of performance_table.",
    )


def _drawn(shown):
    drawn = [(found.column, [n for n in MODELS if found.marks[n]]) for found in shown]
    drawn = {f"the {column} of {', '.join(names)}" for column, names in drawn if len(names) > 1}
    return " and ".join(sorted(drawn)) or "at most one number of each column"


def _of_the_same_marks(quality, cost):
    return (
        quality.axes is cost.axes
        and quality.axis != cost.axis
        and all(quality.marks[name] & cost.marks[name] for name in MODELS)
    )


def _names_its_marks(axes):
    # Return whether there are a few marks, and ticks, labels or texts that name the models.
    texts = [text for _, text in (*axes["ticks"]["x"], *axes["ticks"]["y"], *axes["marks"])]
    texts += [text for text, _ in axes["texts"]]
    return len(axes["marks"]) <= 9 and set(map(_named, texts)) >= set(MODELS)


def _in_sight(found):
    # Raise Broken for the mark of a model that the limits of its axes hide.
    low, high = sorted(found.axes["limits"][found.axis])
    n = "xy".index(found.axis)
    for name, marks in found.marks.items():
        places = [place[n] for mark in marks for place in found.axes["marks"][mark][0]]
        need(
            any(low <= place <= high for place in places),
            "tradeoff-hidden",
            f"The {found.axis} axis of tradeoff_figure goes from {low:.4g} to {high:.4g}, so the "
            f"point of the {name} is not visible.",
        )


# ----- Names and labels ---------------------------------------------------------------------------


def _names(found):
    # Raise Broken for a name that stands at a mark which is another model's only.
    for name in MODELS:
        own = _labelled(found.axes, name) or _written(found.axes, name)
        theirs = [other for other in MODELS if own & found.marks[other]]
        need(
            not theirs or name in theirs,
            "tradeoff-names",
            f"The name {name} is at the {found.column} of the {' and the '.join(theirs)}, or "
            "nearest to it. The name and the numbers must come from the same row.",
        )


def _labelled(axes, name):
    # Return the marks with this name as their label, else those at its one tick, else none.
    own = {n for n, (_, label) in enumerate(axes["marks"]) if _named(label) == name}
    for n, axis in enumerate("xy"):
        at = [place for place, text in axes["ticks"][axis] if _named(text) == name]
        if len(at) == 1 and not own:
            own = {
                number
                for number, (places, _) in enumerate(axes["marks"])
                if any(abs(place[n] - at[0]) < 0.45 for place in places)
            }
    return own


def _written(axes, name):
    # Return the marks that texts with this name are nearest to.
    if any(len(places) > 1 for places, _ in axes["marks"]):
        return set()  # bars: a name may stand anywhere along them
    own, places = set(), np.array([places[0] for places, _ in axes["marks"]])  # (n, 2)
    scale = np.ptp([axes["limits"][axis] for axis in "xy"], axis=1).clip(min=1e-12)
    for text, at in axes["texts"]:
        if at is not None and _named(text) == name:
            away = np.hypot(*((places - at) / scale).T)
            own |= set(np.flatnonzero(away <= away.min() + 1e-9).tolist())
    return own


def _label(found, whole):
    # Raise Broken for an axis with the label of another column than it shows.
    same = [f for f in whole if f.axes is found.axes and f.axis == found.axis]
    columns, label = {f.column for f in same}, found.axes["labels"][found.axis]
    said = {column for column, words in WORDS.items() if re.search(words, label.lower())}
    need(
        not said or said & columns,
        "axes-labels",
        f"The {found.axis} axis of tradeoff_figure has the label {label!r}, but it shows "
        f"{' or '.join(sorted(columns))}.",
    )
