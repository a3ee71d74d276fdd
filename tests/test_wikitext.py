"""The real download path, against a local server that answers as the dataset hub does."""

import json
import os
import subprocess
import sys
import time

import psutil
import pyarrow
import pytest

import helpers
from data import wikitext
from tests.hub import (
    PARQUET,
    RESOLVE,
    broken_for_ever,
    cut_off,
    cut_off_once,
    expired_token,
    login_page,
    never_answers,
    of_the_text,
    parquet,
    running_hub,
    stalls,
    too_many_requests,
    trickles,
)

SAMPLE = helpers.load_text("sample", max_chars=None)
NOWHERE = "http://127.0.0.1:9"
PROGRAM = """
import json, sys, time
import helpers
from data import wikitext
start = time.monotonic()
try:
    wikitext.load_rows(stall_seconds=float(sys.argv[1]))
    result = {"text": helpers.load_text("wikitext-2", max_chars=None)}
except (ConnectionError, ValueError) as error: result = {"error": str(error)}
result |= {"seconds": time.monotonic() - start, "imported": "datasets" in sys.modules}
with open(sys.argv[2], "w", encoding="utf-8") as file: json.dump(result, file)
"""


def environment(endpoint, home, **more):
    env = {
        k: v for k, v in os.environ.items() if not k.startswith("HF_") and "proxy" not in k.lower()
    }
    return env | {"HF_ENDPOINT": endpoint, "HF_HOME": str(home), "PYTHONUTF8": "1"} | more


def load(endpoint, home, tmp_path, stall=wikitext.STALL_SECONDS, prefix=(), **more):
    """Return what load_text("wikitext-2") did in a process of its own.

    "text" or "error", "seconds" without the start of the process, whether datasets was "imported",
    and "stdout". What the limits of time are worth is seen where the hub is silent for longer than
    this waits for the process.
    """
    result = tmp_path / "result.json"
    done = subprocess.run(
        [*prefix, sys.executable, "-c", PROGRAM, str(stall), str(result)],
        env=environment(endpoint, home, **more),
        capture_output=True,
        text=True,
        cwd=helpers.DATA.parent,
        timeout=200,
        encoding="utf-8",
    )
    assert done.stderr == ""
    return json.loads(result.read_text(encoding="utf-8")) | {"stdout": done.stdout}


def is_one_sentence_with_the_remedy(outcome):
    error = outcome["error"]
    return "CORPUS = 'sample'" in error and "\n" not in error and len(error) < 400


@pytest.fixture(scope="module")
def fetched(tmp_path_factory):
    """A home that one download over HTTP has filled, what that printed, and what it asked for."""
    home = tmp_path_factory.mktemp("home")
    with running_hub() as hub:
        return home, load(hub.endpoint, home, home), hub.asked


# --- in good health --------------------------------------------------------------------------


def test_wikitext_is_downloaded_through_datasets(fetched):
    _, outcome, asked = fetched
    assert outcome["text"] == SAMPLE
    assert outcome["stdout"].startswith("Fetching WikiText-2, once") and (
        outcome["stdout"].count("\n") == 1
    )
    assert any(path == RESOLVE + PARQUET for _, path, _ in asked)
    assert all(wikitext.REVISION in path for _, path, _ in asked if "/resolve/" in path)


def kept_in(home):
    """Return the files that are kept, but for the lock, which Windows removes."""
    return [path for path in (home / "wikitext-2").iterdir() if path.name != ".lock"]


def test_only_the_text_is_kept(fetched):
    home, _, _ = fetched
    (kept,) = kept_in(home)
    assert kept.suffix == ".txt" and wikitext.REVISION in kept.name


def test_a_fetched_text_is_read_from_disk_without_a_network(fetched, tmp_path):
    outcome = load(NOWHERE, fetched[0], tmp_path)
    assert outcome["text"] == SAMPLE and outcome["stdout"] == "" and not outcome["imported"]


def test_a_fetched_text_is_read_from_disk_and_the_hub_is_not_asked(fetched, tmp_path):
    with running_hub(never_answers) as hub:
        outcome = load(hub.endpoint, fetched[0], tmp_path)
    assert outcome["text"] == SAMPLE and not outcome["imported"] and not hub.asked


# --- faults at first contact ------------------------------------------------------------------


@pytest.mark.parametrize("damage", [b"\xff\xfe", None])
def test_a_copy_that_is_damaged_is_named(damage, fetched, tmp_path):
    (kept,) = kept_in(fetched[0])
    copy = tmp_path / "wikitext-2" / kept.name
    copy.parent.mkdir()
    if damage:
        copy.write_bytes(damage)
    else:
        copy.mkdir()
    outcome = load(NOWHERE, tmp_path, tmp_path)
    assert is_one_sentence_with_the_remedy(outcome)
    assert f"Delete {copy}, or use CORPUS = 'sample'" in outcome["error"]


