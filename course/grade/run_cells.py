"""Run the cells of submissions, each in a process of its own, with limits; sandbox.py starts this.

    python run_cells.py NAMESPACES FORKS

in a folder with the helpers, the asking half of the checks and the data. NAMESPACES are the flags
of unshare(2), and FORKS is 0 where the system cannot fork.

Each line of stdin is the path of a folder. Its file task.json has a list of cells [id, source, the
check that the cell runs or null] and the seed of the questions. What is found goes into its file
report, a line of JSON for each fact: that a cell begins, the error of a cell, what a check asked,
or the result of a check that could not ask. The last line has the number of processes that still
run, and the core seconds that were used. The output of the cells themselves is not kept.

Where the system can fork (Linux), everything is imported once, and each submission is a fork. Its
keeper, which never runs its code, puts it into namespaces and waits. This process itself reads no
submission, so no submission can find another one in its memory. Elsewhere a process runs one
submission.
"""

import builtins
import contextlib
import ctypes
import importlib
import json
import os
import pkgutil
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
import torch

LARGEST_FILE = 100_000_000  # bytes that a file may grow to, where the system can limit it
LONGEST_TEXT = 4_000  # characters of a message or an answer
NAMESPACES = 0x00020000 | 0x08000000 | 0x10000000 | 0x20000000 | 0x40000000  # mnt ipc user pid net
FILES = "all files of the user who grades (also the solution and the other submissions)"
NETWORK, NOBODY = "the network", 65534
FORKS = sys.platform == "linux"


def main():
    sys.path.insert(0, os.getcwd())
    try:
        shell = _shell()
        _import_all()
    except Exception as error:
        print(f"{type(error).__name__}: {error}")
        return
    print("ready", flush=True)
    for line in sys.stdin:
        folder = Path(line.strip())
        if sys.argv[2] == "0":
            submission(folder, shell, [FILES, NETWORK])
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for a keeper
        closed, close = os.pipe()
        if not (keeper := os.fork()):
            keep(folder, shell, close)
        os.close(close)
        if os.read(closed, 1):
            _give_ids(keeper)
        os.close(closed)
        print(keeper, flush=True)


def _import_all():
    # What every submission needs, so that a fork has it. No thread may start: a fork loses it.
    import matplotlib.pyplot as plt

    for package in ("lab", "lab.ask", "lab.checks"):  # a cell may delete what later ones import
        for module in pkgutil.iter_modules(importlib.import_module(package).__path__):
            importlib.import_module(f"{package}.{module.name}")
    torch.optim.SGD([torch.zeros(1)])  # with it and with "meta" PyTorch loads its compiler
    torch.zeros(1, device="meta").add(1)
    plt.subplots()[0].canvas.draw()
    plt.close("all")


def _give_ids(keeper):
    # Let a keeper's namespace have, for root, all users that are here; for others only themselves.
    for name, own in {"uid_map": os.getuid(), "gid_map": os.getgid()}.items():
        ids, text = Path("/proc/self", name).read_text().split(), f"0 {own} 1"
        if not os.getuid():
            text = "\n".join(map("{0} {0} {1}".format, ids[::3], ids[2::3]))
        with contextlib.suppress(OSError):  # then what needs them fails, and is said
            if os.getuid():
                Path(f"/proc/{keeper}/setgroups").write_text("deny")
            Path(f"/proc/{keeper}", name).write_text(text)


# ----- The keeper ---------------------------------------------------------------------------------


def keep(folder, shell, close):
    """Run a submission in a child process with namespaces of its own; wait, and end with it.

    If there are namespaces, a byte is written to ``close``.
    """
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    libc = ctypes.CDLL(None)
    os.setsid()  # no terminal that it could type into
    os.nice(19)  # so that sandbox.py can watch it, however many processes it starts
    libc.prctl(1, signal.SIGKILL)  # ends with its parent
    closed = not libc.unshare(int(sys.argv[1]))
    os.write(close, b"1" * closed)
    os.close(close)
    while not (folder / "watched").exists():  # it must not end before sandbox.py knows it
        time.sleep(0.002)
    libc.prctl(36, 1)  # children of ended processes become ours, so sandbox.py finds them
    if not (child := os.fork()):
        libc.prctl(1, signal.SIGKILL)
        try:
            submission(folder, shell, [] if closed else [FILES, NETWORK])
        finally:
            os._exit(1)
    os.waitpid(child, 0)
    os._exit(0)


def _works(command, **how):
    with contextlib.suppress(OSError):
        return not subprocess.run(command, capture_output=True, **how).returncode


