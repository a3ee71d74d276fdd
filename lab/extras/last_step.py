"""The last-step protocol of the original exercise, recorded in data/study/, beside a run."""

import matplotlib.pyplot as plt
from matplotlib.ticker import MaxNLocator

from helpers import by_model, waits_for, without_diverged
from lab.exercise import STYLES
from lab.study import read_study


def plot(metrics, table):
    """Return a figure: validation loss and test perplexity under the last-step protocol and ours.

    The last-step curves were measured on the bundled sample.
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
    panels[0].set(title="Last-step protocol (recorded on the sample)")
    panels[1].set(title="This notebook's protocol (your run)")
    for axes in panels:
        axes.set(xlabel="epoch", ylabel="validation loss (nats per character)")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.legend(title="test perplexity")
    return figure
