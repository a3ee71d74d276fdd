"""course/generate.py: one number stands once, and what is made of it follows or refuses aloud."""

import json
import re
import shutil
import subprocess
import sys

import pytest

from course import generate
from course.make_exercise import ROOT, SOLUTION
from lab import exercise

NAMED = re.compile(r"(?<![\w/.-])(?:tests|lab|course|benchmarks|data|docs)/[\w./-]*\w")


def test_a_number_that_students_see_is_compared(monkeypatch):
    assert not list(generate.other_numbers())
    changed = SOLUTION.read_text(encoding="utf-8").replace("hidden_dim=256", "hidden_dim=320")
    monkeypatch.setattr(generate.read_solution, "read", lambda: json.loads(changed))
    lines = list(generate.other_numbers())
    places = ["char-rnn", "char-lstm", "char-gru", "part-a"]
    assert [line.partition(" ")[0] for line in lines] == places
    with pytest.raises(SystemExit, match=r"char-rnn does not say .*hidden_dim=256"):
        generate.main(["--check"])


def test_a_number_in_a_signature_is_compared(monkeypatch):
    monkeypatch.setitem(generate.SHOWN, "train_epoch", ["batch_size=64)"])
    (line,) = generate.other_numbers()
    assert line == "train_epoch does not say 'batch_size=64)', as lab/exercise.py has it"


def test_points_are_filled_in_from_one_place(monkeypatch):
    before = exercise.CHECKS["samples"]
    monkeypatch.setitem(exercise.CHECKS, "samples", before._replace(points=9))
    assert re.search(r"^\| 6 \| `samples` \| \d+ \| 9 \|$", generate.points(), re.M)
    with pytest.raises(SystemExit, match=r"out of date: docs/instructors\.md"):
        generate.main(["--check"])


@pytest.mark.parametrize("path", [".ci/run", "pyproject.toml", *(ROOT / ".github").rglob("*.*")])
def test_every_path_that_ci_names_exists(path):
    # Nobody sees the weekly run, where a missing one fails without a word.
    named = NAMED.findall((ROOT / path).read_text(encoding="utf-8"))
    assert not [name for name in named if not (ROOT / name).exists()]


def copied(folder):
    """Write the project's files into a folder, and return it."""
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for name in names.splitlines():
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    return folder


def of_numbers():
    """Return a pattern for the exercise's numbers, each with its unit or name."""
    numbers = [
        f"{exercise.POINTS} points",
        f"of {exercise.POINTS}",
        f"{exercise.TOTAL} points",
        f"points of {exercise.TOTAL}",
        f"up to {exercise.PARAGRAPH_POINTS} points",
        f"layers of {exercise.SIZES['hidden_dim']}",
        f"{exercise.EPOCHS} epochs",
        f"{exercise.REQUIREMENTS['parameters']:,}",
        f"{exercise.GRADING_SECONDS} s of",
        f"{exercise.GRADING_MEGABYTES:,} MB",
        f"{exercise.SPAN_BATCHES:,} batches",
        exercise.PROMPT,
        *(style["color"] for style in exercise.STYLES.values()),
    ]
    return re.compile(rf"(?<![\d,.])({'|'.join(map(re.escape, numbers))})(?![\d,]*\d)", re.I)


FILLED_IN = re.compile(r"<!-- (\w+) -->.*?<!-- /\1 -->", re.DOTALL)  # by the one command


def test_a_number_of_the_exercise_stands_once(tmp_path):
    found, pattern = [], of_numbers()
    for path in copied(tmp_path).rglob("*.*"):
        name = path.relative_to(tmp_path).as_posix()
        generated = name in ("docs/study.md", "exercise.ipynb") or name.startswith("data/study/")
        if path.suffix in (".py", ".md", ".js", ".html", ".toml", ".yml") and not generated:
            text = FILLED_IN.sub("", path.read_text(encoding="utf-8"))
            found += [(name, number) for number in pattern.findall(text)]
    assert {name for name, _ in found} == {"lab/exercise.py"}, found


@pytest.mark.slow
def test_numbers_that_change_leave_no_old_one_behind(tmp_path):
    source = copied(tmp_path) / "lab" / "exercise.py"
    text, changes = source.read_text(encoding="utf-8"), 0
    for old, new in [
        ('Todo(6, 7, "samples"', 'Todo(6, 9, "samples"'),
        ("PARAGRAPH_POINTS = 10", "PARAGRAPH_POINTS = 12"),
        ("GRADING_SECONDS = 60", "GRADING_SECONDS = 45"),
        (exercise.STYLES["LSTM"]["color"], "#1188CC"),
    ]:
        changes += text.count(old) == 1
        text = text.replace(old, new)
    assert changes == 4
    source.write_text(text, encoding="utf-8")
    (tmp_path / "after.py").write_text(
        "from course.generate import BLOCKS, main\n"
        "from lab import checks, exercise\n"
        "main([])\n"
        "print(*(path.read_text() for path in BLOCKS))\n"
        "checks.summary()\n"
        "assert exercise.TOTAL == 104\n",
        encoding="utf-8",
    )
    python = [sys.executable, "after.py"]
    after = subprocess.run(python, cwd=tmp_path, check=True, capture_output=True, text=True)
    assert "of 92 points; your instructor gives up to 12 more" in after.stdout
    assert "| 104 |" in after.stdout
    old = of_numbers().findall(after.stdout)
    assert not [n for n in old if re.search("points|of 9|up to|s of", n)], old
