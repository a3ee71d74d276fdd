"""A time series written as a text, so that the models can be trained on it."""

import numpy as np


def mackey_glass(length=20_000, levels=64, delay=17):
    """Return a chaotic time series as a text of ``length`` characters.

    Each value is written as one of ``levels`` different characters. The equation is
    x' = 0.2 x(t - delay) / (1 + x(t - delay)^10) - 0.1 x(t), with x = 1.2 at the start. It is
    computed in time steps of 0.1, and every tenth value is kept. The first 1,000 of these are
    dropped. (Mackey and Glass, "Oscillation and Chaos in Physiological Control Systems", 1977.)
    """
    steps = 10 * (1_000 + length)
    x = np.full(steps + 10 * delay, 1.2)
    for t in range(10 * delay, len(x) - 1):
        past = x[t - 10 * delay]
        x[t + 1] = x[t] + 0.1 * (0.2 * past / (1 + past**10) - 0.1 * x[t])
    kept = x[-10 * length :: 10]
    level = (kept - kept.min()) / np.ptp(kept) * levels
    return "".join(chr(ord("0") + min(int(value), levels - 1)) for value in level)
