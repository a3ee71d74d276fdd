"""lab/study.py: what the files of the study say."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from lab import exercise, goal, study
from lab.extras import study_views

ASKED = goal.Requirements(**exercise.REQUIREMENTS)


@pytest.mark.parametrize(
    ("interval", "verdict"),
    [
        ((0.01, -0.01, 0.03), "no difference shown"),
        ((0.02, 0.01, 0.03), "LSTM better"),
        ((-0.02, -0.03, -0.01), "GRU better"),
    ],
)
def test_a_difference_is_shown_by_its_corrected_p_value(made_up, interval, verdict):
    shown = study_views.differences("text", made_up(gru_against_lstm=interval))
    assert shown.loc["GRU against LSTM", f"{exercise.EPOCHS} epochs: verdict"] == verdict
    assert shown.loc["RNN against GRU", f"{exercise.EPOCHS} epochs: verdict"] == "GRU better"
    assert (
        shown.loc["RNN against counting", f"{exercise.EPOCHS} epochs"] == "+8.0% (+6.0% to +10.0%)"
    )
    assert list(shown["equal parameters"][:3]) == ["+1.0% (-4.0% to +6.0%)"] * 3


def test_the_recommendation_depends_on_the_circumstances(made_up):
    shown = study_views.recommended_by_study(ASKED, "text", made_up())
    load_4, load_2, load_1 = (
        shown.loc[f"as in the notebook, holding {n} at once"] for n in (4, 2, 1)
    )
    assert load_4["taught 64"] == "GRU, LSTM" and load_1["taught 64"] == "RNN, GRU, LSTM"
    assert load_2["open"] == "none"  # whatever the RNN is taught, it predicts too badly
    assert load_1["near the best"] == "GRU, LSTM"  # the RNN is 8 % behind
    assert set(shown["recommended"][:4]) == {"GRU"}
    more = shown.loc["9,000 characters of WikiText-2, holding 4"]
    assert more["near the best"] == "RNN, LSTM" and more["recommended"] == "LSTM"


def test_with_a_wider_margin_the_plain_rnn_is_recommended_where_it_remembers(made_up):
    shown = study_views.recommended_by_study(
        ASKED._replace(perplexity_margin=0.12), "text", made_up()
    )
    assert shown["recommended"].to_list()[:3] == ["GRU", "GRU", "RNN"]
    assert shown["open"].to_list()[:3] == ["none", "RNN", "none"]  # one of its seeds fails at 2


def test_a_load_that_the_study_did_not_try_is_open(made_up):
    asked = ASKED._replace(load=3)
    shown = study_views.recommended_by_study(asked, "text", made_up())
    row = shown.loc["until it has learned, holding 3 at once"]
    assert row["open"] == "GRU, LSTM" and row["recommended"] == "none"


def test_a_margin_inside_the_interval_is_open(made_up):
    shown = study_views.recommended_by_study(
        ASKED._replace(perplexity_margin=0.08), "text", made_up()
    )
    assert shown.iloc[2]["open"] == "RNN" and shown.iloc[2]["recommended"] == "GRU"


def test_a_span_that_nobody_reaches_recommends_nobody(made_up):
    asked = ASKED._replace(span=256)
    shown = study_views.recommended_by_study(asked, "text", made_up())
    assert set(shown["recommended"]) == {"none"} == set(shown["taught 64".replace("64", "256")])


def test_text_sizes_are_means_over_seeds(made_up):
    folder = made_up()
    table = study_views.text_sizes(folder=folder)
    assert list(table.columns) == ["RNN", "LSTM", "GRU", "counting"]
    assert table.loc[1_000, "RNN"] == pytest.approx(np.exp(2.0))
    figure = study_views.plot_text_sizes(folder)
    assert len(figure.axes[0].lines) == 8  # means and seeds of four
    plt.close(figure)


def test_this_run_is_drawn_among_the_seeds_of_the_study(made_up, table):
    figure = study_views.plot_beside(table, "text", made_up())
    (axes,) = figure.axes
    lines = [line for line in axes.lines if len(line.get_xdata())]
    stars = {line.get_xdata()[0] for line in lines if line.get_marker() == "*"}
    assert stars == set(table["Test Perplexity"])
    assert [len(line.get_xdata()) for line in axes.lines].count(5) == 3
    plt.close(figure)


def test_a_run_on_another_text_is_told_that_the_study_says_nothing_of_it(made_up, table, capsys):
    folder = made_up()
    assert study_views.plot_beside(table, "another text", folder) is None
    assert study_views.differences("another text", folder) is None
    assert study_views.recommended_by_study(ASKED, "another text", folder) is None
    assert study_views.learning("another text", folder) is None
    assert capsys.readouterr().out.count("bundled sample") == 4


def test_the_committed_study_has_what_the_notebook_asks_of_it(sample):
    assert study_views.differences(sample[0]).shape == (6, 5)
    assert len(study_views.recommended_by_study(ASKED, sample[0])) >= 4
    assert list(study_views.learning(sample[0]).columns) == ["RNN", "LSTM", "GRU"]
    assert (
        list(study_views.starts().columns) == [2_000, 10_000]
        and study_views.starts().loc["RNN", 10_000]
    )
    figure = study_views.plot_sweeps()
    assert [len(axes.containers) for axes in figure.axes] == [3, 3]
    assert list(study_views.attention().columns) == ["RNN", "Attention"]
    assert study_views.contexts().loc["800,000, LSTM", "enough"] == 16
    plt.close(figure)


@pytest.mark.parametrize("damage", [None, b"", b"\xff\xfe"])
def test_a_damaged_file_is_named(damage, tmp_path):
    if damage is not None:
        (tmp_path / "spans.csv").write_bytes(damage)
    with pytest.raises(ValueError, match=r"spans\.csv is damaged or missing .*: take it from"):
        study.read_study("spans", tmp_path)
