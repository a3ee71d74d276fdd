"""Run the cells of one submission in a process of its own, with limits.

If Linux allows it, the submission has no network, and all processes that it starts end with it. It
sees only its own folder, the system's programs and this Python environment (shut_off.sh). On other
systems it may read and write everything that the user who grades may read and write. It never sees
the judges of the checks: what the checks find leaves as plain data (plain.py).
"""

import contextlib
import functools
import itertools
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from pathlib import Path

import matplotlib
import psutil

from course.bundle import supplies
from course.grade import plain, run_cells
from course.make_exercise import ROOT

WAITED = "did not finish within"  # by the clock: another time the machine may be less busy
POLL = 0.2  # seconds between two measurements of a submission's time and memory
MOST_LINES = 1_000  # of a report; the right solution has 80
# The variables of our environment that a submission sees: none with a token, which it could print.
ENVIRONMENT = (
    "PATH", "LANG", "LC_ALL", "TEMP", "TMP", "PYTHONPATH", "LD_LIBRARY_PATH",
    "SYSTEMROOT", "USERPROFILE", "APPDATA", "LOCALAPPDATA",
)  # fmt: skip
HERE = Path(__file__).parent
# The places of programs and libraries on a Linux of any kind.
SYSTEM = (
    "/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/nix", "/gnu", "/etc", "/proc",
)  # fmt: skip
ASKING = ("__init__.py", "hints.toml", "results.py", "rule.py", "runs.py")  # of lab/checks
FACTS = {  # of a report, by name: the type
    **dict.fromkeys(("cell", "error", "check", "status", "rule", "message"), str),
    **{"reach": list, "left": int, "seconds": float, "facts": object},
}
_starting = threading.Lock()  # a worker of Dask may grade in several threads


@functools.cache
def reach():
    """Return a list of the things that a submission can still reach on this system."""
    facts, ended, *_ = run([], 0, seconds=60, megabytes=1_000)
    if "reach" not in facts[0]:
        raise RuntimeError(f"a trial of the sandbox {ended}")
    return facts[0]["reach"]


def _seen(supplies):
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
    return [*system, f"-{ROOT}", *own, str(supplies)]


@functools.cache
def _supplies():
    """Return a temporary folder with what submissions read: all but the judges and the solution."""
    folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
    path = Path(folder.name).resolve()
    for name in supplies():
        if name.parent != Path("lab/checks") or name.name in ASKING:
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, path / name)
    (path / "lab" / "checks" / "__init__.py").write_text("")  # run_cells.py fills it
    for name in ("plain.py", "run_cells.py", "shut_off.sh"):
        shutil.copyfile(HERE / name, path / name)
    (path / "seen.json").write_text(json.dumps(_seen(path)), encoding="utf-8")
    for fonts in Path(matplotlib.get_cachedir()).glob("fontlist-*.json"):
        shutil.copy(fonts, path)  # otherwise each process looks for the fonts again
    path.chmod(0o755)
    return folder, path


@functools.cache
def _forking():
    """Return the list of the process that forks for each submission: empty until it is started."""
    return []


def run(cells, seed, seconds, megabytes, poll=POLL):
    """Run cells in the sandbox; return (facts, ended, core seconds, peak MB).

    ``facts`` is the list of the reports of run_cells.py, with the questions of ``seed``. ``ended``
    is None if all cells were run. Otherwise it says in one line why the run ended early. Every
    ``poll`` seconds the time and the memory of the run are measured. Raises RuntimeError if the
    sandbox itself does not start.
    """
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder, marker = Path(name).resolve(), str(uuid.uuid4())
        (folder / "task.json").write_text(json.dumps([cells, seed]), encoding="utf-8")
        with (folder / "report").open("w+b") as report:  # stays, also if it is deleted
            process = _start(folder, marker)
            try:
                ended, core_seconds, peak_mb = _watch(process, seconds, megabytes, poll)
            finally:
                _end(process, marker)
            facts = _facts(report, {cell_id for cell_id, *_ in cells}) or [{}]
    if {"left", "seconds"} <= facts[-1].keys():
        core_seconds = max(core_seconds, min(facts[-1]["seconds"], seconds))
    elif ended is None:
        ended = "ended its own process"
    return facts, ended, core_seconds, peak_mb


def _facts(report, ids):
    """Return the facts in a report; what is not a fact is left out, whoever wrote it.

    ``ids`` are those of the cells that were sent.
    """
    facts, values = [], 0
    for line in itertools.islice(report, MOST_LINES):
        values += line.count(b",")
        if values > plain.MOST_VALUES:
            break
        with contextlib.suppress(ValueError, AttributeError):
            fact = plain.unpacked(line.decode())
            known = all(isinstance(value, FACTS.get(name, ())) for name, value in fact.items())
            if known and fact.get("cell") in (None, *ids):
                facts.append(fact)
    return facts