def test_refused(tmp_path):
    outcome = load(NOWHERE, tmp_path, tmp_path)
    assert is_one_sentence_with_the_remedy(outcome) and not outcome["imported"]
    assert outcome["error"].startswith("the dataset hub cannot be reached")


@pytest.mark.parametrize(
    ("fault", "cause"),
    [(never_answers, "ReadTimeout"), (broken_for_ever, "500"), (too_many_requests, "429")],
)
def test_no_answer_at_first_contact(fault, cause, tmp_path):
    with running_hub(fault) as hub:
        outcome = load(hub.endpoint, tmp_path, tmp_path)
    assert is_one_sentence_with_the_remedy(outcome) and not outcome["imported"]
    assert cause in outcome["error"] and len(hub.asked) == 1


@pytest.mark.parametrize(
    ("setting", "value", "cause", "remedy"),
    [
        (
            "ALL_PROXY",
            "socks://me:secret@here:1",
            "ValueError",
            "unset ALL_PROXY=socks://...@here:1",
        ),
        ("ALL_PROXY", "socks5://here:1", "ImportError", "Run pip install socksio, or unset ALL_P"),
        ("HTTPS_PROXY", "http://here:port", "InvalidURL", "Correct or unset HTTPS_PROXY=http://he"),
        ("HTTP_PROXY", "http://127.0.0.1:9", "ConnectError", "Correct or unset HTTP_PROXY="),
        (
            "SSL_CERT_FILE",
            "/no/such",
            "FileNotFoundError",
            "Correct or unset SSL_CERT_FILE=/no/such",
        ),
        ("SSL_CERT_FILE", __file__, "SSLError", "Correct or unset SSL_CERT_FILE="),
        ("HF_HUB_DOWNLOAD_TIMEOUT", "abc", "invalid literal", "unset HF_HUB_DOWNLOAD_TIMEOUT=abc"),
        ("HF_ENDPOINT", "hub.example", "UnsupportedProtocol", "unset HF_ENDPOINT=hub.example"),
    ],
)
def test_a_setting_that_leads_astray_is_named(setting, value, cause, remedy, tmp_path):
    outcome = load(NOWHERE, tmp_path, tmp_path, **{setting: value})
    assert is_one_sentence_with_the_remedy(outcome) and not outcome["imported"]
    assert cause in outcome["error"] and remedy in outcome["error"]
    assert "secret" not in outcome["error"]


def test_a_certificate_that_nobody_knows_is_told_how_to_make_known():
    error = OSError("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed")
    assert "Set SSL_CERT_FILE to the certificate of the network" in wikitext._remedy(error)


def test_a_network_that_wants_a_login_is_named(tmp_path):
    with running_hub(login_page) as hub:
        outcome = load(hub.endpoint, tmp_path, tmp_path)
    assert is_one_sentence_with_the_remedy(outcome) and not outcome["imported"]
    assert "something else answers at 127.0.0.1" in outcome["error"]
    assert "do so in a browser" in outcome["error"]


def test_a_token_that_has_expired_does_no_harm(tmp_path):
    with running_hub(expired_token) as hub:
        outcome = load(hub.endpoint, tmp_path, tmp_path, HF_TOKEN="hf_expired")
    assert outcome["text"] == SAMPLE


# --- faults of the transfer ------------------------------------------------------------------


def test_a_minute_is_the_limit():
    assert wikitext.FIRST_CONTACT_SECONDS + wikitext.STALL_SECONDS < 60


@pytest.mark.slow
@pytest.mark.parametrize("fault", [stalls, too_many_requests])
def test_a_transfer_that_stalls_is_stopped(fault, tmp_path):
    with running_hub(of_the_text(fault)) as hub:
        outcome = load(hub.endpoint, tmp_path, tmp_path, stall=8)
    assert is_one_sentence_with_the_remedy(outcome)
    assert "stalled for 8" in outcome["error"]
    assert not kept_in(tmp_path)


@pytest.mark.slow
def test_a_slow_transfer_that_goes_on_is_not_stopped(fetched, tmp_path):
    stall = 4 * fetched[1]["seconds"]  # what this machine takes to start, and some
    with running_hub(of_the_text(trickles(pause=stall / 5))) as hub:
        outcome = load(hub.endpoint, tmp_path, tmp_path, stall)
    assert outcome["text"] == SAMPLE and outcome["seconds"] > stall


@pytest.mark.slow
@pytest.mark.parametrize("fault", [broken_for_ever, cut_off])
def test_a_transfer_that_breaks_ends(fault, tmp_path):
    with running_hub(of_the_text(fault)) as hub:
        outcome = load(hub.endpoint, tmp_path, tmp_path)
    assert is_one_sentence_with_the_remedy(outcome)


def test_a_transfer_that_breaks_once_is_taken_up_again(tmp_path):
    with running_hub(of_the_text(cut_off_once)) as hub:
        assert load(hub.endpoint, tmp_path, tmp_path)["text"] == SAMPLE


