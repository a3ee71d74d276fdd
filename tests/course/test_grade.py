"""Grading many submissions: each in its own process, none at the cost of another."""

import contextlib
import functools
import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
import zipfile
from html import escape
from pathlib import Path

import nbformat
import pandas as pd
import psutil
import pytest

from course.grade import __main__ as grade, run_cells, sandbox, submission
from course.make_exercise import ROOT
from lab import exercise
from tests import submissions
from tests.course.test_commands import ODD
from tests.course.test_merge import OTHER_CELLS
from tests.running import cell_of, wait_for


@pytest.fixture(scope="module", autouse=True)
def mark(tmp_path_factory):
    """Mark what the tests of this module start: others on this machine may be grading too."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", str(tmp_path_factory.mktemp("graded")))
        yield


def leftovers():
    """Return the processes of sandboxes that still run, and those that submissions started."""
    found = []
    for process in psutil.process_iter():
        try:
            marked = process.environ().get("TMPDIR", "").startswith(os.environ["TMPDIR"])
            ours = process.pid == os.getpid() or "dask" in process.cmdline()  # the cluster's
            ours |= starts_submissions(process) and not starts_submissions(process.parent())
        except (psutil.Error, OSError):
            continue
        if marked and not ours:
            found.append(process)
    return found


def starts_submissions(process):
    """Return whether a process is one that forks for each submission, or such a fork."""
    return process and any("run_cells.py" in word for word in process.cmdline())


def run(source, seconds=20, megabytes=500, **how):
    (_, *facts), *rest = sandbox.run([("cell", source, None)], 0, seconds, megabytes, **how)
    return facts, *rest


@pytest.fixture
def anew(monkeypatch):
    """Let the next submission start in a new process, on a system that has less than this one."""

    def start(**lacks):
        for name, value in lacks.items():
            monkeypatch.setattr(run_cells, name, value)
        forget()

    def forget():
        for process in sandbox._forking():
            process.kill()
            process.wait()
            process.stdin.close()
            process.stdout.close()
        sandbox._forking().clear()
        sandbox.reach.cache_clear()

    yield start
    monkeypatch.undo()
    forget()


NO_NAMESPACES = {"NAMESPACES": -1}


def test_cells_are_run_and_reported():
    facts, ended, core_seconds, _ = run("1 / 0")
    assert facts[:2] == [{"cell": "cell"}, {"error": "ZeroDivisionError: division by zero"}]
    assert ended is None and facts[-1]["left"] == 0
    assert core_seconds > 0


@pytest.mark.skipif(os.name == "nt", reason="only polled there")
@pytest.mark.parametrize("lacks", [{}, NO_NAMESPACES])
def test_all_that_was_used_is_known_at_the_end(lacks, anew):
    anew(**lacks)
    burn = "import time\nwhile time.process_time() < 0.5: pass"
    _, ended, core_seconds, _ = run(
        f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {burn!r}])\n{burn}",
        poll=2.5,  # looked at once, before it has begun
    )
    assert ended is None and core_seconds > 0.9


def test_a_system_that_cannot_fork_and_has_no_limits_grades_too(tmp_path, monkeypatch, anew):
    as_on_windows = "import sys, psutil; sys.modules['resource'] = None"
    (tmp_path / "sitecustomize.py").write_text(as_on_windows, encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    anew(FORKS=False)
    facts, ended, core_seconds, _ = run(
        "import time\nend = time.process_time() + 2\nwhile time.process_time() < end: pass\n"
        "import resource"
    )
    assert sandbox.reach() == [run_cells.FILES, run_cells.NETWORK]
    assert "ModuleNotFoundError: import of resource halted" in facts[1]["error"]
    assert ended is None and core_seconds > 0.9


MEMFD = (
    "import os\n"
    "for name in range(20):\n"
    "    file = os.memfd_create(str(name))\n"
    "    os.write(file, b'x' * 90_000_000)\n"
    "while True: pass"
)
FORKS = "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass"


@pytest.mark.skipif(sys.platform != "linux", reason="some of it exists only there")
@pytest.mark.parametrize(
    ("source", "limits", "reason"),
    [
        ("while True: pass", {"seconds": 5}, "more than 5 s of processor time"),
        ("hog = b'x' * 10**9", {"megabytes": 600}, "more than 600 MB of memory"),
        ("import os; os._exit(3)", {}, "ended its own process"),
        (MEMFD, {"megabytes": 600}, "more than 600 MB of memory"),
        (FORKS, {"seconds": 5, "megabytes": 4_000}, "more than 5 s of processor time"),
    ],
)
def test_what_does_not_end_well_is_ended(source, limits, reason):
    facts, ended, *_ = run(source, **limits)
    assert reason in ended and facts[-1] == {"cell": "cell"}
    assert not leftovers()


def test_what_waits_for_ever_is_ended():
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)"]) as process:
        watched = psutil.Process(process.pid)
        reason, core_seconds, peak_mb = sandbox._watch(watched, seconds=1, megabytes=500)
        left = leftovers()
        process.kill()
    assert [one.pid for one in left] == [process.pid]  # what is left over would be found
    assert reason == "did not finish within 4 s" and core_seconds < 1 and peak_mb > 1


@pytest.mark.skipif(os.name == "nt", reason="starts programs of Unix")
@pytest.mark.parametrize("lacks", [{}, NO_NAMESPACES])
def test_nothing_that_a_submission_starts_outlives_it(lacks, anew):
    anew(**lacks)
    source = (
        "import subprocess\n"
        "subprocess.Popen(['sleep', '1000'], start_new_session=True)\n"
        "subprocess.Popen('sleep 1000 &', shell=True)\n"
    )
    facts, ended, *_ = run(source)
    assert ended is None and not leftovers()
    assert facts[-1]["left"] >= 1


def test_a_submission_has_no_network_where_the_system_allows_it():
    if "the network" in sandbox.reach():
        pytest.skip("this system does not let us shut a process off")
    with socket.create_server(("127.0.0.1", 0)) as server:
        source = f"import socket; socket.create_connection({server.getsockname()!r}, timeout=2)"
        facts, *_ = run(source)
    assert "Error" in facts[1]["error"], facts


def test_a_submission_sees_no_files_but_its_own_where_the_system_allows_it(tmp_path):
    if sandbox.reach():
        pytest.skip("this system does not let us hide files")
    another = tmp_path / "other.ipynb"  # handed in by somebody else
    another.write_text("{}", encoding="utf-8")
    others = [str(ROOT / "solution.ipynb"), grade.__file__, str(another)]
    others += [str(ROOT / "lab" / "checks" / "specified.py")]
    assert all(map(os.path.exists, others))
    facts, *_ = run(
        "import os, pathlib, sys, lab.checks\n"
        "proc = [str(p) for p in pathlib.Path('/proc').glob('[0-9]*/root' + sys.base_prefix)]\n"
        f"seen = [each for each in {others!r} for root in ['', *proc] if os.path.exists(each)]\n"
        "own = sorted(os.listdir('.'))\n"
        "pathlib.Path('mine.txt').write_text('written')\n"
        "try: pathlib.Path(sys.prefix, 'mine.pth').write_text('import evil')\n"
        "except OSError as error: refused = error.strerror\n"
        "os.system('umount -l / /proc /usr; unshare -Urm umount -l /usr')\n"
        f"seen += [each for each in {others!r} if os.path.exists(each)]\n"
        'raise RuntimeError(f\'{seen} {refused} {"cells.json" in own} {"data" in own}\')'
    )
    assert facts[1]["error"] == "RuntimeError: [] Read-only file system False True"
    assert not Path(sys.prefix, "mine.pth").exists()


def test_the_judges_and_other_submissions_are_not_in_the_memory_either():
    first = "secret = 'the answer of somebody ' + 'else'\nlonger = 'q' * 40 + 'w' * 40"
    run(first)
    look = (
        "import re, lab.checks, sys\n"
        "needles = [b'somebody [e]lse', b'q{40}w{40}', b'KNOWN[_]MISTAKES']\n"
        "memory, found = open('/proc/self/mem', 'rb', 0), []\n"
        "for line in open('/proc/self/maps'):\n"
        "    low, high, mode = re.match('([0-9a-f]+)-([0-9a-f]+) (r?)', line).groups()\n"
        "    if mode and '.so' not in line:\n"
        "        try:\n"
        "            memory.seek(int(low, 16))\n"
        "            part = memory.read(int(high, 16) - int(low, 16))\n"
        "        except (OSError, ValueError, OverflowError): continue\n"
        "        found += [n for n in needles if re.search(n, part)]\n"
        "judges = [m for m in sys.modules if m.startswith('lab.checks.')]\n"
        "raise RuntimeError(f'{found} {sorted(judges)}')"
    )
    facts, *_ = run(look)
    said = facts[1]["error"]
    assert said == ("RuntimeError: [] ['lab.checks.results', 'lab.checks.rule', 'lab.checks.runs']")


def test_the_solution_is_hidden_among_programs_too(tmp_path):
    if sandbox.reach():
        pytest.skip("this system does not let us hide files")
    place = tmp_path / "programs" / "checkout"
    (place / "venv").mkdir(parents=True)
    (place / "solution.ipynb").write_text("{}", encoding="utf-8")
    (tmp_path / "folder").mkdir()
    (tmp_path / "supplies").mkdir()
    paths = [*sandbox._seen(tmp_path / "supplies")[:12], place.parent, f"-{place}", place / "venv"]
    hide = ["sh", str(sandbox.HERE / "shut_off.sh"), str(tmp_path / "folder"), *map(str, paths)]
    look = f"find {tmp_path} -mindepth 1 -printf '%P '"
    script = f"{shlex.join(hide)} && {look}"
    unshare = ["unshare", "--user", "--map-root-user", "--mount", "--pid", "--fork"]
    line = [*unshare, "sh", "-c", script]
    done = subprocess.run(line, cwd=tmp_path / "supplies", capture_output=True, text=True)
    found = {"folder", "folder/*", "programs", "programs/checkout", "programs/checkout/venv"}
    assert set(done.stdout.split()) - {"supplies"} == found, done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there are no namespaces")
@pytest.mark.parametrize(
    ("refused", "reach"),
    [
        ("", []),
        ("pivot_root", [run_cells.FILES]),
        ("unshare", [run_cells.FILES, run_cells.NETWORK]),
    ],
)
def test_what_stays_within_reach_is_said(refused, reach, anew):
    if refused == "pivot_root":
        supplied = sandbox._supplies()[1] / "shut_off.sh"
        before = supplied.read_text()
        supplied.write_text("exit 1")
    anew(**(NO_NAMESPACES if refused == "unshare" else {}))
    try:
        found = sandbox.reach()
    finally:
        if refused == "pivot_root":
            supplied.write_text(before)
    if not refused and found:
        pytest.skip("this system does not let us hide files")
    assert found == reach or (refused == "unshare" and found == [run_cells.NETWORK])
    _, page = submissions.reporting({"left": 0})("one", [], [], None, 0, 1, 1)
    assert all(escape(what) in page for what in found)
    assert ("it could reach" in page) == bool(found)


@pytest.mark.skipif(sys.platform != "linux", reason="a terminal is another thing elsewhere")
def test_a_submission_cannot_type_into_the_terminal():
    facts, *_ = run("open('/dev/tty')")
    assert "No such" in facts[1]["error"]


def test_a_submission_sees_few_devices_and_no_namespaces_of_its_own():
    if sandbox.reach():
        pytest.skip("this system does not let us hide files")
    facts, *_ = run(
        "import ctypes, os\n"
        "raise RuntimeError(sorted(os.listdir('/dev')), os.path.exists('/sys/fs'),\n"
        "                   ctypes.CDLL(None).unshare(0x10000000))"
    )
    devices = "['fd', 'full', 'null', 'random', 'shm', 'urandom', 'zero']"
    assert facts[1]["error"] == f"RuntimeError: ({devices}, False, -1)"


@pytest.mark.skipif(os.name == "nt", reason="memory of this kind is of Unix")
def test_shared_memory_of_the_old_kind_is_not_there():
    if sandbox.reach():
        pytest.skip("this system does not let us take it away")
    source = "import ctypes\nassert ctypes.CDLL(None).shmget(0, 100_000_000, 0o1600) == -1"
    facts, *_ = run(source)
    assert not any("error" in fact for fact in facts), facts


def test_files_in_memory_have_a_limit():
    if sandbox.reach():
        pytest.skip("this system does not let us limit them")
    write = "open({!r}, 'wb').write(bytes(90_000_000))\n"
    for folder in ("/dev/shm", ".", ""):
        facts, *_ = run("".join(write.format(f"{folder}/{n}") for n in range(4)))
        assert re.search("No space left|Permission denied", facts[1]["error"])
    assert not Path("/dev/shm/0").exists()


def test_a_submission_sees_nothing_of_the_graders_environment(monkeypatch):
    monkeypatch.setenv("API_TOKEN", "secret")
    facts, *_ = run("import os; raise RuntimeError(sorted(os.environ))")
    assert "API_TOKEN" not in facts[1]["error"] and "EXERCISE_QUICK" in facts[1]["error"]


def test_the_memory_of_what_a_submission_starts_counts():
    source = (
        "import subprocess, sys\n"
        "code = 'import time; b = bytearray(b\"x\" * 10**8); time.sleep(60)'\n"
        "family = [subprocess.Popen([sys.executable, '-c', code]) for _ in range(4)]\n"
        "family[0].wait()\n"
    )
    _, ended, *_ = run(source, megabytes=350)
    assert "more than 350 MB of memory" in ended
    assert not leftovers()


@pytest.mark.skipif(os.name == "nt", reason="an open file stays there")
@pytest.mark.parametrize("lacks", [{}, NO_NAMESPACES])
def test_a_submission_that_deletes_its_folder_leaves_ours_alone_and_is_reported(lacks, anew):
    anew(**lacks)
    facts, ended, *_ = run("import shutil; shutil.rmtree('.', ignore_errors=True)")
    assert ended is None and facts[-1]["left"] == 0
    assert (ROOT / "helpers.py").exists() and (ROOT / "data" / "sample.txt").exists()


def test_what_is_not_a_notebook_is_said_and_the_next_run_grades_only_what_changed(tmp_path, capsys):
    unreadable = tmp_path / "submissions"  # which need no time: none of them is a notebook
    for name, text in submissions.BROKEN.items():
        (unreadable / name).mkdir(parents=True)
        (unreadable / name / "exercise.ipynb").write_text(text, encoding="utf-8")
    rows = submissions.grade_all(unreadable, tmp_path / "grades")
    assert {row["verdict"] for row in rows} == {"not graded"}
    said = [row["detail"].partition(":")[0] for row in rows]
    assert said == ["not a notebook", "not a notebook", "the file is empty", "not a notebook"]
    assert (tmp_path / "grades" / "a-list" / "exercise.html").exists()
    assert capsys.readouterr().out.count("\n") == len(rows)
    (unreadable / "empty" / "exercise.ipynb").write_text("{", encoding="utf-8")
    again = submissions.grade_all(unreadable, tmp_path / "grades")
    assert capsys.readouterr().out == "empty/exercise: not graded, 0 points\n"
    assert [row["submission"] for row in again] == [row["submission"] for row in rows]


def test_a_grader_that_fails_on_one_submission_goes_on_and_tries_it_again(tmp_path, capsys):
    def broken(*arguments):
        raise RuntimeError("no room on the disk")

    (tmp_path / "one.ipynb").write_text(nbformat.writes(submissions.BASE), encoding="utf-8")
    fails = functools.partial(submission.grade, run=broken)
    (row,) = submissions.grade_all(tmp_path, tmp_path / "grades", grade=fails)
    assert row["verdict"] == "grader failed" and "no room" in row["detail"]
    submissions.grade_all(tmp_path, tmp_path / "grades", grade=fails)
    assert capsys.readouterr().out.count("grader failed") == 2


def test_a_page_escapes_what_the_student_wrote(tmp_path):
    notebook = submissions.fill(submissions.BASE, ())
    cell = cell_of(notebook, "performance-table")
    cell.outputs = [nbformat.v4.new_output("stream", text="<script>alert(1)</script>")]
    cell.source += "\nperformance_table = '<b>'"
    path = tmp_path / "one.ipynb"
    nbformat.write(notebook, path)
    says = submissions.reporting({"cell": "samples"}, {"error": "NameError: <i>"}, {"left": 0})
    _, page = says("<b>", *submission.prepare(path), 0, 1, 1)
    assert "<script>" not in page and "<b>" not in page and "<i>" not in page
    assert "&lt;script&gt;" in page


@pytest.mark.parametrize(
    ("fact", "verdict"),
    [
        ({"error": "half of a pair: \ud800"}, "stopped"),
        ({"check": "char_rnn"}, "stopped"),
        ({"check": "char_rnn", "facts": {"built": 1}}, "stopped"),
        ({"check": "training", "facts": [[]] * 9}, "stopped"),
        ({"check": "mine", "status": "passed", "rule": None, "message": ""}, "stopped"),
        ({"check": "char_rnn", "status": "failed", "rule": "mine", "message": ""}, "stopped"),
    ],
)
def test_whatever_a_submission_reports_the_others_are_graded(fact, verdict, tmp_path):
    (tmp_path / "one.ipynb").write_text(nbformat.writes(submissions.BASE), encoding="utf-8")
    says = submissions.reporting({"cell": "samples"}, fact, ended="ended")
    (row,) = submissions.grade_all(tmp_path, tmp_path / "grades", grade=says)
    assert row["verdict"] == verdict and row["points"] == 0
    assert (tmp_path / "grades" / "one.html").exists()


@pytest.mark.parametrize(
    ("statuses", "detail"),
    [
        (["not attempted"] * 2, "the student did not fill in any TODO"),
        (["not attempted", "failed"], ""),
        ([], ""),  # no check was run: the page has the errors
    ],
)
def test_a_notebook_in_which_nothing_is_filled_in_is_said(statuses, detail):
    found = zip(exercise.CHECKS, statuses, strict=False)
    facts = [{"check": c, "status": s, "rule": None, "message": ""} for c, s in found]
    judged = submission.judge([], None, 0, 1, 1, lambda *_: ([*facts, {"left": 0}], None, 1.0, 1.0))
    assert (judged.verdict, judged.detail) == ("graded", detail)


def test_a_submission_cannot_say_that_a_check_has_passed():
    facts = [
        {"check": check, "status": "passed", "rule": None, "message": "", "points": 1_000}
        for check in [*exercise.CHECKS, *exercise.CHECKS, "mine"]
    ]
    row, _ = submissions.reporting(*facts, {"left": 0})("name", [], [], None, 0, 1, 1)
    assert row["points"] == 0 and row["verdict"] == "graded"


@pytest.mark.parametrize(
    ("ended", "times"), [("did not finish within 9 s", 2), ("took more than 9 s of", 1)]
)
def test_who_was_stopped_by_the_clock_is_graded_again(ended, times, tmp_path, capsys):
    (tmp_path / "one.ipynb").write_text(nbformat.writes(submissions.BASE), encoding="utf-8")
    says = submissions.reporting({"cell": "samples"}, ended=ended)
    for _ in range(2):
        (row,) = submissions.grade_all(tmp_path, tmp_path / "grades", grade=says)
        assert row["verdict"] == "stopped"
    assert capsys.readouterr().out.count("one: stopped") == times


def test_what_a_notebook_says_to_its_screen_keyboard_or_system_does_nothing():
    harmless = (
        "%matplotlib inline", "%matplotlib", "%matplotlib widget", "%pylab inline",
        "%load_ext autoreload", "%load_ext not_installed", "%not_a_magic", "!pip install torch",
        "%pip install torch", "%conda install torch", "lines = !ls", "name = input('Your name?')",
        "%%time\nx = 1", "%%not_a_magic\ny = 1", "assert x + y == 2", "exit()", "quit()", "%debug",
    )  # fmt: skip
    cells = [(source, source, None) for source in harmless]
    (_, *facts), ended, *_ = sandbox.run(cells, 0, 20, 500)
    assert [fact for fact in facts if "error" in fact] == [] and ended is None
    assert [fact["cell"] for fact in facts[:-1]] == list(harmless)


@pytest.mark.slow
def test_a_broken_model_costs_its_own_points_only(tmp_path):
    notebook = submissions.fill(submissions.BASE, range(11))
    submissions.change(notebook, "char-lstm", "        super()", "      super()")
    submissions.change(notebook, "recommendation", "evidence[", "evidence evidence[")
    nbformat.write(notebook, tmp_path / "one.ipynb")
    row, page = submission.grade("one", *submission.prepare(tmp_path / "one.ipynb"), 0, 60, 1_000)
    lost = exercise.CHECKS["char_lstm"].points + exercise.CHECKS["recommendation"].points
    assert row["points"] == exercise.POINTS - lost
    assert (
        "The submitted CharLSTM did not pass." in page and "the grader used our\nCharLSTM" in page
    )
    assert "I recommend the" in page and "evidence evidence[" in page  # although it did not run


def test_a_folder_without_notebooks_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["command", str(tmp_path), str(tmp_path / "grades")])
    with pytest.raises(SystemExit) as ended:
        grade.main()
    assert f"{tmp_path} does not contain a submission" in str(ended.value)


# --- a class on a cluster, one of whose workers is killed -------------------------------------


@contextlib.contextmanager
def a_cluster(tmp_path, of_scheduler=ROOT, of_workers=(ROOT, ROOT)):
    """Yield the address of a Dask cluster, and the workers' processes; arguments: PYTHONPATHs."""
    file = tmp_path / "scheduler.json"
    dask = [sys.executable, "-m", "dask"]
    scheduler = [*dask, "scheduler", "--port", "0", "--no-dashboard", "--scheduler-file", str(file)]
    worker = [*dask, "worker", "--scheduler-file", str(file), "--no-nanny", "--nthreads", "1"]
    worker += ["--no-dashboard", "--local-directory", str(tmp_path)]

    def started(command, path):
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": tmp_path}
        return subprocess.Popen(command, env=os.environ | {"PYTHONPATH": str(path)}, **quiet)

    processes = [started(scheduler, of_scheduler)]
    try:
        wait_for(file.exists, processes[0])
        processes += [started(worker, path) for path in of_workers]
        yield json.loads(file.read_text(encoding="utf-8"))["address"], processes[1:]
    finally:
        for process in reversed(processes):
            process.kill()
            process.wait()


