"""TODO 8: figures. An answer is the two figures, learning_curves and tradeoff_figure."""

from matplotlib.figure import Figure
from matplotlib.patches import Circle

from tests.answers import right, wrong
from tests.answers.todo_10_recommendation import MEASURED

LATENCY = ("Inference Speed (ms)", "Test Perplexity")


def plotted(x="Parameters", y="Test Perplexity", how="annotate", **other):
    """Return a figure of a column against another; ``other`` changes names, units and labels."""
    figure = Figure()
    axes = figure.subplots()
    names = other.get("names", MEASURED["Model"])
    unit = other.get("unit", 1)
    points = list(zip(MEASURED[x] * unit, MEASURED[y], strict=True))[: other.get("some", 3)]
    if how == "bars":
        axes.bar(names, MEASURED[y])
    elif how == "line":
        axes.plot(*zip(*points, strict=True), "o")
    else:
        for name, point in zip(names, points, strict=False):
            axes.scatter(*point, label=name)
    if how in ("annotate", "line"):
        for name, point in zip(names, points, strict=False):
            axes.annotate(name, point, xytext=(6, 6), textcoords="offset points")
    if how == "text":
        for name, point in zip(names, points, strict=False):
            axes.text(*point, f" {name}")
    if how == "far away":
        for name, point in zip(names, points, strict=False):
            axes.annotate(name, point[::-1])
    if how == "legend":
        axes.legend()
    axes.set(xlabel=other.get("xlabel", x), ylabel=other.get("ylabel", y))
    return figure


LOSSES = ("Final Train Loss", "Final Val Loss")


def curves(names=None, columns=LOSSES, models=3):
    """Return learning curves that end at the table's losses: one panel for each of them."""
    figure = Figure()
    names = MEASURED["Model"] if names is None else names
    for column, axes in zip(
        columns, figure.subplots(1, len(columns), squeeze=False)[0], strict=True
    ):
        for name, final in list(zip(names, MEASURED[column], strict=True))[:models]:
            axes.plot([1, 2, 3], [3.0, 2.5, final], label=name)
        axes.legend()
        axes.set(xlabel="epoch", ylabel="loss", title=column)
    return figure


def swapped_panels():
    figure = curves()
    titles = [axes.get_title() for axes in figure.axes]
    for axes, title in zip(figure.axes, reversed(titles), strict=True):
        axes.set_title(title)
    return figure


def of_whole_figure():
    figure = plotted(xlabel="", ylabel="")
    figure.supxlabel("parameters")
    figure.supylabel("test perplexity")
    return figure


def with_colour_bar():
    figure = Figure()
    axes = figure.subplots()
    x, y = MEASURED["Parameters"], MEASURED["Test Perplexity"]
    marks = axes.scatter(x, y, c=MEASURED["Inference Speed (ms)"])
    figure.colorbar(marks)
    for name, *place in zip(MEASURED["Model"], x, y, strict=True):
        axes.annotate(name, place)
    axes.set(xlabel="parameters", ylabel="perplexity")
    return figure


def twin_axes():
    figure = Figure()
    left = figure.subplots()
    left.bar(MEASURED["Model"], MEASURED["Parameters"])
    right = left.twinx()
    right.plot(MEASURED["Model"], MEASURED["Test Perplexity"], "ko")
    left.set(xlabel="model", ylabel="parameters")
    right.set_ylabel("test perplexity")
    return figure


def shared_axes():
    figure = Figure()
    upper, lower = figure.subplots(2, 1, sharex=True)
    for axes, y in ((upper, "Test Perplexity"), (lower, "Inference Speed (ms)")):
        axes.scatter(MEASURED["Parameters"], MEASURED[y])
        axes.set_ylabel(y)
        for name, *place in MEASURED[["Model", "Parameters", y]].to_numpy():
            axes.annotate(name, place)
    lower.set_xlabel("parameters")
    return figure


def empty():
    figure = Figure()
    figure.subplots()
    return figure


def of_points(write):
    """Return a figure of all three points in one scatter, on which ``write(axes)`` goes on."""
    figure = Figure()
    axes = figure.subplots()
    axes.scatter(MEASURED["Parameters"], MEASURED["Test Perplexity"])
    for name, *place in MEASURED[["Model", "Parameters", "Test Perplexity"]].to_numpy():
        axes.annotate(name, place)
    axes.set(xlabel="parameters", ylabel="perplexity")
    write(axes)
    return figure


def two_panels(names=None, costs=None, lying=False, inside=False):
    """Return a figure of bars: a quality on the left, a cost on the right."""
    figure = Figure()
    names = list(MEASURED["Model"]) if names is None else names
    costs = MEASURED["Parameters"] if costs is None else costs
    columns = {"Test Perplexity": MEASURED["Test Perplexity"], "Parameters": costs}
    for axes, (column, values) in zip(figure.subplots(1, 2), columns.items(), strict=True):
        (axes.barh if lying else axes.bar)(names, values)
        for i, (name, value) in enumerate(zip(names, values, strict=True)):
            if inside:
                axes.text(*((value / 2, i) if lying else (i, value / 2)), name)
        axes.set(xlabel=column if lying else "model", ylabel="model" if lying else column)
    return figure


def with_two_legends(axes):
    for name, x, y in MEASURED[["Model", "Parameters", "Test Perplexity"]].to_numpy():
        axes.scatter(x, y, label=name)
    axes.add_artist(axes.legend())
    axes.legend(["all"], loc="lower left")


