"""lab/extras/series.py: a time series as a text."""

import itertools

from lab.extras.series import mackey_glass


def test_mackey_glass_is_a_series_in_symbols_that_never_repeats():
    series = mackey_glass(length=3_000, levels=32)
    assert len(series) == 3_000 and len(set(series)) == 32
    assert series == mackey_glass(length=3_000, levels=32)
    # Smooth: a step is at most a few levels. Chaotic: no period.
    steps = [abs(ord(a) - ord(b)) for a, b in itertools.pairwise(series)]
    assert max(steps) < 8
    assert not any(series[:2_000] == series[k : 2_000 + k] for k in range(1, 1_000))
