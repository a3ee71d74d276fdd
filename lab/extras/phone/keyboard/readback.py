"""The table that the page measured on a device, read back and set beside the laptop's figures."""

import re

import numpy as np
import pandas as pd
from IPython.display import display

import helpers
from lab.extras.phone.keyboard.write import APART, COLUMNS, OFF, given_to
from lab.extras.phone.keystrokes import FORMATS

NUMBER = r"(\d+(?:\.\d+)?(?:e[+-]?\d+)?)"  # from 0 on
DECORATION = '[>`"\u201c\u201d]'  # around the lines of a message
AGAIN = "Copy the whole table from the page once more."


class NotATable(ValueError):
    """A text is not what the page copies or sends; the message says why, and what to do."""


def device_table(text, given):
    """Return ``(DataFrame, device)`` of a text that a page, which was given ``given``, copied.

    The table has a row per model, by its name, its columns are those of COLUMNS; device is the
    page's line on the engine, the clock and the browser. What a chat or an e-mail adds around the
    lines, or wraps, does no harm. Raises NotATable for any other text.
    """
    flat = " ".join(re.sub(DECORATION, "", text).replace("\u2212", "-").split())  # in one line
    last = re.search(r".*# page ([0-9a-f]+),? ?(.*)", flat)
    if not last:
        raise NotATable(f"This is not the page's table, from 'Model,' to '# page ...'. {AGAIN}")
    page, device = last.groups()
    if page != given["page"]:
        raise NotATable(
            f"This table was measured on the page {page}. The models are now on the page "
            f"{given['page']}: open that one on the device, and measure again."
        )
    names, columns = [*given["models"], given["ngram"]["name"]], [*COLUMNS.values()]
    *networks, ngram_model = map(re.escape, names)
    lines = [
        map(re.escape, ["Model", *columns]),
        *([name, *[NUMBER] * len(columns)] for name in networks),
        [ngram_model, *[NUMBER] * len(columns[1:]), "()# page"],  # it has no logits to compare
    ]
    found = re.search(" ".join(map(",".join, lines)), flat.replace(", ", ","))
    if not found:
        raise NotATable(f"A column, a model or a number is missing in this table. {AGAIN}")
    numbers = np.reshape(found.groups(), (len(names), len(columns)))
    table = pd.DataFrame(numbers, pd.Index(names, name="Model"), columns).apply(pd.to_numeric)
    return table, "".join(filter(str.isprintable, device))


def with_laptop(table, on_phone, runtimes):
    """Return a DataFrame, a row per model: what a key takes there, and here on the laptop."""
    here = {"Here, PyTorch; n-gram model: NumPy (ms)": on_phone["Keystroke (ms)"]}
    if runtimes is not None:
        here["Here, ONNX Runtime (ms)"] = runtimes["ONNX Runtime, int8 (ms)"]
    return table.add_prefix("There: ").assign(**here)


def compare_with_laptop(text, keyboard, on_phone, runtimes):
    """Display a device's table beside the laptop's figures, and print what may be claimed.

    ``text`` is what the page copied; where it is blank, the last table that ``serve_keyboard``
    received for this page. ``keyboard``, ``on_phone`` and ``runtimes`` are what write_keyboard,
    phone_table and compare_runtimes returned.
    """
    if keyboard is None:
        return
    given = given_to(keyboard)
    try:
        table, device = device_table(text if text.strip() else last_received(keyboard), given)
    except NotATable as error:
        helpers.say(f"{error} So far, no phone was measured.")
        return
    display(helpers.show_table(with_laptop(table, on_phone, runtimes), FORMATS))
    helpers.say(f"There: {device}")
    helpers.say(what_it_shows(table, device))


def last_received(keyboard):
    """Return the last table, as text, that serve_keyboard received from a page in a file.

    Raises NotATable when there is none.
    """
    path, own = received_tables(keyboard), f"# page {given_to(keyboard)['page']},"
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
    off = (table[COLUMNS["perplexity"]] / table[COLUMNS["inNotebook"]] - 1).abs() > OFF
    wrong = table.index[off | (table[COLUMNS["apart"]] > APART)]
    if len(wrong):
        return (
            f"It did not compute what the notebook did ({', '.join(wrong)}): claim nothing from it."
        )
    if "Mobi" not in device:  # as MDN, "Browser detection using the user agent", recommends
        return "The models were measured, but this browser is not a phone's: claim no phone."
    return "The models were measured on a phone, as its browser says, by this engine."