def rounded(axes):
    axes.clear()
    points = (MEASURED["Parameters"] / 1e6).round(2), MEASURED["Test Perplexity"].round(1)
    for name, x, y in zip(MEASURED["Model"], *points, strict=True):
        axes.plot(x, y, "o", label=name.lower())
    axes.legend()
    axes.set(xlabel="million parameters", ylabel="PPL (of 73 answers)")


def empty_curves():
    figure = Figure()
    axes = figure.subplots()
    axes.plot([], [])
    axes.set(xlabel="epoch", ylabel="loss")
    return figure


def curves_of_models():
    """Return learning curves that pass by the table's numbers: the losses of three epochs."""
    figure = Figure()
    axes = figure.subplots()
    for name, *losses in MEASURED[["Model", *LATENCY]].to_numpy():
        axes.plot([1, 2], losses, label=name)
    axes.legend()
    axes.set(xlabel="epoch", ylabel="loss")
    return figure


def a_pie(axes):
    axes.clear()
    axes.pie(MEASURED["Parameters"], labels=MEASURED["Model"])
    axes.set(xlabel="parameters", ylabel="model")


WRONG = [
    # no figure, or nothing in it
    wrong("figure-empty", None, plotted()),
    wrong("figure-empty", curves(), empty()),
    wrong("figure-empty", curves(), plotted().axes[0]),
    wrong("figure-empty", empty_curves(), plotted()),
    # curves of one model, of one loss, or under other names
    wrong("curves-missing", curves(models=1), plotted()),
    wrong("curves-missing", curves(columns=LOSSES[:1]), plotted()),
    wrong("curves-missing", curves(names=["LSTM", "RNN", "GRU"]), plotted()),
    wrong("curves-missing", swapped_panels(), plotted()),
    # an axis or a model without its name
    wrong("axes-labels", curves(), plotted(xlabel="")),
    wrong("axes-labels", curves(), plotted(ylabel=" ")),
    wrong("axes-labels", curves(), plotted(how="no names")),
    wrong("tradeoff-points", curves(), plotted(some=2)),
    wrong("tradeoff-points", curves(), plotted(some=1)),
    # no quality against a cost, of all three models
    wrong("tradeoff-points", curves(), plotted("Parameters", "Inference Speed (ms)")),
    wrong("tradeoff-points", curves(), plotted("Parameters", "Parameters")),
    wrong("tradeoff-points", curves(), plotted("Test Perplexity", "Test Perplexity")),
    wrong("tradeoff-points", curves(), plotted(how="bars")),
    wrong("tradeoff-points", curves(), plotted(unit=1.3)),
    wrong("tradeoff-points", curves(), of_points(a_pie)),
    wrong("tradeoff-points", curves(), curves_of_models()),
    wrong("tradeoff-points", curves(), two_panels(costs=[1, 2, 3])),
    # names at other points, labels of other measures
    wrong("tradeoff-names", curves(), plotted(names=["LSTM", "GRU", "RNN"])),
    wrong("tradeoff-names", curves(), plotted(*LATENCY, how="line", names=["GRU", "LSTM", "RNN"])),
    wrong("tradeoff-names", curves(), plotted(how="text", names=["GRU", "LSTM", "RNN"])),
    wrong("tradeoff-names", curves(), plotted(how="legend", names=["LSTM", "GRU", "RNN"])),
    wrong("tradeoff-names", curves(), two_panels(names=["LSTM", "RNN", "GRU"])),
    wrong("tradeoff-names", curves(), two_panels(costs=sorted(MEASURED["Parameters"]))),
    wrong("axes-labels", curves(), plotted(xlabel="latency (ms)")),
    wrong("axes-labels", curves(), plotted(ylabel="parameters")),
    wrong("axes-labels", curves(), plotted(*LATENCY, xlabel="number of parameters")),
]
WRONG += [
    # limits that hide a point, names far off
    wrong("tradeoff-hidden", curves(), of_points(lambda axes: axes.set_xlim(0, 5e5))),
    wrong("tradeoff-hidden", curves(), of_points(lambda axes: axes.set_ylim(6.8, 7.2))),
    wrong("tradeoff-names", curves(), plotted(how="far away")),
]
RIGHT = [
    right(curves(), plotted()),
    right(curves(), plotted(how="legend")),
    right(curves(), plotted(how="line")),
    right(curves(), plotted(how="text")),
    right(curves(), plotted(*LATENCY, xlabel="milliseconds for a window")),
    right(curves(), plotted("Test Perplexity", "Parameters")),
    right(curves(), plotted(unit=1e-6, xlabel="million parameters")),
    right(curves(), plotted(names=["Char RNN", "LSTM (4 gates)", "the GRU"])),
    right(curves(), of_whole_figure()),
    right(curves(), with_colour_bar()),
    right(curves(), twin_axes()),
    right(curves(), shared_axes()),
    right(curves(), two_panels()),
    right(curves(), two_panels(inside=True)),
    right(curves(), two_panels(lying=True, inside=True)),
    right(curves(), of_points(with_two_legends)),
    right(curves(), of_points(rounded)),
    right(curves(), of_points(lambda axes: axes.add_patch(Circle((5e5, 7), 0.1)))),
    right(curves(), of_points(lambda axes: axes.text(0.8, 0.9, "RNN", transform=axes.transAxes))),
    right(curves(), of_points(lambda axes: axes.text(3e5, 7.0, "recommended: GRU"))),
    right(curves(), plotted(*LATENCY, xlabel="evaluation time (ms)")),
    right(curves(), plotted(xlabel="number of trainable values")),
]
