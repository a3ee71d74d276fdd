"""The study behind the notebook's claims: the comparison over seeds, rates, sizes and loads.

    python -m benchmarks.study                    all of it, or what is left of it
    python -m benchmarks.study --wikitext FILE    the same on WikiText-2's validation split
    python -m benchmarks.study seeds spans        these parts only
    python -m benchmarks.study --dask ADDRESS     on a Dask cluster; --ray ADDRESS on one of Ray

Writes runs.csv, blocks.csv, spans.csv and last_step.csv into data/study/, a row per run with the
settings that it ran with, and settings.json. A file is put in place whole, after each run, so that
a study that was stopped, or killed, goes on where it was. seconds.csv says how long the runs took,
beside whatever else ran on the machine. The workers of a cluster need this checkout on PYTHONPATH.
"""

import argparse
import contextlib
import functools
import hashlib
import inspect
import io
import itertools
import json
import operator
import os
import sys
import time
from pathlib import Path
from typing import NamedTuple

import joblib
import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.optim.optimizer import register_optimizer_step_post_hook

import helpers
from benchmarks import protocols
from further import AttentionRNN, fit
from threads import usable_cpus
from tools.solution import run_todos

FOLDER = helpers.DATA / "study"
MODELS = ("RNN", "LSTM", "GRU")
SEEDS = (1, 2, 3, 4, 5)  # of the comparison and the memory spans
FEW_SEEDS = SEEDS[:3]  # of everything else
GRID = (1e-3, 2e-3, 4e-3, 8e-3)
ORIGINAL_RATES = protocols.LAST_STEP_RATES
MATCHED_PARAMETERS = 500_000
HIDDEN_DIMS = (64, 128)
SEQ_LENS = (10, 25, 100)
SPAN_GRID = (1e-3, 2e-3, 4e-3)  # grows where the best rate is at an end
LOADS = (4, 2, 1)
SPAN_SIZES = ((128, 1), (256, 2))  # (hidden_dim, num_layers): those of TODO 9, those of TODO 1
PILOT_SEED = 0  # chooses the rates of the memory spans
BLOCK = 100  # characters of test text to a row of blocks.csv


class Run(NamedTuple):
    """One training on text: the columns of runs.csv that say what was run."""

    corpus: str
    model: str
    seed: int
    rate: float
    hidden_dim: int = 256
    dropout: float = 0.3
    seq_len: int = 50


class Block(NamedTuple):
    """One stretch of the test text: the columns of blocks.csv that say which."""

    corpus: str
    model: str
    seed: int
    block: int


class Span(NamedTuple):
    """One memory span: the columns of spans.csv that say what was measured."""

    model: str
    load: int
    hidden_dim: int
    num_layers: int
    rate: float
    seed: int


class Timed(NamedTuple):
    """The one column of seconds.csv that says what ran."""

    job: str


class LastStep(NamedTuple):
    """The last-step protocol to the letter, all three models: last_step.csv."""

    corpus: str


# ---------------------------------------------------------------------------------------------
# One run
# ---------------------------------------------------------------------------------------------


@functools.cache
def _model_class(name):
    """Return the solution's model class of this name, or AttentionRNN."""
    with contextlib.redirect_stdout(io.StringIO()):
        return {"Attention": AttentionRNN, **run_todos(1, 2, 3, 5)["MODEL_CLASSES"]}[name]


@functools.cache
def parameters(name, vocab_size, hidden_dim=256, num_layers=2):
    """Return the number of parameters of a model."""
    with torch.device("meta"):
        model = _model_class(name)(vocab_size, 128, hidden_dim, num_layers, dropout=0.0)
    return helpers.count_parameters(model)


@functools.cache
def matched_hidden_dim(name, vocab_size, target, num_layers=2):
    """Return the hidden_dim at which the number of parameters is nearest to ``target``."""
    return min(
        range(16, 513),
        key=lambda hidden: abs(parameters(name, vocab_size, hidden, num_layers) - target),
    )


