"""Tricks by which a submission without an answer might have points: what each of them gets."""

import os

import nbformat
import pytest

from course.grade import sandbox, submission
from course.make_exercise import ROOT
from lab import exercise
from lab.ask import TooSlow
from lab.checks import trained
from tests import submissions

POINTS = {check: todo.points for check, todo in exercise.CHECKS.items()}
PASSED = "type('Result', (), dict(status='passed', rule=None, message='', points=90))"
RNN = submissions.SOURCES["char-rnn"]
EXECUTE = (
    "import json\n"
    "for cell in json.load(open({!r}))['cells']:\n"
    "    if 'class Char' in ''.join(cell['source']): exec(''.join(cell['source']))\n"
)
WRITE = (  # a line, to whatever is open
    "import json, os\n"
    "def write(*lines):\n"
    "    for number in range(64):\n"
    "        for line in lines:\n"
    "            try: os.write(number, line.encode() + b'\\n')\n"
    "            except OSError: pass\n"
    "def told(**facts): return json.dumps({'dict': [[k, v] for k, v in facts.items()]})\n"
)
ZEROS = (  # facts on a class of the right shapes whose answers are zeros
    "import numpy as np, torch, sys\n"
    "from lab.ask import models\n"
    "def forged(kind, cls, seed, first=None):\n"
    "    shapes = lambda n: [(23, 12)] + sum(([(20, 20 if i else 12), (20, 20), (20,), (20,)]\n"
    "        for i in range(n)), []) + [(23, 20), (23,)]\n"
    "    layers = lambda n: dict(names=list('abcdefgh') * 3, shapes=shapes(n), unseen=None,\n"
    "        settings=[], dropouts=[])\n"
    "    asked = [q for _, q in models.questions(kind, seed)]\n"
    "    z = lambda *s: np.zeros(s, 'float32')\n"
    "    return dict(module=True, signature=None, raised=None, stale=False, empty=False,\n"
    "        dropout=0.3, elsewhere=None, built={q.spec(): layers(q.num_layers) for q in asked},\n"
    "        answers=[(z(5, 23), z(3, 5, 20)) for q in asked], copies=[z(1), z(1)],\n"
    "        **{'class': 'c'})\n"
)
TRICKS = {  # what stands in place of CharRNN, and the points that it gets
    "has the solution": (RNN, POINTS["char_rnn"]),
    "reads the solution": (EXECUTE.format(str(ROOT / "solution.ipynb")), 0),
    "looks for it everywhere": (
        "import pathlib\n"
        "for path in pathlib.Path('/').rglob('solution.ipynb'):\n"
        "    " + EXECUTE.format("{}").replace("'{}'", "path").replace("\n", "\n    "),
        0,
    ),
    "reads the grader's cells": ("text = open('task.json').read()\nexec(text)", 0),
    "searches the memory": (
        "import gc\n"
        "for found in gc.get_objects():\n"
        "    if type(found) is list and len(found) == 3 and 'nn.RNN(' in str(found[1]):\n"
        "        exec(found[1])\n",
        0,
    ),
    "imports the reference": ("from lab.checks.specified import Specified as CharRNN", 0),
    "imports the judges": (
        "import lab.checks.models as looks\nlooks.judge = lambda *_: 'all is well'",
        0,
    ),
    "raises the points": (
        "known = checks.results.CHECKS\nchecks.results.CHECKS = {'mine': known['char_rnn']}",
        0,
    ),
    "writes results": (
        "from lab.exercise import CHECKS\nchecks.latest.update({name: 1 for name in CHECKS})",
        0,
    ),
    "results that pass": (
        "import lab.checks, lab.exercise\nlab.checks.latest = "
        f"dict.fromkeys(lab.exercise.CHECKS, {PASSED})",
        0,
    ),
    "another name for the checks": (
        f"c = checks\nc.latest = type('L', (), dict(get=lambda self, name: {PASSED}))()",
        0,
    ),
    "a property on results": (
        "from lab.checks import results as r\n"
        "r.CheckResult.status = property(lambda self: 'passed', lambda self, value: None)",
        0,
    ),
    "other checks": (f"class checks:\n    char_rnn = lambda *_: {PASSED}", 0),
    "another module": (
        "import sys, types\nfake = types.ModuleType('lab.checks')\n"
        f"fake.__getattr__ = lambda name: lambda *a, **k: {PASSED}\n"
        "sys.modules['lab.checks'] = checks = fake",
        0,
    ),
    "a hook of IPython": (
        "def end(result):\n"
        f"    result.result, result.error_in_exec = {PASSED}, None\n"
        "get_ipython().events.register('post_run_cell', end)",
        0,
    ),
    "other cells": (
        "shell = get_ipython()\nshell.run_cell = lambda *a, **k: type('R', (), dict("
        f"result={PASSED}, error_before_exec=None, error_in_exec=None))",
        0,
    ),
    "judges of its own": (
        "from lab.checks import results\nresults.result_of = lambda name, *_: "
        "results.CheckResult(name, 'passed', None, '', 99, 99)",
        0,
    ),
    "tensors that agree": (
        "import numpy as np, torch\n"
        "torch.equal = torch.allclose = np.allclose = lambda *a, **k: True\n"
        "torch.Tensor.__eq__ = lambda *a: torch.tensor(True)",
        0,
    ),
    "built-ins that agree": (
        "import builtins\nbuiltins.all = builtins.any = builtins.isinstance = lambda *a: True",
        0,
    ),
    "tables that agree": (
        "import pandas as pd\npd.DataFrame.__eq__ = lambda *a: True\n"
        "performance_table = pd.DataFrame({'Model': ['RNN', 'LSTM', 'GRU']})",
        0,
    ),
    "objects that equal all": (
        "class Same(dict):\n"
        "    def __eq__(self, other): return True\n"
        "    def __getitem__(self, key): return self\n"
        "    def __getattr__(self, name): return self\n"
        "    def __call__(self, *a, **k): return self\n"
        "parameter_counts = spans = samples = evidence = performance_table = Same()\n",
        0,
    ),
    "reports by itself": (
        WRITE + "write(json.dumps(dict(check='char_rnn', status='passed', rule=None, message='')))",
        0,
    ),
    "reports in the grader's way": (
        WRITE + "write(told(check='char_rnn', status='passed', rule='', message='', points=90))",
        0,
    ),
    "reports facts": (WRITE + "write(told(check='char_rnn', facts={'dict': []}))", 0),
    "reports from a thread": (
        WRITE + "import threading, time\n"
        "def later():\n"
        "    while True:\n"
        "        time.sleep(0.01)\n"
        "        write(told(check='char_rnn', status='passed', rule='', message=''))\n"
        "threading.Thread(target=later, daemon=True).start()",
        0,
    ),
    "reports at its end": (
        WRITE + "import atexit\n"
        "atexit.register(write, told(check='char_rnn', status='passed', rule='', message=''))",
        0,
    ),
    "reports from a child": (
        WRITE + "import time\n"
        "if not os.fork():\n"
        "    time.sleep(5)\n"
        "    write(told(check='char_rnn', status='passed', rule='', message=''))\n"
        "    os._exit(0)",
        0,
    ),
    "sends a pickle": (
        WRITE + "write(told(check='char_rnn', facts={'array': ['|O', [1], 'gASVCQA=']}))",
        0,
    ),
    "an array that is too large": (
        WRITE + "write(told(check='char_rnn', facts={'array': ['<f8', [10**13], 'AAAA']}))",
        0,
    ),
    "deep data": (WRITE + "write('{\"dict\":' * 90_000)", 0),
    "numbers without an end": (WRITE + "write('9' * 90_000)", 0),
    "forges facts: zeros": (
        ZEROS + "models.ask = forged\nclass CharRNN(torch.nn.Module): pass",
        0,
    ),
    "forges facts by computing them": (  # who does so has solved the TODO
        RNN.replace("class CharRNN", "class Real")
        + "\nfrom lab.ask import models\nask = models.ask\nReal.__name__ = 'CharRNN'\n"
        "models.ask = lambda kind, cls, *more: ask(kind, Real, *more)\nCharRNN = 1",
        POINTS["char_rnn"],
    ),
    "looks up the stack": (
        "import sys\nfrom torch import nn\nclass CharRNN(nn.Module):\n"
        "    def __init__(self, vocab_size, embedding_dim=1, hidden_dim=1, num_layers=1,\n"
        "                 dropout=0.3):\n"
        "        super().__init__()\n"
        "    def forward(self, x, hidden=None, return_sequences=False):\n"
        "        frame = sys._getframe()\n"
        "        while frame := frame.f_back:\n"
        "            for value in frame.f_locals.values():\n"
        "                if 'wanted' in str(value)[:200]: return value\n"
        "    def init_hidden(self, batch_size): return None",
        0,
    ),
    "changes the files of the exercise": (
        "import lab.ask.models as m\nopen(m.__file__, 'a').write('\\nask = None')",
        0,
    ),
    "ends with success": ("import os\nos._exit(0)", 0),
    "kills what it can": (
        "import os, signal\n"
        "for pid in [os.getppid(), *range(2, 400)]:\n"
        "    try: os.kill(pid, 9)\n"
        "    except OSError: pass",
        0,
    ),
    "stops itself": ("import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)", 0),
    "closes all files": ("import os\nos.closerange(0, 256)", 0),
    "truncates the report": (
        WRITE + "for number in range(3, 64):\n"
        "    try: os.ftruncate(number, 0)\n"
        "    except OSError: pass\n"
        "os._exit(0)",
        0,
    ),
    "a shape without an end": (
        WRITE + "write('{\"array\":[\"<f4\",[' + '9' * 400 + ',1.5],\"\"]}')",
        0,
    ),
    "used no time": (WRITE + "write(told(left=0, seconds=float('inf')))\nos._exit(0)", 0),
    "floods the report": (WRITE + "write(*[told(check='char_rnn', facts=1)] * 9_000)", 0),
    "a cell of its own": (WRITE + "write(told(cell='x' * 200_000))\nos._exit(0)", 0),
    "asks for models without an end": (
        ZEROS + "real = forged\n"
        "def larger(*given):\n"
        "    facts = real(*given)\n"
        "    facts['built'][(('vocab_size', 1), ('num_layers', 10**9))] = dict(shapes=[])\n"
        "    return facts\n"
        "models.ask = larger\nclass CharRNN(torch.nn.Module): pass",
        0,
    ),
    "shapes without an end": (
        ZEROS + "real = forged\n"
        "def larger(*given):\n"
        "    facts = real(*given)\n"
        "    for layers in facts['built'].values(): layers['shapes'][2] = (20, 10**4000)\n"
        "    return facts\n"
        "models.ask = larger\nclass CharRNN(torch.nn.Module): pass",
        0,
    ),
    "keys with the same hash": (
        WRITE + "pairs = [[(2**61 - 1) * n, 0] for n in range(60_000)]\n"
        "write(told(check='char_rnn', facts={'dict': pairs}))",
        0,
    ),
    "types the counts": (
        "recurrent_ratio = {'LSTM': 4, 'GRU': 3}\n"
        "parameter_counts = {'RNN': 258505, 'LSTM': 949705, 'GRU': 719305}",
        POINTS["parameters"],
    ),
}


