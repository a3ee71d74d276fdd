"""The study behind the notebook's claims: the comparison over seeds, rates, sizes and loads.

    python -m benchmarks.study                     all of it, or what is left of it
    python -m benchmarks.study --wikitext FILE     with the same on WikiText-2's validation split
    python -m benchmarks.study --shakespeare FILE  and on the first of Shakespeare's plays
    python -m benchmarks.study --dask ADDRESS      on a Dask cluster

Writes runs.csv, blocks.csv, learned.csv, counted.csv, spans.csv and last_step.csv into data/study/,
a row per run with the settings that it ran with, and settings.json. A file is put in place whole,
after each run, so that a study that was stopped, or killed, goes on where it was. seconds.csv says
how long the runs took, beside whatever else ran on the machine. What the runs say, and the figures,
is written by benchmarks/study/findings.py at the end.
"""

import argparse
import json
import sys
import time

import joblib
import numpy as np
import pandas as pd
import torch

import helpers
from benchmarks.study import findings, jobs, plan
from course import workers
from lab.study import STUDY, exercise_numbers, fingerprint, read_study


def record_settings(folder, corpora):
    """Write settings.json: what the results depend on beside the settings in their rows.

    Ends the command when what the folder holds was measured with others.
    """
    path = folder / "settings.json"
    now = {
        "protocol": exercise_numbers(),
        "corpora": {
            name: {
                "source": jobs.SOURCES[name],
                "characters": len(text),
                "sha256": fingerprint(text),
            }
            for name, text in corpora.items()
        },
        # Of torch the release, not the build (+cpu or +cu130), which its package index decides.
        "versions": {"torch": torch.__version__.partition("+")[0], "numpy": np.__version__},
    }
    before = json.loads(path.read_text(encoding="utf-8")) if path.exists() else now
    for key, value in now.items():
        if not before[key].items() <= value.items():
            sys.exit(
                f"{path} was measured with {key} {before[key]}, now it is {value}: go back to "
                f"those, or move {folder} away."
            )
    machines = {*(before.get("machines", [])), helpers.describe_machine()}
    now |= {"machines": sorted(machines)}  # a study may go on on another
    workers.put(path, (json.dumps(now, indent=1) + "\n").encode())


def keep(folder, name, rows):
    """Put rows into a file of the study, in place of those that say the same of another try."""
    path, key = folder / f"{name}.csv", list(jobs.ROWS[name])
    before = [read_study(name, folder)] if path.exists() else []
    table = pd.concat([*before, pd.DataFrame(rows)]).drop_duplicates(key, keep="last")
    workers.put(path, table.set_index(key).sort_index().to_csv().encode())


def missing(folder, corpora):
    """Return {job: its text} of what a folder lacks on these corpora, the first to run first."""
    known = {}  # each row by its job, as a plain tuple, which the job equals
    for job_type, (name, _) in jobs.JOBS.items():
        if (folder / f"{name}.csv").exists():
            table = read_study(name, folder)
            done = table[[*job_type._fields]].itertuples(index=False, name=None)
            known |= dict(zip(done, table.to_dict("records"), strict=True))
    texts = {job: corpora.get(getattr(job, "corpus", "sample")) for job in plan.every_job(known)}
    return {job: text for job, text in texts.items() if text and job not in known}


def measure(folder, corpora):
    """Run what is missing, on the workers of joblib's current backend."""
    record_settings(folder, corpora)
    while wanted := missing(folder, corpora):
        start = time.monotonic()
        work = (joblib.delayed(jobs.work)(job, text) for job, text in wanted.items())
        for count, (job, rows, seconds) in enumerate(workers.as_completed(work), 1):
            for name in sorted(rows):  # blocks first: a job is done when its own row is there
                keep(folder, name, rows[name])
            left, each = len(wanted) - count, (time.monotonic() - start) / count
            print(f"{job}: {seconds:.0f} s; {left} left, {left * each / 60:.0f} min", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--wikitext", metavar="FILE", help="WikiText-2's validation split as text")
    parser.add_argument("--shakespeare", metavar="FILE", help="input.txt of tinyshakespeare")
    workers.add_argument(parser)
    arguments = parser.parse_args()
    corpora = {"sample": plan.SAMPLE}
    if file := arguments.wikitext:
        corpora["wikitext-2"] = helpers.load_text(file)
        corpora[jobs.LONG_TEXT] = helpers.load_text(file, max(jobs.TEXT_SIZES) + 2 * jobs.HELD_OUT)
    if file := arguments.shakespeare:
        corpora[jobs.ANOTHER_TEXT] = helpers.load_text(file)
    with workers.workers(arguments.dask):
        measure(STUDY, corpora)
    findings.main()


if __name__ == "__main__":
    main()