def run_on_text(run, text):
    """Return what one training by the notebook's protocol measured.

    That is parameters, best_val_loss, best_epoch, test_loss (nats per character, on the final
    timestep of every test window), and in ``blocks`` the test loss of each block of the test text.
    The order of the batches depends on the seed too.
    """
    model, best, (*_, test_X, test_y) = fit(
        _model_class(run.model),
        text,
        run.rate,
        helpers.EPOCHS,
        run.seed,
        run.hidden_dim,
        run.dropout,
        run.seq_len,
        order=1000 * run.seed,
    )
    test_X, test_y = test_X[: helpers.WINDOWS], test_y[: helpers.WINDOWS]
    blocks = [
        helpers.evaluate_model(model, block_X, block_y, nn.CrossEntropyLoss())
        for block_X, block_y in zip(test_X.split(BLOCK), test_y.split(BLOCK), strict=True)
    ]
    lengths = [len(block) for block in test_y.split(BLOCK)]
    test_loss = sum(map(operator.mul, blocks, lengths)) / len(test_y)
    return {
        "parameters": helpers.count_parameters(model),
        "best_val_loss": round(best.best_loss, 6),
        "best_epoch": best.best_epoch,
        "test_loss": round(test_loss, 6),
        "blocks": [round(loss, 6) for loss in blocks],
    }


def measure_span(span, text):
    """Return the memory span, and the batches that it took to measure it."""
    steps = itertools.count()
    hook = register_optimizer_step_post_hook(lambda *_: next(steps))
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            longest = helpers.memory_span(
                _model_class(span.model),
                text,
                span.rate,
                load=span.load,
                hidden_dim=span.hidden_dim,
                num_layers=span.num_layers,
                seed=span.seed,
            )
    finally:
        hook.remove()
    return {"span": longest, "batches": next(steps)}


def _work(job, text):
    """Return (job, what it measured, seconds)."""
    torch.set_num_threads(1)  # as many runs at once as there are cores
    start = time.perf_counter()
    if isinstance(job, Run):
        measured = run_on_text(job, text)
    elif isinstance(job, Span):
        measured = measure_span(job, text)
    else:
        measured = last_step(text)
    return job, measured, time.perf_counter() - start


def last_step(text):
    """Return the rows of last_step.csv."""
    chars, char2idx, _ = helpers.build_vocabulary(text)
    classes = {name: _model_class(name) for name in MODELS}
    splits = helpers.prepare_sequences(text, char2idx)
    with contextlib.redirect_stdout(io.StringIO()):
        table = protocols.last_step_protocol(classes, splits, len(chars), helpers.EPOCHS)
    return table[["model", "epoch", "train_loss", "val_loss", "test_perplexity"]].round(4)


# ---------------------------------------------------------------------------------------------
# What to run
# ---------------------------------------------------------------------------------------------


def seeds(corpus, vocab_size):
    """The comparison itself."""
    return [Run(corpus, m, s, helpers.LEARNING_RATES[m]) for s in SEEDS for m in MODELS]


def grid(corpus, vocab_size):
    """The learning rates that LEARNING_RATES was chosen from, on validation loss."""
    return [Run(corpus, m, s, rate) for s in FEW_SEEDS for rate in GRID for m in MODELS]


def variants(corpus, vocab_size):
    """What else "identical" could mean: parameters, no dropout, the original exercise's rates."""
    for seed, model in itertools.product(FEW_SEEDS, MODELS):
        rate = helpers.LEARNING_RATES[model]
        matched = matched_hidden_dim(model, vocab_size, MATCHED_PARAMETERS)
        yield Run(corpus, model, seed, rate, hidden_dim=matched)
        yield Run(corpus, model, seed, rate, dropout=0.0)
        yield Run(corpus, model, seed, protocols.LAST_STEP_RATES[model])


def attention(corpus, vocab_size):
    """An RNN with attention that has as many parameters as the plain one."""
    hidden_dim = matched_hidden_dim("Attention", vocab_size, parameters("RNN", vocab_size))
    return [Run(corpus, "Attention", s, r, hidden_dim) for s in FEW_SEEDS for r in GRID[:3]]


def sweeps(corpus, vocab_size):
    """Shorter and longer windows, smaller models."""
    for seed, model in itertools.product(FEW_SEEDS, MODELS):
        rate = helpers.LEARNING_RATES[model]
        for hidden_dim in HIDDEN_DIMS:
            yield Run(corpus, model, seed, rate, hidden_dim)
        for seq_len in SEQ_LENS:
            yield Run(corpus, model, seed, rate, seq_len=seq_len)


