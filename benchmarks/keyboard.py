"""Measure the keyboard page in a browser, and ONNX Runtime Web for comparison.

    npm install --prefix FOLDER onnxruntime-web@1.30.0
    python -m benchmarks.keyboard FOLDER

It uses the models of the last run of the solution, in headless Chromium or Chrome. Writes
benchmarks/keyboard.csv and docs/keyboard.png. No other program should compute at the same time.
"""

import functools
import statistics
import sys
import tempfile
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pandas as pd

import benchmarks
import helpers
from course.generate import KEYBOARD
from course.make_exercise import ROOT
from course.read_solution import run_todos
from lab.exercise import EPOCHS
from lab.extras import phone
from lab.extras.phone.runtimes import write_steps
from lab.ngram import NGram
from lab.trained import Saved
from tests import browsers

SCRIPT = Path(__file__).with_suffix(".js")
PACKAGE = Path("node_modules", "onnxruntime-web", "dist")


def write_all(folder):
    """Write the page and the models' ONNX files into a folder; return the path of the page."""
    text = helpers.load_text("sample")
    chars, char2idx, _ = helpers.build_vocabulary(text)
    splits = helpers.prepare_sequences(text, char2idx)
    models, _ = Saved(text, EPOCHS).load(run_todos(1, 2, 3, 5)["MODEL_CLASSES"])
    ngram_model = NGram.of_windows(*splits[:4], len(chars))
    write_steps(models, chars, folder)
    return phone.write_keyboard(models, ngram_model, *splits[:2], splits[4], chars, folder)


def measure(address):
    """Return the browser, the milliseconds until the page is ready, and the rows of keyboard.js."""
    with browsers.launched() as browser:
        context = browser.new_context(  # bypass_csp, because the page itself may not load anything
            bypass_csp=True, device_scale_factor=2, viewport={"width": 400, "height": 800}
        )
        ready = []
        for _ in range(5):
            page = context.new_page()
            page.goto(f"{address}/keyboard.html")
            ready.append(
                page.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd")
            )
        page.fill("#text", "The motion of the pla")
        page.locator("#typing").screenshot(path=ROOT / "docs" / "keyboard.png")
        given = {"runtime": f"{address}/runtime", "folder": address}
        rows = page.evaluate(SCRIPT.read_text(encoding="utf-8"), given)
        version = f"headless {browser.browser_type.name} {browser.version}"
    return version, statistics.median(ready), rows


def by_model(rows):
    """Yield (metric, model, value): medians, ratios to ONNX Runtime Web, differences of logits."""
    other = "ONNX Runtime Web"
    of_other = {row["model"]: row["ms"] for row in rows if row["engine"] == other}
    for row in rows:
        yield f"{row['engine']}: keystroke (ms)", row["model"], row["ms"]
        if row["engine"] != other:
            ratio = f"ratio: keystroke, {row['engine']} / {other}"
            yield ratio, row["model"], row["ms"] / of_other[row["model"]]
            yield f"{row['engine']}: logits differ, at most", row["model"], row["apart"]


def main(package):
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "runtime").symlink_to(package.resolve())
        megabytes = write_all(Path(folder)).stat().st_size / 1e6
        handler = functools.partial(SimpleHTTPRequestHandler, directory=folder)
        with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            version, ready, rows = measure(f"http://127.0.0.1:{server.server_port}")
            server.shutdown()
    rows = [("page (MB)", "all", megabytes), ("page ready (ms)", "all", ready), *by_model(rows)]
    table = pd.DataFrame(rows, columns=["measure", "of", "value"])
    benchmarks.record(KEYBOARD, table, version, float_format="%.4g")


if __name__ == "__main__":
    if len(sys.argv) != 2 or not (package := Path(sys.argv[1]) / PACKAGE).is_dir():
        sys.exit(__doc__)
    main(package)
