"""Cost against quality: which models another one beats on both."""

import matplotlib.pyplot as plt
from matplotlib.ticker import MaxNLocator

import helpers
from lab import exercise
from lab.study import seed_noise


def dominated(costs, perplexities):
    """Return the names for which another model costs less and predicts as well or better.

    Perplexities that seeds alone could make differ as much count as equal.
    """
    worst = 1 + seed_noise()
    return {
        name
        for name in costs.index
        for other in costs.index
        if costs[other] < costs[name] and perplexities[other] <= worst * perplexities[name]
    }


def plot_pareto(phone, runtimes, spans, required_span):
    """Return a figure of perplexity against latency and size, and print what it shows.

    ``phone`` and ``runtimes`` are what phone_table and compare_runtimes returned; without the
    latter the figure has eager PyTorch only. A cross marks a dominated model, a hollow mark one
    whose class, taught afresh, does not reach a memory span of ``required_span`` characters.
    """
    if helpers.waits_for("5 and 9: train the models, spans", phone, spans):
        return None
    phone = phone.set_index("Model")
    panels = {"keystroke, PyTorch; counting: NumPy (ms)": phone["Keystroke (ms)"]}
    if runtimes is not None:
        panels["keystroke in ONNX Runtime (ms)"] = runtimes.set_index("Model")[
            "ONNX Runtime, int8 (ms)"
        ]
    panels["size, int8 (MB; counting: its counts)"] = phone["Size, int8 (MB)"].fillna(
        phone["Size, fp32 (MB)"]
    )
    figure, axes = plt.subplots(
        1, len(panels), figsize=(4 * len(panels), 3.8), sharey=True, layout="constrained"
    )
    remember = {name for name, span in spans.items() if span >= required_span}
    for panel, (label, costs) in zip(axes, panels.items(), strict=True):
        beaten = dominated(costs, phone["Perplexity Typing"])
        _draw(panel, costs, phone["Perplexity Typing"], beaten, remember)
        panel.set(xlabel=label, xlim=(0, 1.3 * costs.max()))
        best = [name for name in costs.sort_values().index if name not in beaten]
        enough = [name for name in best if name in remember]
        print(
            f"{label.partition(' (')[0]}: not dominated {', '.join(best)}; of these, taught "
            f"afresh, reach a span of {required_span}: {', '.join(enough) or 'none'}."
        )
    axes[0].set_ylabel("perplexity while typing")
    figure.suptitle(
        "Down and left is better. Crossed: dominated. Hollow: its span, taught afresh, is short."
    )
    return figure


def _draw(panel, costs, perplexities, beaten, remember):
    """Draw a mark for each model: hollow unless it remembers enough, crossed if it is beaten."""
    for name, cost in costs.items():
        style = exercise.STYLES.get(name, {"color": "black", "marker": "D"})
        marks = {key: style[key] for key in ("marker", "color")}
        point = cost, perplexities[name]
        filled = "full" if name in remember else "none"
        panel.plot(*point, fillstyle=filled, markersize=9, **marks)
        if name in beaten:
            panel.plot(*point, "kx", markersize=15)
        place = (9, -16) if name in beaten else (9, 7)
        panel.annotate(name, point, xytext=place, textcoords="offset points")
    panel.margins(y=0.25)
    panel.xaxis.set_major_locator(MaxNLocator(5))
    panel.grid(alpha=0.3)
