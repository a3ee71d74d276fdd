"""TODO 9 and 10: what the checks of the memory spans and of the recommendation find."""

import pytest

from lab import checks, exercise, memory
from tests.answers import assert_breaks, cases, todo_9_spans, todo_10_recommendation
from tests.answers.todo_10_recommendation import ASKED, GOOD, MEASURED, MISSES


@pytest.fixture(scope="session")
def short_spans(namespace, sample):
    """What memory_span returns in quick mode, in which no lag is passed."""
    return {
        name: memory.memory_span(
            namespace["MODEL_CLASSES"][name], sample[0], exercise.SPAN_RATES[name], batches=20
        )
        for name in exercise.MODELS
    }


def check(spans, namespace, sample, batches=20):
    return checks.long_context(
        11 / 32, spans, namespace["MODEL_CLASSES"], sample[0], ASKED, batches
    )


@pytest.mark.parametrize("batches", [exercise.SPAN_BATCHES, 20], ids=["full", "quick"])
@pytest.mark.parametrize("rule, answer", cases(todo_9_spans))
def test_spans_know_how_they_were_measured(rule, answer, batches, short_spans, sample, namespace):
    measured = {n: todo_9_spans.again(s, batches=batches) for n, s in short_spans.items()}
    assert_breaks(rule, check(answer(measured), namespace, sample, batches))


def test_who_leaves_the_batches_out_measures_at_full_length(short_spans, sample, namespace):
    full = {n: todo_9_spans.again(s, batches=2_000) for n, s in short_spans.items()}
    assert_breaks(None, check(full, namespace, sample, batches=20))


def test_a_plain_number_counts_as_the_span_that_was_measured(short_spans, sample, namespace):
    plain = {name: int(span) for name, span in short_spans.items()}
    assert_breaks(None, check(plain, namespace, sample))
    result = check(plain | {"GRU": 8}, namespace, sample)
    assert_breaks("spans-setting", result)
    assert "memory_span has not measured this number for CharGRU" in result.message


@pytest.mark.slow
def test_a_taught_model_answers_the_judge_too(namespace, sample):
    span = memory.memory_span(namespace["CharLSTM"], sample[0], exercise.SPAN_RATES["LSTM"])
    assert span == exercise.LONGEST_LAG
    measured = dict.fromkeys(exercise.MODELS, span)
    classes = dict.fromkeys(exercise.MODELS, namespace["CharLSTM"])
    result = checks.long_context(11 / 32, measured, classes, sample[0], ASKED, 2_000)
    assert result.rule == "spans-setting" and "measured with learning_rate" in result.message


@pytest.mark.parametrize(
    "rule, misses, name, evidence, paragraph, table, spans, asked", cases(todo_10_recommendation)
)
def test_a_recommendation_follows_from_the_numbers(
    rule, misses, name, evidence, paragraph, table, spans, asked
):
    result = checks.recommendation(misses, name, evidence, paragraph, table, spans, asked, False)
    assert_breaks(rule, result)


@pytest.mark.parametrize(
    ("paragraph", "note"),
    [
        ("I recommend the GRU because it meets all that was asked.", None),
        ("I recommend the LSTM because it meets all that was asked.", "recommend the LSTM"),
        ("It is the smallest that meets all that was asked.", "does not name the GRU"),
        (
            "The GRU has {size['GRU']:,} parameters and is small.",
            "the f before the quotes",
        ),
    ],
)
def test_a_paragraph_earns_a_note_and_costs_no_point(paragraph, note):
    spans = todo_9_spans.SPANS
    given = MISSES, "GRU", GOOD, paragraph, MEASURED, spans, ASKED, False
    result = checks.recommendation(*given)
    assert result.status == "passed"
    assert ("Note:" in result.message) == (note is not None) and (note or "") in result.message


def test_in_quick_mode_only_parameters_are_compared():
    spans = dict.fromkeys(exercise.MODELS, 0)
    for misses in (MISSES, {name: [] for name in exercise.MODELS}):
        given = misses, "GRU", GOOD, "I recommend the GRU for its numbers.", MEASURED, spans, ASKED
        assert checks.recommendation(*given, True).status == "passed"
    given = MISSES | {"GRU": ["Parameters"]}, *given[1:]
    assert checks.recommendation(*given, True).rule == "misses"
