"""The study: our longer experiment with several random seeds, learning rates, sizes and loads.

    python -m benchmarks.study                     run everything that is still missing
    python -m benchmarks.study --wikitext FILE     also run it on WikiText-2's validation split
    python -m benchmarks.study --shakespeare FILE  also run it on the first of Shakespeare's plays
    python -m benchmarks.study --dask ADDRESS      run it on a Dask cluster

Writes runs.csv, blocks.csv, learned.csv, counted.csv, spans.csv and last_step.csv into data/study/,
with a row for each run and its settings, and settings.json. After each run the files are replaced
as a whole. So a study that was stopped or killed continues where it ended. seconds.csv has the
duration of the runs; other programs may have run at the same time. At the end,
benchmarks/study/findings.py writes the results and the plots.
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
    """Write settings.json: what the results depend on besides the settings in their rows.

    Ends the command if the files in the folder were measured with other settings.
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
                f"{path} was measured with {key} {before[key]}, but now it is {value}. Use the old "
                f"values again, or move {folder} away."
            )
    machines = {*(before.get("machines", [])), helpers.describe_machine()}
    now |= {"machines": sorted(machines)}  # a study may continue on another machine
    workers.put(path, (json.dumps(now, indent=1) + "\n").encode())


def keep(folder, name, rows):
    """Write rows into a file of the study; they replace older rows of the same job."""
    path, key = folder / f"{name}.csv", list(jobs.ROWS[name])
    before = [read_study(name, folder)] if path.exists() else []
    table = pd.concat([*before, pd.DataFrame(rows)]).drop_duplicates(key, keep="last")
    workers.put(path, table.set_index(key).sort_index().to_csv().encode())


def missing(folder, corpora):
    """Return {job: its text} for all jobs that a folder lacks, in the order of running."""
    known = {}  # each row by its job, as a plain tuple, which the job equals
    for job_type, (name, _) in jobs.JOBS.items():
        if (folder / f"{name}.csv").exists():
            table = read_study(name, folder)
            done = table[[*job_type._fields]].itertuples(index=False, name=None)
            known |= dict(zip(done, table.to_dict("records"), strict=True))
    texts = {job: corpora.get(getattr(job, "corpus", "sample")) for job in plan.every_job(known)}
    return {job: text for job, text in texts.items() if text and job not in known}


def measure(folder, corpora):
    """Run all missing jobs, on the workers of joblib's current backend."""
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