def spans(corpus, vocab_size, known):
    """Memory spans: the rates first, with a seed of their own, then the seeds at the best rate.

    ``known`` maps the Spans measured so far to what they measured. What is yielded depends on it:
    call again until nothing new comes.
    """
    settings = [("Attention", 4, attention_span_size(vocab_size))]
    settings += [(m, load, size) for size in SPAN_SIZES for load in LOADS for m in MODELS]
    for model, load, size in settings:
        pilots = {
            span.rate: (measured["span"], -measured["batches"])
            for span, measured in known.items()
            if (span.model, span.load, span[2:4], span.seed) == (model, load, size, PILOT_SEED)
        }
        rates = sorted({*SPAN_GRID, *pilots})
        if set(pilots) == set(rates):
            best = max(rates, key=pilots.get)
            if pilots[best][0] in (0, helpers.LONGEST_LAG) or best not in (rates[0], rates[-1]):
                yield from (Span(model, load, *size, best, seed) for seed in SEEDS)
            else:  # the best may lie beyond
                rates = [best / 2 if best == rates[0] else best * 2]
        yield from (Span(model, load, *size, rate, PILOT_SEED) for rate in rates)


def attention_span_size(vocab_size):
    """Return the (hidden_dim, num_layers) that give Attention the plain RNN's parameters."""
    asked = vocab_size + 12  # memory_span adds 8 symbols and 4 queries
    target = parameters("RNN", asked, 128, 1)
    return matched_hidden_dim("Attention", asked, target, 1), 1


PARTS = {"seeds": seeds, "grid": grid, "variants": variants, "attention": attention}
PARTS |= {"sweeps": sweeps, "spans": spans, "last-step": None}


# ---------------------------------------------------------------------------------------------
# Results
# ---------------------------------------------------------------------------------------------


def _put(path, text):
    """Write a file in one step: who is killed meanwhile leaves the old one or the new one."""
    new = path.with_suffix(".part")
    new.write_text(text, encoding="utf-8", newline="\n")
    os.replace(new, path)


class Table:
    """One CSV file: a row per job, first what was run, then what was measured."""

    def __init__(self, path, job_type):
        self.path, self.rows = path, {}
        for row in pd.read_csv(path).to_dict("records") if path.exists() else ():
            job = job_type(**{field: row.pop(field) for field in job_type._fields})
            self.rows[job] = row

    def add(self, rows):
        self.rows |= rows
        table = [job._asdict() | self.rows[job] for job in sorted(self.rows)]
        _put(self.path, pd.DataFrame(table).to_csv(index=False))


def settings(corpora):
    """Return what the results depend on beside the settings in their rows: for settings.json."""
    default = inspect.signature
    return {
        "protocol": {
            "epochs": helpers.EPOCHS,
            "windows": helpers.WINDOWS,
            "batch_size": default(helpers.train_epoch).parameters["batch_size"].default,
            "max_gradient_norm": helpers.MAX_GRADIENT_NORM,
            "longest_lag": helpers.LONGEST_LAG,
            "span_batches": helpers.SPAN_BATCHES,
        },
        "learning_rates": helpers.LEARNING_RATES,
        "corpora": {
            name: {
                "characters": len(text),
                "sha256": hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest(),
            }
            for name, text in corpora.items()
        },
        "versions": {"torch": torch.__version__, "numpy": np.__version__},
    }


