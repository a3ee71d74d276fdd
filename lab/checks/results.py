"""The results of checks: banners, points, the state of all checks, and hints on request."""

import contextlib
import functools
import inspect
import io
import logging
import os
import random
import re
import textwrap
import tomllib
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from helpers import describe, one_thread, say
from lab.ask import TooSlow, checks as asking, seconds_allowed, within
from lab.checks import runs
from lab.checks.rule import RULES, Broken, NotAttempted, need
from lab.exercise import CHECKS, PARAGRAPH_POINTS, POINTS, VERDICT_COLORS, VERSION

WITHOUT_POINTS = {"guess": "before TODO 5", "coherence": "after TODO 6"}  # answers, and where
LOOK_FOR = (  # in code that is too slow
    "Look for a loop that never ends, input(), sleep(), or much more data than the check gives."
)
latest = {}  # the last result of each check in this session, for summary() and hint()
_hinted = {}  # of each check, the number of hints given on the mistake that it found last


@dataclass(eq=False)
class CheckResult:
    """The outcome of one check: ``status`` is "passed", "failed" or "not attempted"."""

    check: str
    status: str
    rule: str | None  # the id of the first rule broken (see RULES), else None
    message: str
    points: int
    max_points: int
    judged: str = ""  # the runs of the TODO's cells that the check has judged

    def __str__(self):
        sign = {"passed": "✔", "failed": "✘", "not attempted": "○"}[self.status]
        rule = f" [{self.rule}]" if self.rule else ""
        more = f'\n  For a hint, run checks.hint("{self.check}")' if self.status != "passed" else ""
        if self.judged:
            more += (
                f"\n  The check judged {self.judged}. After a change, run the TODO's cell again."
            )
        return f"{sign} {CHECKS[self.check].title}: {self.status}{rule}. {self.message}{more}"

    def _ipython_display_(self):
        """Do not show the value of the cell, because the check has shown its banner."""

    def show(self):
        """Show the banner: in a notebook below the cell, elsewhere as a line of text."""
        # The sign and the word carry the meaning; colour only repeats it, on any theme.
        color = VERDICT_COLORS[self.status]
        say(str(self), f"border-left: 6px solid {color}; padding: 4px 12px; ")


def summary():
    """Return a DataFrame with the state of all checks in this session, points and the next steps.

    Its last row is the paragraph. The instructor gives the points for the paragraph.
    """
    rows = []
    for name, todo in CHECKS.items():
        result = latest.get(name) or CheckResult(name, "not attempted", None, "", 0, todo.points)
        step = {
            "passed": "",
            "failed": f'fix it; checks.hint("{name}") helps',
            "not attempted": f"fill in TODO {todo.number} and run its check",
        }[result.status]
        rows.append(
            [todo.number, name, result.status, result.points, todo.points, result.rule or "", step]
        )
    why = "give your reasons, the cost, and the things that you did not measure"
    rows.append(
        [todo.number, "paragraph", "graded by the instructor", 0, PARAGRAPH_POINTS, "", why]
    )
    table = pd.DataFrame(
        rows, columns=["TODO", "check", "status", "points", "of", "rule", "next"]
    ).set_index("TODO")
    say(
        f"{table['points'].sum()} of {POINTS} points. Your instructor gives up to "
        f"{PARAGRAPH_POINTS} more points for the paragraph."
    )
    for name, place in WITHOUT_POINTS.items():
        if runs.shell() and "?" in str(runs.shell().user_ns.get(name, "?")):
            say(f"Fill in {name} too ({place}). It is part of the exercise, but it gives 0 points.")
    return table


def hint(check=None):
    """Print the next hint for a check.

    The hints belong to the last mistake that the check found, or to a TODO that is not attempted
    yet. The first hint is a question, the last one is nearly the line. After the last hint, the
    same hint is shown again. Another mistake begins with its first hint. Raises ValueError for an
    unknown check.
    """
    if check not in CHECKS:
        raise ValueError(f"checks.hint({check!r}) needs the name of a check: {', '.join(CHECKS)}")
    rule, message = (latest[check].rule, latest[check].message) if check in latest else (None, "")
    texts = hints(check, rule, message)
    step = _hinted[check] = min(_hinted.get(check, 0) + 1, len(texts))
    print(f"{CHECKS[check].title}: {RULES.get(rule, 'where to begin')}")
    print(textwrap.fill(f"Hint {step} of {len(texts)}: {texts[step - 1]}", 80))


