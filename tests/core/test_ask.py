"""The asking half: it hands over plain data, knows no judge, and stops what does not end."""

import signal
import threading
import time

import numpy as np
import pytest
import torch
from torch import nn

from lab import ask, checks
from lab.ask import models, training
from tests.running import in_a_new_process


def test_who_asks_does_not_know_who_judges():
    code = (
        "import sys\n"
        "from lab.ask import figures, models, outputs, training\n"
        "print([name for name in sys.modules if name.startswith('lab.checks')])"
    )
    assert in_a_new_process(code) == "[]"


def is_plain(value):
    """Return whether a value is numbers, texts, arrays, None, or containers of these."""
    if isinstance(value, dict):
        return all(is_plain(part) for pair in value.items() for part in pair)
    if isinstance(value, (list, tuple)):
        return all(map(is_plain, value))
    return value is None or isinstance(value, (str, int, float, bool, np.ndarray))


def test_what_is_handed_over_is_plain_data(namespace):
    assert is_plain(models.ask("LSTM", namespace["CharLSTM"], 0))
    assert is_plain(models.ask("LSTM", nn.Module, 0))
    with ask.helpers.one_thread():
        found = training.ask(namespace["train_and_compare_models"], 0)
    assert is_plain(found)
    assert not is_plain({"model": nn.Linear(1, 1)}) and not is_plain([torch.zeros(1)])


def endless():
    while True:
        pass


def waiting():
    while True:
        time.sleep(0.05)


@pytest.mark.parametrize("function", [endless, waiting])
def test_code_that_does_not_end_is_stopped_and_named(function):
    said = r"stopped answer\(\), because it had not ended after"
    with pytest.raises(ask.TooSlow, match=said) as slow, ask.within(0.2):
        ask.run("answer()", function)
    assert "at your line: " in str(slow.value)


def test_code_on_a_busy_machine_has_its_processor_time():
    def starved():  # a quarter of the processor, for longer than the limit
        start = time.thread_time()
        while (used := time.thread_time() - start) < 0.1:
            while time.thread_time() - start < used + 0.02:
                pass
            time.sleep(0.06)
        return "done"

    with ask.within(0.25):
        assert ask.run("answer()", starved) == "done"


@pytest.mark.skipif(not hasattr(time, "pthread_getcpuclockid"), reason="no clock of a thread")
def test_threads_of_others_do_not_count():
    def burn():
        while time.monotonic() < until:
            pass

    until = time.monotonic() + 1
    threading.Thread(target=burn, daemon=True).start()
    with ask.within(0.5):
        time.sleep(1)  # within which the process, but not this thread, takes more than 0.5 s


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="the system has no such signal")
def test_a_machine_that_sleeps_is_no_slow_answer():
    code = (
        "import os, signal, subprocess, sys, time, torch\n"
        "from lab import ask\n"
        "class Model(torch.nn.Module):\n"
        "    def forward(self, x):\n"
        "        wake = f'sleep 3; kill -CONT {os.getpid()}'\n"
        "        subprocess.Popen(['sh', '-c', wake])\n"
        "        os.kill(os.getpid(), signal.SIGSTOP)\n"
        "        time.sleep(0.3)\n"
        "        return x + 1\n"
        "start = time.monotonic()\n"
        "with ask.within(1):\n"
        "    answer = ask.run('model(x)', Model(), torch.zeros(1))\n"
        "print(float(answer), time.monotonic() - start > 3)"
    )
    assert in_a_new_process(code) == "1.0 True"


def test_what_ends_in_time_is_not_stopped_afterwards():
    with ask.within(0.05):
        pass
    time.sleep(0.3)


def test_student_code_runs_on_one_thread():
    seen = []

    def function(*args, **kwargs):
        ask.helpers.threads().looked = 0  # as if the last look had been long ago
        ask.helpers.threads().adapt()
        seen.append(torch.get_num_threads())

    before = torch.get_num_threads()
    checks.training(function)
    assert set(seen) == {1} and torch.get_num_threads() == before