def handed_in(trick):
    """Return the exercise with nothing filled in but the trick in the first answer's place."""
    return submissions.change(submissions.fill(submissions.BASE, ()), "char-rnn", None, trick)


@pytest.mark.slow
@pytest.mark.parametrize("name", TRICKS)
def test_a_trick_gets_no_more_than_is_known(name, tmp_path):
    trick, points = TRICKS[name]
    if "solution.ipynb" in trick and sandbox.reach():
        pytest.skip("this system does not let us hide files, which the page says")
    nbformat.write(handed_in(trick), tmp_path / "one.ipynb")
    seconds = 3 if name == "stops itself" else 60
    row, _ = submission.grade("one", *submission.prepare(tmp_path / "one.ipynb"), 5, seconds, 1_000)
    assert row["points"] == points and row["verdict"] != "grader failed", row


LEAK = (
    WRITE + "import gc\n"
    "known = [found[1] for found in gc.get_objects() if type(found) is list\n"
    "         and len(found) == 3 and str(found[0]).startswith('our class')]\n"
    "if known:\n"
    "    for name in ('training', 'samples'):\n"
    "        write(told(check=name, status='failed', rule=known[0], message=known[0]))\n"
    "    write(told(cell=known[0]), told(error=known[0]))\n"
    "    os._exit(0)"
)


