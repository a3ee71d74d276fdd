"""The table that the page measured on a device, read back and set beside the laptop's figures."""

import io
import re

import numpy as np
import pandas as pd
from IPython.display import display

import helpers
from lab.extras.phone.keyboard.write import given_to

COLUMNS = ["Model", "Keystroke (ms)", "p95 (ms)", "p99 (ms)"]
COLUMNS += ["Mean at Pace (ms)", "Median at Pace (ms)", "p95 at Pace (ms)", "p99 at Pace (ms)"]
COLUMNS += ["Perplexity", "Perplexity in Notebook", "Logits Differ"]
LAST = re.compile(r"# page ([0-9a-f]{12}),? ?(.*)")  # the last line: which page, on what
DECORATION = ' >`"\u201c\u201d'  # around the lines of a message
LONGEST = 4_000  # characters of a table
APART, OFF = 1e-4, 1e-3  # how far logits, and perplexities as a share, may be from the notebook's


class NotATable(ValueError):
    """A text is not what the page copies or sends; the message says why, and what to do."""


def read_table(text, page):
    """Return ``(DataFrame, device)`` of a text that a page, which was given ``page``, copied.

    The table has a row per model, its columns are COLUMNS; device is the page's line on the engine,
    the clock and the browser. What a chat or an e-mail adds around the lines does no harm. Raises
    NotATable for any other text.
    """
    again = "Copy the whole table from the page once more."
    names = [*page["models"], page["counting"]["name"]]
    lines = _lines(text, [COLUMNS[0], *names])
    if len(text) > LONGEST or not lines or not (last := LAST.match(lines[-1])):
        raise NotATable(f"This is not the page's table, from 'Model,' to '# page ...'. {again}")
    if last[1] != page["page"]:
        raise NotATable(
            f"This table was measured on the page {last[1]}. The models are now on the page "
            f"{page['page']}: open that one on the device, and measure again."
        )
    try:
        table = pd.read_csv(io.StringIO("\n".join(lines[:-1])), skipinitialspace=True)
    except ValueError as error:
        raise NotATable(f"This is no table ({error}). {again}") from None
    if list(table.columns) != COLUMNS or list(table["Model"]) != names:
        raise NotATable(f"A column or a model is missing in this table. {again}")
    known = table.set_index("Model").apply(pd.to_numeric, errors="coerce")
    known.loc[names[-1], "Logits Differ"] = 0  # counting has none
    if not (np.isfinite(known) & (known >= 0)).all(axis=None):
        raise NotATable(f"A value of this table is missing, or no number from 0 on. {again}")
    return table, "".join(c for c in last[2] if c.isprintable())


def _lines(text, begin):
    """Return the lines of the last table in a text: those that begin with a name, and the last.

    A line that begins otherwise was wrapped: it belongs to the one before.
    """
    lines = []
    for line in text.replace("\u2212", "-").splitlines():
        line = " ".join(line.split()).strip(DECORATION)
        if line.startswith(f"{begin[0]},"):
            lines = [line]
        elif lines and (LAST.match(line) or line.startswith(tuple(f"{name}," for name in begin))):
            lines.append(line)
        elif lines and line:
            lines[-1] += f" {line}"
    return lines


def beside_laptop(table, on_phone, runtimes):
    """Return a DataFrame, a row per model: what a key takes there, and here on the laptop."""
    table = table.set_index("Model").rename(columns=lambda name: f"There: {name}")
    here = {"Here, PyTorch; counting: NumPy (ms)": on_phone.set_index("Model")["Keystroke (ms)"]}
    if runtimes is not None:
        here["Here, ONNX Runtime (ms)"] = runtimes.set_index("Model")["ONNX Runtime, int8 (ms)"]
    return table.assign(**here).reset_index()


def show_beside_laptop(text, keyboard, on_phone, runtimes):
    """Display a device's table beside the laptop's figures, and print what may be claimed.

    ``text`` is what the page copied; where it is blank, the last table that ``serve_keyboard``
    received for this page. ``keyboard``, ``on_phone`` and ``runtimes`` are what write_keyboard,
    phone_table and compare_runtimes returned.
    """
    if keyboard is None:
        return
    page = given_to(keyboard)
    try:
        table, device = read_table(text if text.strip() else last_received(keyboard, page), page)
    except NotATable as error:
        print(f"{error} So far, no phone was measured.")
        return
    display(helpers.show_table(beside_laptop(table, on_phone, runtimes)))
    print(f"There: {device}")
    print(what_it_shows(table, device))


def last_received(keyboard, page):
    """Return the last table, as text, that serve_keyboard received from a page.

    Raises NotATable when there is none.
    """
    path, own = received_tables(keyboard), f"# page {page['page']},"
    tables = path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
    found = [table for table in tables.split("\n\n") if own in table]
    if not found:
        raise NotATable("No device's table was read back.")
    return found[-1]


def received_tables(keyboard):
    """Return the path of the file to which serve_keyboard adds the tables that it receives."""
    return keyboard.with_suffix(".tables.txt")


def what_it_shows(table, device):
    """Return in a sentence or two whether the page computed the models, and on what."""
    table = table.set_index("Model")
    off = (table["Perplexity"] / table["Perplexity in Notebook"] - 1).abs() > OFF
    wrong = list(table.index[off | (table["Logits Differ"] > APART)])
    if wrong:
        return (
            f"It did not compute what the notebook did ({', '.join(wrong)}): claim nothing from it."
        )
    if "Mobi" not in device:  # as MDN, "Browser detection using the user agent", recommends
        return "The models were measured, but this browser is not a phone's: claim no phone."
    return "The models were measured on a phone, as its browser says, by this engine."
