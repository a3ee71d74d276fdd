"""The bank: answers to the TODOs, each with the rule that it breaks. A module per TODO, no tests.

An answer to TODO 1, 2, 3 or 5 is a dict {old: new}: what a student wrote otherwise than the
solution. An answer to a later TODO is what its check is given.
"""

import re
from collections import Counter
from typing import NamedTuple

import pytest

from course import read_solution
from course.make_exercise import todo_number

# The solution's source by TODO, without the comment lines: some hold the code that answers change.
SOURCES = {}
for cell in read_solution.read()["cells"]:
    if (number := todo_number(cell)) is not None:
        code = "".join(line for line in cell["source"] if not re.match(r"\s*#", line))
        SOURCES.setdefault(number, code)


class Answer(NamedTuple):
    rule: str | None  # the id of the rule that it breaks; None for a right answer
    given: tuple


def wrong(rule, *given):
    return Answer(rule, given)


def right(*given):
    return Answer(None, given)


def changed(source, replacements):
    """Return a source with each ``old`` replaced; further lines of ``new`` are indented like it."""
    for old, new in replacements.items():
        assert old in source, old
        line = source[: source.index(old)].rpartition("\n")[2]
        indent = line[: len(line) - len(line.lstrip())]
        source = source.replace(old, new.replace("\n", "\n" + indent))
    return source


def cases(bank, most=1):
    """Return a module's answers as parameters (rule, *given), with ids as raw-logits-2, right-7.

    After the first ``most`` wrong answers that break a rule, and three times as many right ones,
    they are slow tests: the others of a kind.
    """
    count, parameters = Counter(), []
    for rule, given in bank.WRONG + bank.RIGHT:
        count[rule] += 1
        marks = pytest.mark.slow if count[rule] > (most if rule else 3 * most) else ()
        name = f"{rule or 'right'}-{count[rule]}"
        parameters.append(pytest.param(rule, *given, id=name, marks=marks))
    return parameters


def assert_breaks(rule, result):
    """Assert that a check found exactly this rule broken, or none if ``rule`` is None."""
    status, points = ("failed", 0) if rule else ("passed", result.max_points)
    assert (result.status, result.rule, result.points) == (status, rule, points), str(result)
    assert result.message and result.max_points > 0
