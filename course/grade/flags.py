"""What in a student's cells is worth a look: it reaches for more than the exercise needs."""

import ast

from IPython.core.inputtransformer2 import TransformerManager

# Modules by which a cell can reach the interpreter, files, other processes or a network.
REACHING = {
    "builtins", "ctypes", "gc", "importlib", "inspect", "io", "mmap", "multiprocessing", "os",
    "pathlib", "pickle", "pty", "requests", "shutil", "signal", "socket", "subprocess", "sys",
    "tempfile", "threading", "urllib",
}  # fmt: skip
CALLS = {"open", "exec", "eval", "compile", "__import__", "globals", "locals", "vars", "setattr"}
CALLS |= {"delattr", "breakpoint"}
# What magics and lines with ! become; in the sandbox the latter do nothing.
MAGICS = {"run_line_magic", "run_cell_magic", "system", "getoutput"}
OF_CHECKS = {"lab.checks", "checks"}  # calling a check, hint or summary is what they are there for


def worth_a_look(source):
    """Return the lines of a cell that reach for more, as (line number, what), in their order."""
    try:
        tree = ast.parse(TransformerManager().transform_cell(source))
    except (SyntaxError, ValueError, RecursionError):
        return []
    called = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    found = {(n.lineno, what) for n in ast.walk(tree) if (what := _reaches_for(n, called))}
    return sorted(found)


def in_answers(handed_in):
    """Return the same for answers (title, source, output): (title, line with its number, what)."""
    return [
        (title, f"{number}: {source.splitlines()[number - 1].strip()}", what)
        for title, source, _ in handed_in
        for number, what in worth_a_look(source)
    ]


def _reaches_for(node, called):
    """Return what a node of the syntax reaches for, or None."""
    if isinstance(node, ast.Import):
        modules = {alias.name for alias in node.names}
    elif isinstance(node, ast.ImportFrom):
        modules = {node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)}
    elif isinstance(node, ast.Name) and (node.id in CALLS or node.id.startswith("__")):
        return node.id
    elif isinstance(node, ast.Attribute):
        owner = ast.unparse(node.value)
        inner = node.attr == "_getframe" or (node.attr.startswith("__") and node.attr != "__init__")
        of_shell = owner == "get_ipython()" and node.attr not in MAGICS
        calls_a_check = owner in OF_CHECKS and id(node) in called
        of_result = isinstance(node.value, ast.Call)  # checks.char_rnn(CharRNN).points
        of_checks = owner.split(".")[0] in OF_CHECKS and not calls_a_check and not of_result
        if inner or of_shell or of_checks:
            return f"{owner}.{node.attr}"[:80]
        return None
    else:
        return None
    reaching = {name for name in modules if name.split(".")[0] in REACHING or name in OF_CHECKS}
    return ", ".join(sorted(reaching)) or None
