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
from benchmarks.study import __main__ as study, compare, findings, jobs, models, plan
from lab import exercise
from lab.ngram import NGram
from lab.study import AS_IN_THE_NOTEBOOK, STUDY, exercise_numbers, fingerprint, read_study
from tests.running import seeded

RECORDED = json.loads((STUDY / "settings.json").read_text(encoding="utf-8"))


# --- the committed files ---------------------------------------------------------------------


def test_recorded_settings_are_the_defaults_of_helpers(sample):
    assert RECORDED["protocol"] == exercise_numbers()
    assert RECORDED["corpora"]["sample"]["sha256"] == fingerprint(sample[0])


def test_learning_rates_are_the_best_of_the_grid_and_inside_it():
    rates = compare.rates(read_study("runs"))
    for name, rate in exercise.LEARNING_RATES.items():
        losses = rates[name].dropna()
        assert list(losses.index) == list(plan.GRID)
        assert compare.best_rate(losses) == rate and rate not in (plan.GRID[0], plan.GRID[-1]), name


def test_span_rates_are_the_best_of_the_pilot():
    spans = read_study("spans").query(
        "seed == @plan.PILOT_SEED and load == 4 and hidden_dim == 128 and num_layers == 1"
    )
    for name, rate in exercise.SPAN_RATES.items():
        pilots = spans[spans["model"] == name].sort_values(["span", "batches"])
        best = pilots[pilots["span"] == pilots["span"].max()].iloc[0]  # the fewest batches
        assert best["rate"] == rate, name


def test_nothing_is_missing():
    assert study.missing(STUDY, dict.fromkeys(RECORDED["corpora"], "a text")) == {}


def test_what_a_file_lacks_is_missing(tmp_path):
    shutil.copytree(STUDY, tmp_path / "study")
    spans = read_study("spans")
    kept = (spans["model"] != "IRNN") | (spans["seed"] != 2)
    spans[kept].to_csv(tmp_path / "study" / "spans.csv", index=False)
    (tmp_path / "study" / "counted.csv").unlink()
    missing = study.missing(tmp_path / "study", {"sample": "a text"})
    lost = [jobs.Span(*row) for row in spans[~kept][[*jobs.Span._fields]].itertuples(index=False)]
    assert set(missing) == {*lost, jobs.Counted("sample", 48_000)}
    assert set(missing.values()) == {"a text"}


def test_findings_are_those_of_the_runs():
    for path, text in findings.texts().items():
        assert path.read_text(encoding="utf-8") == text, (
            f"python -m benchmarks.study.findings: {path.name}"
        )


def test_without_wikitext_2_its_findings_are_left_out(monkeypatch):
    def of_the_sample(name):
        table = read_study(name)
        return table[table["corpus"] == "sample"] if "corpus" in table else table

    monkeypatch.setattr(findings, "read_study", of_the_sample)
    texts = findings.texts()
    text = texts[findings.DOCS / "study.md"]
    assert "## Memory spans" in text and "## More text" not in text
    texts_told = {line.split(",")[0] for line in texts[STUDY / "text_sizes.csv"].split("\n")}
    assert texts_told == {"text", "the sample", ""}


# --- how it runs -----------------------------------------------------------------------------


def test_it_trains_as_the_notebook_does(namespace, monkeypatch):
    text = helpers.load_text("sample", max_chars=2_000)
    chars, char2idx, _ = helpers.build_vocabulary(text)
    splits = helpers.prepare_sequences(text, char2idx)
    classes = seeded(namespace["MODEL_CLASSES"], 3)
    train = namespace["train_and_compare_models"]
    trained, metrics = train(classes, *splits[:4], len(chars), epochs=2)
    one_pass = helpers.one_pass
    monkeypatch.setattr(helpers, "one_pass", lambda X, y, seed: one_pass(X, y, seed - 3_000))
    for name, model in trained.items():
        job = jobs.Run("sample", name, 3, exercise.LEARNING_RATES[name])
        fitted, measured, _ = jobs.fit(job, splits, len(chars), epochs=2)
        lowest = min(metrics[name]["val_losses"])
        assert measured["best_val_loss"] == pytest.approx(lowest, abs=1e-5)
        assert measured["best_epoch"] == metrics[name]["best_epoch"]
        for one, other in zip(model.parameters(), fitted.parameters(), strict=True):
            assert (one - other).abs().max() < 1e-4


