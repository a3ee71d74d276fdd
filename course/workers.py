"""Run long jobs on the cores of this machine or on a Dask cluster, and keep their files safe."""

import contextlib
import hashlib
import os
import secrets
import warnings
from pathlib import Path

import joblib

from helpers import usable_cpus

ROOT = Path(__file__).resolve().parent.parent


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

    The scheduler and the workers of the cluster need this project on PYTHONPATH. Raises
    ConnectionError if there is no scheduler at the address, if it has no workers, or if one of
    these processes lacks the project or has another version of it.
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
    with client:
        _need_the_project(client, dask)
        with joblib.parallel_config("dask"):
            yield


def version():
    """Return a hash of all code of this project."""
    paths = sorted(path for folder in (".", "lab", "data", "course") for path in _code_in(folder))
    return hashlib.sha256(b"".join(path.read_bytes() for path in paths)).hexdigest()


def _code_in(folder):
    return (ROOT / folder).glob("*.py" if folder == "." else "**/*.py")


def _need_the_project(client, address):
    def seen():  # sent by its code, because the project may be missing there
        try:
            from course import workers

            return workers.version()
        except Exception as error:
            return f"{type(error).__name__}: {error}"

    asked = {f"the scheduler {address}": client.run_on_scheduler(seen)}
    asked |= {f"the worker {place}": said for place, said in client.run(seen).items()}
    if len(asked) == 1:
        raise ConnectionError(
            f"--dask {address!r}: the scheduler has no workers. Start some first."
        )
    for place, said in asked.items():
        if said != version():
            what = "another version of this project" if len(said) == 64 else f"no project ({said})"
            raise ConnectionError(
                f"--dask {address!r}: {place} has {what}. Start it in this folder, or put this "
                "folder on its PYTHONPATH."
            )


def as_completed(work):
    """Yield the result of each of joblib's delayed calls as soon as the result is there."""
    # joblib gives this warning when our caller ended with an error. The error itself is shown.
    warnings.filterwarnings("ignore", r"\d+ tasks which were still being processed", UserWarning)
    yield from joblib.Parallel(return_as="generator_unordered")(work)
