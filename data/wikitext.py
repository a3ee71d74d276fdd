"""Load WikiText-2 from the dataset hub, with a time limit and clear messages.

If the hub cannot be reached, the package ``datasets`` tries again for minutes, even if the text is
already on disk. It also takes seconds to import. So the text is downloaded only once and stored as
a plain file next to the hub's own cache. A separate process with a time limit downloads it. This
file, run as a script, is that process.
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

REPOSITORY = "Salesforce/wikitext"
CONFIGURATION = "wikitext-2-raw-v1"  # the version without the mark "<unk>"
REVISION = "b08601e04326c79dfdd32d625aee71d232d685c3"  # fixed, so everybody reads the same text
SPLIT = "train"
LIMIT_SECONDS = 180
SETTINGS = r"HF_.*|.*_PROXY|SSL_CERT_(FILE|DIR)"  # settings that can make a download fail
REMEDY = "Use CORPUS = 'sample', which needs no network, or try again later."


def load_rows(limit_seconds=LIMIT_SECONDS):
    """Return the rows of WikiText-2's training split, a list of strings.

    Raises ConnectionError, with the remedy, if the text is not on disk and cannot be downloaded.
    """
    path = _home() / "wikitext-2" / f"{CONFIGURATION}-{SPLIT}-{REVISION}.txt"
    try:
        if not path.exists():
            print("Downloading WikiText-2. This is necessary only once ...", flush=True)
            path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
                _fetch(path, folder, limit_seconds)
        return path.read_text(encoding="utf-8").split("\n")
    except ConnectionError:
        raise
    except (OSError, UnicodeDecodeError) as error:
        cause = getattr(error, "strerror", None) or "it is not UTF-8"
        raise ConnectionError(
            f"{path} cannot be read or written ({cause}). Delete this file, or set the environment "
            f"variable HF_HOME to a folder in which you may write. {REMEDY}"
        ) from error


def _home():
    return Path(os.environ.get("HF_HOME") or Path.home() / ".cache" / "huggingface")


def _fetch(path, folder, limit_seconds):
    """Start a process that writes the rows to ``path`` and has its cache in another folder."""
    environment = os.environ | {"HF_HUB_DISABLE_XET": "1"}  # one plain file over HTTP
    if mirror := os.environ.get("HF_ENDPOINT"):
        environment["HF_ENDPOINT"] = mirror.rstrip("/")
    if not _told_to_stay_offline():  # offline, the hub's own cache may have the text
        caches = ("HF_HUB_CACHE", "HF_DATASETS_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_ASSETS_CACHE")
        environment = {
            **{name: value for name, value in environment.items() if name not in caches},
            "HF_HOME": folder,
            "HF_TOKEN_PATH": os.environ.get("HF_TOKEN_PATH", str(_home() / "token")),
            # The text is public. A token that has expired does no harm if it is not sent.
            "HF_HUB_DISABLE_IMPLICIT_TOKEN": "1",
        }
    command, errors = [sys.executable, os.path.abspath(__file__), str(path)], "backslashreplace"
    try:
        done = subprocess.run(
            command, env=environment, timeout=limit_seconds, capture_output=True, text=True,
            encoding="utf-8", errors=errors,
        )  # fmt: skip
        cause = (done.stderr.strip().splitlines() or ["no message"])[-1][:120]
    except subprocess.TimeoutExpired:
        cause = f"it took longer than {limit_seconds:.0f} seconds"
    if not path.exists():
        settings = [
            f"{name}={re.sub('//.*@', '//...@', value)[:60]}"  # without a password
            for name, value in os.environ.items()
            if _may_cause(name, value, cause)
        ]
        check = f"Correct or unset {' and '.join(settings)}. " if settings else ""
        raise ConnectionError(f"WikiText-2 cannot be downloaded ({cause}). {check}{REMEDY}")


def _may_cause(name, value, cause):
    """Return whether a variable of the environment can be why a download failed."""
    if "SSL" in name.upper() and "SSL" not in cause.upper() and os.path.exists(value):
        return False
    known = re.fullmatch(SETTINGS, name.upper())
    return known and "TOKEN" not in name and name != "HF_HOME"


def _told_to_stay_offline():
    flags = ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE")
    return any(os.environ.get(flag, "").upper() in ("1", "ON", "YES", "TRUE") for flag in flags)


def _probe():
    """Return the token that the hub wants, or None; raise unless it answers in three seconds."""
    import httpx
    from huggingface_hub import constants, get_token

    url = f"{constants.ENDPOINT}/datasets/{REPOSITORY}/resolve/{REVISION}/README.md"
    answer, token = httpx.head(url, timeout=3, follow_redirects=True), None
    refused = answer.status_code in (401, 403) and "HF_ENDPOINT" in os.environ
    if refused and (token := get_token()):  # the user's own mirror may want it
        sent = {"authorization": f"Bearer {token}"}
        answer = httpx.head(url, headers=sent, timeout=3, follow_redirects=True)
    answer.raise_for_status()
    if not any("X-Repo-Commit" in response.headers for response in (*answer.history, answer)):
        raise ConnectionError(f"another server answers at {answer.url.host}, maybe a login page")
    return token


def _load_and_keep(path):
    """Load the rows with ``datasets`` and write the whole file, or no file at all."""
    try:
        token = None if _told_to_stay_offline() else _probe()
        import datasets

        datasets.disable_progress_bars()
        datasets.logging.set_verbosity_error()
        rows = datasets.load_dataset(
            REPOSITORY, CONFIGURATION, split=SPLIT, revision=REVISION, token=token
        )
        if "text" not in rows.column_names:
            sys.exit(f"the hub's file has the columns {rows.column_names}, not 'text'")
        new = path.with_suffix(f".{os.getpid()}")
        text = "\n".join(row.replace("\n", "") for row in rows["text"])
        new.write_text(text, encoding="utf-8", newline="\n")
        os.replace(new, path)
    except Exception as error:
        cause = error.__cause__ or error  # datasets says only "an error occurred"
        sys.exit(f"{type(cause).__name__}: {cause}".splitlines()[0])


if __name__ == "__main__":
    _load_and_keep(Path(sys.argv[1]))
