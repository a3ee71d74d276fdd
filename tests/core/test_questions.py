"""The questions of TODO 4, 6, 7 and 9: what is right, and what is said of wrong answers."""

import pytest

from lab import checks, exercise, memory
from lab.ask import simple
from lab.checks import questions
from lab.checks.rule import Broken
from tests.answers import cases, todo_questions
from tests.answers.todo_10_recommendation import ASKED

MORE = {"uniform_perplexity": (73,), "one_kept": (ASKED.load, memory.SYMBOLS)}


@pytest.mark.parametrize("rule, name, given", cases(todo_questions, most=9))
def test_a_question_has_one_answer(rule, name, given):
    def ask():
        getattr(questions, name)(simple(given, 1), *MORE.get(name, ()))

    if rule is None:
        return ask()
    with pytest.raises(Broken, match=name) as broken:
        ask()
    assert broken.value.rule == rule


@pytest.mark.parametrize(
    ("result", "says"),
    [
        (lambda: checks.parameters({"LSTM": 3, "GRU": 3}, None, 73), "This is the number of gates"),
        (lambda: checks.performance(4.29, 73, *[None] * 5), "This is the loss in nats"),
        (
            lambda: checks.long_context(0.25, None, {}, "", ASKED, 20),
            "leaves out the answers",
        ),
    ],
)
def test_the_check_of_the_todo_names_the_known_mistake_and_not_the_answer(result, says):
    told = result()
    assert told.status == "failed" and says in told.message


def test_no_cell_before_it_and_no_check_that_passed_shows_an_answer():
    counts = {"RNN": 258_505, "LSTM": 949_705, "GRU": 719_305}
    told = checks.parameters(todo_questions.RATIO, counts, 73)
    assert told.status == "passed" and not {"3", "4"} & set(told.message.split())


def test_an_open_question_is_not_attempted():
    told = checks.parameters(None, {"RNN": 1}, 73)
    assert told.status == "not attempted" and "recurrent_ratio" in told.message


def test_the_symbols_and_the_load_are_those_of_the_notebook():
    assert exercise.REQUIREMENTS["load"] == 4 and memory.SYMBOLS == 8  # as TODO 9 says