def _shut_off(folder, reach):
    # Let this process see no files but its own; return what it can still reach.
    seen = json.loads(Path("seen.json").read_text())
    hide = ["sh", "shut_off.sh", str(folder), *seen]
    if not reach and subprocess.run(hide, capture_output=True).returncode:
        reach = [FILES]
    os.chdir(folder)
    libc = ctypes.CDLL(None)
    for capability in range(64):
        libc.prctl(24, capability, 0, 0, 0)  # out of the bounding set
    # Root becomes another user, who cannot start processes without end; without namespaces only if
    # that one can run this Python.
    other = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
    python = [sys.executable, "-c", "import torch"]
    may_read = 0
    if not reach or (not os.getuid() and _works(python, **other)):
        libc.prctl(8, 1)  # may keep capabilities
        with contextlib.suppress(OSError):  # there is no other user
            os.chown(folder, NOBODY, NOBODY)
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            may_read = 4 * (not reach)  # all that it sees
        libc.prctl(1, signal.SIGKILL)  # a new user has neither this
        libc.prctl(4, 1)  # nor its own /proc
        if not any(os.access(path[1:], os.R_OK) for path in seen if path.startswith("-")):
            reach = [one for one in reach if one != FILES]
    libc.capset((ctypes.c_uint * 2)(0x20080522, 0), (ctypes.c_uint * 6)(may_read, may_read))
    libc.prctl(38, 1, 0, 0, 0)  # no new privileges
    _limit("NPROC", int(Path("/proc/loadavg").read_text().split("/")[1].split()[0]) + 100)
    return reach


# ----- The submission -----------------------------------------------------------------------------


def submission(folder, shell, reach):
    """Run a submission in this process, report, and end."""
    import plain  # beside this file, in the sandbox

    cells, seed = json.loads((folder / "task.json").read_text(encoding="utf-8"))
    report, nowhere = (folder / "report").open("w"), os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    if sys.argv[2] != "0":
        reach = _shut_off(folder, reach)
    os.environ |= dict.fromkeys(("HOME", "TMPDIR"), str(folder))
    tempfile.tempdir = str(folder)  # an import has asked for it before

    def tell(**facts):
        facts = {key: v[:LONGEST_TEXT] if isinstance(v, str) else v for key, v in facts.items()}
        print(plain.packed(facts), file=report, flush=True)

    _limit("FSIZE", LARGEST_FILE)
    checks = _only_asking(tell, seed)
    _cheaper()
    tell(reach=reach)
    for cell_id, source, check in cells:
        tell(cell=cell_id)
        source = source if torch.cuda.is_available() else _on_cpu(source)
        result = shell.run_cell(source, store_history=True)
        if error := result.error_before_exec or result.error_in_exec:
            tell(error=f"{type(error).__name__}: {error}")
        elif (found := checks.latest.get(check)) and found.status != "passed":
            tell(check=check, status=found.status, rule=found.rule, message=found.message)
    process = psutil.Process()
    tell(left=len(process.children(recursive=True)), seconds=sum(os.times()[:4]))
    os._exit(0)  # whatever threads or exit handlers the student left


def _on_cpu(source):
    # A cell in which "cuda" is the CPU, so that who works on a GPU is graded without one.
    source = re.sub(r"""(["'])cuda(:\d+)?\1""", r"\1cpu\1", source)
    return re.sub(r"\.cuda\(\d*\)", ".cpu()", source)


def _only_asking(tell, seed):
    # Make the checks of lab.checks, whose judges are not here. What they find leaves.
    from lab import checks
    from lab.checks import results
    from lab.exercise import CHECKS

    def judge(name, facts, seed, given):
        tell(check=name, facts=facts)
        return ""

    asking = {name: results.check(name, judge, seed) for name in CHECKS}
    kept = {name: getattr(results, name) for name in ("hint", "latest", "summary")}
    vars(checks).update(asking | kept)
    return checks


def _cheaper():
    # What is only drawn or timed is not judged, so less of it is enough.
    import helpers
    from lab import memory, ngram

    helpers.keystrokes_of = lambda X: X[:, 0].repeat(150)[:150].tolist()
    memory.plot_forgetting = lambda *given: None
    ngram.characters_used = lambda *given: float("nan")


def _shell():
    """Return an IPython shell in which magics, ``display`` and the checks' banners work.

    Commands to the screen, the keyboard or the system do nothing and do no harm here: %matplotlib,
    !pip, input(), exit(). The same is true of a magic that fails or that is not installed.
    """
    from IPython.core.interactiveshell import InteractiveShell
    from IPython.utils.text import SList
    from traitlets.config import Config

    class Shell(InteractiveShell):
        def enable_matplotlib(self, gui=None):
            return gui, "agg"

        def system(self, command):
            self.user_ns["_exit_code"] = 0

        def getoutput(self, command, split=True, depth=0):
            return SList() if split else ""

        def ask_exit(self):
            pass

        def run_line_magic(self, name, line, *arguments, **more):
            with contextlib.suppress(Exception):
                return super().run_line_magic(name, line, *arguments, **more)

        def run_cell_magic(self, name, line, cell):
            if self.find_cell_magic(name):
                return super().run_cell_magic(name, line, cell)
            self.run_cell(cell)  # of an extension: the cell without it

    builtins.input = lambda prompt="": ""
    return Shell.instance(config=Config(HistoryManager={"enabled": False}))


def _limit(what, most):
    with contextlib.suppress(ImportError):  # Windows has no such limits
        import resource

        resource.setrlimit(getattr(resource, f"RLIMIT_{what}"), (most, most))


if __name__ == "__main__":
    main()