@pytest.fixture
def cluster(tmp_path):
    with a_cluster(tmp_path) as started:
        yield started


@pytest.mark.slow
@pytest.mark.parametrize(
    ("lacks", "said"),
    [
        ({"of_scheduler": ""}, "the scheduler tcp://.* has no project"),
        ({"of_workers": ["", ""]}, "the worker tcp://.* has no project .ModuleNotFoundError"),
        ({"of_workers": []}, "the scheduler has no workers"),
        ({"of_workers": ["OTHER", "OTHER"]}, "the worker tcp://.* has another version"),
    ],
)
def test_a_cluster_says_what_it_lacks(lacks, said, tmp_path):
    other = tmp_path / "other"
    ignored = shutil.ignore_patterns(".*", "exported", "tests", "docs")
    shutil.copytree(ROOT, other, ignore=ignored)
    (other / "helpers.py").write_text((other / "helpers.py").read_text() + "\n# changed\n")
    given = {"of_scheduler": ROOT, "of_workers": [ROOT, ROOT]} | lacks
    given["of_workers"] = [other if path == "OTHER" else path for path in given["of_workers"]]
    (tmp_path / "one.ipynb").write_text("{", encoding="utf-8")
    with a_cluster(tmp_path, **given) as (address, workers):
        time.sleep(5 if workers else 0)
        command = [sys.executable, "-m", "course.grade", str(tmp_path / "one.ipynb")]
        command += [str(tmp_path / "grades"), "--dask", address]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1 and re.search(said, done.stderr), done.stderr
    assert "Traceback" not in done.stderr


