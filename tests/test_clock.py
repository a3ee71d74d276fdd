"""course/clock.py: the minutes are computed, and within what the exercise promises."""

import re

import pytest

from course import clock, read_solution
from course.make_exercise import make_exercise, strip_solutions

SOLUTION = read_solution.read()


def test_the_required_part_takes_at_most_12_minutes_and_4_of_computing():
    whole = clock.total(clock.by_part(SOLUTION))
    assert 8 < whole.minutes <= 12
    assert 0.5 < whole.computing / 60 <= 4


def test_the_required_part_has_at_most_1000_words():
    given = {cell["id"]: cell for cell in make_exercise(SOLUTION)["cells"]}
    prose = [
        "".join(given[cell["id"]]["source"])
        for cell in read_solution.required_cells()
        if cell["cell_type"] == "markdown" and cell["id"] in given
    ]
    assert 500 < sum(map(clock.words, prose)) <= 1_000


def test_minutes_in_the_notebook_are_those_computed():
    clock.main(["--check"])


def test_other_minutes_are_put_right():
    solution = read_solution.read()
    for cell in solution["cells"]:
        cell["source"] = [re.sub(r"\([\d.]+ min", "(9.9 min", line) for line in cell["source"]]
    assert solution != SOLUTION
    clock.put_minutes(solution, clock.by_part(solution))
    assert solution == SOLUTION


@pytest.mark.parametrize(
    ("markdown", "words"),
    [
        ("Two words", 2),
        ("`forward(x)` returns **one** pair, isn't it?", 7),
        ("<details><summary>Fold</summary>away</details> left <!-- STUB: out -->", 1),
        ("| a | 0.3 |\n|---|---|", 2),
        ("■ ● 5 %", 1),
    ],
)
def test_words_are_those_that_are_read(markdown, words):
    assert clock.words(markdown) == words


def cell(answer, *stubs):
    lines = ["# TODO 1", "# BEGIN SOLUTION", *(f"# STUB: {stub}" for stub in stubs), *answer]
    return {"source": "\n".join([*lines, "# END SOLUTION"])}


def seconds(answer, *stubs, held=()):
    solved = cell(answer, *stubs)
    return clock.writing(solved, strip_solutions(solved["source"], "x"), set(held))


def test_writing_is_thought_and_keys():
    assert seconds(["x = 1"], "pass") == pytest.approx(1.35 + 0.28 * 8)  # all typed, and Return


def test_a_line_that_is_offered_is_changed_and_one_that_is_held_is_copied():
    gap = seconds(["x = layer(hidden_dim)"], "pass", "# x = layer(?)")
    assert gap == pytest.approx(1.35 + 0.28 * (2 + 1 + len("hidden_dim")))
    copied = seconds(["x = layer(hidden_dim)"], "pass", held=["x = layer(hidden_dim)"])
    assert copied == pytest.approx(2 * 0.28) == seconds(["y = 1"], "y = None", "# y = 1")


def test_what_is_read_while_the_models_train_costs_nothing():
    parts = clock.by_part(SOLUTION)
    slow = read_solution.read()
    for c in slow["cells"]:
        if c["id"] == "train":
            c["outputs"] = []
    waiting = clock.total(clock.by_part(slow)).reading - clock.total(parts).reading
    text = next("".join(c["source"]) for c in SOLUTION["cells"] if c["id"] == "meanwhile")
    assert waiting == pytest.approx(60 * clock.words(text) / 238)