def _start(folder, marker):
    """Start to run the submission in a folder; return its psutil.Process."""
    with _starting:
        forking = _forking()
        if not forking or forking[0].poll() is not None:
            forking[:] = [_new_process(marker)]
        (process,) = forking
        with contextlib.suppress(OSError):
            process.stdin.write(f"{folder}\n")
            process.stdin.flush()
        if not run_cells.FORKS:
            forking.clear()  # it runs one submission
            process.stdin.close()
            process.stdout.close()
            return process
        if not (pid := process.stdout.readline().strip()):
            forking.clear()
            raise RuntimeError("the process that starts submissions has ended")
        found = psutil.Process(int(pid))
        (folder / "watched").touch()
        return found


def _new_process(marker):
    """Start run_cells.py with a few of our variables only, and wait until it is ready."""
    _, supplied = _supplies()
    environment = {
        **{name: os.environ[name] for name in ENVIRONMENT if name in os.environ},
        **dict.fromkeys(("HOME", "TMPDIR", "MPLCONFIGDIR"), str(supplied)),
        "EXERCISE_QUICK": "1",
        "OMP_NUM_THREADS": "1",
        "JE_ARROW_MALLOC_CONF": "background_thread:false",  # no thread before a fork
        "MPLBACKEND": "agg",
        "HF_HUB_OFFLINE": "1",
        "GRADED_BY": marker,
    }
    flags = str(run_cells.NAMESPACES), str(int(run_cells.FORKS))
    process = psutil.Popen(
        [sys.executable, str(supplied / "run_cells.py"), *flags],
        cwd=supplied,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        encoding="utf-8",
        start_new_session=True,
    )
    if (said := process.stdout.readline()) != "ready\n":
        raise RuntimeError(f"the process that runs submissions did not start: {said[:500]}")
    return process


def _watch(process, seconds, megabytes, poll=POLL):
    """Wait for a process; return (why it must be ended or None, core seconds, peak MB)."""
    start, core_seconds, peak_mb = time.monotonic(), 0.0, 0.0
    while _runs(process):
        used, memory = _usage(process)
        core_seconds, peak_mb = max(core_seconds, used), max(peak_mb, memory)
        if peak_mb > megabytes:
            return f"took more than {megabytes} MB of memory", core_seconds, peak_mb
        if core_seconds > seconds:
            return f"took more than {seconds} s of processor time", core_seconds, peak_mb
        if time.monotonic() - start > 4 * seconds:
            return f"{WAITED} {4 * seconds} s", core_seconds, peak_mb
        time.sleep(poll)
    return None, core_seconds, peak_mb


def _runs(process):
    with contextlib.suppress(psutil.NoSuchProcess):  # it ends now
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


def _children(process):
    with contextlib.suppress(psutil.Error):  # it has ended
        return process.children(recursive=True)
    return []


def _usage(process):
    """Return the processor time (s) and the memory (MB) of a process and its child processes.

    What a fork shares with the process that it comes from does not count.
    """
    seconds, own = 0.0, 0
    for one in [process, *_children(process)]:
        with contextlib.suppress(psutil.Error):
            seconds += sum(one.cpu_times()[:4])  # its own and its children's that ended
            own += getattr(full := one.memory_full_info(), "pss", full.uss)
            own += _in_memory(one.pid)
    return seconds, own / 1e6


def _in_memory(pid):
    """Return the bytes of the files without a place on a disk (memfd) that a process has open."""
    open_files = Path(f"/proc/{pid}/fd").glob("*")
    with contextlib.suppress(OSError):  # one was closed meanwhile
        return sum(f.stat().st_blocks * 512 for f in open_files if "/memfd:" in os.readlink(f))
    return 0


def _end(process, marker):
    """End a process and all processes that it has started, and wait until they have ended."""
    others = []
    while children := _children(process):  # orphans become its children
        for child in children:
            with contextlib.suppress(psutil.Error):
                child.kill()
        others += children
        psutil.wait_procs(children, timeout=1)
    with contextlib.suppress(psutil.Error):
        process.kill()
    if not run_cells.FORKS:
        for other in psutil.process_iter():  # also what no longer counts as its child
            with contextlib.suppress(psutil.Error, OSError):
                if other.environ().get("GRADED_BY") == marker:
                    other.kill()
                    others.append(other)
    psutil.wait_procs([process, *others], timeout=5)
