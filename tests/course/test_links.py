"""The students' repository: its links, the cell that fetches the files, and corrections."""

import http.server
import json
import os
import re
import shutil
import subprocess
import sys
import threading
from types import SimpleNamespace

import nbformat
import pytest

from course import bundle
from course.grade.merge import merge
from course.make_exercise import FETCH, ROOT
from tests import submissions
from tests.running import run_notebook

pytestmark = pytest.mark.skipif(not shutil.which("git"), reason="needs Git")
PLACE = "a-course/rnn-exercise"


@pytest.fixture(autouse=True)
def with_a_name(monkeypatch):
    for who in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{who}_NAME", "A teacher")
        monkeypatch.setenv(f"GIT_{who}_EMAIL", "teacher@example.com")


@pytest.fixture
def published(tmp_path):
    return bundle.publish(PLACE, tmp_path / "students")


def git(folder, *arguments):
    return subprocess.check_output(["git", "-C", str(folder), *arguments], text=True).strip()


def first_cell(folder):
    return nbformat.read(folder / "exercise.ipynb", as_version=4).cells[0]


def test_students_get_the_files_without_the_solution(published):
    names = git(published, "ls-files").splitlines()
    assert {f"{name}" for name in bundle.contents()} < set(names)
    assert not [name for name in names if re.search("solution|tests|course|docs", name)]
    text = git(published, "log", "-p")  # not in the history either
    assert "solution.ipynb" not in text and "nn.GRU(embedding_dim" not in text
    assert "dependency-groups" not in (published / "pyproject.toml").read_text(encoding="utf-8")


def test_the_page_has_a_link_for_each_service(published):
    page = (published / "README.md").read_text(encoding="utf-8")
    for link in (
        f"https://colab.research.google.com/github/{PLACE}/blob/main/exercise.ipynb",
        f"https://mybinder.org/v2/gh/{PLACE}/main?labpath=exercise.ipynb",
        f"https://codespaces.new/{PLACE}",
        f"https://kaggle.com/kernels/welcome?src=https://github.com/{PLACE}/blob/main/exercise.ipynb",
        "git-pull?repo=https%3A%2F%2Fgithub.com%2Fa-course%2Frnn-exercise&branch=main"
        "&urlpath=lab%2Ftree%2Frnn-exercise%2Fexercise.ipynb",
    ):
        assert link in page
    assert "OWNER" not in page and "uv run jupyter lab exercise.ipynb" in page


def test_a_container_installs_the_requirements(published):
    container = json.loads((published / ".devcontainer" / "devcontainer.json").read_bytes())
    assert container["postCreateCommand"].endswith("-r requirements.txt")
    assert container["image"].startswith("mcr.microsoft.com/devcontainers/python:")


@pytest.mark.parametrize("place", ["", "jane", "jane/", "a/b/c", "https://github.com/a/b", "a/b c"])
def test_a_place_that_is_not_on_github_is_refused(place):
    command = [sys.executable, "-m", "course.bundle", "--at", place]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2 and f"{place!r} is not a place on GitHub" in done.stderr


def test_what_git_refuses_is_said(tmp_path, monkeypatch):
    (tmp_path / ".git").write_text("not a repository")
    with pytest.raises(SystemExit, match="git init failed in "):
        bundle.publish(PLACE, tmp_path)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(SystemExit, match="Install Git"):
        bundle.publish(PLACE, tmp_path / "new")


# --- the first cell ---------------------------------------------------------------------------


