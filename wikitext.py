"""WikiText-2 from the dataset hub, without ever leaving a student to wait in the dark.

``datasets`` retries a hub that is out of reach for minutes, even when the text is already on disk.
So: (1) look in the cache with the libraries told to stay offline; (2) otherwise ask the hub for one
small file, three seconds at most; (3) otherwise fill the cache in a process of its own, under a
time limit, and look again. Run as a script, this file is that process.
"""

import os
import subprocess
import sys

REPOSITORY = "Salesforce/wikitext"
CONFIGURATION = "wikitext-2-raw-v1"  # the one without the literal text "<unk>"
REVISION = "b08601e04326c79dfdd32d625aee71d232d685c3"  # pinned: an offline load needs the very same
SPLIT = "train"

FIRST_CONTACT_SECONDS = 3
DOWNLOAD_SECONDS = 60


def load_rows():
    """Return the rows of WikiText-2's training split, one string each.

    Raises ConnectionError, with the remedy, when they are neither cached nor within reach.
    """
    rows = _cached_rows()
    if rows is None:
        _probe()
        _download()
        rows = _cached_rows()
    if rows is None:
        raise ConnectionError(f"{REPOSITORY} was fetched but cannot be read back. {REMEDY}")
    return rows


REMEDY = "Use CORPUS = 'sample', which needs no network, or try again later."


def _load():
    import datasets

    datasets.disable_progress_bars()
    datasets.logging.set_verbosity_error()
    return datasets.load_dataset(REPOSITORY, CONFIGURATION, split=SPLIT, revision=REVISION)


def _cached_rows():
    """Return the rows when they are on disk, else None. Nothing here touches the network."""
    import datasets
    import huggingface_hub

    before = datasets.config.HF_HUB_OFFLINE, huggingface_hub.constants.HF_HUB_OFFLINE
    datasets.config.HF_HUB_OFFLINE = huggingface_hub.constants.HF_HUB_OFFLINE = True
    try:
        return list(_load()["text"])
    except (OSError, ValueError):  # what datasets raises for "not cached" has varied
        return None
    finally:
        datasets.config.HF_HUB_OFFLINE, huggingface_hub.constants.HF_HUB_OFFLINE = before


def _probe():
    """Raise ConnectionError unless the hub answers at once."""
    import httpx
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        raise ConnectionError(f"HF_HUB_OFFLINE is set and WikiText-2 is not cached. {REMEDY}")
    url = f"{constants.ENDPOINT}/datasets/{REPOSITORY}/resolve/{REVISION}/README.md"
    try:
        httpx.head(url, timeout=FIRST_CONTACT_SECONDS, follow_redirects=True).raise_for_status()
    except httpx.HTTPError as error:
        cause = f"{type(error).__name__}: {error}".rstrip(": ").splitlines()[0]
        raise ConnectionError(f"the dataset hub cannot be reached ({cause}). {REMEDY}") from error


def _download():
    """Fill the cache in another process, which can be stopped when the hub stalls."""
    try:
        done = subprocess.run(
            [sys.executable, os.path.abspath(__file__)],
            timeout=DOWNLOAD_SECONDS,
            capture_output=True,
            text=True,
        )
    except subprocess.TimeoutExpired as error:
        raise ConnectionError(
            f"the download did not finish within {DOWNLOAD_SECONDS} seconds. {REMEDY}"
        ) from error
    if done.returncode:
        cause = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise ConnectionError(f"the download failed ({cause}). {REMEDY}")


if __name__ == "__main__":
    _load()
