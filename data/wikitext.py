"""WikiText-2 from the dataset hub, without ever leaving a student to wait in the dark.

``datasets`` retries a hub that is out of reach for minutes, even when the text is already on disk,
and takes seconds to import. So the text, once fetched, is kept as a plain file beside the hub's own
cache. Fetching it: (1) ask the hub for one small file, three seconds at most; (2) load the rows
through ``datasets`` in a process of its own, which is stopped when it stalls. Run as a script, this
file is that process.
"""

import contextlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

REPOSITORY = "Salesforce/wikitext"
CONFIGURATION = "wikitext-2-raw-v1"  # the one without the literal text "<unk>"
REVISION = "b08601e04326c79dfdd32d625aee71d232d685c3"  # pinned, so that all read the same text
SPLIT = "train"

FIRST_CONTACT_SECONDS = 3
STALL_SECONDS = 50
INSTEAD = ", or use CORPUS = 'sample', which needs no network."
REMEDY = "Use CORPUS = 'sample', which needs no network, or try again later."


def load_rows(stall_seconds=STALL_SECONDS):
    """Return the rows of WikiText-2's training split, one string each.

    Raises ConnectionError, with the remedy, when they are neither on disk nor within reach.
    """
    path = _own_copy()
    if not os.path.exists(path):
        offline = _told_to_stay_offline()
        if not offline:
            _probe()
            print("Fetching WikiText-2, once ...", flush=True)
        _fetch(path, offline, stall_seconds)
    try:
        return path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        cause = getattr(error, "strerror", None) or "not UTF-8"
        raise ConnectionError(
            f"the copy of WikiText-2 is damaged ({cause}). Delete {path}{INSTEAD}"
        ) from error


def _own_copy():
    """Return the path under which the rows are kept, a line each."""
    try:
        from huggingface_hub import constants
    except ValueError as error:  # numbers that are none
        names = [n for n, v in os.environ.items() if n.startswith("HF_") and repr(v) in str(error)]
        settings = _set_among(*names) or "your HF_... settings"
        raise ConnectionError(f"{error}. Correct or unset {settings}{INSTEAD}") from error
    return Path(constants.HF_HOME) / "wikitext-2" / f"{CONFIGURATION}-{SPLIT}-{REVISION}.txt"


def _told_to_stay_offline():
    from huggingface_hub import constants

    datasets_flag = os.environ.get("HF_DATASETS_OFFLINE", "").upper()
    return constants.HF_HUB_OFFLINE or datasets_flag in constants.ENV_VARS_TRUE_VALUES


def _probe():
    """Raise ConnectionError unless the hub itself answers at once."""
    import httpx
    from huggingface_hub import constants

    url = f"{constants.ENDPOINT}/datasets/{REPOSITORY}/resolve/{REVISION}/README.md"
    try:
        answer = httpx.head(url, timeout=FIRST_CONTACT_SECONDS, follow_redirects=True)
        answer.raise_for_status()
    except Exception as error:  # of httpx, of what it imports, of the files that it reads
        cause = f"{type(error).__name__}: {error}".rstrip(": ").splitlines()[0][:120]
        raise ConnectionError(
            f"the dataset hub cannot be reached ({cause}). {_remedy(error)}"
        ) from error
    if not any("X-Repo-Commit" in response.headers for response in (*answer.history, answer)):
        raise ConnectionError(
            f"the dataset hub cannot be reached (something else answers at {answer.url.host}). If "
            f"this network wants you to log in, do so in a browser and run the cell again{INSTEAD}"
        )


def _remedy(error):
    """Return what to do about a failure of first contact, as one sentence."""
    import httpx

    settings = _set_among("ALL_PROXY", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "HF_ENDPOINT")
    if isinstance(error, ImportError):  # a SOCKS proxy
        return f"Run pip install socksio, or unset {settings}{INSTEAD}"
    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        return f"Set SSL_CERT_FILE to the certificate of the network that you are in{INSTEAD}"
    certificates = _set_among("SSL_CERT_FILE") or _set_among("SSL_CERT_DIR")  # as httpx does
    if isinstance(error, OSError) and certificates:
        return f"Correct or unset {certificates}{INSTEAD}"
    passing = isinstance(error, httpx.TimeoutException) or (
        isinstance(error, httpx.HTTPStatusError) and error.response.status_code >= 429
    )
    return REMEDY if passing or not settings else f"Correct or unset {settings}{INSTEAD}"