def test_other_settings_are_refused_and_nothing_is_lost(tmp_path, sample):
    study.record_settings(tmp_path, {"sample": sample[0]})
    before = (tmp_path / "settings.json").read_bytes()
    with pytest.raises(SystemExit, match=r"measured with corpora .* move .* away"):
        study.record_settings(tmp_path, {"sample": sample[0][:1000]})
    assert (tmp_path / "settings.json").read_bytes() == before
    study.record_settings(tmp_path, {"sample": sample[0], "wikitext-2": "added later"})
    recorded = json.loads((tmp_path / "settings.json").read_text())
    assert list(recorded["corpora"]) == ["sample", "wikitext-2"]
    assert recorded["machines"] == [helpers.describe_machine()]


SETTING = "RNN", 4, 128, 1


def test_a_grid_of_rates_grows_until_the_best_lies_inside():
    measured, asked = {}, [None]
    spans = {5e-4: 2, 1e-3: 8, 2e-3: 4, 4e-3: 4}
    while asked:
        asked = [s for s in plan.spans_of(SETTING, measured) if s not in measured]
        measured |= {s: {"span": spans[s.rate], "batches": 100} for s in asked}
    assert {s.rate for s in measured if s.seed == plan.PILOT_SEED} == set(spans)
    assert {s.rate for s in measured if s.seed != plan.PILOT_SEED} == {1e-3}
    seeds = {budget: [] for budget in (1, plan.LONG)}
    for span in measured:
        seeds[span.budget] += [span.seed] if span.seed != plan.PILOT_SEED else []
    assert seeds == {1: list(plan.SEEDS), plan.LONG: list(plan.FEW_SEEDS)}


def test_a_model_that_learns_at_no_rate_ends_the_search():
    measured = {}
    for _ in range(3):
        spans = plan.spans_of(SETTING, measured)
        measured |= {s: {"span": 0, "batches": 2_000} for s in spans}
    assert {s.rate for s in measured} == set(plan.SPAN_GRID)


def test_matched_models_have_equal_parameters():
    sizes = {
        name: jobs.parameters(name, 73, jobs.matched_hidden_dim(name, 73, 500_000))
        for name in jobs.MODELS
    }
    assert max(sizes.values()) < 1.01 * min(sizes.values())


