"""Load the table that the page measured on a device, and compare it with the laptop's values."""

import re

import numpy as np
import pandas as pd
from IPython.display import display

import helpers
from lab.extras.phone.keyboard.write import APART, COLUMNS, OFF, given_to
from lab.extras.phone.keystrokes import FORMATS

NUMBER = r"(\d+(?:\.\d+)?(?:e[+-]?\d+)?)"  # not negative
DECORATION = '[>`"\u201c\u201d]'  # signs that a message adds around lines
AGAIN = "Copy the whole table from the page again."


class NotATable(ValueError):
    """A text is not a table of the page; the message gives the reason and the remedy."""


def device_table(text, given):
    """Return ``(DataFrame, device)`` for a text that was copied from the page.

    ``given`` is the data that the page was made with. The table has a row per model, by its name,
    and the columns of COLUMNS. ``device`` is the page's line about the engine, the clock and the
    browser. A chat or an e-mail may have added signs or wrapped the lines; the table is still
    recognised. Raises NotATable for any other text.
    """
    flat = " ".join(re.sub(DECORATION, "", text).replace("\u2212", "-").split())  # in one line
    last = re.search(r".*# page ([0-9a-f]+),? ?(.*)", flat)
    if not last:
        raise NotATable(
            "This is not a complete table of the page. A table begins with 'Model,' and has "
            f"'# page ...' in its last line. {AGAIN}"
        )
    page, device = last.groups()
    if page != given["page"]:
        raise NotATable(
            f"This table was measured on the page {page}. But the current page is "
            f"{given['page']}. Open the current page on the device, and measure again."
        )
    names, columns = [*given["models"], given["ngram"]["name"]], [*COLUMNS.values()]
    *networks, ngram_model = map(re.escape, names)
    lines = [
        map(re.escape, ["Model", *columns]),
        *([name, *[NUMBER] * len(columns)] for name in networks),
        [
            ngram_model,
            *[NUMBER] * len(columns[1:]),
            "()# page",
        ],  # the n-gram model has no logits to compare
    ]
    found = re.search(" ".join(map(",".join, lines)), flat.replace(", ", ","))
    if not found:
        raise NotATable(f"In this table a column, a model or a number is missing or wrong. {AGAIN}")
    numbers = np.reshape(found.groups(), (len(names), len(columns)))
    table = pd.DataFrame(numbers, pd.Index(names, name="Model"), columns).apply(pd.to_numeric)
    return table, "".join(filter(str.isprintable, device))


def with_laptop(table, on_phone, runtimes):
    """Return a DataFrame with a row per model: times on the device and on this computer."""
    here = {"Computer, PyTorch; n-gram model: NumPy (ms)": on_phone["Keystroke (ms)"]}
    if runtimes is not None:
        here["Computer, ONNX Runtime (ms)"] = runtimes["ONNX Runtime, int8 (ms)"]
    return table.add_prefix("Device: ").assign(**here)


def compare_with_laptop(text, keyboard, on_phone, runtimes):
    """Display the times of a device and of this computer, and print which claim they support.

    ``text`` is the table that you copied from the page. If it is blank, the last table that
    ``serve_keyboard`` received for this page is used. ``keyboard``, ``on_phone`` and ``runtimes``
    are the results of write_keyboard, phone_table and compare_runtimes. If ``keyboard`` is None,
    nothing is shown.
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
    helpers.say(f"Device: {device}")
    helpers.say(what_it_shows(table, device))


def last_received(keyboard):
    """Return the last table, as text, that serve_keyboard received from the page in this file.

    Raises NotATable if there is no table.
    """
    path, own = received_tables(keyboard), f"# page {given_to(keyboard)['page']},"
    tables = path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
    found = [table for table in tables.split("\n\n") if own in table]
    if not found:
        raise NotATable("There is no table of a device yet.")
    return found[-1]


def received_tables(keyboard):
    """Return the path of the file in which serve_keyboard stores the tables that it receives."""
    return keyboard.with_suffix(".tables.txt")


def what_it_shows(table, device):
    """Return one or two sentences: did the page compute the models, and on which device?"""
    off = (table[COLUMNS["perplexity"]] / table[COLUMNS["inNotebook"]] - 1).abs() > OFF
    wrong = table.index[off | (table[COLUMNS["apart"]] > APART)]
    if len(wrong):
        return (
            f"The device did not compute the same as the notebook ({', '.join(wrong)}). So do not "
            "use this table for any claim."
        )
    if "Mobi" not in device:  # as MDN, "Browser detection using the user agent", recommends
        return (
            "The models were measured, but this browser does not say that it runs on a phone. "
            "So do not claim that you measured a phone."
        )
    return "The models were measured on a phone, as its browser says, by the engine named above."