def hints(check, rule=None, message=""):
    """Return the hints for a broken rule of a check, or for a check that is not attempted yet.

    Some words in a ``message`` on an exception have their own hints.
    """
    filed = tomllib.loads(Path(__file__).with_name("hints.toml").read_text(encoding="utf-8"))
    words = filed["said"] if rule in ("raised", "cell-failed") else ()
    texts = next((filed["said"][said] for said in words if said in message), filed[rule or check])
    kind = check.removeprefix("char_").upper()
    state = "torch.zeros(self.num_layers, batch_size, self.hidden_dim, device=device)"
    state = f"h, torch.zeros_like(h), with h = {state}" if kind == "LSTM" else state
    return [text.replace("{layer}", f"nn.{kind}").replace("{state}", state) for text in texts]


def _mistake(result):
    # Return what makes a mistake another one, with hints that begin again: its rule, the kind of
    # its exception, and its hints.
    exception = re.findall(r"(?:raised|ended in) (\w+)", result.message)
    return result.rule, exception[:1], hints(result.check, result.rule, result.message)


def check(name, judge, seed=0):
    """Return the check of this name, a function that shows its banner and returns a CheckResult.

    It asks as the function of this name in lab/ask/checks.py does. Then it calls ``judge`` with the
    name, the facts, the seed of the questions and a dict of the arguments. ``judge`` returns the
    message for a pass, or raises Broken or NotAttempted.
    """
    ask = getattr(asking, name)
    _, *parameters = inspect.signature(ask).parameters.values()
    signature = inspect.Signature(parameters)

    @functools.wraps(ask)
    def checked(*args, **kwargs):
        def find():
            _need_this_version()
            runs.need_the_last(CHECKS[name])
            given = signature.bind(*args, **kwargs).arguments
            with one_thread(), _nothing_changes():
                with contextlib.redirect_stdout(io.StringIO()), within(seconds_allowed()):
                    facts = ask(seed, **given)
                return judge(name, facts, seed, given)

        def told():
            pairs = zip(signature.parameters, args, strict=False)
            return "; ".join(f"{parameter} is {describe(value)}" for parameter, value in pairs)

        result = result_of(name, find, told)
        if result.status != "passed" or name in latest:  # the first "passed" is always the same
            numbers = (f"In [{run.number}]" for run in runs.of(CHECKS[name]))
            result.judged = " and ".join(numbers)
        if name in latest and _mistake(result) != _mistake(latest[name]):
            _hinted.pop(name, None)
        latest[name] = result
        result.show()
        return result

    checked.__signature__ = signature
    return checked


def result_of(name, find, told):
    """Return the CheckResult of a check whose message ``find()`` returns, or for which it raises.

    For an exception that no rule foresees, ``told()`` says what the check got.
    """
    todo, status, rule = CHECKS[name], "failed", None
    try:
        status, message = "passed", find()
    except NotAttempted as untouched:
        status = "not attempted"
        message = str(untouched) or f"Fill in TODO {todo.number} above, and run its cell."
    except Broken as broken:
        rule, message = broken.rule, str(broken)
    except TooSlow as slow:
        message = str(slow) or f"The code for {todo.what} took too long."
        rule, message = "too-slow", f"{message}\n  {LOOK_FOR}"
    except Exception:  # an answer of a kind that we did not expect
        rule, message = "raised", f"{told()}. The check expected {todo.wanted}."
    points = todo.points if status == "passed" else 0
    return CheckResult(name, status, rule, message, points, todo.points)


def _need_this_version():
    # The notebook's setup cell carries a version; outside of a notebook there is none.
    seen = runs.shell().user_ns.get("VERSION") if runs.shell() else VERSION
    need(
        seen == VERSION,
        "other-version",
        f"This notebook is of version {seen or '1'} of the exercise, but the files next to it are "
        f"of version {VERSION}. Take both from the same place, and copy your answers into that "
        "notebook.",
    )


@contextlib.contextmanager
def _nothing_changes():
    # Keep changes of global state, and warnings of student code, inside the check.
    python_state, numpy_state = random.getstate(), np.random.get_state()
    try:
        with (
            torch.random.fork_rng(),
            torch.compiler.set_stance("force_eager"),  # nothing is compiled for a check
            warnings.catch_warnings(action="ignore"),
            _no_word_on_stderr(),
        ):
            torch.manual_seed(0)
            yield
    finally:
        random.setstate(python_state)
        np.random.set_state(numpy_state)


@contextlib.contextmanager
def _no_word_on_stderr():
    # nbgrader gives 0 points for a word on stderr, whoever writes it: Python, a logger, a library.
    before, kept = logging.root.manager.disable, os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    logging.disable()
    try:
        with contextlib.redirect_stderr(io.StringIO()):
            yield
    finally:
        logging.disable(before)
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
