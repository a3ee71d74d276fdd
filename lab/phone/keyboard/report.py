"""The table that the page measured on a device, read back and set beside the laptop's figures."""

import io

import numpy as np
import pandas as pd
from IPython.display import display

import helpers
from lab.phone.keyboard.write import given_to

COLUMNS = ["Model", "Keystroke (ms)", "p95 (ms)", "p99 (ms)"]
COLUMNS += ["Mean at Pace (ms)", "Median at Pace (ms)", "p95 at Pace (ms)", "p99 at Pace (ms)"]
COLUMNS += ["Perplexity", "Perplexity in PyTorch", "Logits Differ"]
LONGEST = 4_000  # characters of a table
APART, OFF = 1e-4, 1e-3  # how far logits, and perplexities as a share, may be from PyTorch's


class NotATable(ValueError):
    """A text is not what the page copies or sends; the message says why, and what to do."""


def read_table(text, keyboard):
    """Return ``(DataFrame, device)`` of a text that the page at the path ``keyboard`` made.

    The table has a row per model, its columns are COLUMNS; device is the page's line on the engine,
    the clock and the browser. Raises NotATable for any other text.
    """
    again = "Copy the whole table from the page once more."
    lines = text.strip().splitlines()
    if len(text) > LONGEST or not lines or not lines[-1].startswith("# page "):
        raise NotATable(f"This is not the page's table, which ends with a line '# page'. {again}")
    given = given_to(keyboard)
    page, _, device = lines[-1].removeprefix("# page ").partition(", ")
    if page != given["page"]:
        raise NotATable(
            f"This table was measured on page {page[:20]!r}; {keyboard} is page {given['page']!r}, "
            "with other models: open that one on the device and measure again."
        )
    try:
        table = pd.read_csv(io.StringIO("\n".join(lines[:-1])), skipinitialspace=True)
        names = [*given["models"], given["counting"]["name"]]
        if list(table.columns) != COLUMNS or list(table["Model"]) != names:
            raise NotATable(f"A column or a model is missing in this table. {again}")
        known = table.drop(columns="Model").fillna({"Logits Differ": 0}).astype(float)
    except (ValueError, TypeError) as error:
        raise error if isinstance(error, NotATable) else NotATable(f"{error}. {again}") from None
    if not (np.isfinite(known) & (known >= 0)).all(axis=None):
        raise NotATable(f"A value of this table is missing, or no number from 0 on. {again}")
    return table, "".join(c for c in device if c.isprintable())


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
    received = received_tables(keyboard)
    if not text.strip() and received.exists():
        text = received.read_text(encoding="utf-8", errors="replace").strip().split("\n\n")[-1]
    if not text.strip():
        print("No device's table was read back: so far, no phone was measured.")
        return
    try:
        table, device = read_table(text, keyboard)
    except NotATable as error:
        print(f"{error} No device's table was read back.")
        return
    display(helpers.show_table(beside_laptop(table, on_phone, runtimes)))
    print(f"There: {device}")
    print(what_it_shows(table, device))


def received_tables(keyboard):
    """Return the path of the file to which serve_keyboard adds the tables that it receives."""
    return keyboard.with_suffix(".tables.txt")


def what_it_shows(table, device):
    """Return in a sentence or two whether the page computed the models, and on what."""
    table = table.set_index("Model")
    off = (table["Perplexity"] / table["Perplexity in PyTorch"] - 1).abs() > OFF
    wrong = list(table.index[off | (table["Logits Differ"] > APART)])
    if wrong:
        return f"It did not compute what PyTorch did ({', '.join(wrong)}): claim nothing from it."
    if "Mobi" not in device:  # as MDN, "Browser detection using the user agent", recommends
        return "The models were measured in this browser, which does not call itself a phone's."
    return "The models were measured on a phone, as its browser says, by this engine."
