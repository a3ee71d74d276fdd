"""TODO 9 and 10: what the checks of the memory spans and of the recommendation find."""

import pytest

from lab import checks
from tests.answers import assert_breaks, cases, todo_9_spans, todo_10_recommendation


@pytest.mark.parametrize("rule, spans", cases(todo_9_spans))
def test_spans_are_one_for_each_model_and_none_is_shorter_than_the_rnns(rule, spans):
    assert_breaks(rule, checks.long_context(spans))


@pytest.mark.parametrize(
    "rule, name, evidence, paragraph, table, spans, asked", cases(todo_10_recommendation)
)
def test_a_recommendation_follows_from_the_numbers(
    rule, name, evidence, paragraph, table, spans, asked
):
    result = checks.recommendation(name, evidence, paragraph, table, spans, asked)
    assert_breaks(rule, result)
