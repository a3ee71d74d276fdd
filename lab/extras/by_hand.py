"""One timestep of a GRU by hand: a check that compares a student's function with PyTorch.

This check is not one of the ten checks. It gives no points, and neither the summary nor the graders
use it.
"""

import itertools

import torch
from torch import nn

from helpers import describe, say
from lab.exercise import SEED

INPUTS, UNITS = 2, 3


def _step(x, h, w_ih, w_hh, b_ih, b_hh, order="rzn", **otherwise):
    """Return (h, z) by the equations of nn.GRU, or with changed ones.

    ``order`` is the order of the gates in the weights. ``otherwise`` may have functions under the
    names r, z, n and new that replace equations.
    """
    of_x = dict(zip(order, (x @ w_ih.T + b_ih).chunk(3, dim=1), strict=True))

    def of(state):
        return dict(zip(order, (state @ w_hh.T + b_hh).chunk(3, dim=1), strict=True))

    steps = {
        "r": lambda of_x, of_h: torch.sigmoid(of_x["r"] + of_h["r"]),
        "z": lambda of_x, of_h: torch.sigmoid(of_x["z"] + of_h["z"]),
        "n": lambda of_x, of, r, h: torch.tanh(of_x["n"] + r * of(h)["n"]),
        "new": lambda z, h, n: z * h + (1 - z) * n,
    } | otherwise
    r, z = (steps[gate](of_x, of(h)) for gate in "rz")
    return steps["new"](z, h, steps["n"](of_x, of, r, h)), z


KNOWN = {  # a mistake in words: the arguments of _step that make it
    "r scales the state before the product with U, but in PyTorch r scales the product": {
        "n": lambda of_x, of, r, h: torch.tanh(of_x["n"] + of(r * h)["n"])
    },
    "r scales the state, but it must scale h_n, the product of the state with U": {
        "n": lambda of_x, of, r, h: torch.tanh(of_x["n"] + r * h)
    },
    "r is not used": {"n": lambda of_x, of, r, h: torch.tanh(of_x["n"] + of(h)["n"])},
    "n does not use the old state": {"n": lambda of_x, of, r, h: torch.tanh(of_x["n"])},
    "n has no tanh": {"n": lambda of_x, of, r, h: of_x["n"] + r * of(h)["n"]},
    "r uses only the character, not the state": {"r": lambda of_x, of_h: of_x["r"].sigmoid()},
    "z uses only the character, not the state": {"z": lambda of_x, of_h: of_x["z"].sigmoid()},
    "z has no sigmoid": {"z": lambda of_x, of_h: of_x["z"] + of_h["z"]},
    "r has no sigmoid": {"r": lambda of_x, of_h: of_x["r"] + of_h["r"]},
    "z and 1 - z are exchanged, but z must be the share of the old state": {
        "new": lambda z, h, n: (1 - z) * h + z * n
    },
    "the old state is not kept, because z * h is missing": {"new": lambda z, h, n: (1 - z) * n},
    "the new content is not scaled by 1 - z": {"new": lambda z, h, n: z * h + n},
    "b_ih is not used": {"b_ih": torch.zeros(3 * UNITS)},
    "b_hh is not used": {"b_hh": torch.zeros(3 * UNITS)},
    **{
        f"the parts are used in the order {', '.join(order)}, but PyTorch's order is r, z, n": {
            "order": order
        }
        for order in itertools.permutations("rzn")
        if order != ("r", "z", "n")
    },
}


def check(gru_step):
    """Print whether ``gru_step`` computes the same as nn.GRUCell on random numbers.

    ``gru_step(x, h, w_ih, w_hh, b_ih, b_hh)`` must return ``(h, z)``. If the results differ, the
    printed line names the mistake if it is a known one. Returns ``gru_step`` if it is right,
    otherwise None.
    """
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(SEED)  # the same numbers in each call
        cell = nn.GRUCell(INPUTS, UNITS)
        x, h, weights = torch.randn(4, INPUTS), torch.randn(4, UNITS), [*cell.parameters()]
        try:
            answer = gru_step(x, h, *weights)
        except Exception as error:
            say(f"✘ gru_step raised an error for x of shape (4, {INPUTS}): {error}")
            return None
        given = dict(zip(("w_ih", "w_hh", "b_ih", "b_hh"), weights, strict=True))
        steps = {what: _step(x, h, **given | how) for what, how in KNOWN.items()}
        right = cell(x, h), _step(x, h, **given)[1]
    if not (
        isinstance(answer, tuple) and [getattr(a, "shape", 0) for a in answer] == [h.shape] * 2
    ):
        say(
            f"✘ gru_step returned {describe(answer)}. Expected a pair (h, z), both with the shape "
            f"of the old state, {tuple(h.shape)}."
        )
        return None
    if _alike(answer, right):
        say("✔ gru_step computes the same as nn.GRUCell.")
        return gru_step
    known = (what for what, step in steps.items() if _alike(answer, step))
    lines = (
        "z is right, but r, n or the last line is not"
        if _alike(answer[1:], right[1:])
        else "z is wrong, so look at its line first"
    )
    say(f"✘ gru_step does not compute the same as nn.GRUCell. Found: {next(known, lines)}.")
    return None


def _alike(one, other):
    return all(torch.allclose(a, b, atol=1e-5) for a, b in zip(one, other, strict=True))