SHORT = """
import sys
from pathlib import Path
import helpers
from benchmarks.study import __main__ as study, plan
from course import workers

plan.every_job = lambda known: plan.trainings(plan.SEEDS)
with workers.workers():
    study.measure(Path(sys.argv[1]), {"sample": helpers.load_text("sample", 2_000)})
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="kills a group of processes")
def test_killed_at_random_moments_it_ends_with_the_same_files(tmp_path):
    whole, killed = ([sys.executable, "-c", SHORT, tmp_path / name] for name in ("whole", "killed"))
    start = time.monotonic()
    subprocess.run(whole, check=True, stdout=subprocess.DEVNULL)
    seconds = time.monotonic() - start
    for _ in range(5):
        process = subprocess.Popen(killed, stdout=subprocess.DEVNULL, start_new_session=True)
        time.sleep(random.uniform(0, seconds))
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    subprocess.run(killed, check=True, stdout=subprocess.DEVNULL)
    for name in ("runs.csv", "blocks.csv", "settings.json"):
        assert (tmp_path / "killed" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


# --- its statistics --------------------------------------------------------------------------


def _runs(losses, comparison="c"):
    """Made-up runs of one comparison: losses by model, one per seed."""
    return pd.DataFrame(
        [
            {"comparison": comparison, "corpus": "sample", "model": m, "seed": s, "test_loss": loss}
            | {"best_epoch": 20 - s % 2, "parameters": 10, "perplexity": np.exp(loss)}
            | {"epochs": np.nan}  # of all of the budget
            for m, values in losses.items()
            for s, loss in enumerate(values, 1)
        ]
    )


def _blocks(losses):
    """Made-up rows of blocks.csv, from arrays (seeds, blocks) by model."""
    rows = {"training": f"{exercise.EPOCHS} epochs", "corpus": "sample"}
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
    row = compare.summary(_runs(LOSSES)).set_index("model").loc["RNN"]
    perplexities = np.exp(LOSSES["RNN"])
    assert row["perplexity"] == pytest.approx(perplexities.mean())
    half = stats.t.ppf(0.975, 2) * perplexities.std(ddof=1) / np.sqrt(3)
    assert row["high"] - row["perplexity"] == pytest.approx(half)
    assert row["seeds"] == 3 and row["not_converged"] == 1  # the seed whose best epoch is 20
    assert row["bits"] == pytest.approx(np.mean(LOSSES["RNN"]) / np.log(2))


def test_without_blocks_a_difference_is_over_unpaired_seeds_and_exploratory():
    rows = compare.differences(_runs(LOSSES), _blocks({}))
    row = rows.set_index(["first", "second"]).loc[("RNN", "LSTM")]
    assert row["estimate"] == pytest.approx(np.expm1(2.1 - np.mean(LOSSES["LSTM"])))
    welch = stats.ttest_ind(LOSSES["RNN"], LOSSES["LSTM"], equal_var=False)
    assert row["low"] == pytest.approx(np.expm1(welch.confidence_interval(0.95).low))
    assert row["p"] == pytest.approx(welch.pvalue) and np.isnan(row["holm"])
    other = rows.set_index(["first", "second"]).loc[("LSTM", "RNN")]
    assert 1 + other["low"] == pytest.approx(1 / (1 + row["high"]))
    assert row["verdict"] == other["verdict"] == "no significant difference"
    apart = compare.differences(_runs({"RNN": [2.0, 2.01], "GRU": [1.0, 1.01]}), _blocks({}))
    assert list(apart["verdict"]) == ["GRU better"] * 2  # of what is not corrected, by p
    assert apart["shown"].iloc[1].startswith("+171.8% (+")


def _with_blocks(between_seeds, apart=0.1, count=400):
    """The row of RNN and LSTM, of made-up losses by block; the n-gram model is always the same."""
    rng = np.random.default_rng(1)
    text = rng.normal(2, 0.5, count)  # what is hard for one is hard for all
    losses = {
        name: shift + text + rng.normal(0, between_seeds, (5, 1)) + rng.normal(0, 0.1, (5, count))
        for name, shift in (("RNN", apart), ("LSTM", 0.0))
    }
    runs = _runs({name: values.mean(axis=1) for name, values in losses.items()}, AS_IN_THE_NOTEBOOK)
    blocks = _blocks(losses | {"n-gram model": text[None] + 0.05})
    rows = compare.differences(runs, blocks).set_index(["first", "second"])
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
    corrected = compare.holm(pd.Series([0.01, 0.04, 0.03]))
    assert list(corrected.sort_index()) == pytest.approx([0.03, 0.06, 0.06])
    assert list(compare.holm(pd.Series([0.9, 0.8]))) == [1.0, 1.0]
    apart, alike = _with_blocks(0.0), _with_blocks(0.0, apart=0.0)
    # A family of three, with the n-gram model.
    assert apart["holm"] == pytest.approx(3 * apart["p"]) and apart["verdict"] == "LSTM better"
    assert alike["holm"] > 0.05 and alike["verdict"] == "no significant difference"


def test_the_ngram_model_has_no_seed_but_the_text_to_vary_over():
    by_block = {"RNN": np.full((5, 60), 2.0), "n-gram model": np.linspace(1.9, 2.1, 60)[None]}
    table = _blocks(by_block).pivot(index=["model", "seed"], columns="block", values="test_loss")
    spread = compare._resampled(table)
    assert spread["RNN"].std() == 0 and spread["n-gram model"].std() == pytest.approx(
        by_block["n-gram model"].std() / np.sqrt(60), rel=0.05
    )


def test_more_text_counts_at_the_rate_that_validation_chose():
    rows = [
        {"corpus": jobs.LONG_TEXT, "characters": 1_000, "model": m, "seed": s, "rate": rate}
        | {"dropout": exercise.DROPOUT}
        | {"best_val_loss": 2 + rate, "parameters": p, "test_loss": 2 + 100 * rate}
        | {f"within_{n}": 2 + 100 * rate + (n < 16) for n in jobs.CONTEXTS}
        for m, p in (("LSTM", 40), ("GRU", 30))
        for s in (1, 2)
        for rate in (0.002, 0.004)
    ]
    counted = {"corpus": jobs.LONG_TEXT, "characters": 1_000, "test_loss": 1.7}
    counted |= {f"within_{n}": 1.7 for n in jobs.CONTEXTS}
    sizes = compare.text_sizes(pd.DataFrame(rows), pd.DataFrame([counted]))
    assert list(sizes["model"]) == ["GRU", "GRU", "LSTM", "LSTM", "n-gram model"]
    assert list(sizes["test_loss"]) == pytest.approx([2.2] * 4 + [1.7])
    assert set(sizes["tried"].dropna()) == {"0.002, 0.004"}
    contexts = compare.contexts(sizes)
    assert list(contexts.index) == ["1,000, GRU", "1,000, LSTM", "1,000, n-gram model"]
    assert list(contexts["enough"]) == [16, 16, 4]
    assert contexts.loc["1,000, n-gram model", 4] == pytest.approx(np.exp(1.7))


# --- what is beyond the three ----------------------------------------------------------------


def test_an_irnn_begins_by_passing_its_state_on(namespace):
    model = models.identity_rnn(namespace["CharRNN"], 11, 8, 16, 1, 0.0, irnn=True)
    (layer,) = (module for module in model.modules() if isinstance(module, torch.nn.RNN))
    assert torch.equal(layer.weight_hh_l0, torch.eye(16)) and not layer.bias_hh_l0.any()
    state = torch.rand(1, 2, 16) + 1  # above what tanh could give
    _, passed = model(torch.zeros(2, 3, dtype=torch.long), state)
    assert torch.allclose(passed, state, atol=0.05)


def test_text_sizes_are_judged_on_the_same_text_and_unknown_words_are_marked():
    text = "".join(chr(97 + i % 26) for i in range(max(jobs.TEXT_SIZES)))
    text += "v" * jobs.HELD_OUT + "a <unk> b " * (jobs.HELD_OUT // 10)
    splits, chars = jobs.splits_of(jobs.Counted(jobs.LONG_TEXT, 50_000), text)
    assert len(splits[1]) == 50_000 - 50 and set(splits[3].tolist()) == {splits[3][0].item()}
    assert len(splits[5]) == jobs.HELD_OUT - 50
    model = NGram.of_windows(splits[0][:500], splits[1][:500], *splits[2:4], len(chars))
    measured, losses = jobs.losses_on_test(model, splits, chars)
    known = [i for i in range(len(losses)) if i % 10 not in range(2, 7)]  # all but <unk>
    assert measured["outside_unk"] == pytest.approx(losses[known].mean().item(), abs=1e-6)
    assert measured["outside_unk"] != measured["test_loss"] == round(losses.mean().item(), 6)
    bigger, _ = jobs.splits_of(jobs.Counted(jobs.LONG_TEXT, 200_000), text)
    assert torch.equal(bigger[5], splits[5]) and len(bigger[1]) == 200_000 - 50
