"""How many minutes the required part takes, computed cell by cell from the solution.

    python -m course.clock           print the table, put the minutes into solution.ipynb
    python -m course.clock --check   write nothing; exit 1 when the solution has other minutes

A floor: nobody errs or hesitates in it.

- Prose is read at 238 words a minute (Brysbaert, "How many words do we read per minute?", 2019),
  what is folded away not at all. What stands right below the training cell is read meanwhile.
- Typing takes 0.28 s a key and each statement that is written or changed 1.35 s of thought: an
  average typist in the keystroke-level model (Card, Moran and Newell, "The Keystroke-Level Model
  for User Performance Time with Interactive Systems", 1980). What a line with a ? or an earlier
  answer holds is changed, not typed.
- To run a cell takes a thought and two keys, to look at what it shows 8 s (our estimate).
- Computing is what the outputs of the solution say.
"""

import argparse
import difflib
import json
import re
import sys
from typing import NamedTuple

from course import read_solution
from course.make_exercise import SOLUTION, make_exercise, render

WORDS_PER_MINUTE = 238
KEY, THOUGHT, LOOK = 0.28, 1.35, 8.0  # seconds
RUN = THOUGHT + 2 * KEY
WORD = re.compile(r"[^\W_]+(?:['.,-][^\W_]+)*")
ANSWER = re.compile(r"BEGIN SOLUTION.*?\n(.*?)[^\n]*END SOLUTION", re.DOTALL)


class Seconds(NamedTuple):
    """What a part of the notebook takes, by what one does."""

    reading: float = 0.0
    writing: float = 0.0
    running: float = 0.0
    looking: float = 0.0
    computing: float = 0.0  # which is nobody's work

    def __add__(self, other):
        return Seconds(*map(sum, zip(self, other, strict=True)))

    @property
    def minutes(self):
        return (sum(self) - self.computing) / 60


def by_part(solution):
    """Return {part: {name: Seconds}}: by part "", "A" to "D" and "end" what its TODOs take.

    What belongs to no TODO has the name "".
    """
    exercise = {cell["id"]: cell for cell in make_exercise(solution)["cells"]}
    solution = _with_the_paragraph_as_text(solution)
    parts, part, todo, held, trained = {}, "", "", set(), 0.0
    for cell in read_solution.required_cells(solution):
        if cell["id"] not in exercise:  # for whoever marks
            continue
        source = "".join(cell["source"])
        if section := re.match(r"## (?:Part (\w))?", source):
            part, todo = section[1] or ("end" if part else ""), ""
        todo = (re.match(r"### (TODO \d+)", source) or [todo] * 2)[1]
        seconds = of_cell(cell, exercise[cell["id"]], held)
        if cell["cell_type"] == "markdown":  # read while the cell above it trains
            seconds = seconds._replace(reading=max(0.0, seconds.reading - trained))
        trained = seconds.computing if cell["id"] == "train" else 0.0
        names = parts.setdefault(part, {})
        names[todo] = names.get(todo, Seconds()) + seconds
    return parts


def _with_the_paragraph_as_text(solution):
    """Return the solution with the paragraph as a student types it, where the key computes it."""
    cells = {cell["id"]: cell for cell in solution["cells"]}
    marked = "".join(cells["marked-examples"]["outputs"][0]["text"])
    text = " ".join(re.search(r"10 of 10\n(.*?)\n\n", marked, re.DOTALL)[1].split())
    cells["recommendation"] = cells["recommendation"] | {
        "source": re.sub(
            r"^paragraph = \(\n.*?^\)$",
            lambda _: f'paragraph = "{text}"',
            "".join(cells["recommendation"]["source"]),
            flags=re.MULTILINE | re.DOTALL,
        )
    }
    return {"cells": list(cells.values())}


def of_cell(solved, given, held):
    """Return the Seconds of one cell; ``held`` collects the lines of answers for later cells."""
    source = "".join(given["source"])
    if given["cell_type"] == "markdown":
        typed = sum(map(len, _answer(solved)))
        return Seconds(reading=60 * words(source) / WORDS_PER_MINUTE, writing=typed * KEY)
    shown = "".join("".join(output.get("text", "")) for output in solved["outputs"])
    for output in solved["outputs"]:
        shown += "".join(output.get("data", {}).get("text/plain", ""))
    computing = sum(map(int, re.findall(r" (?:in |\()(\d+) s\b", shown)))
    looking = LOOK if solved["outputs"] else 0.0
    return Seconds(0.0, writing(solved, source, held), RUN, looking, computing)