def _set_among(*names):
    """Return the environment variables of these names that are set, their passwords left out."""
    found = [(key, v) for name in names for key, v in os.environ.items() if key.upper() == name]
    hidden = [(key, re.sub("//.*@", "//...@", value)[:60]) for key, value in found if value]
    return " and ".join(f"{key}={value}" for key, value in hidden)


def _fetch(path, offline, stall_seconds):
    """Write the rows to ``path`` in another process, which is stopped when the hub stalls.

    It downloads into a folder of its own, so that nothing broken stays behind in the hub's cache.
    Told to stay offline, it looks into that cache instead. One process at a time: whoever comes
    second waits, and finds the rows. A lock ends with the process that has it, so whoever has it
    knows that every folder here is what a killed one left.
    """
    import filelock

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(path.parent / ".lock"):
            for left in path.parent.glob("download-*"):
                shutil.rmtree(left, ignore_errors=True)
            if not path.exists():
                folder = Path(tempfile.mkdtemp(prefix="download-", dir=path.parent))
                _fetch_alone(path, folder, offline, stall_seconds)
    except OSError as error:
        if isinstance(error, ConnectionError):
            raise
        raise ConnectionError(
            f"WikiText-2 cannot be kept in {path.parent} ({error.strerror}). Set the environment "
            f"variable HF_HOME to a folder that you may write to{INSTEAD}"
        ) from error


def _fetch_alone(path, folder, offline, stall_seconds):
    env = dict(os.environ, HF_HUB_DISABLE_XET="1")  # one plain file over HTTP
    if not offline:
        env = {name: value for name, value in env.items() if name not in CACHES}
        # The text is public: a token that has expired does no harm when it is not sent.
        env |= {"HF_HOME": str(folder), "HF_HUB_DISABLE_IMPLICIT_TOKEN": "1"}
    try:
        returncode, stderr = _run_while_it_grows(
            [sys.executable, os.path.abspath(__file__), str(path)], env, folder, stall_seconds
        )
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if returncode is None:
        raise ConnectionError(f"the download stalled for {stall_seconds:.0f} seconds. {REMEDY}")
    if returncode:
        cause = (stderr.strip().splitlines() or ["no message"])[-1][:200]
        what = "you are offline, and the hub's cache has no copy" if offline else "download failed"
        raise ConnectionError(f"WikiText-2: {what} ({cause}). {REMEDY}")


def _run_while_it_grows(command, env, folder, stall_seconds):
    """Return (exit status, stderr) of a process; None for both once its folder stops growing."""
    size, grown = 0, time.monotonic()
    with (
        tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as stderr,
        subprocess.Popen(
            command, env=env, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=stderr
        ) as process,
    ):
        try:
            while time.monotonic() - grown < stall_seconds:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(timeout=0.2)
                    stderr.seek(0)
                    return process.returncode, stderr.read()
                now = _size(folder)
                size, grown = (now, time.monotonic()) if now > size else (size, grown)
            return None, None
        finally:
            process.kill()


def _size(folder):
    """Return the bytes of the files in a folder that another process is changing."""
    total = 0
    for path in folder.rglob("*"):
        with contextlib.suppress(OSError):
            total += path.stat().st_size
    return total


CACHES = ("HF_HUB_CACHE", "HF_DATASETS_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_ASSETS_CACHE")


def _load_and_keep(path):
    """Load the rows through ``datasets`` and put them into the file, whole or not at all."""
    import datasets
    from huggingface_hub import constants

    datasets.disable_progress_bars()
    datasets.logging.set_verbosity_error()
    # In small pieces, so that whoever waits can see it grow.
    constants.DOWNLOAD_CHUNK_SIZE = 16 * 1024
    try:
        rows = datasets.load_dataset(REPOSITORY, CONFIGURATION, split=SPLIT, revision=REVISION)
        if "text" not in rows.column_names:
            sys.exit(f"the hub's file has the columns {rows.column_names}, not 'text'")
        new = path.with_suffix(f".{os.getpid()}")
        new.write_text(
            "\n".join(row.replace("\n", "") for row in rows["text"]), encoding="utf-8", newline="\n"
        )
        os.replace(new, path)
    except Exception as error:
        cause = error.__cause__ or error  # datasets says "an error occurred" and no more
        sys.exit(f"{type(cause).__name__}: {cause}".splitlines()[0])


def _end_with_the_parent():
    """End this process as soon as the one that started it has ended, whatever ended it."""
    os.read(0, 1)  # which waits, and finds the end of the file
    os._exit(1)


if __name__ == "__main__":
    threading.Thread(target=_end_with_the_parent, daemon=True).start()
    _load_and_keep(Path(sys.argv[1]))
