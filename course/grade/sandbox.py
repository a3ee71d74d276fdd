"""Run the cells of one submission in a process of its own, with limits.

If Linux allows it, the submission has no network, and all processes that it starts end with it. It
sees only its own folder, the system's programs and this Python environment (shut_off.sh). On other
systems it may read and write everything that the user who grades may read and write.
"""

import contextlib
import functools
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path

import matplotlib
import psutil

from course.bundle import copy_supplies
from course.grade import run_cells
from course.make_exercise import ROOT

WAITED = "did not finish within"  # by the clock: another time the machine may be less busy
POLL = 0.2  # seconds between two measurements of a submission's time and memory
# The variables of our environment that a submission sees: none with a token, which it could print.
ENVIRONMENT = (
    "PATH", "LANG", "LC_ALL", "TEMP", "TMP", "PYTHONPATH", "LD_LIBRARY_PATH",
    "SYSTEMROOT", "USERPROFILE", "APPDATA", "LOCALAPPDATA",
)  # fmt: skip
HIDE = str(Path(__file__).with_name("shut_off.sh"))
FILES = "all files of the user who grades (also the solution and the other submissions)"
# The places of programs and libraries on a Linux of any kind.
SYSTEM = (
    "/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/nix", "/gnu", "/etc", "/sys", "/dev",
    "/proc",
)  # fmt: skip


@functools.cache
def isolation():
    """Return the command that isolates a process, and a list of the things that it can still reach.

    The command is empty if the system does not allow isolation. A process that is started with this
    command ends when our process ends, and so do all processes that it has started.
    """
    unshare = [
        "setpriv", "--pdeathsig", "KILL", "unshare", "--user", "--map-root-user", "--net",
        "--pid", "--fork", "--kill-child=KILL", "--mount-proc",
    ]  # fmt: skip
    hide = ["sh", HIDE, *_seen(), "--"]
    for command, reach in ((unshare + hide, []), (unshare, [FILES])):
        with contextlib.suppress(OSError, subprocess.TimeoutExpired):
            with tempfile.TemporaryDirectory() as folder:
                trial = [*command, sys.executable, "-c", "import psutil"]
                done = subprocess.run(trial, cwd=folder, capture_output=True, timeout=60)
            if done.returncode == 0:
                return command, reach
    return [], [FILES, "the network"]


def _seen():
    """Return the paths that a submission may read besides its folder: system and Python programs.

    A minus hides a path, because this project, with the solution, may be inside one of the others.
    """
    python = [sys.prefix, sys.base_prefix, Path(sys.executable).resolve().parents[1]]
    python += [os.path.realpath(path) for path in python]
    libraries = [
        path
        for name in ("PYTHONPATH", "LD_LIBRARY_PATH")
        for path in os.environ.get(name, "").split(os.pathsep)
        if path and ROOT not in (Path(path).resolve(), *Path(path).resolve().parents)
    ]
    own = dict.fromkeys(map(os.path.abspath, [*python, *libraries]))
    system, own = ([p for p in paths if os.path.isdir(p) and p != "/"] for paths in (SYSTEM, own))
    return [*system, f"-{ROOT}", *own]


