"""What a rule is: an id, a line, and the looks that find it broken; a check takes them in order.

A look is a small function of what is on trial. It returns None, or in words what it saw and what it
expected. RULES has one line for each rule; it fills itself, in the order of the looks.
"""

import contextlib
import ctypes
import functools
import linecache
import sysconfig
import threading
import time
import traceback
from numbers import Number
from pathlib import Path

import torch

import helpers
from helpers import MODELS

RULES = {  # id -> what is wrong
    "raised": "the code raised an exception",
    "cell-failed": "the cell of the TODO ended in an error",
    "too-slow": "the code does not come to an end",
}


class Broken(Exception):
    """A rule is broken: its id, and what was seen."""

    def __init__(self, rule, message):
        super().__init__(message)
        self.rule = rule


class NotAttempted(Exception):
    """Nothing has been filled in yet; the message, if any, says what to do first."""


class TooSlow(BaseException):
    """Student code has run for too long; no ``except Exception`` of its own keeps it going."""


@functools.cache
def patience():
    """Return the seconds of processor time that student code may take: 20, more on slow ones."""
    taken, square = [], torch.ones(300, 300)
    with helpers.one_thread():
        for _ in range(5):
            start = time.perf_counter()
            square @ square
            taken.append(time.perf_counter() - start)
    return 20 * max(1.0, min(taken) / 0.003)  # it takes less where the solution was executed


@contextlib.contextmanager
def within(seconds):
    """Raise TooSlow in the code of a ``with`` block that does not come to an end.

    That is code that takes so many seconds of processor time, or that waits: in twice as many by
    the clock it has used less than a twentieth of them. On a busy machine right code does neither.
    """
    thread, ended = ctypes.c_ulong(threading.get_ident()), threading.Event()
    lock, interrupt = threading.Lock(), ctypes.pythonapi.PyThreadState_SetAsyncExc
    started, used_before = time.monotonic(), time.process_time()

    def watch():
        while not ended.wait(min(0.5, seconds / 4)):
            used, passed = time.process_time() - used_before, time.monotonic() - started
            if used > seconds or (passed > 2 * seconds and used < passed / 20):
                with lock:
                    if not ended.is_set():
                        interrupt(thread, ctypes.py_object(TooSlow))
                return

    threading.Thread(target=watch, daemon=True).start()
    try:
        yield
    finally:
        with lock:
            ended.set()


class Looks(list):
    """The looks of one check, pairs (rule, function), in the order in which they are taken."""

    def at(self, rule, text=None):
        """File the decorated function as a look; the first look of a rule says its line."""
        if text:
            RULES[rule] = text
        elif rule not in RULES:
            raise ValueError(f"rule {rule!r} has no line yet: its first look has to say it.")

        def file(look):
            self.append((rule, look))
            return look

        return file

    def judge(self, trial):
        """Raise Broken for the first look that finds its rule broken."""
        for rule, look in self:
            if seen := look(trial):
                raise Broken(rule, seen)


def run(call, function, *args, **kwargs):
    """Run student code; an exception breaks the rule "raised", quoting the student's own line.

    So does, by the rule "too-slow", code that does not come to an end.
    """
    try:
        return function(*args, **kwargs)
    except TooSlow as stopped:
        message = f"{call} had not ended after {patience():.0f} s"
        raise Broken("too-slow", message + _students_line(stopped)) from None
    except Exception as error:
        message = f"{call} raised {type(error).__name__}: {_shortened(error)}"
        raise Broken("raised", message + _students_line(error)) from error


def _shortened(error):
    """Return an exception's own words, without the tensors or models that some of them quote."""
    text = str(error)
    return text if len(text) <= 400 else f"{text[:200]} … {text[-100:]}"


def _students_line(error):
    """Return the innermost line of the student's that an exception came through, as text."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if _is_student_code(frame.filename):
            line = linecache.getline(frame.filename, frame.lineno).strip()
            return f"\n  at your line: {line}" if line else ""
    return ""


def _is_student_code(filename):
    ours = Path(__file__).parent.parent, Path(helpers.__file__)  # lab/ and helpers.py
    libraries = (
        Path(torch.__file__).parent.parent,
        *map(sysconfig.get_path, ("stdlib", "platstdlib")),
    )
    return not any(Path(filename).is_relative_to(path) for path in (*ours, *libraries))


def describe(value):
    """Return what a value is, in words: short, and so that it can follow "is"."""
    if torch.is_tensor(value):
        return f"a tensor of shape {tuple(value.shape)}"
    if isinstance(value, (tuple, list)):
        some = ", ".join(map(describe, value[:4])) + ", …" * (len(value) > 4)
        return f"a {type(value).__name__} of {len(value)}" + f": {some}" * bool(value)
    if isinstance(value, dict):
        keys = ", ".join(map(_short, list(value)[:6])) + ", …" * (len(value) > 6)
        return f"a dict with the keys {keys}" if value else "an empty dict"
    if isinstance(value, (str, Number)):
        return _short(value)
    if isinstance(value, type):
        return f"the class {value.__name__}, not an instance of it"
    name = type(value).__name__
    an = name[0] in "AEIOU" or name == "ndarray"
    return "None" if value is None else f"a{'n' * an} {name}"


def _short(value):
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}…"


def same(a, b):
    """Return whether two tensors agree, but for rounding."""
    return a.shape == b.shape and torch.allclose(a, b, atol=1e-5)


def not_one_per_model(values, name, expected):
    """Return what is wrong with a value unless it is a dict with the three model names."""
    if isinstance(values, dict) and set(values) == set(MODELS):
        return None
    wanted = f"expected a dict with {expected} under each of {', '.join(map(repr, MODELS))}"
    if not isinstance(values, dict):
        return f"{name} is {describe(values)}: {wanted}."
    for key in values:
        near = [model for model in MODELS if model in str(key).upper()]
        if key not in MODELS and near:
            return f"{name} has the key {_short(key)} where {near[0]!r} belongs: {wanted}."
    if missing := [model for model in MODELS if model not in values]:
        return f"{name} lacks {' and '.join(missing)}: {wanted}."
    more = next(key for key in values if key not in MODELS)
    return f"{name} has the key {_short(more)} beside the models: {wanted}."
