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
from benchmarks.study import __main__ as study, compare, jobs, models, parts, report
from course.read_solution import seeded
from lab import exercise

RECORDED = json.loads((study.FOLDER / "settings.json").read_text(encoding="utf-8"))


# --- the committed files ---------------------------------------------------------------------


def test_recorded_settings_are_the_defaults_of_helpers(sample):
    now = study.settings({"sample": sample[0]})
    assert RECORDED["protocol"] == now["protocol"]
    assert RECORDED["corpora"]["sample"] == now["corpora"]["sample"]


def test_learning_rates_are_the_best_of_the_grid_and_inside_it():
    runs = pd.read_csv(study.FOLDER / "runs.csv")
    for name, rate in exercise.LEARNING_RATES.items():
        losses = compare.grid(runs, name)
        assert list(losses.index) == list(parts.GRID)
        assert compare.best_rate(losses) == rate and rate not in (parts.GRID[0], parts.GRID[-1]), (
            name
        )


def test_span_rates_are_the_best_of_the_pilot():
    spans = pd.read_csv(study.FOLDER / "spans.csv").query(
        "seed == @parts.PILOT_SEED and load == 4 and hidden_dim == 128 and num_layers == 1"
    )
    for name, rate in exercise.SPAN_RATES.items():
        pilots = spans[spans["model"] == name].sort_values(["span", "batches"])
        best = pilots[pilots["span"] == pilots["span"].max()].iloc[0]  # the fewest batches
        assert best["rate"] == rate, name


def _missing(names, folder, text, monkeypatch):
    shutil.copytree(study.FOLDER, folder / "study")
    versions = json.loads((study.FOLDER / "settings.json").read_text())["versions"]
    for package in (torch, np):  # also where others are installed
        monkeypatch.setattr(package, "__version__", versions[package.__name__])
    return study.Study(folder / "study", {"sample": text}).missing(names)


def test_nothing_is_missing(tmp_path, sample, monkeypatch):
    assert _missing(list(parts.PARTS), tmp_path, sample[0], monkeypatch) == []


def test_wikitext_2_has_been_compared():
    runs = pd.read_csv(study.FOLDER / "runs.csv")
    assert len(runs[runs["corpus"] == "wikitext-2"]) == len(parts.wikitext(73, {}))


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
    classes = seeded(namespace["MODEL_CLASSES"], 3)
    train = namespace["train_and_compare_models"]
    trained, metrics = train(classes, *splits[:4], len(chars), epochs=2)
    for name, model in trained.items():
        rate, model_class = exercise.LEARNING_RATES[name], namespace["MODEL_CLASSES"][name]
        fitted, best = jobs.fit(model_class, splits, len(chars), rate, epochs=2, seed=3)
        assert best.best_loss == pytest.approx(min(metrics[name]["val_losses"]), abs=1e-5)
        assert best.best_epoch == metrics[name]["best_epoch"]
        for one, other in zip(model.parameters(), fitted.parameters(), strict=True):
            assert (one - other).abs().max() < 1e-4


def test_other_settings_are_refused_and_nothing_is_lost(tmp_path, sample):
    study.Study(tmp_path, {"sample": sample[0]})
    before = (tmp_path / "settings.json").read_bytes()
    with pytest.raises(ValueError, match=r"measured with corpora .* choose another --folder"):
        study.Study(tmp_path, {"sample": sample[0][:1000]})
    assert (tmp_path / "settings.json").read_bytes() == before


def test_a_grid_of_rates_grows_until_the_best_lies_inside():
    measured, asked = {}, [None]
    spans = {5e-4: 2, 1e-3: 8, 2e-3: 4, 4e-3: 4}
    while asked:
        wanted = [s for s in parts.spans(73, measured) if s.model == "RNN"]
        asked = [s for s in wanted if s.load == 4 and s.hidden_dim == 128 and s not in measured]
        measured |= {s: {"span": spans[s.rate], "batches": 100} for s in asked}
    assert {s.rate for s in measured if s.seed == parts.PILOT_SEED} == set(spans)
    assert {s.rate for s in measured if s.seed != parts.PILOT_SEED} == {1e-3}
    seeds = {budget: [] for budget in (1, parts.LONG)}
    for span in measured:
        seeds[span.budget] += [span.seed] if span.seed != parts.PILOT_SEED else []
    assert seeds == {1: list(parts.SEEDS), parts.LONG: list(parts.FEW_SEEDS)}


def test_a_model_that_learns_at_no_rate_ends_the_search():
    measured = {}
    for _ in range(3):
        wanted = [s for s in parts.spans(73, measured) if s[:4] == ("RNN", 4, 128, 1)]
        measured |= {s: {"span": 0, "batches": 2_000} for s in wanted}
    assert {s.rate for s in measured} == set(parts.SPAN_GRID)


def test_matched_models_have_equal_parameters():
    sizes = {
        name: jobs.parameters(name, 73, jobs.matched_hidden_dim(name, 73, 500_000))
        for name in jobs.MODELS
    }
    assert max(sizes.values()) < 1.01 * min(sizes.values())


def _command(folder):
    return [
        sys.executable,
        "-m",
        "benchmarks.study",
        "seeds",
        "--characters",
        "2000",
        "--folder",
        str(folder),
    ]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="kills a group of processes")
def test_killed_at_random_moments_it_ends_with_the_same_files(tmp_path):
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
    """Made-up rows of blocks.csv, from arrays (seeds, blocks) by model."""
    rows = {"training": "20 epochs", "corpus": "sample"}
    return pd.DataFrame(
        [
            rows | {"model": m, "seed": s, "block": b, "test_loss": loss}
            for m, values in losses.items()
            for s, of_seed in enumerate(values)
            for b, loss in enumerate(of_seed)
        ]
    )