def run(cells, seconds, megabytes, shut_off=True, poll=POLL):
    """Run cells in the sandbox; return (facts, ended, core seconds, peak MB).

    ``facts`` is the list of the reports of run_cells.py. ``ended`` is None if all cells were run;
    otherwise it says in one line why the run ended early. ``shut_off`` asks for isolation, if the
    system allows it. Every ``poll`` seconds the time and the memory of the run are measured.
    Raises RuntimeError if the sandbox itself does not start.
    """
    isolating = isolation()[0] if shut_off else []
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name,
        tempfile.TemporaryFile() as report,
        tempfile.TemporaryFile() as complaints,
    ):
        folder = Path(name).resolve()
        copy_supplies(folder)
        marker, token = str(uuid.uuid4()), str(uuid.uuid4())
        command = [*isolating, sys.executable, *_what_to_run(cells, folder)]
        process = _start(command, marker, report, complaints)
        try:
            with contextlib.suppress(OSError):  # it has ended already, and says why
                process.stdin.write(f"{token}\n".encode())
                process.stdin.close()
            ended, core_seconds, peak_mb = _watch(process, seconds, megabytes, poll)
        finally:
            _end(process, marker)
        report.seek(0)
        complaints.seek(0)
        *lines, _ = report.read().decode("ascii", "replace").split("\n")  # the last may be cut off
        # A line without the token is not ours: a submission may write where it finds our report.
        facts = [json.loads(line.partition(token)[2]) for line in lines if token in line]
        if not facts:
            raise RuntimeError(ended or complaints.read().decode("utf-8", "replace")[-500:])
    core_seconds = max(core_seconds, facts[-1].get("seconds", 0.0))
    if ended is None and "left" not in facts[-1]:
        ended = f"ended its own process, with exit status {process.returncode},"
    return facts, ended, core_seconds, peak_mb


def _what_to_run(cells, folder):
    """Write the script, the cells and the list of fonts into a folder; return the arguments."""
    script, path = folder / "run_cells.py", folder / "cells.json"
    shutil.copyfile(run_cells.__file__, script)
    path.write_text(json.dumps(cells), encoding="utf-8")
    for fonts in Path(matplotlib.get_cachedir()).glob("fontlist-*.json"):
        shutil.copy(fonts, folder)  # otherwise each submission looks for the fonts again
    return str(script), str(path)


def _start(command, marker, report, complaints):
    """Start a command in the folder of its last argument, with a few of our variables only."""
    folder = Path(command[-1]).parent
    environment = {
        **{name: os.environ[name] for name in ENVIRONMENT if name in os.environ},
        **dict.fromkeys(("HOME", "TMPDIR", "MPLCONFIGDIR"), str(folder)),
        "EXERCISE_QUICK": "1",
        "OMP_NUM_THREADS": "1",
        "MPLBACKEND": "agg",
        "HF_HUB_OFFLINE": "1",
        "GRADED_BY": marker,
    }
    return subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=report,
        stderr=complaints,
    )


def _watch(process, seconds, megabytes, poll=POLL):
    """Wait for a process; return (why it must be ended or None, core seconds, peak MB)."""
    start, core_seconds, peak_mb = time.monotonic(), 0.0, 0.0
    while process.poll() is None:
        used, memory = _usage(process.pid)
        core_seconds, peak_mb = max(core_seconds, used), max(peak_mb, memory)
        if peak_mb > megabytes:
            return f"took more than {megabytes} MB of memory", core_seconds, peak_mb
        if core_seconds > seconds:
            return f"took more than {seconds} s of processor time", core_seconds, peak_mb
        if time.monotonic() - start > 4 * seconds:
            return f"{WAITED} {4 * seconds} s", core_seconds, peak_mb
        time.sleep(poll)
    return None, core_seconds, peak_mb


def _usage(pid):
    """Return the processor time (s) and the memory (MB) of a process and its child processes."""
    seconds, resident, own = 0.0, [0], [0]
    with contextlib.suppress(psutil.Error):  # it has ended
        family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
        for process in family:
            with contextlib.suppress(psutil.Error):
                seconds += sum(process.cpu_times()[:4])  # its own and its children's that ended
                resident.append(process.memory_info().rss)
                if len(family) > 2:  # more than unshare and Python: a family shares memory
                    own.append(process.memory_full_info().uss)
    return seconds, max(max(resident), sum(own)) / 1e6


def _end(process, marker):
    """End a process and all processes that it has started, and wait until they have ended."""
    others = []
    with contextlib.suppress(psutil.Error):  # it has ended
        others = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    process.wait()
    for other in psutil.process_iter():  # also what no longer counts as its child
        with contextlib.suppress(psutil.Error, OSError):
            if other in others or other.environ().get("GRADED_BY") == marker:
                other.kill()
                others.append(other)
    psutil.wait_procs(others, timeout=5)
