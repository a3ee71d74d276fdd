"""lab/extras/last_step.py: the last-step protocol, recorded, beside a run of this notebook's."""

import pandas as pd

from lab import study
from lab.extras import last_step


def test_last_step_curves_stand_beside_this_run(metrics, table):
    figure = last_step.plot(metrics, table)
    assert [len(a.lines) for a in figure.axes] == [3, 3]
    assert all(len(line.get_xdata()) == 20 for line in figure.axes[0].lines)


def test_each_variant_says_what_the_last_epoch_scores_and_where_validation_was_lowest():
    shown = last_step.variants()
    assert list(shown.columns) == ["RNN", "LSTM", "GRU"] and shown.index[0] == "original"
    rows = pd.read_csv(study.STUDY / "last_step.csv")
    rows = rows[(rows["variant"] == "original") & (rows["model"] == "LSTM")].set_index("epoch")
    lowest, epoch = rows["val_loss"].min(), rows["val_loss"].idxmin()
    expected = f"{rows['test_perplexity'][20]:.1f} (lowest validation loss {lowest:.2f} in epoch "
    assert shown.loc["original", "LSTM"] == f"{expected}{epoch})"
