"""Where long jobs run, on this machine's cores or a Dask cluster, and how their files are kept."""

import contextlib
import os
import warnings

import joblib

from helpers import usable_cpus


def put(path, content):
    """Write bytes into a file in one step: who is killed meanwhile leaves the old one or the new.

    Its folder is made where it is missing.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_bytes(content)
    os.replace(part, path)


def add_argument(parser):
    """Give a command the option --dask."""
    parser.add_argument(
        "--dask",
        metavar="ADDRESS",
        help="run on the cluster of this scheduler, not on this machine's cores",
    )


@contextlib.contextmanager
def workers(dask=None):
    """Let joblib run here, or on a Dask cluster, whose workers need this checkout on PYTHONPATH."""
    if dask is None:
        with joblib.parallel_config("loky", n_jobs=usable_cpus(), inner_max_num_threads=1):
            yield
        return
    from dask.distributed import Client

    try:
        client = Client(dask)
    except (ValueError, OSError) as error:
        raise ConnectionError(f"no scheduler answers at --dask {dask!r} ({error})") from error
    with client, joblib.parallel_config("dask"):
        yield


def as_completed(work):
    """Yield the results of joblib's delayed calls, each as soon as it is there."""
    # Said when who asked ended with an error, which is said too.
    warnings.filterwarnings("ignore", r"\d+ tasks which were still being processed", UserWarning)
    yield from joblib.Parallel(return_as="generator_unordered")(work)
