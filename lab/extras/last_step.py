"""A plot of the last-step protocol of the original exercise (data/study/) next to a run."""

import matplotlib.pyplot as plt
from matplotlib.ticker import MaxNLocator

from helpers import by_model, waits_for, without_diverged
from lab.exercise import STYLES
from lab.study import read_study


def plot(metrics, table):
    """Return a figure with two panels: validation loss by epoch, and test perplexity in the legend.

    Left: the last-step protocol of the original exercise, which trains with the loss of the last
    timestep of each window only. These curves were measured on the bundled sample. Right: the run
    whose ``metrics`` and performance ``table`` are given.
    """
    if waits_for("performance", metrics, table):
        return None
    perplexity = by_model(table, "Test Perplexity")["Test Perplexity"]
    figure, panels = plt.subplots(1, 2, figsize=(9, 4), sharey=True, layout="constrained")
    recorded = read_study("last_step")
    recorded = recorded[recorded["variant"] == "original"].groupby("model")
    for name, measured in metrics.items():
        style = STYLES.get(name, {})
        rows = recorded.get_group(name)
        label = f"{name}: {rows['test_perplexity'].iloc[-1]:.2f}"
        panels[0].plot(rows["epoch"], rows["val_loss"], label=label, **style)
        losses = without_diverged(measured["val_losses"])
        panels[1].plot(
            range(1, len(losses) + 1), losses, label=f"{name}: {perplexity[name]:.2f}", **style
        )
    panels[0].set(title="Last-step protocol (measured on the sample)")
    panels[1].set(title="Training of this notebook (your run)")
    for axes in panels:
        axes.set(xlabel="epoch", ylabel="validation loss (nats per character)")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.legend(title="test perplexity")
    return figure
