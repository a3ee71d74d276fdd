"""course/generate.py: one number stands once, and what is made of it follows or refuses aloud."""

import re

import pytest

from course import generate
from course.make_exercise import ROOT
from lab import exercise

NAMED = re.compile(r"(?<![\w/.-])(?:tests|lab|course|benchmarks|data|docs)/[\w./-]*\w")


def test_a_number_that_students_see_is_compared(monkeypatch, capsys):
    assert not list(generate.other_numbers())
    monkeypatch.setitem(generate.VISIBLE, "hidden_dim", 320)
    lines = list(generate.other_numbers())
    assert [line.partition(":")[0] for line in lines] == [
        f"hidden_dim = 256 in cell 'char-{name}'" for name in ("rnn", "lstm", "gru")
    ]
    with pytest.raises(SystemExit, match=r"lab/exercise\.py has 320"):
        generate.main(["--check"])


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
