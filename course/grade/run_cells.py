"""Run the cells of one submission and report on them; course/grade/ starts it in a sandbox.

    python run_cells.py CELLS    in a folder with the helpers, the checks and the data

CELLS is a JSON list of [id, source, the check that the cell runs or null]. This script deletes that
file and itself before the first cell runs. It writes lines to stdout. Each line is a token and a
JSON object; the token is the first line of stdin, and a line without the token is not ours. There
is a line when a cell begins, a line for the error of a cell, and a line for the result of a check.
The last line has the number of processes that are still running, and the core seconds that this
process and its ended child processes used. The output of the cells themselves is not kept. This
process runs a student's code, so it may end at any time; the lines up to then count.
"""

import builtins
import contextlib
import importlib
import json
import os
import pkgutil
import sys
from pathlib import Path

import psutil

LARGEST_FILE = 100_000_000  # bytes that a file may grow to, where the system can limit it
LONGEST_TEXT = 4_000  # characters of a message or an answer


def main(path):
    cells = json.loads(Path(path).read_text(encoding="utf-8"))
    os.remove(path)
    os.remove(__file__)
    report, token = os.fdopen(os.dup(1), "w", encoding="utf-8"), sys.stdin.readline().strip()

    def tell(**facts):
        facts = {key: v[:LONGEST_TEXT] if isinstance(v, str) else v for key, v in facts.items()}
        print(token + json.dumps(facts), file=report, flush=True)

    shell = _shell()
    _limit_files()
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    sys.path.insert(0, os.getcwd())
    for module in pkgutil.iter_modules(["lab"], "lab."):  # a cell may delete what later ones import
        importlib.import_module(module.name)
    for cell_id, source, check in cells:
        tell(cell=cell_id)
        result = shell.run_cell(source, store_history=True)
        error, found = result.error_before_exec or result.error_in_exec, result.result
        if error:
            tell(error=f"{type(error).__name__}: {error}")
        # None is found if checks is not ours; what it noted is what the cell ends with.
        elif check and found is sys.modules["lab.checks"].latest.get(check) and found:
            tell(check=check, status=found.status, rule=found.rule, message=found.message)
    process = psutil.Process()
    tell(left=len(process.children(recursive=True)), seconds=sum(process.cpu_times()[:4]))
    os._exit(0)  # whatever threads or exit handlers the student left


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


def _limit_files():
    with contextlib.suppress(ImportError):  # Windows has no such limit
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (LARGEST_FILE, LARGEST_FILE))


if __name__ == "__main__":
    main(sys.argv[1])
