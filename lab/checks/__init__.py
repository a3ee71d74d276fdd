"""Feedback on each TODO: the call, the returned value, and the expected value.

Each check has two halves. lab/ask/checks.py runs the student's code and returns plain data.
judges.py compares this data with a reference. They judge behaviour: names of attributes, style and
source text are free. A check does not change the student's models, the global random state and
stdout.
"""

from lab.checks.judges import judge
from lab.checks.results import CheckResult, check, hint, latest, summary
from lab.checks.rule import RULES
from lab.exercise import CHECKS

globals().update({name: check(name, judge) for name in CHECKS})