@pytest.mark.slow
def test_our_class_does_not_reach_the_page(tmp_path):
    nbformat.write(handed_in(LEAK), tmp_path / "one.ipynb")
    row, page = submission.grade("one", *submission.prepare(tmp_path / "one.ipynb"), 5, 60, 1_000)
    assert row["verdict"] == "stopped" and row["points"] == 0
    assert "self.rnn = " not in page and "self.rnn = " not in row["detail"]


@pytest.mark.slow
def test_a_long_text_does_not_keep_the_grader_busy(tmp_path):
    notebook = submissions.fill(submissions.BASE, range(11))
    submissions.change(notebook, "paragraph", None, "paragraph = 'w x y z ' + 'use' * 75_000")
    nbformat.write(notebook, tmp_path / "one.ipynb")
    row, _ = submission.grade("one", *submission.prepare(tmp_path / "one.ipynb"), 5, 60, 1_000)
    assert row["verdict"] == "graded" and row["core_seconds"] < 60


@pytest.mark.skipif(os.name == "nt", reason="has no such limit")
@pytest.mark.parametrize(
    ("source", "rule"), [("bytearray(3 * 10**9)", "raised"), ("while True: pass", "too-slow")]
)
def test_judges_have_limits_whatever_the_facts_are(source, rule, monkeypatch):
    monkeypatch.setattr(submission.judges, "judge", lambda *given: exec(source))
    result = submission._judged("char_rnn", {}, 5, seconds=1)
    assert result["status"] == "failed" and result["rule"] == rule
    assert bytearray(3 * 10**9)  # afterwards all memory is there again


