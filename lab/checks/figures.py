"""TODO 8: two figures, and whether the marks of the second are those of the table.

A mark belongs to a model by both its numbers. What two models share is in doubt for the student.
"""

import itertools
import math
import re
from typing import NamedTuple

import numpy as np

from lab.checks.decision import QUALITY
from lab.checks.outputs import NUMBERS, rows_of
from lab.checks.rule import Broken, attempted, need, refuse
from lab.exercise import MODELS

COST = ("Parameters", "Avg Epoch Time (s)", "Keystroke (ms)", "Inference Speed (ms)")
WORDS = {  # by which the label of an axis says what it shows
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

    axes: int  # the place of the axes in the figure
    axis: str  # "x" or "y"
    column: str
    marks: dict  # by model, the places of its marks among those of the axes


def judge(facts):
    """Return the message for two figures that show what they should; or raise."""
    attempted(facts["learning_curves"], facts["tradeoff_figure"])
    for name in ("learning_curves", "tradeoff_figure"):
        _shows_data(name, facts[name])
    _of_all_models(facts)
    rows = _rows(facts["table"])
    _curves(facts["learning_curves"], rows)
    tradeoff = facts["tradeoff_figure"]
    shown = [*_shown(tradeoff, rows)]
    whole = [found for found in shown if all(found.marks.values())]
    _a_quality_against_a_cost(whole, shown, tradeoff)
    missing = [name for name in MODELS if name not in tradeoff["words"]]
    need(
        not missing,
        "axes-labels",
        f"tradeoff_figure does not say which point is {' and which is '.join(missing)}: a name "
        "belongs beside each point, or in a legend.",
    )
    shown = whole
    for axes, marks, what in _groups(shown, tradeoff):
        _names(axes, marks, what)
    for found in shown:
        _label(found, shown, tradeoff["axes"][found.axes])
    return "Both figures show data, with labels, and the points are those of the table."


def _shows_data(name, figure):
    remedy = "assign it" if figure == "None" else "axes.figure is the figure of axes"
    need(
        isinstance(figure, dict),
        "figure-empty",
        f"{name} is {figure}: expected a matplotlib figure ({remedy}).",
    )
    shown = [axes for axes in figure["axes"] if axes["data"]]
    need(shown, "figure-empty", f"{name} has no axes that show any data.")
    missing = [axis for axes in shown for axis in axes["unlabelled"]]
    need(
        not missing,
        "axes-labels",
        f"{name} has axes without {''.join(missing[:1])}label: a reader needs to know what is "
        "shown, and in "
        "which unit.",
    )


def _of_all_models(facts):
    # Raise Broken for a figure that does not name the three models, or curves without them.
    need(
        not facts["same"],
        "tradeoff-points",
        "learning_curves and tradeoff_figure are the same figure: expected one of the losses "
        "and one of its own for the trade-off.",
    )
    curves = facts["learning_curves"]
    drawn = [curve for axes in curves["axes"] for curve in axes["curves"]]
    labels = " ".join(curve["label"] for curve in drawn).upper() + curves["words"]
    missing = [name for name in MODELS if name not in labels] or "…" * (len(drawn) < len(MODELS))
    what = f"learning_curves lacks curves with the names {' and '.join(missing)}"
    need(not missing, "curves-missing", f"{what}: expected those of all three models.")


def _curves(figure, rows):
    # Learning curves end at the table's final losses, each under its own name.
    losses = [column for column in ("Final Train Loss", "Final Val Loss") if column in rows["RNN"]]
    panels = [(_title(axes), _ends_of_curves(axes)) for axes in figure["axes"]]
    ends = [end for _, found in panels for _, end in found]
    for column in losses:
        finals = {name: float(row[column]) for name, row in rows.items()}
        _need_a_curve_each(column, finals, ends)
        for panel, found in panels:
            _panel(panel, [(n, end) for n, end in found if n], column, finals, losses)


def _need_a_curve_each(column, finals, ends):
    for name, final in finals.items():
        need(
            not math.isfinite(final) or any(_ends(end, final) for end in ends),
            "curves-missing",
            f"learning_curves has no curve that ends at the {column} of the {name}, "
            f"{final:.3f}: expected training and validation losses of all three models.",
        )


def _title(axes):
    return f"{axes['title']} {axes['labels']['y']}".strip()


def _ends_of_curves(axes):
    # The model that each curve names, or an empty text, and the last of its values.
    return [(_named(curve["label"]), curve["points"][-1][1]) for curve in axes["curves"]]


def _panel(panel, named, column, finals, losses):
    # A panel whose curves all end at this column's losses: under their names, and under its own.
    owners = [
        sorted((m for m in MODELS if _ends(end, finals[m])), key=lambda m, n=name: m != n)
        for name, end in named
    ]
    if all(owners) and len({owner[0] for owner in owners}) == len(named) > 1:
        refuse(
            "curves-missing",
            (
                f"the curve with the name {name} ends at the {column} of the {owner[0]}."
                for (name, _), owner in zip(named, owners, strict=True)
                if name not in owner
            ),
        )
        said = [c for c in losses if re.search(WORDS[c].replace(" loss", ""), panel.lower())]
        need(
            len(said) != 1 or said == [column],
            "curves-missing",
            f"a panel named {panel!r} shows the {column}.",
        )


def _ends(end, final):
    # Return whether a curve's end is a final loss, or its perplexity.
    return bool(np.isclose(end, [final, np.exp(min(final, 99))], rtol=1e-3, atol=0).any())


def _rows(table):
    known = [c for c in NUMBERS if isinstance(table, dict) and c in table["columns"]]
    try:
        return rows_of(table, "tradeoff-points", known or NUMBERS)
    except Broken as broken:
        raise Broken(broken.rule, f"{broken} Its own check says more.") from None


# ----- Marks and columns --------------------------------------------------------------------------


def _shown(figure, rows):
    # Yield which columns of the table the axes show, of one model at least.
    for place, axes in enumerate(figure["axes"]):
        for axis, column in itertools.product("xy", (*QUALITY, *COST)):
            if axes["data"] and column in rows["RNN"]:
                values = {name: float(rows[name][column]) for name in MODELS}
                marks = _matched(values, axes["marks"], "xy".index(axis))
                if any(marks.values()):
                    yield Shown(place, axis, column, marks)


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


def _whole(quality, cost):
    # Return the marks of each model that stand at both its numbers, if all have one.
    if quality.axes != cost.axes or quality.axis == cost.axis:
        return None
    both = {name: quality.marks[name] & cost.marks[name] for name in MODELS}
    return both if all(both.values()) else None


def _pairs(shown):
    # Yield all pairs of a quality and a cost.
    costs = [found for found in shown if found.column in COST]
    yield from ((q, c) for q in shown if q.column in QUALITY for c in costs)


def _groups(shown, figure):
    # Yield (axes, marks by model, what they show), by both numbers where axes show both.
    for place, axes in enumerate(figure["axes"]):
        here = [found for found in shown if found.axes == place]
        both = [
            (_whole(*pair), " and ".join(found.column for found in pair)) for pair in _pairs(here)
        ]
        both = [(marks, what) for marks, what in both if marks]
        for marks, what in both or [(found.marks, found.column) for found in here]:
            yield axes, marks, what


def _named(text):
    # Return the one model that a text names, in any case, or an empty text.
    named = [name for name in MODELS if name in str(text).upper()]
    return named[0] if len(named) == 1 else ""


def _a_quality_against_a_cost(whole, shown, figure):
    for quality, cost in _pairs(whole):
        pair = [(figure["axes"][found.axes], found) for found in (quality, cost)]
        if _whole(quality, cost) or all(_names_its_marks(axes) for axes, _ in pair):
            for axes, found in pair:
                _in_sight(axes, found)
            return
    raise Broken(
        "tradeoff-points",
        f"tradeoff_figure shows {_what_is_shown(whole, shown)}: expected a point for each model, "
        f"at a quality ({', '.join(QUALITY[:2])}) and a cost ({', '.join(COST)}), the numbers of "
        "performance_table themselves.",
    )


def _what_is_shown(whole, shown):
    columns = {found.column for found in whole}
    what = f"only {' and '.join(sorted(columns))}" if columns else "no column of the table"
    if columns & set(QUALITY) and columns & set(COST):
        what = "a quality and a cost, but not of the same points"
    drawn = [n for n in MODELS if any(q.marks[n] and c.marks[n] for q, c in _pairs(shown))]
    if 0 < len(drawn) < len(MODELS):
        missing = [name for name in MODELS if name not in drawn]
        what = f"no point at the numbers of the {' and the '.join(missing)}"
    return what


def _names_its_marks(axes):
    # Return whether there are a few marks, and ticks, labels or texts that name the models.
    names = {_named(text) for axis in "xy" for _, text in axes["ticks"][axis]}
    names |= {_named(text) for text, _ in axes["texts"]} | {_named(t) for _, t in axes["marks"]}
    return len(axes["marks"]) <= 9 and names >= set(MODELS)


def _inside(axes, axis, value, slack):
    # Whether a value lies within the limits of an axis, or outside by its range times ``slack``.
    low, high = sorted(axes["limits"][axis])
    return low - slack * (high - low) <= value <= high + slack * (high - low)


def _in_sight(axes, found):
    # Raise Broken for the mark of a model that the limits of its axes hide.
    for name in MODELS:
        places = [place for mark in found.marks[name] for place in axes["marks"][mark][0]]
        low, high = axes["limits"][found.axis]
        need(
            any(_inside(axes, found.axis, p["xy".index(found.axis)], 1e-9) for p in places),
            "tradeoff-hidden",
            f"the {found.axis} axis of tradeoff_figure ends at {low:.4g} and {high:.4g}, so the "
            f"point of the {name} is out of sight.",
        )


def _names(axes, marks, what):
    # Raise Broken for a name that stands at a mark which is another model's only.
    for name in MODELS:
        own = _labelled(axes, name) or _written(axes, marks, name)
        theirs = [other for other in MODELS if own & marks[other]]
        need(
            not theirs or name in theirs,
            "tradeoff-names",
            f"the name {name} stands at the {what} of the {' and the '.join(theirs)}: the name and "
            "the numbers belong to the same row.",
        )


def _labelled(axes, name):
    # Return the marks with this name as their label, else those at its one tick, else None.
    own = {n for n, (_, label) in enumerate(axes["marks"]) if _named(label) == name}
    if own:
        return own
    for n, axis in enumerate("xy"):
        at = [place for place, text in axes["ticks"][axis] if _named(text) == name]
        if len(at) == 1:
            return {
                number
                for number, (places, _) in enumerate(axes["marks"])
                if any(abs(place[n] - at[0]) < 0.45 for place in places)
            }
    return None


def _written(axes, marks, name):
    # Return the marks of the model that each text with this name is nearest to.
    candidates = sorted(set().union(*marks.values()))
    if any(len(axes["marks"][mark][0]) > 1 for mark in candidates):
        return set()  # bars: a name may stand anywhere along them
    places = np.array([axes["marks"][mark][0][0] for mark in candidates])
    scale = np.ptp([axes["limits"][axis] for axis in "xy"], axis=1).clip(min=1e-12)
    found = set()
    for text, at in axes["texts"]:
        if at is not None and _named(text) == name:
            _within_limits(axes, name, at)
            away = np.hypot(*((places - np.array(at)) / scale).T)
            found |= {m for m, d in zip(candidates, away, strict=True) if d <= away.min() + 1e-9}
    return found


def _within_limits(axes, name, at):
    for axis, value in zip("xy", at, strict=True):
        need(
            _inside(axes, axis, value, 1),
            "tradeoff-names",
            f"the name {name} stands far outside of the plot, at {axis}={value:.4g}: do its two "
            "numbers come in the order of the axes?",
        )


def _label(found, shown, axes):
    # Raise Broken for an axis that is labelled for another measure than it shows.
    same = (other for other in shown if (other.axes, other.axis) == (found.axes, found.axis))
    columns, label = {other.column for other in same}, axes["labels"][found.axis]
    said = {column for column, words in WORDS.items() if re.search(words, label.lower())}
    need(
        not (said and not said & columns),
        "axes-labels",
        f"the {found.axis} axis of tradeoff_figure is labelled {label!r}, but shows "
        f"{' or '.join(sorted(columns))}.",
    )