# --- wrong content ---------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    ("body", "cause"),
    [
        (b"PAR1" + bytes(5_000) + b"PAR1", "download failed"),
        (parquet({"words": ["a"]}), "['words'], not 'text'"),
        (parquet({"text": pyarrow.array([], "string")}), "download failed"),
    ],
    ids=["corrupt", "wrong column", "empty split"],
)
def test_wrong_content_is_named_and_nothing_of_it_stays(body, cause, tmp_path):
    with running_hub(body=body) as hub:
        outcome = load(hub.endpoint, tmp_path, tmp_path)
    assert is_one_sentence_with_the_remedy(outcome) and cause in outcome["error"]
    with running_hub() as hub:
        assert load(hub.endpoint, tmp_path, tmp_path)["text"] == SAMPLE


def test_a_text_without_a_printable_character_is_named(tmp_path):
    with running_hub(body=parquet({"text": ["\n", "\t\n"]})) as hub:
        outcome = load(hub.endpoint, tmp_path, tmp_path)
    assert "holds no printable text" in outcome["error"] and "'sample'" in outcome["error"]


# --- the cache -------------------------------------------------------------------------------


def test_what_another_download_left_incomplete_does_no_harm(fetched, tmp_path):
    left = f"{wikitext.CONFIGURATION}/0.0.0/{wikitext.REVISION}.incomplete"
    for cache in ("datasets", "wikitext-2/download/datasets"):
        (tmp_path / cache / "Salesforce___wikitext" / left).mkdir(parents=True)
    with running_hub() as hub:
        assert load(hub.endpoint, tmp_path, tmp_path)["text"] == SAMPLE


def start(endpoint, home, result):
    """Begin to load the text in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, "60", str(result)],
        env=environment(endpoint, home),
        stdout=subprocess.DEVNULL,
        cwd=helpers.DATA.parent,
    )


@pytest.mark.slow
def test_what_a_killed_download_left_is_replaced(tmp_path):
    with (
        running_hub(of_the_text(stalls)) as hub,
        start(hub.endpoint, tmp_path, tmp_path / "killed.json") as process,
    ):
        while not any(a[:2] == ("GET", RESOLVE + PARQUET) for a in hub.asked):
            assert process.poll() is None
            time.sleep(0.1)
        (downloads,) = psutil.Process(process.pid).children()
        process.kill()
        downloads.wait(timeout=10)  # it ends with the process that started it
    (left,) = (tmp_path / "wikitext-2").glob("download-*")
    assert any(left.iterdir())
    with running_hub() as hub:
        assert load(hub.endpoint, tmp_path, tmp_path)["text"] == SAMPLE
    assert not left.exists()


@pytest.mark.slow
def test_two_at_once_fetch_it_once(tmp_path):
    results = [tmp_path / "one.json", tmp_path / "other.json"]
    with running_hub(of_the_text(trickles(pause=0.2))) as hub:
        processes = [start(hub.endpoint, tmp_path, result) for result in results]
        assert [process.wait(timeout=200) for process in processes] == [0, 0]
    for result in results:
        assert json.loads(result.read_text(encoding="utf-8"))["text"] == SAMPLE
    assert sum(a[:2] == ("GET", RESOLVE + PARQUET) for a in hub.asked) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="takes the permission away with setpriv")
def test_a_read_only_cache_is_named(tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    home.chmod(0o555)
    prefix = ()
    if os.getuid() == 0:  # who may write everywhere, less the capability to do so
        prefix = ("setpriv", "--bounding-set=-dac_override", "--inh-caps=-dac_override")
    with running_hub() as hub:
        outcome = load(hub.endpoint, home, tmp_path, prefix=prefix)
    assert is_one_sentence_with_the_remedy(outcome) and "HF_HOME" in outcome["error"]
    assert "Permission denied" in outcome["error"] and str(home) in outcome["error"]


@pytest.mark.parametrize("flag", ["HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE"])
def test_offline_without_a_copy(flag, tmp_path):
    with running_hub() as hub:
        outcome = load(hub.endpoint, tmp_path, tmp_path, **{flag: "1"})
    assert is_one_sentence_with_the_remedy(outcome) and "you are offline" in outcome["error"]
    assert not hub.asked


@pytest.mark.slow
def test_offline_the_hubs_own_cache_serves(fetched, tmp_path):
    load_dataset = (
        "import datasets; datasets.load_dataset("
        f"{wikitext.REPOSITORY!r}, {wikitext.CONFIGURATION!r}, revision={wikitext.REVISION!r})"
    )
    with running_hub() as hub:
        env = environment(hub.endpoint, tmp_path)
        subprocess.run([sys.executable, "-c", load_dataset], env=env, check=True)
    assert load(NOWHERE, tmp_path, tmp_path, HF_HUB_OFFLINE="1")["text"] == SAMPLE
    assert load(NOWHERE, fetched[0], tmp_path, HF_HUB_OFFLINE="1")["text"] == SAMPLE
