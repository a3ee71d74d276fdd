"""The answers of student code as plain data: numbers, texts, arrays and exceptions.

The modules of this package do not judge, and they do not import lab/checks/, which does.
"""

import contextlib
import ctypes
import functools
import sysconfig
import threading
import time
import timeit
import traceback
from numbers import Real
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

import helpers
from helpers import describe

NO_STUDENTS = (  # lab/ and helpers.py, and where libraries are
    Path(__file__).parent.parent,
    Path(helpers.__file__),
    Path(torch.__file__).parent.parent,
    *map(sysconfig.get_path, ("stdlib", "platstdlib")),
)


class Raised(NamedTuple):
    """An exception that a call of student code raised."""

    call: str
    error: str  # the name of the class of the exception
    text: str  # the message of the exception, shortened
    where: str  # the last line of student code that the exception left, or an empty text

    def __str__(self):
        return f"{self.call} raised {self.error}: {self.text}{self.where}"


class TooSlow(BaseException):
    """Student code does not end in time. An ``except Exception`` in this code does not catch it."""


def run(call, function, *args, **kwargs):
    """Run student code. Return its result, or Raised; raise TooSlow with the student's line.

    ``call`` is the call in words.
    """
    try:
        return function(*args, **kwargs)
    except TooSlow as stopped:
        limit = f"{seconds_allowed():.0f} s"
        late = f"The check stopped {call}, because it had not ended after {limit}."
        raise TooSlow(late + _students_line(stopped)) from None
    except Exception as error:
        text = str(error)
        text = text if len(text) <= 400 else f"{text[:200]} … {text[-100:]}"
        return Raised(call, type(error).__name__, text, _students_line(error))


def _students_line(error):
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.line for frame in frames if frame.line and _is_student_code(frame.filename)]
    return f"\n  at your line: {lines[-1]}" if lines else ""


def _is_student_code(filename):
    return not any(Path(filename).is_relative_to(path) for path in NO_STUDENTS)


# ----- Code that does not end ---------------------------------------------------------------------


@functools.cache
def seconds_allowed():
    """Return the seconds of processor time that student code may take: 20, or more on slow PCs."""
    square = torch.ones(300, 300)
    with helpers.one_thread():
        taken = timeit.repeat(lambda: square @ square, timer=time.thread_time, number=1)
    return 20 * max(1.0, min(taken) / 0.003)  # it takes less where the solution was executed


@contextlib.contextmanager
def within(seconds):
    """Raise TooSlow in the code of a ``with`` block that does not end in time.

    There are two limits: the thread may use this many seconds of processor time, and it may take
    three times as many seconds by the clock. Time in which the watching thread was not woken does
    not count. So a machine that sleeps or is busy does not make an answer too slow.
    """
    ended, lock, tick = threading.Event(), threading.Lock(), min(0.5, seconds / 8)
    interrupt, used = ctypes.pythonapi.PyThreadState_SetAsyncExc, _own_processor_time()
    thread = ctypes.c_ulong(threading.get_ident())

    def watch():
        before, waited = used(), 0.0
        while not ended.wait(tick):
            waited += tick  # however long it took to be woken
            if used() - before > seconds or waited > 3 * seconds:
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


def _own_processor_time():
    # Return a function, for any thread, that gives the seconds which the calling thread has
    # used. Where the system has no such clock (macOS, Windows) they are those of the
    # process: PyTorch's threads, which spin while they wait, are held at one meanwhile.
    if not hasattr(time, "pthread_getcpuclockid"):
        return time.process_time
    return functools.partial(time.clock_gettime, time.pthread_getcpuclockid(threading.get_ident()))


# ----- Values -------------------------------------------------------------------------------------


def plain(value):
    """Return a value as arrays, tuples of arrays, None or Raised, and all other values in words."""
    if torch.is_tensor(value):
        value = value.detach().cpu()
        return (value.float() if value.dtype == torch.bfloat16 else value).numpy().copy()
    if isinstance(value, Raised) or value is None:
        return value
    if isinstance(value, (tuple, list)):
        return tuple(map(plain, value))
    return describe(value)


def simple(value, depth=0):
    """Return numbers, texts and lists of these as Python's own types, and dicts down to a depth.

    All other values are returned in words.
    """
    if isinstance(value, dict) and depth:
        return {simple(key): simple(each, depth - 1) for key, each in value.items()}
    if isinstance(value, list):
        return list(map(simple, value[:1000]))
    if isinstance(value, str):
        return str(value)
    if isinstance(value, Real) and not isinstance(value, (bool, np.bool_)):
        return int(value) if isinstance(value, (int, np.integer)) else float(value)
    return describe(value)
