"""PyTorch computes on the CPUs that the process may use and that nobody else keeps busy."""

import os
import sys

import psutil
import pytest
import torch

import helpers
from tests.running import in_a_new_process


@pytest.fixture
def cpus(tmp_path, monkeypatch):
    """A function: the usable CPUs of 64, for a line of /proc/self/cgroup and the files mounted."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: range(64), raising=False)

    def usable(line, files):
        (tmp_path / "cgroup").write_text(f"{line}\n")
        for path, content in files.items():
            file = tmp_path / "mounted" / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(f"{content}\n")
        return helpers.usable_cpus(tmp_path / "cgroup", tmp_path / "mounted")

    return usable


V1 = "cpu.cfs_quota_us", "cpu.cfs_period_us"


@pytest.mark.parametrize(
    ("line", "files", "expected"),
    [
        ("0::/", {}, 64),
        ("0::/", {"cpu.max": "max 100000"}, 64),
        ("0::/", {"cpu.max": "200000 100000"}, 2),
        ("0::/", {"cpu.max": "150000 100000"}, 2),
        ("0::/", {"cpu.max": "20000 100000"}, 1),
        ("0::/a/b", {"a/b/cpu.max": "max 100000", "a/cpu.max": "300000 100000"}, 3),
        ("0::/a/b", {"a/b/cpu.max": "200000 100000", "a/cpu.max": "300000 100000"}, 2),
        ("0::/not/mounted/here", {"cpu.max": "400000 100000"}, 4),
        ("4:cpu,cpuacct:/", {f"cpu/{V1[0]}": "-1", f"cpu/{V1[1]}": "100000"}, 64),
        ("4:cpu,cpuacct:/", {f"cpu/{V1[0]}": "250000", f"cpu/{V1[1]}": "100000"}, 3),
        ("4:cpu:/a/b", {f"cpu/a/{V1[0]}": "50000", f"cpu/a/{V1[1]}": "50000"}, 1),
        ("5:cpuset:/", {f"cpu/{V1[0]}": "100000", f"cpu/{V1[1]}": "100000"}, 64),
        ("0::/", {"cpu.max": "nonsense"}, 64),
        ("0::/", {"cpu.max": "200000 0"}, 64),
        ("", {"cpu.max": "200000 100000"}, 2),
        ("no colon", {}, 64),
    ],
)
def test_quota_of_a_group_or_one_above_it_limits_the_cpus(cpus, line, files, expected):
    assert cpus(line, files) == expected


@pytest.fixture
def machine(monkeypatch):
    """A function: the threads after adapting on a machine with these readings."""
    before = torch.get_num_threads()

    def adapted(cpus, busy, own, most, seconds_since=10.0):
        monkeypatch.setattr(psutil, "cpu_count", lambda: cpus)
        monkeypatch.setattr(psutil, "cpu_percent", lambda: 100 * busy / cpus)
        monkeypatch.setattr(psutil.Process, "cpu_percent", lambda self: 100 * own)
        ours = helpers.Threads()
        ours.most = most
        ours.looked -= seconds_since
        torch.set_num_threads(most)
        ours.adapt()
        return torch.get_num_threads()

    yield adapted
    torch.set_num_threads(before)


@pytest.mark.parametrize(
    ("cpus", "busy", "own", "most", "expected"),
    [
        (2, 2.0, 2.0, 2, 2),  # alone
        (2, 1.9, 1.5, 2, 2),  # beside a browser
        (2, 2.0, 1.0, 2, 1),  # a second training, both with two threads
        (2, 2.0, 0.2, 2, 1),  # five trainings
        (4, 4.0, 2.0, 4, 2),  # a second training on four cores
        (64, 30.0, 2.0, 2, 2),  # a quota of two on a large host
        (64, 64.0, 0.5, 2, 1),  # the same, crowded
        (2, 0.0, 0.3, 2, 2),  # a clock that ticks too coarsely
    ],
)
def test_threads_are_what_other_processes_leave(machine, cpus, busy, own, most, expected):
    assert machine(cpus, busy, own, most) == expected


def test_threads_stay_within_five_seconds_of_the_last_look(machine):
    assert machine(2, busy=2.0, own=1.0, most=2, seconds_since=-30.0) == 2  # on no slow machine


ONE_CPU = "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})"
OF_THE_USER = "import torch; torch.set_num_threads(%d)"
IMPORTS = (
    "import helpers; from lab import checks, memory, ngram, study; from lab.extras import phone\n"
    "helpers.describe_machine()"
)


@pytest.mark.parametrize(
    ("before", "code", "threads"),
    [
        pytest.param(
            ONE_CPU,
            "helpers.threads()",
            "1",
            marks=pytest.mark.skipif(sys.platform != "linux", reason="sets no affinity elsewhere"),
            id="affinity limits them",
        ),
        pytest.param(OF_THE_USER % 1, "helpers.threads()", "1", id="the user's are not raised"),
        pytest.param(OF_THE_USER % 7, IMPORTS, "7", id="an import leaves them alone"),
    ],
)
def test_the_threads_of_torch_are_no_more_than_allowed(before, code, threads):
    code = f"{before}\nimport helpers, torch\n{code}\nprint(torch.get_num_threads())"
    assert in_a_new_process(code) == threads


def test_a_machine_that_hides_what_others_compute_leaves_all_threads(machine, monkeypatch):
    def hidden():
        raise PermissionError("/proc/stat")

    assert machine(4, 4.0, 1.0, 4) == 1
    monkeypatch.setattr(psutil, "cpu_percent", hidden)
    ours = helpers.Threads()
    ours.most, ours.looked = 2, ours.looked - 10
    ours.adapt()
    assert torch.get_num_threads() == 2 and not ours.reduced


def test_a_gpu_without_kernels_is_not_chosen(monkeypatch, capsys):
    def without_kernels(*sizes, **where):
        raise RuntimeError("CUDA error: no kernel image is available\nmore lines")

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch, "ones", without_kernels)
    assert helpers.best_device() == torch.device("cpu")
    printed = capsys.readouterr().out
    assert "no kernel image is available), so the models use the CPU" in printed