@pytest.fixture
def github(published):
    """Serve what GitHub would: an archive of each commit."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            commit = self.path.rpartition("/")[2]
            packed = subprocess.run(
                ["git", "-C", str(published), "archive", "--format=tar.gz"]
                + [f"--prefix=rnn-exercise-{commit}/", commit],
                capture_output=True,
            )
            self.send_response(404 if packed.returncode else 200)
            self.end_headers()
            self.wfile.write(packed.stdout)

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def run_first_cell(source, folder, hosted=True, before=""):
    folder.mkdir(exist_ok=True)
    hosts = {"COLAB_RELEASE_TAG", "KAGGLE_KERNEL_RUN_TYPE"}
    environment = {name: value for name, value in os.environ.items() if name not in hosts}
    return subprocess.run(
        [sys.executable, "-c", before + source],
        cwd=folder,
        env=environment | ({"KAGGLE_KERNEL_RUN_TYPE": "Interactive"} if hosted else {}),
        capture_output=True,
        text=True,
    )


def test_the_first_cell_fetches_what_the_notebook_needs(published, github, tmp_path, quick):
    source = first_cell(published).source.replace("https://codeload.github.com", github)
    done = run_first_cell(source, tmp_path / "hosted")
    assert done.returncode == 0 and not done.stdout + done.stderr
    fetched = {
        path.relative_to(tmp_path / "hosted").as_posix(): path.read_bytes()
        for path in (tmp_path / "hosted").rglob("*")
        if path.is_file()
    }
    for name in bundle.supplies():
        assert fetched[name.as_posix()] == (ROOT / name).read_bytes()
    assert "exercise.ipynb" not in fetched  # the student's own is open
    notebook = nbformat.read(published / "exercise.ipynb", as_version=4)
    notebook.cells = notebook.cells[:6]
    run_notebook(notebook, tmp_path / "hosted")
    (tmp_path / "hosted" / "helpers.py").write_text("mine = True")
    assert run_first_cell(source, tmp_path / "hosted").returncode == 0  # and nothing is fetched
    assert (tmp_path / "hosted" / "helpers.py").read_text() == "mine = True"


def test_what_is_there_is_not_installed(published, github, tmp_path):
    source = first_cell(published).source.replace("https://codeload.github.com", github)
    record = (
        "import importlib.util, subprocess\n"
        "found = importlib.util.find_spec\n"
        "importlib.util.find_spec = lambda name: None if name in ('datasets', 'nbval') "
        "else found(name)\n"
        "subprocess.run = lambda command, check: print(command[-1])\n"
    )
    done = run_first_cell(source, tmp_path / "hosted", before=record)
    assert re.fullmatch(r"datasets==[0-9.]+", done.stdout.strip()), done.stderr


def test_elsewhere_the_first_cell_does_nothing(published, tmp_path):
    done = run_first_cell(first_cell(published).source, tmp_path / "own", hosted=False)
    assert done.returncode == 0 and not [*(tmp_path / "own").iterdir()]


def test_what_cannot_be_fetched_is_named(published, github, tmp_path):
    source = first_cell(published).source.replace("https://codeload.github.com", github)
    source = re.sub("[0-9a-f]{40}", "0" * 40, source)
    done = run_first_cell(source, tmp_path / "hosted")
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith(f"ConnectionError: {github}/{PLACE}/tar.gz/000")
    assert "HTTP Error 404" in last and "turn on the internet" in last


def test_graders_skip_the_first_cell(published):
    answered = submissions.fill(submissions.BASE, range(11))
    fetching = first_cell(published)
    assert fetching.id == FETCH
    fetching.source += "\nraise SystemExit"
    merged = merge(SimpleNamespace(cells=[fetching, *answered.cells]))
    assert merged == merge(answered)


# --- corrections ------------------------------------------------------------------------------


def test_what_has_not_changed_is_not_committed_again(published):
    before = git(published, "rev-parse", "HEAD"), git(published, "rev-parse", "HEAD~1")
    assert re.search("tar.gz/([0-9a-f]+)", first_cell(published).source)[1] == before[1]
    bundle.publish(PLACE, published)
    assert git(published, "rev-parse", "HEAD") == before[0]


def test_a_correction_reaches_a_student_who_keeps_the_answers(published, tmp_path, monkeypatch):
    mine = tmp_path / "mine"

    def pull():
        nbgitpuller = "from nbgitpuller import pull; pull.main()"
        command = [sys.executable, "-c", nbgitpuller, str(published), "main", str(mine)]
        subprocess.run(command, check=True, capture_output=True)

    pull()
    notebook = nbformat.read(mine / "exercise.ipynb", as_version=4)
    (answer,) = (cell for cell in notebook.cells if cell.id == "char-rnn")
    answer.source = "# TODO 1: mine\nmy_answer = 42"
    answer.outputs = [nbformat.v4.new_output("stream", text="my output")]
    nbformat.write(notebook, mine / "exercise.ipynb")
    corrected = bundle.contents()
    corrected["helpers.py"] += b"\n# corrected\n"
    changed = json.loads(corrected["exercise.ipynb"])
    changed["cells"][-1]["source"] = ["A new last sentence."]
    corrected["exercise.ipynb"] = json.dumps(changed).encode()
    monkeypatch.setattr(bundle, "contents", lambda: dict(corrected))
    bundle.publish(PLACE, published)
    pull()
    notebook = nbformat.read(mine / "exercise.ipynb", as_version=4)
    (answer,) = (cell for cell in notebook.cells if cell.id == "char-rnn")
    assert answer.source.endswith("my_answer = 42") and answer.outputs[0].text == "my output"
    assert notebook.cells[-1].source == "A new last sentence."
    assert (mine / "helpers.py").read_bytes().endswith(b"# corrected\n")
    assert notebook.cells[0] == first_cell(published)  # which fetches the corrected files
