"""The study: it goes on where it was killed, and its files are those of the code beside them."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import stats

import helpers
from benchmarks.study import __main__ as study
from benchmarks.study import jobs, report
from course.read_solution import training_function
from lab import memory

RECORDED = json.loads((study.FOLDER / "settings.json").read_text(encoding="utf-8"))


# --- the committed files ---------------------------------------------------------------------


def test_recorded_settings_are_the_defaults_of_helpers(sample):
    now = study.settings({"sample": sample[0]})
    assert RECORDED["protocol"] == now["protocol"]
    assert RECORDED["learning_rates"] == now["learning_rates"]
    assert RECORDED["corpora"]["sample"] == now["corpora"]["sample"]


def test_learning_rates_are_the_best_of_the_grid_and_inside_it():
    runs = pd.read_csv(study.FOLDER / "runs.csv")
    for name, rate in helpers.LEARNING_RATES.items():
        losses = report.grid(runs, name)
        assert list(losses.index) == list(jobs.GRID)
        assert report.best_rate(losses) == rate and rate not in (jobs.GRID[0], jobs.GRID[-1]), name


def test_span_rates_are_the_best_of_the_pilot():
    spans = pd.read_csv(study.FOLDER / "spans.csv").query(
        "seed == @jobs.PILOT_SEED and load == 4 and hidden_dim == 128 and num_layers == 1"
    )
    for name, rate in memory.SPAN_RATES.items():
        pilots = spans[spans["model"] == name].sort_values(["span", "batches"])
        best = pilots[pilots["span"] == pilots["span"].max()].iloc[0]  # the fewest batches
        assert best["rate"] == rate, name


def test_nothing_is_missing(tmp_path, sample, monkeypatch):
    shutil.copytree(study.FOLDER, tmp_path / "study")
    versions = json.loads((study.FOLDER / "settings.json").read_text())["versions"]
    for package in (torch, np):  # also where others are installed
        monkeypatch.setattr(package, "__version__", versions[package.__name__])
    assert study.Study(tmp_path / "study", {"sample": sample[0]}).missing(jobs.PARTS) == []


def test_wikitext_2_has_been_compared():
    runs = pd.read_csv(study.FOLDER / "runs.csv")
    assert len(runs[runs["corpus"] == "wikitext-2"]) == len(jobs.wikitext(73, {}))


def test_reports_are_those_of_the_runs():
    texts, _ = report.make()
    for path, text in texts.items():
        assert path.read_text(encoding="utf-8") == text, (
            f"python -m benchmarks.study.report: {path.name}"
        )


# --- how it runs -----------------------------------------------------------------------------


def test_it_trains_as_the_notebook_does(namespace):
    text = helpers.load_text("sample", max_chars=2_000)
    chars, char2idx, _ = helpers.build_vocabulary(text)
    splits = helpers.prepare_sequences(text, char2idx)
    models, metrics = training_function(SEED=3)(*splits[:4], len(chars), epochs=2)
    for name, model in models.items():
        rate = helpers.LEARNING_RATES[name]
        fitted, best, _ = jobs.fit(namespace["MODEL_CLASSES"][name], text, rate, epochs=2, seed=3)
        assert best.best_loss == pytest.approx(min(metrics[name]["val_losses"]), abs=1e-5)
        assert best.best_epoch == metrics[name]["best_epoch"]
        for one, other in zip(model.parameters(), fitted.parameters(), strict=True):
            assert (one - other).abs().max() < 1e-4


def test_other_settings_are_refused_and_nothing_is_lost(tmp_path, monkeypatch, sample):
    study.Study(tmp_path, {"sample": sample[0]})
    before = (tmp_path / "settings.json").read_bytes()
    with pytest.raises(ValueError, match=r"measured with corpora .* choose another --folder"):
        study.Study(tmp_path, {"sample": sample[0][:1000]})
    monkeypatch.setenv("EXERCISE_QUICK", "1")
    with pytest.raises(ValueError, match=r"measured with protocol .* choose another --folder"):
        study.Study(tmp_path, {"sample": sample[0]})
    assert (tmp_path / "settings.json").read_bytes() == before


def test_a_grid_of_rates_grows_until_the_best_lies_inside():
    measured, asked = {}, [None]
    spans = {5e-4: 2, 1e-3: 8, 2e-3: 4, 4e-3: 4}
    while asked:
        wanted = [s for s in jobs.spans(73, measured) if s.model == "RNN"]
        asked = [s for s in wanted if s.load == 4 and s.hidden_dim == 128 and s not in measured]
        measured |= {s: {"span": spans[s.rate], "batches": 100} for s in asked}
    assert {s.rate for s in measured if s.seed == jobs.PILOT_SEED} == set(spans)
    assert {s.rate for s in measured if s.seed != jobs.PILOT_SEED} == {1e-3}
    assert sorted(s.seed for s in measured if s.seed != jobs.PILOT_SEED) == list(jobs.SEEDS)


def test_a_model_that_learns_at_no_rate_ends_the_search():
    measured = {}
    for _ in range(3):
        wanted = [s for s in jobs.spans(73, measured) if s[:4] == ("RNN", 4, 128, 1)]
        measured |= {s: {"span": 0, "batches": 2_000} for s in wanted}
    assert {s.rate for s in measured} == set(jobs.SPAN_GRID)


def test_matched_models_have_equal_parameters():
    sizes = {
        name: jobs.parameters(name, 73, jobs.matched_hidden_dim(name, 73, 500_000))
        for name in jobs.MODELS
    }
    assert max(sizes.values()) < 1.01 * min(sizes.values())


def _command(folder):
    return [sys.executable, "-m", "benchmarks.study", "seeds", "--folder", str(folder)]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="kills a group of processes")
def test_killed_at_random_moments_it_ends_with_the_same_files(tmp_path, monkeypatch):
    monkeypatch.setenv("EXERCISE_QUICK", "1")
    start = time.monotonic()
    subprocess.run(_command(tmp_path / "whole"), check=True, stdout=subprocess.DEVNULL)
    seconds = time.monotonic() - start
    names = ("runs.csv", "blocks.csv", "settings.json")
    for _ in range(5):
        process = subprocess.Popen(
            _command(tmp_path / "killed"), stdout=subprocess.DEVNULL, start_new_session=True
        )
        time.sleep(random.uniform(0, seconds))
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    subprocess.run(_command(tmp_path / "killed"), check=True, stdout=subprocess.DEVNULL)
    for name in names:
        assert (tmp_path / "killed" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


# --- its statistics --------------------------------------------------------------------------


def _runs(losses):
    """Made-up runs of one comparison: losses by model, one per seed."""
    return pd.DataFrame(
        [
            {"model": m, "seed": s, "test_loss": loss, "best_epoch": 20 - s % 2, "parameters": 10}
            for m, values in losses.items()
            for s, loss in enumerate(values, 1)
        ]
    )


def _blocks(losses):
    return pd.DataFrame(
        [
            {"model": m, "seed": 1, "block": b, "test_loss": loss}
            for m, values in losses.items()
            for b, loss in enumerate(values)
        ]
    )


LOSSES = {"RNN": [2.0, 2.1, 2.2], "LSTM": [1.9, 1.9, 2.15]}


def test_summary_is_mean_spread_and_students_interval():
    rows = report.summary([("c", "sample", _runs(LOSSES))]).set_index(["model", "measure"])
    row = rows.loc["RNN", "bits per character"]
    bits = np.array(LOSSES["RNN"]) / np.log(2)
    assert row["mean"] == pytest.approx(bits.mean()) and row["sd"] == pytest.approx(
        bits.std(ddof=1)
    )
    half = stats.t.ppf(0.975, 2) * bits.std(ddof=1) / np.sqrt(3)
    assert (
        row["high"] - row["mean"] == pytest.approx(half) == pytest.approx(row["mean"] - row["low"])
    )
    assert row["seeds"] == 3 and row["not_converged"] == 1  # the seed whose best epoch is 20
    perplexity = rows.loc["RNN", "perplexity"]["mean"]
    assert perplexity == pytest.approx(np.exp(LOSSES["RNN"]).mean())


def test_differences_are_paired_by_seed():
    rows = report.differences(
        [("c", "sample", _runs(LOSSES))],
        _blocks({}).reindex(columns=["model", "seed", "block", "test_loss"]),
    )
    rows = rows.query("measure == 'relative perplexity'").set_index(["first", "second"])
    change = np.subtract(LOSSES["RNN"], LOSSES["LSTM"])
    row = rows.loc["RNN", "LSTM"]
    assert row["estimate"] == pytest.approx(np.expm1(change.mean()))
    low, _ = stats.ttest_1samp(change, 0).confidence_interval(0.95)
    assert row["low"] == pytest.approx(np.expm1(low))
    other = rows.loc["LSTM", "RNN"]
    assert 1 + other["low"] == pytest.approx(1 / (1 + row["high"]))


def test_blocks_of_the_test_text_give_an_interval_of_their_own():
    rng = np.random.default_rng(1)
    common = rng.normal(2, 0.5, 400)
    losses = {"RNN": common + 0.1 + rng.normal(0, 0.1, 400), "LSTM": common}
    rows = report.differences([], _blocks(losses)).query("measure == 'bits per character'")
    row = rows.set_index(["first", "second"]).loc["RNN", "LSTM"]
    assert row["over"] == "test text" and row["count"] == 400
    # Paired: what the blocks have in common does not widen it.
    assert 0.1 < row["low"] < 0.1 / np.log(2) < row["high"] < 0.19
