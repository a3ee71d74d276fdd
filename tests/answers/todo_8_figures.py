"""TODO 8: figures. An answer is the two figures, learning_curves and tradeoff_figure."""

from matplotlib.figure import Figure

from tests.answers import right, wrong


def plotted(names=("RNN", "LSTM", "GRU"), xlabel="parameters", ylabel="perplexity", how="annotate"):
    figure = Figure()
    axes = figure.subplots()
    for i, name in enumerate(names):
        axes.scatter(i, i, label=name)
        if how == "annotate":
            axes.annotate(name, (i, i))
    if how == "legend":
        axes.legend()
    if how == "bars":
        axes.clear()
        axes.bar(names, range(1, len(names) + 1))
    axes.set(xlabel=xlabel, ylabel=ylabel)
    return figure


def empty():
    figure = Figure()
    figure.subplots()
    return figure


WRONG = [
    # no figure, or nothing in it
    wrong("figure-empty", plotted(), None),
    wrong("figure-empty", None, plotted()),
    wrong("figure-empty", plotted(), empty()),
    wrong("figure-empty", plotted(), plotted().axes[0]),
    # an axis or a model without its name
    wrong("axes-unlabelled", plotted(), plotted(xlabel="")),
    wrong("axes-unlabelled", plotted(), plotted(ylabel=" ")),
    wrong("axes-unlabelled", plotted(), plotted(how="no names")),
    wrong("axes-unlabelled", plotted(), plotted(("RNN", "LSTM"))),
]
RIGHT = [
    right(plotted(), plotted()),
    right(plotted(), plotted(how="legend")),
    right(plotted(), plotted(how="bars")),
    right(plotted(), plotted(("Char RNN", "LSTM (4 gates)", "the GRU"))),
]
