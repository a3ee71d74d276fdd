"""The README's figures are the solution's, and its commands do what it says."""

import os
import re
import shlex
import subprocess
import sys

import pytest

from course import generate
from tests.running import files_in_git, wait_for

README = generate.README.read_text(encoding="utf-8")


def test_figures_are_those_of_the_executed_solution():
    generate.main(["--check"])
    table = generate.results()
    assert "Test Perplexity" in table and "Memory Span" in table and "cores" in table


def test_the_first_screens_do_not_give_the_guess_away():
    shown = re.sub(r"<details>.*?</details>", "", README, flags=re.DOTALL)
    assert "Test Perplexity" in README and "Test Perplexity" not in shown
    assert not re.search(r"(RNN|LSTM|GRU) (is|are|answers|trains|remembers|predicts)", shown)


def test_every_entry_that_is_seen_has_a_line():
    entries = {name.partition("/")[0] for name in files_in_git() if not name.startswith(".")}
    table = README[README.index("## Layout") :]
    described = {name.rstrip("/") for name in re.findall(r"^\| `(.*?)` \|", table, re.M)}
    assert described == entries - {"README.md"}


def test_there_are_two_commands_each_with_its_windows_twin():
    posix = re.findall(r"^python3 -m venv .*$", README, flags=re.M)
    windows = re.findall(r"^py -m venv .*$", README, flags=re.M)
    assert len(posix) == len(windows) == 2
    for one, other in zip(posix, windows, strict=True):
        assert other == one.replace("python3 ", "py ").replace(".venv/bin/", ".venv\\Scripts\\")


def in_this_environment(command):
    """Return a command of the README as one of the Python that runs the tests."""
    return [sys.executable, "-m", *command.rpartition("python -m ")[2].split()]


@pytest.mark.skipif(sys.platform != "linux", reason="a browser is found in another way elsewhere")
@pytest.mark.parametrize("browser", [True, False], ids=["with a browser", "without"])
def test_the_first_command_opens_the_exercise_or_says_where(browser, tmp_path):
    opened, log, runtime = (tmp_path / name for name in ("opened", "log", "runtime"))
    record = "import sys; open(sys.argv[1], 'w').write(sys.argv[2])"
    recorder = shlex.join([sys.executable, "-c", record, str(opened)])  # which may have blanks
    environment = os.environ | {
        "JUPYTER_RUNTIME_DIR": str(runtime),
        "BROWSER": f"{recorder} %s" if browser else "/nowhere/to/be/found",
    }
    environment.pop("DISPLAY", None)
    command = in_this_environment(re.search(r"^python3 .*exercise\.ipynb$", README, re.M)[0])
    with (
        log.open("wb") as output,
        subprocess.Popen(
            command, cwd=generate.ROOT, env=environment, stdout=output, stderr=output
        ) as server,
    ):
        try:
            address = r"http://localhost:\d+/lab/tree/exercise\.ipynb\?token=\w+"
            said = wait_for(lambda: re.search(address, log.read_text(encoding="utf-8")), server)
            if browser:
                wait_for(lambda: opened.exists() and opened.read_text(), server)
        finally:
            server.kill()
            print(log.read_text(encoding="utf-8"))
    if browser:
        (page,) = runtime.glob("jpserver-*-open.html")
        assert opened.read_text() == page.as_uri()
        assert said[0] in page.read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_line_that_runs_the_whole_solution_writes_a_page(tmp_path, quick):
    (line,) = re.findall(r"^\.venv/bin/python -m nbconvert .*$", README, re.M)
    assert " --output-dir exported " in line
    command = in_this_environment(line.replace("exported", str(tmp_path)))
    subprocess.run(command, cwd=generate.ROOT, check=True, capture_output=True)
    assert "key takeaways" in (tmp_path / "solution.html").read_text(encoding="utf-8").lower()
