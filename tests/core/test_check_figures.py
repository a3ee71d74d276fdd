"""TODO 8: what the check of the figures finds."""

import pytest
from matplotlib.figure import Figure

from lab import checks
from tests.answers import assert_breaks, cases, todo_8_figures
from tests.answers.todo_10_recommendation import MEASURED


@pytest.mark.parametrize("rule, learning_curves, tradeoff_figure", cases(todo_8_figures))
def test_both_figures_show_data_and_say_of_what(rule, learning_curves, tradeoff_figure):
    assert_breaks(rule, checks.figures(learning_curves, tradeoff_figure, MEASURED))


def test_the_learning_curves_are_no_trade_off():
    figure = todo_8_figures.plotted()
    assert_breaks("tradeoff-points", checks.figures(figure, figure, MEASURED))


@pytest.mark.parametrize("apart", [0.003, 0.0003, 0.0])
def test_perplexities_that_lie_close_together_are_told_apart_by_the_other_number(apart):
    near = [6.62, 6.62 * (1 + apart), 6.62 * (1 - apart)]
    table = MEASURED.assign(**{"Test Perplexity": near})
    figure = Figure()
    axes = figure.subplots()
    for name, *place in table[["Model", "Parameters", "Test Perplexity"]].to_numpy():
        axes.scatter(*place)
        axes.annotate(name, place, xytext=(6, 6), textcoords="offset points")
    axes.set(xlabel="Parameters", ylabel="Test Perplexity")
    assert_breaks(None, checks.figures(todo_8_figures.curves(), figure, table))


@pytest.mark.parametrize(
    "table", [None, MEASURED.tail(2), MEASURED.to_dict(), MEASURED.astype(str)], ids=type
)
def test_a_table_that_is_none_is_named(table):
    figures = todo_8_figures.curves(), todo_8_figures.plotted()
    result = checks.figures(*figures, table)
    assert_breaks("tradeoff-points", result)
    assert "The check of TODO 7 shows more" in result.message
