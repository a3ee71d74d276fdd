"""lab/takeaways.py: guesses and claims follow what was measured."""

from html import escape

import pytest

from lab import exercise, goal, study, takeaways

SPANS = {"RNN": 8, "LSTM": 128, "GRU": 128}
ASKED = goal.Requirements(**exercise.REQUIREMENTS)


@pytest.fixture
def claims(made_up, table):
    """A function (spans, text, asked) -> the claims on the table."""

    def shown(spans=SPANS, text="text", asked=ASKED):
        return takeaways.key_takeaways(table, spans, asked, text, made_up())

    return shown


def test_a_claim_is_shown_or_not_by_what_seeds_alone_could_make(claims, table):
    alike = "1. LSTM and GRU predict equally well (within 5%)."
    assert claims().loc[alike, "verdict"] == "agrees"  # 2 % apart, seeds alone 2.8 %
    table.loc[2, "Test Perplexity"] = 5.0 * 1.04
    assert claims().loc[alike, "verdict"] == "undecided"
    table.loc[2, "Test Perplexity"] = 5.0 * 1.09
    assert claims().loc[alike, "verdict"] == "disagrees"


def test_verdicts_follow_the_run(claims, table):
    shown = claims()
    verdicts = shown["verdict"]
    assert verdicts["1. The GRU is smaller than the LSTM."] == "agrees"
    assert verdicts["1. The GRU trains faster than the LSTM."] == "disagrees"
    assert verdicts["3. More parameters are not always better."] == "undecided"
    assert verdicts["2. But the simple RNN struggles with long sequences."] == "agrees"
    assert (
        verdicts["4. Which model is best depends on the use. No model is best in every respect."]
        == "agrees"
    )
    table.loc[0, "Test Perplexity"] = 5.0  # the smallest predicts as well as any
    verdicts = claims(SPANS | {"RNN": 128})["verdict"]
    assert verdicts["2. But the simple RNN struggles with long sequences."] == "disagrees"
    assert (
        verdicts["4. Which model is best depends on the use. No model is best in every respect."]
        == "disagrees"
    )


def test_claims_and_measurements_are_sentences_that_pandas_shows_whole(claims):
    shown = claims()
    sentences = [*shown.index, *shown["this run"]]
    assert all(sentence.endswith(".") for sentence in sentences)
    html = " ".join(shown.to_html().split())
    assert all(escape(sentence, quote=False) in html for sentence in sentences)
    assert "Its memory span with 4 symbols is 8 characters. The longest span of a" in html
    assert "An epoch of the GRU takes 50% more time." in sentences


@pytest.mark.parametrize(
    ("keystroke", "window", "verdict"),
    [(0.5, 0.8, "agrees"), (1.2, 1.3, "disagrees"), (0.5, 1.3, "depends on what is timed")],
)
def test_answering_faster_is_judged_both_ways_of_asking(keystroke, window, verdict, table, made_up):
    table["Keystroke (ms)"], table["Inference Speed (ms)"] = [1, 1, keystroke], [1, 1, window]
    claims = takeaways._claims_of_the_gru(goal.with_spans(table, SPANS), made_up())
    verdicts = {claim: said for claim, _, said, _ in claims}
    assert verdicts["1. The GRU predicts faster than the LSTM."] == verdict


def test_a_load_that_the_study_did_not_try_leaves_its_cell_empty(claims):
    shown = claims(asked=ASKED._replace(load=3))
    assert shown.loc["2. But the simple RNN struggles with long sequences.", "the study"] == ""


def test_the_claims_wait_for_all_three_models(table, capsys):
    asked = goal.Requirements(**exercise.REQUIREMENTS)
    two = table[table["Model"] != "GRU"]
    assert takeaways.key_takeaways(two, SPANS, asked, "a text") is None
    assert takeaways.key_takeaways(table, {"RNN": 2, "LSTM": 128}, asked, "a text") is None
    assert capsys.readouterr().out.count("train GRU too") == 2


def test_on_another_text_the_study_is_left_out(claims, capsys):
    assert "the study" in claims() and "the study" not in claims(text="another text")
    assert "bundled sample" in capsys.readouterr().out


def test_a_guess_stands_beside_the_winner_and_ties_are_shared(table):
    guess = {"perplexity": "GRU", "speed": None, "memory": "LSTM"}
    shown = takeaways.compare_guess(guess, table, {"RNN": 8, "LSTM": 128, "GRU": 128})
    assert shown.loc["perplexity"].tolist() == ["GRU", "LSTM and GRU"]  # 2 % apart
    assert shown.loc["speed"].tolist() == ["no guess", "RNN"]
    assert shown.loc["memory"].tolist() == ["LSTM", "LSTM and GRU"]


def test_the_sentence_names_what_was_surprising(table, capsys):
    takeaways.compare_guess({"perplexity": "RNN", "speed": "RNN"}, table, SPANS)
    assert capsys.readouterr().out.startswith(
        "Surprising: you expected the RNN to have the lowest test perplexity, but you measured "
        "this for LSTM and GRU.\n"
    )
    takeaways.compare_guess({"perplexity": "GRU", "memory": "GRU"}, table, SPANS)
    assert capsys.readouterr().out.startswith("No surprise")
    takeaways.compare_guess({}, table, SPANS)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("guess", "said"),
    [
        (dict.fromkeys(("perplexity", "speed", "memory"), "GRU"), ""),
        (dict.fromkeys(("perplexity", "speed", "memory"), "?"), "guess['perplexity'] is '?': put"),
        ({"perplexity": "GRU", "speed": "rnn", "memory": ["LSTM"]}, "one of RNN, LSTM, GRU"),
        ({"speed": "RNN"}, "a dict with the keys perplexity, speed, memory"),
        (["RNN", "LSTM", "GRU"], "a dict with the keys"),
        (None, "a dict with the keys"),
    ],
)
def test_a_guess_that_names_no_model_is_told_which_there_are(guess, said, table, capsys):
    takeaways.note_guess(guess)
    printed = capsys.readouterr().out
    assert said in printed and bool(printed) == bool(said)
    assert takeaways.compare_guess(guess, table, SPANS) is not None


def test_runs_that_seeds_alone_could_tell_apart_count_as_equal(made_up, table):
    folder = made_up()
    assert study.seed_noise(folder) == pytest.approx(0.0277, abs=1e-4)
    table.loc[2, "Test Perplexity"] = 5.0 * 1.027
    assert takeaways.compare_guess({}, table, SPANS, folder).iloc[0, 1] == "LSTM and GRU"
    table.loc[2, "Test Perplexity"] = 5.0 * 1.029
    assert takeaways.compare_guess({}, table, SPANS, folder).iloc[0, 1] == "LSTM"
