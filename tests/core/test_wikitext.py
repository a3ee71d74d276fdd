"""The real download path, against a local server that answers as the dataset hub does."""

import contextlib
import io
import os
import subprocess
import sys
from unittest import mock

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
    slowly,
    stalls,
    too_many_requests,
    wants_a_token,
)

SAMPLE = helpers.load_text("sample", max_chars=None)
NOWHERE = "http://127.0.0.1:9"
PROGRAM = "from data import wikitext; wikitext.load_rows()"


def environment(endpoint, home, **more):
    env = {
        k: v for k, v in os.environ.items() if not k.startswith("HF_") and "proxy" not in k.lower()
    }
    return env | {"HF_ENDPOINT": endpoint, "HF_HOME": str(home), "PYTHONUTF8": "1"} | more


def load(endpoint, home, limit=wikitext.LIMIT_SECONDS, **more):
    """Return what load_text("wikitext-2") did: "text" or "error", and what it printed, "stdout"."""
    printed = io.StringIO()
    with (
        mock.patch.dict(os.environ, environment(endpoint, home, **more), clear=True),
        contextlib.redirect_stdout(printed),
    ):
        try:
            wikitext.load_rows(limit)
            result = {"text": helpers.load_text("wikitext-2", max_chars=None)}
        except (ConnectionError, ValueError) as error:
            result = {"error": str(error)}
    return result | {"stdout": printed.getvalue()}


def is_one_sentence_with_the_remedy(outcome):
    error = outcome["error"]
    return "CORPUS = 'sample'" in error and "\n" not in error and len(error) < 400


@pytest.fixture(scope="module")
def fetched(tmp_path_factory):
    """A home that one download over HTTP has filled, what that printed, and what it asked for."""
    home = tmp_path_factory.mktemp("home")
    with running_hub() as hub:
        return home, load(hub.endpoint, home), hub.asked


# --- in good health --------------------------------------------------------------------------


def test_wikitext_is_downloaded_through_datasets(fetched):
    _, outcome, asked = fetched
    assert outcome["text"] == SAMPLE
    assert outcome["stdout"].startswith("Downloading WikiText-2")
    assert any(path == RESOLVE + PARQUET for _, path, _ in asked)
    assert all(wikitext.REVISION in path for _, path, _ in asked if "/resolve/" in path)


def kept_in(home):
    """Return the files that are kept."""
    return [*(home / "wikitext-2").iterdir()]


def test_only_the_text_is_kept_and_read_without_a_network(fetched):
    (kept,) = kept_in(fetched[0])
    assert kept.suffix == ".txt" and wikitext.REVISION in kept.name
    with running_hub(never_answers) as hub:
        outcome = load(hub.endpoint, fetched[0])
    assert outcome["text"] == SAMPLE and not hub.asked
    assert "Downloading" not in outcome["stdout"]


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
    outcome = load(NOWHERE, tmp_path)
    assert is_one_sentence_with_the_remedy(outcome)
    assert f"{copy} cannot be read" in outcome["error"] and "Delete this file" in outcome["error"]


def test_a_connection_that_is_refused_is_named(tmp_path):
    outcome = load(NOWHERE, tmp_path)
    assert is_one_sentence_with_the_remedy(outcome)
    assert outcome["error"].startswith("WikiText-2 cannot be downloaded (ConnectError")


@pytest.mark.parametrize(
    ("fault", "cause", "requests"),
    [
        (never_answers, "ReadTimeout", 1),
        (broken_for_ever, "500", 1),
        (too_many_requests, "429", 1),
        (login_page, "another server answers at 127.0.0.1", 2),
    ],
)
def test_a_hub_that_gives_no_answer_is_named_and_not_asked_again(fault, cause, requests, tmp_path):
    with running_hub(fault) as hub:
        outcome = load(hub.endpoint, tmp_path)
    assert is_one_sentence_with_the_remedy(outcome)
    assert cause in outcome["error"] and len(hub.asked) == requests


@pytest.mark.parametrize(
    ("setting", "value", "cause"),
    [
        ("ALL_PROXY", "socks5://me:secret@here:1", "ImportError"),
        ("SSL_CERT_FILE", "/no/such", "FileNotFoundError"),
        ("HF_HUB_DOWNLOAD_TIMEOUT", "abc", "invalid literal"),
        ("HF_ENDPOINT", "hub.example", "UnsupportedProtocol"),
    ],
)
def test_a_setting_that_leads_astray_is_named(setting, value, cause, tmp_path):
    outcome = load(NOWHERE, tmp_path, **{setting: value})
    assert is_one_sentence_with_the_remedy(outcome) and cause in outcome["error"]
    assert f"{setting}={value.replace('me:secret', '...')}" in outcome["error"]
    assert "Correct or unset" in outcome["error"] and "secret" not in outcome["error"]


