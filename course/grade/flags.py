"""What in a student's cells is worth a look: it reaches for more than the exercise needs."""

import ast
import functools
import re

from course.grade.merge import our_cells, python_of

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
IMPORTS = re.compile(rf"({'|'.join(REACHING)}|checks|lab\.checks)\b")


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
    before = len(source) - len(body)
    try:
        nodes = list(ast.walk(ast.parse(python_of(body))))
    except (SyntaxError, ValueError, RecursionError):
        return []
    called = {node.func for node in nodes if isinstance(node, ast.Call)}
    return sorted({(before + n.lineno, what) for n in nodes if (what := _reaches_for(n, called))})


def _reaches_for(node, called):
    """Return what a node of the syntax reaches for, or None."""
    match node:
        case ast.Import() | ast.ImportFrom():
            return _imported(node)
        case ast.Name(id=name) if name in NAMES or re.match("_.", name):
            return name
        case ast.Name(id=name, ctx=ast.Store()) if name in OURS:
            return name
        case ast.FunctionDef(name=name) | ast.ClassDef(name=name) if _special(name) or name in OURS:
            return name
        case ast.Constant(value=str(text)) if PLACE.match(text):
            return text[:80]
        case ast.Call(func=ast.Attribute(attr=attr), args=[ast.Constant(value=magic), *_]) if (
            attr in MAGICS and magic in RUNNING
        ):
            return f"%{magic}"
        case ast.Attribute():
            return _attribute(node, node in called)
    return None


def _imported(node):
    package = f"{node.module}." if isinstance(node, ast.ImportFrom) else ""
    names = [package + alias.name for alias in node.names]
    return ", ".join(name for name in names if IMPORTS.match(name)) or None


def _attribute(node, called):
    owner = ast.unparse(node.value)
    inner = node.attr in INTERNALS | READS or _special(node.attr)
    of_shell = owner == "get_ipython()" and node.attr not in MAGICS
    # Calling a check, hint or summary is what they are there for.
    of_checks = re.fullmatch(r"checks(\.\w+)*", owner) and not (owner == "checks" and called)
    replaces = not isinstance(node.ctx, ast.Load) and owner.split(".")[0] in _modules()
    reaches = inner or of_shell or of_checks or replaces
    return f"{owner}.{node.attr}"[:80] if reaches else None


def _special(name):
    return name.startswith("__") and name not in SPECIAL


@functools.cache
def _modules():
    """Return the names of what our cells import, and of what students usually do."""
    nodes = ast.walk(ast.parse(python_of("\n".join(one.source for one in our_cells()))))
    imports = [node for node in nodes if isinstance(node, (ast.Import, ast.ImportFrom))]
    names = {alias.asname or alias.name for node in imports for alias in node.names}
    return names | {"torch", "np", "numpy", "pd", "pandas", "plt", "F", "math", "random", "time"}