LOSSES = {"RNN": [2.0, 2.1, 2.2], "LSTM": [1.9, 1.9, 2.15]}


def test_summary_is_mean_spread_and_students_interval():
    row = compare.summary([("c", "sample", _runs(LOSSES))]).set_index("model").loc["RNN"]
    perplexities = np.exp(LOSSES["RNN"])
    assert row["perplexity"] == pytest.approx(perplexities.mean())
    half = stats.t.ppf(0.975, 2) * perplexities.std(ddof=1) / np.sqrt(3)
    assert row["high"] - row["perplexity"] == pytest.approx(half)
    assert row["seeds"] == 3 and row["not_converged"] == 1  # the seed whose best epoch is 20
    assert row["bits"] == pytest.approx(np.mean(LOSSES["RNN"]) / np.log(2))


def test_without_blocks_a_difference_is_over_unpaired_seeds_and_exploratory():
    rows = compare.differences([("c", "sample", _runs(LOSSES))], _blocks({}))
    row = rows.set_index(["first", "second"]).loc[("RNN", "LSTM")]
    assert row["estimate"] == pytest.approx(np.expm1(2.1 - np.mean(LOSSES["LSTM"])))
    welch = stats.ttest_ind(LOSSES["RNN"], LOSSES["LSTM"], equal_var=False)
    assert row["low"] == pytest.approx(np.expm1(welch.confidence_interval(0.95).low))
    assert row["p"] == pytest.approx(welch.pvalue) and np.isnan(row["holm"])
    other = rows.set_index(["first", "second"]).loc[("LSTM", "RNN")]
    assert 1 + other["low"] == pytest.approx(1 / (1 + row["high"]))


def _with_blocks(between_seeds, apart=0.1, count=400):
    rng = np.random.default_rng(1)
    text = rng.normal(2, 0.5, count)  # what is hard for one is hard for all
    losses = {
        name: shift + text + rng.normal(0, between_seeds, (5, 1)) + rng.normal(0, 0.1, (5, count))
        for name, shift in (("RNN", apart), ("LSTM", 0.0))
    }
    runs = _runs({name: values.mean(axis=1) for name, values in losses.items()})
    found = [(compare.AS_IN_THE_NOTEBOOK, "sample", runs)]
    rows = compare.differences(found, _blocks(losses)).set_index(["first", "second"])
    return rows.loc[("RNN", "LSTM")]


def test_an_interval_covers_seeds_and_test_text_together():
    alike, apart = _with_blocks(between_seeds=0.0), _with_blocks(between_seeds=0.05)
    assert alike["over"] == "seeds and test text"
    # What the blocks have in common does not widen it; what parts the seeds does.
    assert alike["high"] - alike["low"] < 0.03 < 0.06 < apart["high"] - apart["low"]
    assert alike["low"] < np.expm1(0.1) < alike["high"]
    # Five seeds of deviation 0.05 alone: a standard error of 0.05 sqrt(2 / 5) in nats.
    assert apart["high"] - apart["low"] < 2 * 1.96 * 0.05 * np.sqrt(2 / 5) * 2


def test_holm_corrects_for_the_number_of_a_family():
    assert list(compare.holm([0.01, 0.04, 0.03])) == pytest.approx([0.03, 0.06, 0.06])
    assert list(compare.holm([0.9, 0.8])) == [1.0, 1.0]
    assert _with_blocks(0.0)["holm"] == _with_blocks(0.0)["p"] < 0.001  # a family of one
    assert _with_blocks(0.0, apart=0.0)["holm"] > 0.05


def test_counting_has_no_seed_but_the_text_to_vary_over():
    by_block = {"RNN": np.full((5, 60), 2.0), "counting": np.linspace(1.9, 2.1, 60)[None]}
    spread = compare._resampled(by_block)
    assert spread["RNN"].std() == 0 and spread["counting"].std() == pytest.approx(
        by_block["counting"].std() / np.sqrt(60), rel=0.05
    )


# --- what is beyond the three ----------------------------------------------------------------


def test_an_irnn_begins_by_passing_its_state_on(namespace):
    model = models.irnn(namespace["CharRNN"])(11, 8, 16, 1, 0.0)
    (layer,) = (module for module in model.modules() if isinstance(module, torch.nn.RNN))
    assert torch.equal(layer.weight_hh_l0, torch.eye(16)) and not layer.bias_hh_l0.any()
    state = torch.rand(1, 2, 16) + 1  # above what tanh could give
    _, passed = model(torch.zeros(2, 3, dtype=torch.long), state)
    assert torch.allclose(passed, state, atol=0.05)


def test_text_sizes_are_judged_on_the_same_text_and_unknown_words_are_marked():
    text = "".join(chr(97 + i % 26) for i in range(max(jobs.SIZES)))
    text += "v" * jobs.HELD_OUT + "a <unk> b " * (jobs.HELD_OUT // 10)
    splits, _, outside = jobs.learning_splits(jobs.Counted("long", 50_000), text)
    assert len(splits[1]) == 50_000 - 50 and set(splits[3].tolist()) == {splits[3][0].item()}
    assert len(splits[5]) == jobs.HELD_OUT - 50 == len(outside)
    assert outside.float().mean() == pytest.approx(0.5, abs=0.01)
    bigger, *_ = jobs.learning_splits(jobs.Counted("long", 200_000), text)
    assert torch.equal(bigger[5], splits[5]) and len(bigger[1]) == 200_000 - 50
