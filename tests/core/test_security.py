"""What students run never executes what it loads."""

import ast
import json

import pytest

from course.make_exercise import ROOT, SOLUTION

MODULES = [*ROOT.glob("*.py"), *(ROOT / "lab").rglob("*.py"), *(ROOT / "data").rglob("*.py")]
SOURCES = {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in MODULES}
SOURCES["solution.ipynb"] = "\n".join(
    "".join(cell["source"])
    for cell in json.loads(SOLUTION.read_text(encoding="utf-8"))["cells"]
    if cell["cell_type"] == "code"
)
UNSAFE_MODULES = {"pickle", "marshal", "shelve", "dill", "cloudpickle", "joblib"}
UNSAFE_CALLS = {"eval", "exec", "torch.load", "np.load", "pd.read_pickle", "os.system"}
UNSAFE_ARGUMENTS = {"trust_remote_code", "allow_pickle", "shell"}


def found_in(source):
    """Return what of the lists above a source uses."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names} & UNSAFE_MODULES
        elif isinstance(node, ast.ImportFrom):
            found |= {(node.module or "").partition(".")[0]} & UNSAFE_MODULES
        elif isinstance(node, ast.Call):
            refused = {k.arg for k in node.keywords if ast.unparse(k.value) == "False"}
            found |= {keyword.arg for keyword in node.keywords} & UNSAFE_ARGUMENTS - refused
            called, safely = ast.unparse(node.func), {k.arg: k.value for k in node.keywords}
            if called == "torch.load" and ast.unparse(safely.get("weights_only", node)) == "True":
                continue
            if called != "np.load" or "allow_pickle" not in refused:
                found |= {called} & UNSAFE_CALLS
    return found


def test_all_that_students_get_is_looked_at():
    assert {"helpers.py", "lab/checks/__init__.py", "data/wikitext.py"} <= SOURCES.keys()


@pytest.mark.parametrize("name", SOURCES)
def test_nothing_loaded_is_executed(name):
    assert found_in(SOURCES[name]) == set()


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from joblib import load",
        "torch.load(path)",
        "torch.load(path, weights_only=False)",
        "np.load(path)",
        "np.load(path, allow_pickle=True)",
        "f(x, trust_remote_code=True)",
    ],
)
def test_what_would_execute_is_found(source):
    assert found_in(source)
