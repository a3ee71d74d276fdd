"""The study behind the notebook's claims: the comparison over seeds, rates, sizes and loads.

    python -m benchmarks.study                    all of it, or what is left of it
    python -m benchmarks.study --wikitext FILE    the same on WikiText-2's validation split
    python -m benchmarks.study seeds spans        these parts only
    python -m benchmarks.study --dask ADDRESS    on a Dask cluster

Writes runs.csv, blocks.csv, learned.csv, counted.csv, spans.csv and last_step.csv into data/study/,
a row per run with the settings that it ran with, and settings.json. A file is put in place whole,
after each run, so that a study that was stopped, or killed, goes on where it was. seconds.csv says
how long the runs took, beside whatever else ran on the machine. What the runs say, and the figures,
is written by benchmarks/study/report.py when none is missing.
"""

import argparse
import json
import sys
import time
from pathlib import Path
from typing import NamedTuple

import joblib
import numpy as np
import pandas as pd
import torch

import helpers
from benchmarks.study import compare, jobs, parts, report
from course import workers
from lab import study as lab_study
from lab.study import fingerprint

FOLDER = report.FOLDER


class Block(NamedTuple):
    """One stretch of the test text: the columns of blocks.csv that say which."""

    corpus: str
    model: str
    seed: int
    block: int
    training: str = compare.TRAININGS[compare.AS_IN_THE_NOTEBOOK]


class Timed(NamedTuple):
    """The one column of seconds.csv that says what ran."""

    job: str


class Table:
    """One CSV file: a row per job, first what was run, then what was measured."""

    def __init__(self, path, job_type):
        self.path, self.rows = path, {}
        for row in pd.read_csv(path).to_dict("records") if path.exists() else ():
            job = job_type(**{f: row.pop(f) for f in job_type._fields if f in row})
            self.rows[job] = row

    def add(self, rows):
        self.rows |= rows
        table = [job._asdict() | self.rows[job] for job in sorted(self.rows)]
        workers.put(self.path, pd.DataFrame(table).to_csv(index=False).encode())


def settings(corpora):
    """Return what the results depend on beside the settings in their rows: for settings.json."""
    return {
        "protocol": lab_study.exercise_numbers(),
        "corpora": {
            name: {"characters": len(text), "sha256": fingerprint(text)}
            for name, text in corpora.items()
        },
        # Of torch the release, not the build (+cpu or +cu130), which its package index decides.
        "versions": {"torch": torch.__version__.partition("+")[0], "numpy": np.__version__},
    }


class Study:
    """The files of a study in a folder, and the runs that they still lack.

    Raises ValueError when what the folder holds was measured with other settings.
    """

    def __init__(self, folder, corpora):
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.corpora = folder, corpora
        self.runs = Table(folder / "runs.csv", jobs.Run)
        self.blocks = Table(folder / "blocks.csv", Block)
        self.spans = Table(folder / "spans.csv", jobs.Span)
        self.learned = Table(folder / "learned.csv", jobs.Learned)
        self.counted = Table(folder / "counted.csv", jobs.Counted)
        self.last_step = Table(folder / "last_step.csv", jobs.Epoch)
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
        workers.put(path, (json.dumps(now, indent=1) + "\n").encode())

    def missing(self, names):
        """Return the jobs of these parts that are still to be run, the first parts' first."""
        vocab_size = len(set(self.corpora["sample"]))
        known = self.spans.rows | self.learned.rows
        wanted = [job for name in names for job in parts.PARTS[name](vocab_size, known)]
        done = known.keys() | self.runs.rows.keys() | self.counted.rows.keys()
        done |= {jobs.LastStep(epoch.variant) for epoch in self.last_step.rows}
        done -= {
            job for job in parts.seeds(None, None) if self._first_block(job) not in self.blocks.rows
        }
        return [job for job in dict.fromkeys(wanted) if job not in done]

    @staticmethod
    def _first_block(run):
        return Block(run.corpus, run.model, run.seed, 0)

    def add(self, job, measured, seconds):
        blocks = measured.pop("blocks", ())
        if isinstance(job, jobs.LastStep):
            self.last_step.add(measured)
        else:
            self._table_of(job).add({job: measured})
        if isinstance(job, jobs.Run) and job in parts.seeds(None, None):
            self._add_blocks(self._first_block(job), blocks)
        elif isinstance(job, (jobs.Learned, jobs.Counted)) and job.corpus == "sample":
            model, seed = getattr(job, "model", compare.COUNTING), getattr(job, "seed", 0)
            self._add_blocks(Block(job.corpus, model, seed, 0, compare.LEARNED), blocks)
        self.seconds.add({Timed(str(job)): {"seconds": round(seconds, 1)}})

    def _table_of(self, job):
        tables = {jobs.Run: self.runs, jobs.Span: self.spans}
        return (tables | {jobs.Learned: self.learned, jobs.Counted: self.counted})[type(job)]

    def _add_blocks(self, first, losses):
        self.blocks.add(
            {first._replace(block=n): {"test_loss": loss} for n, loss in enumerate(losses)}
        )

    def run(self, names):
        """Run what is missing, on the workers of joblib's current backend."""
        while wanted := self.missing(names):
            start = time.monotonic()
            corpus = {job: getattr(job, "corpus", "sample") for job in wanted}
            work = (joblib.delayed(jobs.work)(job, self.corpora[corpus[job]]) for job in wanted)
            for count, (job, measured, seconds) in enumerate(workers.as_completed(work), 1):
                self.add(job, measured, seconds)
                left = (time.monotonic() - start) / count * (len(wanted) - count) / 60
                print(
                    f"{job}: {seconds:.0f} s; {len(wanted) - count} left, {left:.0f} min",
                    flush=True,
                )


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("parts", nargs="*", metavar="part", help=", ".join(parts.PARTS))
    parser.add_argument("--wikitext", metavar="FILE", help="WikiText-2's validation split as text")
    parser.add_argument("--folder", type=Path, default=FOLDER)
    parser.add_argument("--characters", type=int, default=60_000, help="of the sample")
    workers.add_argument(parser)
    arguments = parser.parse_args()
    if unknown := [name for name in arguments.parts if name not in parts.PARTS]:
        parser.error(f"no part {unknown[0]!r}: expected {', '.join(parts.PARTS)}")
    own = [name for name in parts.PARTS if name not in parts.FROM_FILE]
    names = arguments.parts or (list(parts.PARTS) if arguments.wikitext else own)
    corpora = {"sample": helpers.load_text("sample", arguments.characters)}
    if arguments.wikitext:
        corpora["wikitext-2"] = helpers.load_text(arguments.wikitext)
        corpora[jobs.LONG_TEXT] = helpers.load_text(
            arguments.wikitext, max(jobs.SIZES) + 2 * jobs.HELD_OUT
        )
    elif needs := [name for name in names if name in parts.FROM_FILE]:
        parser.error(f"the part {needs[0]} needs the text: --wikitext FILE")
    try:
        study = Study(arguments.folder, corpora)
    except ValueError as error:
        sys.exit(str(error))
    with workers.workers(arguments.dask):
        study.run(names)
    if not study.missing(own):
        docs = report.DOCS if arguments.folder == FOLDER else arguments.folder
        report.main(arguments.folder, docs)


if __name__ == "__main__":
    main()
