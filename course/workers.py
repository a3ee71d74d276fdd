"""Where long jobs run: on this machine's cores, or on an existing Dask or Ray cluster."""

import contextlib
import itertools

import joblib

from helpers import usable_cpus


def add_arguments(parser):
    """Give a command the options --backend and --address."""
    parser.add_argument(
        "--backend",
        choices=("loky", "dask", "ray"),
        default="loky",
        help="loky, the default: this machine's cores; dask or ray: a cluster",
    )
    parser.add_argument("--address", help="of the Dask scheduler or the Ray cluster")


@contextlib.contextmanager
def workers(backend="loky", address=None):
    """Let joblib run on a backend. The workers of a cluster need this checkout on PYTHONPATH."""
    if backend == "dask":
        from dask.distributed import Client

        with Client(address), joblib.parallel_config("dask"):
            yield
    elif backend == "ray":
        import ray as ray_cluster
        from ray.util.joblib import register_ray

        register_ray()
        with ray_cluster.init(address, include_dashboard=False), joblib.parallel_config("ray"):
            yield
    else:
        with joblib.parallel_config("loky", n_jobs=usable_cpus(), inner_max_num_threads=1):
            yield


def as_completed(work):
    """Yield the results of joblib's delayed calls, each as soon as the backend hands it over."""
    backend, _ = joblib.parallel.get_active_backend()
    if backend.supports_return_generator:
        yield from joblib.Parallel(return_as="generator_unordered")(work)
    else:  # Ray's hands over the results of a call together: give it what runs at once
        while some := list(itertools.islice(work, joblib.effective_n_jobs(-1))):
            yield from joblib.Parallel(n_jobs=-1)(some)
