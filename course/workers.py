"""Run long jobs on the cores of this machine or on a Dask cluster, and keep their files safe."""

import contextlib
import os
import secrets
import warnings

import joblib

from helpers import usable_cpus


def put(path, content):
    """Write bytes into a file in one step.

    If the process is killed meanwhile, there is either the old file or the complete new file. If
    the folder does not exist, it is created.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_bytes(content)
    os.replace(part, path)


def seed_in(path):
    """Return the seed of the questions that a file holds; if there is no file, draw one.

    So a second run, and an appeal, ask the same questions.
    """
    if not path.exists():
        put(path, f"{secrets.randbelow(2**31)}\n".encode())
    return int(path.read_text(encoding="utf-8"))


def add_argument(parser):
    """Add the option --dask to the parser of a command."""
    parser.add_argument(
        "--dask",
        metavar="ADDRESS",
        help="address of a Dask scheduler: run on its cluster, not on the cores of this machine",
    )


@contextlib.contextmanager
def workers(dask=None):
    """Let joblib run on this machine or on a Dask cluster.

    The workers of the cluster need this project on PYTHONPATH. Raises ConnectionError if there is
    no scheduler at the address.
    """
    if dask is None:
        with joblib.parallel_config("loky", n_jobs=usable_cpus(), inner_max_num_threads=1):
            yield
        return
    from dask.distributed import Client

    try:
        client = Client(dask)
    except (ValueError, OSError) as error:
        said = f"--dask {dask!r}: we could not reach a scheduler at this address ({error})"
        raise ConnectionError(said) from error
    with client, joblib.parallel_config("dask"):
        yield


def as_completed(work):
    """Yield the result of each of joblib's delayed calls as soon as the result is there."""
    # joblib gives this warning when our caller ended with an error. The error itself is shown.
    warnings.filterwarnings("ignore", r"\d+ tasks which were still being processed", UserWarning)
    yield from joblib.Parallel(return_as="generator_unordered")(work)
