"""What in a student's cells is worth a look: it reaches for more than the exercise needs."""

import ast
import functools
import re

from course.grade.merge import our_cells, parsed

# Modules by which a cell can reach the interpreter, files, other processes or a network.
REACHING = {
    "atexit", "builtins", "codecs", "ctypes", "fileinput", "gc", "glob", "http", "importlib",
    "inspect", "io", "linecache", "marshal", "mmap", "multiprocessing", "os", "pathlib", "pickle",
    "pty", "requests", "runpy", "shutil", "signal", "socket", "subprocess", "sys", "tempfile",
    "threading", "tokenize", "traceback", "types", "unittest", "urllib", "zipfile",
}  # fmt: skip
NAMES = {"open", "exec", "eval", "compile", "globals", "locals", "vars", "setattr", "delattr"}
NAMES |= {"breakpoint", "In", "Out"}
READS = {"fromfile", "loadtxt", "genfromtxt", "memmap", "read_text", "read_bytes"}
READS |= {"read_csv", "read_json", "read_pickle", "read_table"}
INTERNALS = {"_getframe", "gi_frame", "f_back", "f_globals", "f_locals", "tb_frame", "user_ns"}
SPECIAL = {"__init__", "__call__", "__repr__", "__str__", "__len__", "__name__", "__doc__"}
# What magics and lines with ! become; in the sandbox the latter do nothing.
MAGICS = {"run_line_magic", "run_cell_magic", "system", "getoutput"}
# Magics that read or write files, or start programs.
RUNNING = {"run", "load", "loadpy", "writefile", "file", "save", "edit", "env", "set_env", "store"}
RUNNING |= {"bash", "sh", "script", "python", "python3", "perl", "ruby", "pypy", "sx", "system"}
PLACE = re.compile(r"^(/\w|~|\.\.[/\\]|[A-Za-z]:[/\\]|\\\\)")  # a path out of its folder
OURS = {"checks", "helpers", "takeaways", "memory", "goal"}  # what our cells call by these names
OF_CHECKS = {"lab.checks", "checks"}  # calling a check, hint or summary is what they are there for


def in_answers(handed_in):
    """Return the lines of answers that reach for more, as (title, numbered line, what).

    An answer is (title, source, saved output).
    """
    return [
        (title, f"{number}: {source.splitlines()[number - 1].strip()}", what)
        for title, source, _ in handed_in
        for number, what in worth_a_look(source)
    ]


def worth_a_look(source):
    """Return the lines of a cell that reach for more, as (line number, what), in their order."""
    body = source.lstrip("\n")  # IPython leaves such lines out
    nodes = list(ast.walk(parsed(body) or ast.Module([], [])))
    called = {id(node.func) for node in nodes if isinstance(node, ast.Call)}
    before = len(source) - len(body)
    return sorted({(before + n.lineno, what) for n in nodes if (what := _reaches_for(n, called))})


def _reaches_for(node, called):
    """Return what a node of the syntax reaches for, or None."""
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        return _imported(node)
    if isinstance(node, ast.Name):
        hidden = node.id.startswith("_") and len(node.id) > 1
        replaces = node.id in OURS and not isinstance(node.ctx, ast.Load)
        return node.id if node.id in NAMES or hidden or replaces else None
    if isinstance(node, ast.Attribute):
        return _attribute(node, called)
    if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
        return node.name if _special(node.name) or node.name in OURS else None
    if isinstance(node, ast.Constant) and PLACE.match(str(node.value)):
        return str(node.value)[:80]
    if isinstance(node, ast.Call) and getattr(node.func, "attr", None) in MAGICS:
        magic = getattr(node.args[0], "value", None) if node.args else None
        return f"%{magic}" if magic in RUNNING else None
    return None


def _imported(node):
    if isinstance(node, ast.Import):
        modules = {alias.name for alias in node.names}
    else:
        modules = {node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)}
    reaching = {
        name
        for name in modules
        if name.split(".")[0] in REACHING or name == "checks" or name.startswith("lab.checks")
    }
    return ", ".join(sorted(reaching)) or None


def _attribute(node, called):
    owner = ast.unparse(node.value)
    inner = node.attr in INTERNALS | READS or _special(node.attr)
    of_shell = owner == "get_ipython()" and node.attr not in MAGICS
    calls_a_check = owner in OF_CHECKS and id(node) in called
    of_result = isinstance(node.value, ast.Call)  # checks.char_rnn(CharRNN).points
    of_checks = owner.split(".")[0] in OF_CHECKS and not calls_a_check and not of_result
    replaces = not isinstance(node.ctx, ast.Load) and owner.split(".")[0] in _modules()
    reaches = inner or of_shell or of_checks or replaces
    return f"{owner}.{node.attr}"[:80] if reaches else None


def _special(name):
    return name.startswith("__") and name not in SPECIAL


@functools.cache
def _modules():
    """Return the names of what our cells import, and of what students usually do."""
    nodes = [node for _, source, _ in our_cells()[0] for node in ast.walk(parsed(source))]
    imports = [node for node in nodes if isinstance(node, (ast.Import, ast.ImportFrom))]
    names = {alias.asname or alias.name for node in imports for alias in node.names}
    return names | {"torch", "np", "numpy", "pd", "pandas", "plt", "F", "math", "random", "time"}