@pytest.mark.parametrize(
    ("fault", "more"),
    [(expired_token, {"HF_TOKEN": "hf_expired"}), (of_the_text(cut_off_once), {})],
    ids=["a token that has expired", "a transfer that breaks once"],
)
def test_a_fault_that_can_be_got_around_does_no_harm(fault, more, tmp_path):
    with running_hub(fault) as hub:
        assert load(hub.endpoint, tmp_path, **more)["text"] == SAMPLE


# --- faults of the transfer ------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "seconds", "cause"),
    [
        (stalls, 12, "it took longer than 12 seconds"),
        (too_many_requests, 12, "it took longer than 12 seconds"),
        (broken_for_ever, wikitext.LIMIT_SECONDS, ""),
        (cut_off, wikitext.LIMIT_SECONDS, ""),
    ],
)
def test_a_transfer_that_breaks_or_takes_too_long_ends(fault, seconds, cause, tmp_path):
    with running_hub(of_the_text(fault)) as hub:
        outcome = load(hub.endpoint, tmp_path, seconds)
    assert is_one_sentence_with_the_remedy(outcome)
    assert cause in outcome["error"] and not kept_in(tmp_path)


# --- wrong content ---------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    ("body", "cause"),
    [
        (b"PAR1" + bytes(5_000) + b"PAR1", ""),
        (parquet({"words": ["a"]}), "['words'], not 'text'"),
        (parquet({"text": pyarrow.array([], "string")}), ""),
    ],
    ids=["corrupt", "wrong column", "empty split"],
)
def test_wrong_content_is_named_and_nothing_of_it_stays(body, cause, tmp_path):
    with running_hub(body=body) as hub:
        outcome = load(hub.endpoint, tmp_path)
    assert is_one_sentence_with_the_remedy(outcome) and cause in outcome["error"]
    with running_hub() as hub:
        assert load(hub.endpoint, tmp_path)["text"] == SAMPLE


def test_a_text_without_a_printable_character_is_named(tmp_path):
    with running_hub(body=parquet({"text": ["\n", "\t\n"]})) as hub:
        outcome = load(hub.endpoint, tmp_path)
    assert "has no visible text" in outcome["error"] and "'sample'" in outcome["error"]


# --- the cache -------------------------------------------------------------------------------


def test_what_another_download_left_incomplete_does_no_harm(tmp_path):
    left = f"{wikitext.CONFIGURATION}/0.0.0/{wikitext.REVISION}.incomplete"
    (tmp_path / "datasets" / "Salesforce___wikitext" / left).mkdir(parents=True)
    with running_hub() as hub:
        assert load(hub.endpoint, tmp_path)["text"] == SAMPLE


@pytest.mark.slow
def test_two_at_once_both_have_it(tmp_path):
    with running_hub(of_the_text(slowly)) as hub:
        env = environment(hub.endpoint, tmp_path)
        command, folder = [sys.executable, "-c", PROGRAM], helpers.DATA.parent
        processes = [subprocess.Popen(command, env=env, cwd=folder) for _ in range(2)]
        assert [process.wait(timeout=200) for process in processes] == [0, 0]
        asked = len(hub.asked)
        assert load(hub.endpoint, tmp_path)["text"] == SAMPLE and len(hub.asked) == asked
    assert len(kept_in(tmp_path)) == 1


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    home = tmp_path / "home"
    home.write_text("a file")
    outcome = load(NOWHERE, home)
    assert is_one_sentence_with_the_remedy(outcome) and "HF_HOME" in outcome["error"]
    assert str(home) in outcome["error"]


@pytest.mark.parametrize("flag", ["HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE"])
def test_offline_nothing_is_asked_for(flag, tmp_path):
    with running_hub() as hub:
        outcome = load(hub.endpoint, tmp_path, **{flag: "1"})
    assert is_one_sentence_with_the_remedy(outcome) and "cannot be downloaded" in outcome["error"]
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
    assert load(NOWHERE, tmp_path, HF_HUB_OFFLINE="1")["text"] == SAMPLE
    assert load(NOWHERE, fetched[0], HF_HUB_OFFLINE="1")["text"] == SAMPLE


def test_a_mirror_may_want_a_token_and_have_a_slash_at_its_end(tmp_path):
    (tmp_path / "token").write_text("hf_mirror")
    with running_hub(wants_a_token) as hub:
        assert load(f"{hub.endpoint}/", tmp_path)["text"] == SAMPLE
        assert not any("//" in path for _, path, _ in hub.asked)
