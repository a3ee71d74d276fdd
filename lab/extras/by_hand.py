"""One step of a GRU by hand: a check that compares a student's with PyTorch's.

It stands beside the ten checks: it gives no points, and no summary or grader knows of it.
"""

import itertools

import torch
from torch import nn

from helpers import say

UNITS = 3


def _step(x, h, w_ih, w_hh, b_ih, b_hh, order="rzn", new=None, mix=None):
    """Return the new state by nn.GRU's equations, or with one of them done otherwise.

    ``order`` is that of the gates in the weights, ``new`` and ``mix`` compute n and the new state.
    """
    of_x = dict(zip(order, (x @ w_ih.T + b_ih).chunk(3, dim=1), strict=True))

    def of(state):
        return dict(zip(order, (state @ w_hh.T + b_hh).chunk(3, dim=1), strict=True))

    r, z = (torch.sigmoid(of_x[gate] + of(h)[gate]) for gate in "rz")
    n = new(of_x["n"], of, r, h) if new else torch.tanh(of_x["n"] + r * of(h)["n"])
    return mix(z, h, n) if mix else z * h + (1 - z) * n


KNOWN = {  # mistakes, by what they do: the arguments of _step that do so
    "r scales the state before the product with U; in PyTorch it scales the product": {
        "new": lambda x_n, of, r, h: torch.tanh(x_n + of(r * h)["n"])
    },
    "r is not used": {"new": lambda x_n, of, r, h: torch.tanh(x_n + of(h)["n"])},
    "n has no tanh": {"new": lambda x_n, of, r, h: x_n + r * of(h)["n"]},
    "z and 1 - z are exchanged: z is the share of the old state": {
        "mix": lambda z, h, n: (1 - z) * h + z * n
    },
    "the old state is not kept: z * h is missing": {"mix": lambda z, h, n: (1 - z) * n},
    "b_ih is left out": {"b_ih": torch.zeros(3 * UNITS)},
    "b_hh is left out": {"b_hh": torch.zeros(3 * UNITS)},
    **{
        f"the gates are taken in the order {', '.join(order)}; PyTorch stacks r, z, n": {
            "order": order
        }
        for order in itertools.permutations("rzn")
        if order != ("r", "z", "n")
    },
}


def check(gru_step):
    """Print whether a step computes what nn.GRUCell does on random numbers; return it or None.

    ``gru_step(x, h, w_ih, w_hh, b_ih, b_hh)`` returns ``(h, z)``. Where it differs, the line names
    the mistake if it is a known one.
    """
    cell = nn.GRUCell(2, UNITS)
    x, h, weights = torch.randn(4, 2), torch.randn(4, UNITS), [*cell.parameters()]
    names = ("w_ih", "w_hh", "b_ih", "b_hh")
    with torch.no_grad():
        answer = gru_step(x, h, *weights)
        if not (isinstance(answer, tuple) and len(answer) == 2 and answer[0].shape == h.shape):
            say("gru_step is not filled in yet: it should return (h, z), both of h's shape.")
            return None
        new, wanted, given = answer[0], cell(x, h), dict(zip(names, weights, strict=True))
        steps = {what: _step(x, h, **given | how) for what, how in KNOWN.items()}
    if torch.allclose(new, wanted, atol=1e-5):
        say("✔ gru_step computes what nn.GRUCell computes.")
        return gru_step
    reason = f"the first number of h is {new[0, 0]:.3f}, where nn.GRUCell gives {wanted[0, 0]:.3f}"
    known = (what for what, state in steps.items() if torch.allclose(new, state, atol=1e-5))
    say(f"✘ gru_step is not the step of nn.GRUCell: {next(known, reason)}.")
    return None