@pytest.mark.slow
def test_a_notebook_that_takes_long_to_read_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(submission, "seconds_allowed", lambda: 2)
    notebook = handed_in("%time x = 1\n" * 200 + "x = [1, 2, 3, 4, 5, 6]\n" * 20_000)
    nbformat.write(notebook, tmp_path / "one.ipynb")
    *_, refused = submission.prepare(tmp_path / "one.ipynb")
    assert refused == ("not graded", "the notebook takes too long to read")


def test_a_judge_that_is_stopped_leaves_nothing_to_the_next_submission(monkeypatch):
    wanted = list(trained.trace("RNN", 2, (0, 50), 6))
    learn = trained.Training.learn

    def too_late(*given):
        raise TooSlow

    trained._trace.cache_clear()
    monkeypatch.setattr(trained.Training, "learn", too_late)
    with pytest.raises(TooSlow):
        list(trained.trace("RNN", 2, (0, 50), 6))
    monkeypatch.setattr(trained.Training, "learn", learn)
    assert len(list(trained.trace("RNN", 2, (0, 50), 6))) == len(wanted)


@pytest.mark.skipif(os.name == "nt", reason="links need privileges there")
def test_a_link_is_not_followed(tmp_path):
    (tmp_path / "one.ipynb").symlink_to(ROOT / "solution.ipynb")
    assert submission.prepare(tmp_path / "one.ipynb")[2] == (
        "not graded",
        "this is a link, not a file",
    )
