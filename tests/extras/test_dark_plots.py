"""In a light and in a dark style, what the notebook plots stands out from what is behind it."""

import matplotlib.colors
import nbformat
import numpy as np
import pytest
from matplotlib.collections import PathCollection
from matplotlib.legend import Legend
from matplotlib.text import Text

from course.make_exercise import SOLUTION
from tests.running import printed_by, run_notebook

LEAST = 3  # the ratio that WCAG 2.2, 1.4.11 asks of graphical objects


def luminance(colour):
    """Return the relative luminance of a colour, from 0 (black) to 1 (white), as WCAG defines."""
    rgb = np.array(matplotlib.colors.to_rgb(colour))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def contrast(one, other):
    low, high = sorted([luminance(one), luminance(other)])
    return (high + 0.05) / (low + 0.05)


def drawn_in(figure):
    """Yield (artist, its colour, the colour behind it) of lines, bars, points and texts."""
    for axes in figure.axes:
        behind = axes.get_facecolor()
        for line in axes.lines:
            yield line, line.get_color(), behind
        for bar in (bar for bars in axes.containers for bar in getattr(bars, "patches", ())):
            yield bar, bar.get_facecolor(), behind
        for points in axes.findobj(PathCollection):
            if points.get_alpha() is None:
                yield from ((points, colour, behind) for colour in points.get_facecolor())
        texts = [] if axes.images else axes.texts  # on an image each has its own background
        legends = [legend for legend in axes.findobj(Legend) if legend.get_frame()]
        for legend in legends:
            texts = [*texts, *legend.get_texts()]
        yield from ((text, text.get_color(), behind) for text in texts)
        for text in (axes.title, axes.xaxis.label, axes.yaxis.label, *axes.get_xticklabels()):
            yield text, text.get_color(), figure.get_facecolor()


def too_faint(figure):
    """Return a description of each artist whose contrast is too low."""
    return [
        f"{artist} {colour} on {behind}"
        for artist, colour, behind in drawn_in(figure)
        if contrast(colour, behind) < LEAST and not (isinstance(artist, Text) and not f"{artist}")
    ]


def test_black_on_black_is_found():
    figure = matplotlib.figure.Figure(facecolor="black")
    axes = figure.add_subplot(facecolor="black")
    axes.plot([1, 2], color="#111111")
    axes.plot([1, 2], color="white")
    assert sum("Line2D" in one for one in too_faint(figure)) == 1


@pytest.mark.parametrize("style", ["default", "dark_background"])
def test_no_plot_of_the_notebook_is_too_faint(style, quick):
    notebook = nbformat.read(SOLUTION, as_version=4)
    (after,) = (n for n, cell in enumerate(notebook.cells) if cell.id == "setup")
    look = f"""
import matplotlib.pyplot as plt
from tests.extras.test_dark_plots import too_faint

plt.style.use({style!r})
faint, number, with_words = [], 0, helpers.with_words

def looked_at(figure, **how):
    global number
    number += 1
    faint.extend(too_faint(figure))
    return with_words(figure, **how)

helpers.with_words = looked_at
"""
    notebook.cells.insert(after + 1, nbformat.v4.new_code_cell(look))
    last = nbformat.v4.new_code_cell("print(number, *faint, sep='\\n')", id="faint")
    notebook.cells.append(last)
    number, *faint = printed_by(run_notebook(notebook), "faint").splitlines()
    assert int(number) > 9 and not faint