def words(markdown):
    """Return the number of words of prose outside what is folded away."""
    unfolded = re.sub(r"<details>.*?</details>|<!--.*?-->", "", markdown, flags=re.DOTALL)
    return len(WORD.findall(unfolded))


def writing(solved, given, held):
    """Return the seconds that turn a stub into the answer, and add its lines to ``held``."""
    below = given.split("\n")[1:]  # the first line names the TODO
    offered = {line.strip(" #") for line in below if re.match(r"\s*# ", line)}
    seconds, lines = 0.0, _answer(solved)
    for line in lines:
        if line in offered or line in held:  # uncommented, or copied with its neighbours
            seconds += 2 * KEY
        else:
            keys = min(_keys(old, line) for old in {"", *offered, *held})
            seconds += THOUGHT + KEY * (2 + keys)
    held.update(lines)
    return seconds


def _answer(solved):
    """Return the lines of a solved cell's answers, without indentation and comments."""
    lines = "\n".join(ANSWER.findall("".join(solved["source"]))).split("\n")
    lines = [re.sub(r"\s+# .*", "", line).strip() for line in lines]
    return [line for line in lines if line and not line.startswith(("#", "<!--"))]


def _keys(old, new):
    """Return how many keys change one line into another; what is selected is overtyped."""
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    changes = [code for code in matcher.get_opcodes() if code[0] != "equal"]
    return sum(1 + end - start for _, _, _, start, end in changes)


def table(parts):
    """Return the minutes as lines of text: a row for each TODO, part and all of it."""
    columns = [*Seconds._fields[:-1], "all", "computing (s)"]
    lines = [f"{'':12}" + "".join(f"{column:>14}" for column in columns)]

    def row(name, seconds):
        cells = [f"{s / 60:.1f}" for s in seconds[:-1]] + [f"{seconds.minutes:.1f}"]
        lines.append(f"{name:12}" + "".join(f"{c:>14}" for c in [*cells, f"{seconds[-1]:.0f}"]))

    for part, names in parts.items():
        for name, seconds in names.items():
            row(name or f"part {part or 0}", seconds)
    row("all", total(parts))
    return "\n".join(lines)


def total(parts):
    """Return the Seconds of all parts."""
    return sum((s for names in parts.values() for s in names.values()), Seconds())


def put_minutes(solution, parts):
    """Put the minutes into the title and into the heading of each TODO of a notebook."""
    todos = {name: s for names in parts.values() for name, s in names.items() if name}
    whole = total(parts)
    title = (
        f"**Time: 18 minutes.** {whole.minutes:.0f} for you, {whole.computing / 60:.0f} for the "
        "computer, the rest for mistakes: computed, for a reader who makes few."
    )
    for cell in solution["cells"]:
        source = "".join(cell["source"])
        if heading := re.match(r"### (TODO \d+) · ([^(\n]*[^(\n ])", source):
            minutes = f"{todos[heading[1]].minutes:.1f} min"
            if computing := todos[heading[1]].computing:
                minutes += f" + {computing:.0f} s of computing"
            line = f"### {heading[1]} · {heading[2]} ({minutes})"
            source = line + source[len(source.split("\n")[0]) :]
        source = re.sub(
            r"<!-- minutes -->.*<!-- /minutes -->",
            lambda _: f"<!-- minutes -->\n{title}\n<!-- /minutes -->",
            source,
            flags=re.DOTALL,
        )
        cell["source"] = source.splitlines(keepends=True)


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--check", action="store_true", help="exit 1 when the minutes differ")
    check = parser.parse_args(arguments).check
    solution = read_solution.read()
    before, written = json.dumps(solution), None
    while written != json.dumps(solution):  # the minutes are words to read, too
        written = json.dumps(solution)
        put_minutes(solution, parts := by_part(solution))
    if not check:
        print(table(parts))
        SOLUTION.write_text(render(solution), encoding="utf-8", newline="\n")
    elif json.dumps(solution) != before:
        sys.exit("solution.ipynb has other minutes than it takes: run python -m course.clock")


if __name__ == "__main__":
    main()
