"""What reaches for more than the exercise needs is shown to who grades."""

import pytest

from course.grade import flags
from course.grade.merge import exercise
from tests import submissions


@pytest.mark.parametrize(
    "source",
    [
        "checks.POINTS['char_rnn'] = 99",
        "checks.latest.clear()",
        "from lab.checks import results",
        "import lab.checks as c",
        "checks.char_rnn = lambda *_: None",
        "setattr(checks, 'char_rnn', None)",
        "import sys; sys.modules['lab.checks']",
        "import gc",
        "().__class__.__base__.__subclasses__()",
        "sys._getframe(1).f_locals",
        "open('cells.json').read()",
        "__import__('os').system('ls')",
        "exec(text)",
        "from pathlib import Path",
        "import os.path as p",
        "get_ipython().events.callbacks",
    ],
)
def test_what_reaches_for_more_is_flagged(source):
    ((line, what), *_) = flags.worth_a_look(f"x = 1\n{source}")
    assert line == 2 and what


@pytest.mark.parametrize(
    "source", ["checks.char_rnn(CharRNN)", "checks.char_rnn(CharRNN).points", "checks.hint('gru')"]
)
def test_calling_a_check_is_what_it_is_there_for(source):
    assert flags.worth_a_look(source) == []


@pytest.mark.parametrize("cell_id", sorted(submissions.ANSWERS))
def test_the_solutions_answers_are_not(cell_id):
    assert flags.worth_a_look(submissions.SOURCES[cell_id]) == []
    (stub,) = (source for known, source, _ in exercise()[0] if known == cell_id)
    assert flags.worth_a_look(stub) == []


@pytest.mark.parametrize(
    "source",
    ["checks.summary()", "checks.hint('char_rnn')", "%matplotlib inline\nimport numpy", "x = = 1"],
)
def test_what_a_student_may_do_is_not(source):
    assert flags.worth_a_look(source) == []