class Study:
    """The files of a study in a folder, and the runs that they still lack.

    Raises ValueError when what the folder holds was measured with other settings.
    """

    def __init__(self, folder, corpora):
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.corpora = folder, corpora
        self.vocab_sizes = {name: len(set(text)) for name, text in corpora.items()}
        self.runs = Table(folder / "runs.csv", Run)
        self.blocks = Table(folder / "blocks.csv", Block)
        self.spans = Table(folder / "spans.csv", Span)
        self.seconds = Table(folder / "seconds.csv", Timed)
        self._record_settings(folder / "settings.json")

    def _record_settings(self, path):
        now = settings(self.corpora)
        before = json.loads(path.read_text(encoding="utf-8")) if path.exists() else now
        now["corpora"] = before["corpora"] | now["corpora"]
        before["corpora"] = now["corpora"] | before["corpora"]
        for key in ("protocol", "corpora", "versions"):
            if before[key] != now[key]:
                raise ValueError(
                    f"{path} was measured with {key} {before[key]}, now it is {now[key]}: go back "
                    "to those, or choose another --folder."
                )
        command = "python -m benchmarks.study"
        command += " --wikitext FILE" * ("wikitext-2" in now["corpora"])
        now |= {"command": command, "machine": helpers.describe_machine()}
        _put(path, json.dumps(now, indent=1) + "\n")

    def missing(self, parts):
        """Return the jobs of these parts that are still to be run, the first parts' first."""
        jobs = []
        for part, (corpus, vocab_size) in itertools.product(parts, self.vocab_sizes.items()):
            if part == "last-step":
                jobs += [LastStep(corpus)] * (corpus == "sample")
            elif part == "spans":
                jobs += spans(corpus, vocab_size, self.spans.rows) if corpus == "sample" else []
            elif corpus == "sample" or part == "seeds":
                jobs += PARTS[part](corpus, vocab_size)
        done = self.runs.rows.keys() | self.spans.rows.keys()
        if (self.folder / "last_step.csv").exists():
            done |= {LastStep("sample")}
        return [job for job in dict.fromkeys(jobs) if job not in done]

    def add(self, job, measured, seconds):
        if isinstance(job, LastStep):
            _put(self.folder / "last_step.csv", measured.to_csv(index=False))
        elif isinstance(job, Span):
            self.spans.add({job: measured})
        else:
            blocks = measured.pop("blocks")
            if job == Run("sample", job.model, SEEDS[0], helpers.LEARNING_RATES.get(job.model)):
                self.blocks.add(
                    {
                        Block(job.corpus, job.model, job.seed, number): {"test_loss": loss}
                        for number, loss in enumerate(blocks)
                    }
                )
            self.runs.add({job: measured})
        self.seconds.add({Timed(str(job)): {"seconds": round(seconds, 1)}})

    def run(self, parts):
        """Run what is missing, on the workers of joblib's current backend."""
        while jobs := self.missing(parts):
            start = time.monotonic()
            corpus = {job: getattr(job, "corpus", "sample") for job in jobs}
            work = (joblib.delayed(_work)(job, self.corpora[corpus[job]]) for job in jobs)
            for count, (job, measured, seconds) in enumerate(_as_completed(work), 1):
                self.add(job, measured, seconds)
                left = (time.monotonic() - start) / count * (len(jobs) - count) / 60
                print(
                    f"{job}: {seconds:.0f} s; {len(jobs) - count} left, {left:.0f} min", flush=True
                )


def _as_completed(work):
    """Yield the results of joblib's delayed calls, each as soon as the backend hands it over."""
    backend, _ = joblib.parallel.get_active_backend()
    if backend.supports_return_generator:
        yield from joblib.Parallel(return_as="generator_unordered")(work)
    else:  # Ray's hands over the results of a call together: give it what runs at once
        while some := list(itertools.islice(work, joblib.effective_n_jobs(-1))):
            yield from joblib.Parallel(n_jobs=-1)(some)


@contextlib.contextmanager
def workers(dask=None, ray=None):
    """Let joblib run on this machine's cores, or on the Dask or Ray cluster at an address."""
    if dask:
        from dask.distributed import Client

        with Client(dask), joblib.parallel_config("dask"):
            yield
    elif ray:
        import ray as ray_cluster
        from ray.util.joblib import register_ray

        register_ray()
        with ray_cluster.init(address=ray, include_dashboard=False), joblib.parallel_config("ray"):
            yield
    else:
        with joblib.parallel_config("loky", n_jobs=usable_cpus(), inner_max_num_threads=1):
            yield


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("parts", nargs="*", metavar="part", help=", ".join(PARTS))
    parser.add_argument("--wikitext", metavar="FILE", help="WikiText-2's validation split as text")
    parser.add_argument("--folder", type=Path, default=FOLDER)
    parser.add_argument("--dask", metavar="ADDRESS", help="of a Dask cluster's scheduler")
    parser.add_argument("--ray", metavar="ADDRESS", help="of a Ray cluster, or local")
    arguments = parser.parse_args()
    if unknown := [part for part in arguments.parts if part not in PARTS]:
        parser.error(f"no part {unknown[0]!r}: expected {', '.join(PARTS)}")
    corpora = {"sample": helpers.load_text("sample")}
    if arguments.wikitext:
        corpora["wikitext-2"] = helpers.load_text(arguments.wikitext)
    try:
        study = Study(arguments.folder, corpora)
    except ValueError as error:
        sys.exit(str(error))
    with workers(arguments.dask, arguments.ray):
        study.run(arguments.parts or PARTS)
    if not study.missing(PARTS):
        from benchmarks import report  # which needs this module

        report.main(*[arguments.folder] * 2 if arguments.folder != FOLDER else [])


if __name__ == "__main__":
    from benchmarks import study  # under its own name, by which the workers import it

    study.main()