KINDS = (
    "half-5",  # five TODOs of ten
    "unfilled",  # none
    "first-timestep",  # a wrong class: ours stands in for it
    "no-labels",  # a wrong answer that nothing rests on
    "syntax-error",  # a cell that does not run
    "sys-exit",  # one that raises
    "endless-loop",  # stopped by its time
    "memory-hog",  # by its memory
    "os-exit",  # by itself
)


def hand_in(folder):
    """Write a class below a folder, one of each kind; return (verdict, points) by their names."""
    every = submissions.notebooks(submissions.BASE)
    made = {name: every[name] for name in KINDS}
    untidy = [submissions.HOSTILE[name][1] for name in ("children", "deletes-files")]
    untidy.append(submissions.HOSTILE["noise-on-stderr"][1])
    answered = submissions.fill(submissions.BASE, range(11))
    all_points = ("graded", exercise.POINTS)
    made["untidy"] = (submissions.change(answered, "guess", None, "\n".join(untidy)), *all_points)
    made |= {name: (notebook, *all_points) for name, notebook in OTHER_CELLS.items()}
    expected = {}
    for name, (notebook, *outcome) in made.items():
        (folder / name).mkdir(parents=True)
        nbformat.write(notebook, folder / name / "exercise.ipynb")
        expected[f"{name}/exercise"] = tuple(outcome)
    text = nbformat.writes(every["full"][0]).encode("utf-16")  # all is right, and nothing usual
    with zipfile.ZipFile(folder / "packed.zip", "w") as archive:
        archive.writestr("homework/Übung (1).ipynb", text)
    (folder / "cut-off.ipynb").write_text(submissions.BROKEN["cut-off"], encoding="utf-8")
    (folder / "link.ipynb").symlink_to(ROOT / "solution.ipynb")
    unread = ("not graded", 0)
    return expected | {"packed.zip": all_points, "cut-off": unread, "link": unread}


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="some submissions start programs of Unix")
def test_each_kind_of_submission_is_graded_once_although_a_worker_is_killed(cluster, tmp_path):
    address, (_, killed) = cluster
    expected = hand_in(tmp_path / ODD)
    grades = tmp_path / "grades"
    command = [sys.executable, "-m", "course.grade", str(tmp_path / ODD), str(grades)]
    command += ["--dask", address]
    lines, told = [], []
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            lines.append(line)
            told += [name for name in [line.rpartition(":")[0]] if name in expected]
            if len(told) == len(expected) // 2 and killed.returncode is None:
                assert killed.poll() is None
                killed.kill()
                killed.wait()
    assert process.returncode == 0 and killed.returncode == -signal.SIGKILL, lines
    print(*lines)
    rows = pd.read_csv(grades / "grades.csv").to_dict("records")
    assert {r["submission"]: (r["verdict"], r["total"]) for r in rows} == expected
    assert sorted(told) == sorted(expected) and len(rows) == len(expected)
    pages = {path.relative_to(grades).with_suffix("") for path in grades.rglob("*.html")}
    assert pages == set(map(Path, expected))
    for name, rule in [("first-timestep", "final-timestep"), ("no-labels", "axes-labels")]:
        assert f"<td>{rule}: " in (grades / name / "exercise.html").read_text(encoding="utf-8")
    assert not leftovers()
