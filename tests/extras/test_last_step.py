"""lab/extras/last_step.py: the last-step protocol, recorded, beside a run of this notebook's."""

from lab.extras import last_step


def test_last_step_curves_stand_beside_this_run(metrics, table):
    figure = last_step.plot(metrics, table)
    assert [len(a.lines) for a in figure.axes] == [3, 3]
    assert all(len(line.get_xdata()) == 20 for line in figure.axes[0].lines)
