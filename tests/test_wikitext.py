"""The real download path, against a local server that answers as the dataset hub does."""

import json
import os
import subprocess
import sys
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pyarrow
import pyarrow.parquet
import pytest

import helpers
import wikitext

ROWS = (helpers.DATA / "sample.txt").read_text(encoding="utf-8").splitlines()
PARQUET = f"{wikitext.CONFIGURATION}/train-00000-of-00001.parquet"
CARD = f"""---
configs:
- config_name: {wikitext.CONFIGURATION}
  data_files:
  - split: train
    path: {PARQUET}
---
"""


def hub_files():
    """Return the files of the repository: path -> bytes."""
    sink = pyarrow.BufferOutputStream()
    pyarrow.parquet.write_table(pyarrow.table({"text": [row + "\n" for row in ROWS]}), sink)
    return {"README.md": CARD.encode(), PARQUET: sink.getvalue().to_pybytes()}


class Hub(BaseHTTPRequestHandler):
    files = hub_files()

    def do_GET(self):
        base = f"/datasets/{wikitext.REPOSITORY}/resolve/{wikitext.REVISION}/"
        api = f"/api/datasets/{wikitext.REPOSITORY}"
        path = self.path.split("?")[0]
        if path.startswith(base) and path.removeprefix(base) in self.files:
            self.answer(self.files[path.removeprefix(base)], "application/octet-stream")
        elif path.startswith(f"{api}/revision/") or path == api:
            answer = {"id": wikitext.REPOSITORY, "sha": wikitext.REVISION}
            self.answer(json.dumps(answer).encode())
        elif path.startswith(f"{api}/tree/"):
            folder = path.removeprefix(f"{api}/tree/{wikitext.REVISION}").strip("/")
            entries = [
                {"type": "file", "oid": f"{i:040x}", "size": len(body), "path": name}
                for i, (name, body) in enumerate(self.files.items())
                if name.rpartition("/")[0] == folder
            ]
            if not folder:
                entries.append(
                    {
                        "type": "directory",
                        "oid": "f" * 40,
                        "size": 0,
                        "path": wikitext.CONFIGURATION,
                    }
                )
            self.answer(json.dumps(entries).encode())
        else:
            self.send_response(404)
            self.send_header("X-Error-Code", "EntryNotFound")
            self.send_header("Content-Length", "0")
            self.end_headers()

    do_HEAD = do_GET

    def answer(self, body, content_type="application/json"):
        self.send_response(200)
        self.send_header("ETag", f'"{hash(body) & 0xFFFFFFFF:040x}"')
        self.send_header("X-Repo-Commit", wikitext.REVISION)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, *args):
        pass


@contextmanager
def running_hub():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def load_in_a_process(endpoint, cache):
    """Return (stdout, stderr) of a process that loads WikiText-2 and prints what it got."""
    program = (
        "import helpers\n"
        "try: print(helpers.load_text('wikitext-2', max_chars=None), end='')\n"
        "except ConnectionError as error: print('ConnectionError:', error, end='')"
    )
    env = {
        k: v for k, v in os.environ.items() if not k.startswith("HF_") and "proxy" not in k.lower()
    }
    env |= {"HF_ENDPOINT": endpoint, "HF_HOME": str(cache), "PYTHONUTF8": "1"}
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=env,
        capture_output=True,
        text=True,
        cwd=helpers.DATA.parent,
        timeout=120,
        encoding="utf-8",
    )
    return done.stdout, done.stderr


@pytest.fixture(scope="module")
def filled_cache(tmp_path_factory):
    """A cache that one download over HTTP has filled, with what that download printed."""
    cache = tmp_path_factory.mktemp("hub")
    with running_hub() as endpoint:
        return cache, load_in_a_process(endpoint, cache)


def test_wikitext_is_downloaded_silently_through_datasets(filled_cache):
    _, (stdout, stderr) = filled_cache
    assert stdout == helpers.load_text("sample", max_chars=None)
    assert stderr == ""


def test_cached_wikitext_needs_no_network(filled_cache):
    cache, (text, _) = filled_cache
    assert load_in_a_process("http://127.0.0.1:9", cache) == (text, "")


def test_a_hub_out_of_reach_is_one_sentence_with_the_remedy(tmp_path):
    stdout, stderr = load_in_a_process("http://127.0.0.1:9", tmp_path)
    assert stdout.startswith("ConnectionError: the dataset hub cannot be reached")
    assert "CORPUS = 'sample'" in stdout and stderr == ""
