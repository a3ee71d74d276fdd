"""lab/takeaways.py: guesses and claims follow what was measured."""

import pytest

from lab import study, takeaways

SPANS = {"RNN": 8, "LSTM": 128, "GRU": 128}


def test_takeaways_disagree_when_the_measurements_do(table):
    table.loc[2, "Test Perplexity"] = 5.2  # 4 % above the LSTM
    spans = {"RNN": 8, "LSTM": 128, "GRU": 128}
    verdicts = takeaways.key_takeaways(table, spans, 64)["verdict"]
    assert verdicts["1. LSTM and GRU perform alike (within 5 %)"] == "agrees"
    assert verdicts["1. the GRU is more efficient: trains faster"] == "disagrees"
    assert verdicts["1. the GRU is more efficient: answers faster"] == "agrees"
    assert verdicts["3. more parameters are not always better"] == "disagrees"
    assert verdicts["2. but it struggles with long sequences"] == "agrees"
    spans["RNN"] = 128
    verdicts = takeaways.key_takeaways(table, spans, 64)["verdict"]
    assert verdicts["2. but it struggles with long sequences"] == "disagrees"


def test_a_guess_stands_beside_the_winner_and_ties_are_shared(table):
    guess = {"perplexity": "GRU", "speed": None, "memory": "LSTM"}
    shown = takeaways.compare_guess(guess, table, {"RNN": 8, "LSTM": 128, "GRU": 128})
    assert shown.loc["perplexity"].tolist() == ["GRU", "LSTM and GRU"]  # 2 % apart
    assert shown.loc["speed"].tolist() == ["no guess", "RNN"]
    assert shown.loc["memory"].tolist() == ["LSTM", "LSTM and GRU"]


def test_runs_that_seeds_alone_could_tell_apart_count_as_equal(made_up, table):
    folder = made_up()
    assert study.seed_noise(folder) == pytest.approx(0.0277, abs=1e-4)
    table.loc[2, "Test Perplexity"] = 5.0 * 1.027
    assert takeaways.compare_guess({}, table, SPANS, folder).iloc[0, 1] == "LSTM and GRU"
    table.loc[2, "Test Perplexity"] = 5.0 * 1.029
    assert takeaways.compare_guess({}, table, SPANS, folder).iloc[0, 1] == "LSTM"


def test_takeaways_given_none_says_what_it_waits_for(capsys):
    assert takeaways.compare_guess({}, None, None) is None
    assert capsys.readouterr().out.startswith("Waiting for TODO 7")
    assert takeaways.key_takeaways(None, None, 64) is None
    assert capsys.readouterr().out.startswith("Waiting for TODO 7")
