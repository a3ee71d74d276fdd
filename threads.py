"""How many threads PyTorch computes with: as many as there are CPUs that nobody else keeps busy.

PyTorch starts a thread per core of the host. Where the process may use fewer of them, or where a
second training runs, the threads wait for each other in loops that keep busy the very cores they
wait for, and a training takes many times as long instead of twice: benchmarks/together.py.
"""

import math
import os
import time
from pathlib import Path

import psutil
import torch


def usable_cpus(groups=Path("/proc/self/cgroup"), mounted=Path("/sys/fs/cgroup")):
    """Return how many CPUs this process may use, at least 1.

    On Linux that is the least of its affinity and the quotas of its control groups and of those
    above them, a part of a CPU counting as one (the kernel's documentation of cgroup v1, "CFS
    Bandwidth Control", and of cgroup v2, "CPU"); elsewhere the number of CPUs.
    """
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    for line in groups.read_text().splitlines() if groups.exists() else ():
        _, controllers, path = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        group = (mounted / "cpu" if controllers else mounted) / path.lstrip("/")
        for folder in (group, *group.parents):
            try:
                if controllers:  # version 1
                    quota = (folder / "cpu.cfs_quota_us").read_text()
                    period = (folder / "cpu.cfs_period_us").read_text()
                else:
                    quota, period = (folder / "cpu.max").read_text().split()
                if int(quota) > 0:  # -1: no quota in version 1
                    cpus = min(cpus, math.ceil(int(quota) / int(period)))
            except (OSError, ValueError):
                continue  # no such file, or "max": no quota in version 2
    return cpus


class Threads:
    """Keeps the number of PyTorch's threads at what other processes leave of the machine.

    ``adapt()`` looks at most once a second. ``most`` is the number when nobody else computes.
    """

    def __init__(self):
        self.most = min(torch.get_num_threads(), usable_cpus())
        self.process = psutil.Process()
        self.busy_elsewhere()  # starts the count
        torch.set_num_threads(self.most)

    def busy_elsewhere(self):
        """Return how many CPUs other processes kept busy since the last call, on average."""
        self.looked = time.monotonic()
        return psutil.cpu_percent() / 100 * psutil.cpu_count() - self.process.cpu_percent() / 100

    def adapt(self):
        if time.monotonic() - self.looked >= 1:
            free = round(psutil.cpu_count() - self.busy_elsewhere())
            torch.set_num_threads(max(1, min(free, self.most)))
