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
from tests.running import files_in_git

NAMED = re.compile(r"(?<![\w/.-])(?:tests|lab|course|benchmarks|data|docs)/[\w./-]*\w")


def test_a_number_that_students_see_is_compared(monkeypatch):
    assert not list(generate.other_numbers())
    changed = SOLUTION.read_text(encoding="utf-8").replace("hidden_dim=256", "hidden_dim=320")
    monkeypatch.setattr(generate.read_solution, "read", lambda: json.loads(changed))
    lines = list(generate.other_numbers())
    places = ["char-rnn", "char-lstm", "char-gru", "part-a"]
    assert [line.partition(" ")[0] for line in lines] == places
    with pytest.raises(SystemExit, match=r"char-rnn does not contain .*hidden_dim=256"):
        generate.main(["--check"])


def test_a_number_in_a_signature_is_compared(monkeypatch):
    monkeypatch.setitem(generate.SHOWN, "train_epoch", ["batch_size=64)"])
    (line,) = generate.other_numbers()
    assert (
        line == "train_epoch does not contain 'batch_size=64)', but lab/exercise.py has this number"
    )


def test_points_are_filled_in_from_one_place(monkeypatch):
    before = exercise.CHECKS["samples"]
    monkeypatch.setitem(exercise.CHECKS, "samples", before._replace(points=9))
    assert re.search(r"^\| 6 \| `samples` and `\w+` \| \d+ \| 9 \|$", generate.points(), re.M)
    with pytest.raises(SystemExit, match=r"out of date: docs/instructors\.md"):
        generate.main(["--check"])


@pytest.mark.parametrize("path", [".ci/run", "pyproject.toml", *(ROOT / ".github").rglob("*.*")])
def test_every_path_that_ci_names_exists(path):
    # Nobody sees the weekly run, where a missing one fails without a word.
    named = NAMED.findall((ROOT / path).read_text(encoding="utf-8"))
    assert not [name for name in named if not (ROOT / name).exists()]


def copied(folder):
    """Write the project's files into a folder, and return it."""
    for name in files_in_git("--cached", "--others", "--exclude-standard"):
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


AFTER = """
from course.generate import BLOCKS, main
from lab import checks, exercise
from tests.core.test_generate import of_numbers
main([])
checks.summary()
print(*(path.read_text() for path in BLOCKS), exercise.TOTAL, of_numbers().pattern, sep="\\n")
"""


@pytest.mark.slow
def test_numbers_that_change_leave_no_old_one_behind(tmp_path):
    source = copied(tmp_path) / "lab" / "exercise.py"
    text, samples = source.read_text(encoding="utf-8"), exercise.CHECKS["samples"].points
    paragraph, seconds = exercise.PARAGRAPH_POINTS, exercise.GRADING_SECONDS
    for old, new in [
        (f'6, {samples}, "samples', f'6, {samples + 2}, "samples'),
        (f"PARAGRAPH_POINTS = {paragraph}", f"PARAGRAPH_POINTS = {paragraph + 2}"),
        (f"GRADING_SECONDS = {seconds}", f"GRADING_SECONDS = {seconds - 15}"),
    ]:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    source.write_text(text, encoding="utf-8")
    python = [sys.executable, "-c", AFTER]
    after = subprocess.run(python, cwd=tmp_path, check=True, capture_output=True, text=True)
    *said, total, pattern = after.stdout.splitlines()
    said, now = "\n".join(said), re.compile(pattern, re.I)
    assert f"of {exercise.POINTS + 2} points. Your instructor gives up to {paragraph + 2}" in said
    assert int(total) == exercise.TOTAL + 4 and f"| {total} |" in said
    assert not [number for number in of_numbers().findall(said) if not now.fullmatch(number)]
