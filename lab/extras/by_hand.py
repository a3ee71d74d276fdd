"""One step of a GRU by hand: a check that compares a student's with PyTorch's.

It stands beside the ten checks: it gives no points, and no summary or grader knows of it.
"""

import itertools

import torch
from torch import nn

from helpers import describe, say
from lab.exercise import SEED

INPUTS, UNITS = 2, 3


def _step(x, h, w_ih, w_hh, b_ih, b_hh, order="rzn", **otherwise):
    """Return (h, z) by nn.GRU's equations, or with one of them done otherwise.

    ``order`` is that of the gates in the weights; of ``otherwise``, r, z, n and new are functions.
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


KNOWN = {  # mistakes, by what they do: the arguments of _step that do so
    "r scales the state before the product with U; in PyTorch it scales the product": {
        "n": lambda of_x, of, r, h: torch.tanh(of_x["n"] + of(r * h)["n"])
    },
    "r scales the state itself; the product of the state with U is h_n": {
        "n": lambda of_x, of, r, h: torch.tanh(of_x["n"] + r * h)
    },
    "r is not used": {"n": lambda of_x, of, r, h: torch.tanh(of_x["n"] + of(h)["n"])},
    "n does not see the old state": {"n": lambda of_x, of, r, h: torch.tanh(of_x["n"])},
    "n has no tanh": {"n": lambda of_x, of, r, h: of_x["n"] + r * of(h)["n"]},
    "r reads the character alone, not the state": {"r": lambda of_x, of_h: of_x["r"].sigmoid()},
    "z reads the character alone, not the state": {"z": lambda of_x, of_h: of_x["z"].sigmoid()},
    "z has no sigmoid": {"z": lambda of_x, of_h: of_x["z"] + of_h["z"]},
    "r has no sigmoid": {"r": lambda of_x, of_h: of_x["r"] + of_h["r"]},
    "z and 1 - z are exchanged: z is the share of the old state": {
        "new": lambda z, h, n: (1 - z) * h + z * n
    },
    "the old state is not kept: z * h is missing": {"new": lambda z, h, n: (1 - z) * n},
    "the new content is not scaled by 1 - z": {"new": lambda z, h, n: z * h + n},
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
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(SEED)  # the same numbers at each try
        cell = nn.GRUCell(INPUTS, UNITS)
        x, h, weights = torch.randn(4, INPUTS), torch.randn(4, UNITS), [*cell.parameters()]
        try:
            answer = gru_step(x, h, *weights)
        except Exception as error:
            say(f"✘ gru_step ended in an error, for x of shape (4, {INPUTS}): {error}")
            return None
        given = dict(zip(("w_ih", "w_hh", "b_ih", "b_hh"), weights, strict=True))
        steps = {what: _step(x, h, **given | how) for what, how in KNOWN.items()}
        right = cell(x, h), _step(x, h, **given)[1]
    if not (
        isinstance(answer, tuple) and [getattr(a, "shape", 0) for a in answer] == [h.shape] * 2
    ):
        say(f"✘ gru_step returned {describe(answer)}: expected (h, z), both of h's shape.")
        return None
    if _alike(answer, right):
        say("✔ gru_step computes what nn.GRUCell computes.")
        return gru_step
    known = (what for what, step in steps.items() if _alike(answer, step))
    lines = "r, n or the last line is not" if _alike(answer[1:], right[1:]) else "start with z"
    say(f"✘ gru_step is not the step of nn.GRUCell: {next(known, lines)}.")
    return None


def _alike(one, other):
    return all(torch.allclose(a, b, atol=1e-5) for a, b in zip(one, other, strict=True))
