"""A small HTTP server that answers as the dataset hub does, in good health or with a fault."""

import contextlib
import hashlib
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pyarrow
import pyarrow.parquet

import helpers
from data import wikitext

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
RESOLVE = f"/datasets/{wikitext.REPOSITORY}/resolve/{wikitext.REVISION}/"
API = f"/api/datasets/{wikitext.REPOSITORY}"


def parquet(columns):
    """Return a parquet file of these columns as bytes."""
    sink = pyarrow.BufferOutputStream()
    pyarrow.parquet.write_table(pyarrow.table(columns), sink)
    return sink.getvalue().to_pybytes()


GOOD = parquet({"text": [row + "\n" for row in ROWS]})


class Hub(BaseHTTPRequestHandler):
    """Answers from ``server.body``; ``server.fault(handler, path)`` may answer first."""

    def do_GET(self):
        path = self.path.split("?")[0]
        self.server.asked.append((self.command, path, self.headers.get("Range")))
        if self.server.fault(self, path):
            return
        files = {"README.md": CARD.encode(), PARQUET: self.server.body}
        if path.removeprefix(RESOLVE) in files:
            self.answer(files[path.removeprefix(RESOLVE)], "application/octet-stream")
        elif path.startswith(f"{API}/revision/") or path == API:
            answer = {"id": wikitext.REPOSITORY, "sha": wikitext.REVISION}
            self.answer(json.dumps(answer).encode())
        elif path.startswith(f"{API}/tree/"):
            folder = path.removeprefix(f"{API}/tree/{wikitext.REVISION}").strip("/")
            entries = [
                {"type": "file", "oid": f"{i:040x}", "size": len(body), "path": name}
                for i, (name, body) in enumerate(files.items())
                if name.rpartition("/")[0] == folder
            ]
            if not folder:
                name = wikitext.CONFIGURATION
                entries.append({"type": "directory", "oid": "f" * 40, "size": 0, "path": name})
            self.answer(json.dumps(entries).encode())
        else:
            self.refuse(404, {"X-Error-Code": "EntryNotFound"})

    do_HEAD = do_GET

    def answer(self, body, content_type="application/json", sent=None):
        """Send a body, or of a longer one the first ``sent`` bytes only; honour a Range."""
        start = 0
        if asked := self.headers.get("Range"):
            start = int(asked.removeprefix("bytes=").partition("-")[0])
        self.send_response(206 if start else 200)
        self.send_header("ETag", f'"{hashlib.sha1(body).hexdigest()}"')
        self.send_header("X-Repo-Commit", wikitext.REVISION)
        self.send_header("Content-Type", content_type)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        self.send_header("Content-Length", str(len(body) - start))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body[start:][:sent])
            self.wfile.flush()

    def refuse(self, status, headers=()):
        self.send_response(status)
        for name, value in dict(headers).items():
            self.send_header(name, value)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args):
        pass


@contextlib.contextmanager
def running_hub(fault=lambda hub, path: False, body=GOOD):
    """Run a hub; yield the server, its address under ``endpoint``."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    server.daemon_threads, server.block_on_close = True, False
    server.fault, server.body, server.asked = fault, body, []
    server.endpoint = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


# Faults: each answers a request in the hub's place, and returns True when it has.


def never_answers(hub, path):
    time.sleep(300)
    return True


def broken_for_ever(hub, path):
    hub.refuse(500)
    return True


def too_many_requests(hub, path):
    hub.refuse(429, {"Retry-After": "30"})
    return True


def login_page(hub, path):
    """What a network answers, in the place of any site, to whom it wants to log in first."""
    if path != "/login":
        hub.refuse(302, {"Location": "/login"})
    else:
        hub.send_response(200)
        hub.send_header("Content-Type", "text/html")
        hub.end_headers()
    return True


def expired_token(hub, path):
    return "Authorization" in hub.headers and (hub.refuse(401) or True)


def of_the_text(fault):
    """Return the fault for GET requests of the text only: first contact succeeds."""
    return lambda hub, path: hub.command == "GET" and path.endswith(PARQUET) and fault(hub, path)


def cut_off(hub, path):
    hub.answer(hub.server.body, sent=0 if hub.headers.get("Range") else len(hub.server.body) // 2)
    hub.close_connection = True
    return True


def cut_off_once(hub, path):
    before = [a for a in hub.server.asked if a[0] == "GET" and a[1] == path]
    return len(before) == 1 and cut_off(hub, path)


def stalls(hub, path):
    return cut_off(hub, path) and never_answers(hub, path)


def slowly(hub, path):
    """Delay an answer, so that two who ask at once both still wait for it."""
    time.sleep(1.5)


def wants_a_token(hub, path):
    if hub.headers.get("Authorization") != "Bearer hf_mirror":
        hub.refuse(401)
        return True
    return False
