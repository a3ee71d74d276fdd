"""The house: imports that run one way, few entries to look at, names for any file system."""

import ast
import graphlib
import re
import tomllib

from course.make_exercise import ROOT
from lab import exercise
from tests.running import files_in_git

FOLDERS = ("lab", "data", "course", "benchmarks")
MODULES = {"helpers": ROOT / "helpers.py"} | {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for folder in FOLDERS
    for path in (ROOT / folder).rglob("*.py")
}
TREES = {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in MODULES.items()}


def imports(name):
    """Return what a module imports while it is imported itself."""
    found = set()
    for node in TREES[name].body:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{alias.name}" for alias in node.names} | {node.module}
    return found


def imported(name):
    """Return which of our modules a module imports, but for lab/exercise.py: all may use it."""
    return imports(name) & MODULES.keys() - {name, "lab.exercise"}


def test_imports_run_one_way_between_files():
    graph = {name: imported(name) - {name.rpartition(".")[0]} for name in MODULES}
    list(graphlib.TopologicalSorter(graph).static_order())  # raises CycleError


def test_imports_run_one_way_between_folders():
    def folder(name):
        return "lab.extras" if name.startswith("lab.extras") else name.partition(".")[0]

    assert not imported("lab.exercise")
    graph = {folder(name): set() for name in MODULES}
    for name in MODULES:
        graph[folder(name)] |= {folder(other) for other in imported(name)} - {folder(name), "lab"}
    list(graphlib.TopologicalSorter(graph).static_order())
    assert not graph["helpers"] and graph["lab"] == {"helpers"}


def test_only_benchmarks_use_the_tests():
    users = {name for name in MODULES for used in imports(name) if used.startswith("tests")}
    assert {name.partition(".")[0] for name in users} <= {"benchmarks"}


def test_students_see_one_module():
    entries = {name.partition("/")[0] for name in files_in_git() if not name.startswith(".")}
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


def pins(name):
    """Return the lines of a file of requirements that pin a package."""
    return re.findall(r"^[\w.-]+==[^\s;]+", (ROOT / name).read_text(encoding="utf-8"), re.M)


def test_uv_and_the_workflows_install_the_same_versions_as_pip():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    phone, tests = "lab/extras/phone/requirements.txt", "tests/requirements.txt"
    assert project["project"]["dependencies"] == pins("requirements.txt")
    assert project["project"]["version"] == exercise.VERSION
    assert project["dependency-groups"]["phone"] == pins(phone)
    assert project["dependency-groups"]["dev"] == [{"include-group": "phone"}, *pins(tests)]
    locked = {pin.lower().replace("_", "-") for pin in pins(".github/requirements.lock")}
    wanted = {
        pin.lower().replace("_", "-")
        for name in ("requirements.txt", phone, tests)
        for pin in pins(name)
    }
    assert wanted <= locked
