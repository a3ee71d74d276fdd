"""What reaches for more than the exercise needs is shown to who grades."""

import pytest

from course.grade import flags
from course.grade.merge import our_cells
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
        "In[-1]",
        "_ih",
        "torch.equal = lambda *_: True",
        "helpers.evaluate_model = mine",
        "nn.RNN.forward = mine",
        "np.loadtxt('a.txt')",
        "torch.load('/home/me/model.pt')",
        "text = load('../other/exercise.ipynb')",
        "where = r'C:\\grades'",
        "%run other.py",
        "%%bash\nls /",
        "%%writefile lab/checks/__init__.py\nx = 1",
        "class Same:\n    def __eq__(self, other): return True",
        "import atexit",
        "(x for x in ()).gi_frame",
    ],
)
def test_what_reaches_for_more_is_flagged(source):
    before = "" if source.startswith("%%") else "x = 1\n"
    found = flags.worth_a_look(before + source)
    assert found and all(what for _, what in found)
    assert found[0][0] in (before.count("\n") + 1, before.count("\n") + 2)


@pytest.mark.parametrize(
    "source",
    [
        "checks.char_rnn(CharRNN)",
        "checks.char_rnn(CharRNN).points",
        "checks.hint('gru')",
        "%matplotlib inline",
        "%%time\nx = 1",
        "!pip install torch",
        "for _ in range(3): pass",
        "super().__init__()",
        "self.rnn = nn.RNN(1, 2, 3)",
        "print(type(model).__name__)",
        "axes.set_ylabel('loss / s')",
        "CORPUS = 'wikitext-2'",
        "checks.summary()",
        "checks.hint('char_rnn')",
        "%matplotlib inline\nimport numpy",
        "x = = 1",
    ],
)
def test_what_the_exercise_needs_is_not_flagged(source):
    assert flags.worth_a_look(source) == []


def test_the_line_that_is_shown_is_the_one_that_reaches():
    (seen,) = flags.in_answers([("mine", "\n\n# why not\nimport os", "")])
    assert seen == ("mine", "4: import os", "os")


@pytest.mark.parametrize("cell_id", sorted(submissions.ANSWERS))
def test_the_solutions_answers_and_our_stubs_are_not_flagged(cell_id):
    assert flags.worth_a_look(submissions.SOURCES[cell_id]) == []
    (stub,) = (one for one in our_cells() if one.id == cell_id)
    assert flags.worth_a_look(stub.source) == []
