"""The house: functions that fit a screen, imports that run one way, few entries to look at."""

import ast
import graphlib
import re
import shutil
import subprocess

import pytest

from course.make_exercise import ROOT

FOLDERS = ("lab", "data", "course", "benchmarks")
MODULES = {"helpers": ROOT / "helpers.py"} | {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for folder in FOLDERS
    for path in (ROOT / folder).rglob("*.py")
}
TREES = {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in MODULES.items()}


def imported(name):
    """Return which of our modules a module imports while it is imported itself."""
    found = set()
    for node in TREES[name].body:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{alias.name}" for alias in node.names} | {node.module}
    return {module for module in found if module in MODULES} - {name, "lab.exercise"}


def test_imports_run_one_way_between_files():
    graph = {name: imported(name) - {name.rpartition(".")[0]} for name in MODULES}
    list(graphlib.TopologicalSorter(graph).static_order())  # raises CycleError


def test_imports_run_one_way_between_folders():
    # lab/exercise.py, which imports nothing of ours, may be used by all: imported() leaves it out.
    def folder(name):
        return "lab.extras" if name.startswith("lab.extras") else name.partition(".")[0]

    assert not imported("lab.exercise")
    graph = {folder(name): set() for name in MODULES}
    for name in MODULES:
        graph[folder(name)] |= {folder(other) for other in imported(name)} - {folder(name), "lab"}
    list(graphlib.TopologicalSorter(graph).static_order())
    assert not graph["helpers"] and graph["lab"] == {"helpers"}
    assert all("tests" not in others for name, others in graph.items())


@pytest.mark.skipif(not (shutil.which("git") and (ROOT / ".git").exists()), reason="no checkout")
def test_students_see_one_module():
    tracked = subprocess.check_output(["git", "ls-files"], cwd=ROOT, text=True).split("\n")
    entries = {name.partition("/")[0] for name in tracked if name and not name.startswith(".")}
    assert [name for name in entries if name.endswith(".py")] == ["helpers.py"]


def test_every_file_can_lie_on_any_file_system():
    found = [
        p.relative_to(ROOT).as_posix() for folder in FOLDERS for p in (ROOT / folder).rglob("*")
    ]
    found += [path.name for path in ROOT.iterdir()]
    assert len({name.casefold() for name in found}) == len(found)
    refused = re.compile(r'[<>:"|?*\\]|[. ](/|$)|(^|/)(con|prn|aux|nul|com\d|lpt\d)(\.|/|$)', re.I)
    assert not [name for name in found if refused.search(name)]
    assert refused.search("lab/aux.py") and refused.search("lab./a") and refused.search("a:b")
