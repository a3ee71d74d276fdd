"""exercise.ipynb from solution.ipynb, its one source.

Between ``# BEGIN SOLUTION`` and ``# END SOLUTION`` only the ``# STUB:`` lines stay, without that
prefix (in a Markdown cell the three are HTML comments). Cells tagged ``solution-only`` are dropped.
A code cell whose first line is ``# TODO n`` opens a TODO, which lasts until the next Markdown cell;
what the solution printed and drew there is folded below it as "What you should see", except for
cells tagged ``no-preview``. A cell that draws has its figure in words in the metadata ``alt``.
Plain JSON on purpose: no library's version can change the result.
"""

import itertools
import json
import re
from pathlib import Path

from lab import exercise

NAME = "rnn-lstm-gru"  # of the exercise's folder, of the assignment, of our entry in the metadata
ROOT = Path(__file__).resolve().parent.parent
SOLUTION, EXERCISE = ROOT / "solution.ipynb", ROOT / "exercise.ipynb"

MARKED = r"^ *(?:#|<!--) *{} SOLUTION *(?:-->)?$"  # on a line of its own
REGION = re.compile(f"(?ms){MARKED.format('BEGIN')}\n(.*?){MARKED.format('END')}")
STUB = re.compile(r"(?m)^( *)(?:#|<!--) *STUB: ?(.*?) *(?:-->)?$")
# Any line of them.
MARKER = re.compile(r"^ *(?:#|<!--) *(?:(?:BEGIN|END) SOLUTION|STUB:.*?) *(?:-->)?$")
TODO = re.compile(r"# TODO (\d+)\b")
FOLDED = "jp-MarkdownHeadingCollapsed"  # a section that JupyterLab and Notebook 7 open folded
METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
    NAME: {"version": exercise.VERSION},
}


def todo_number(cell):
    """Return the number of the TODO that a code cell opens, or None."""
    match = TODO.match("".join(cell["source"])) if cell["cell_type"] == "code" else None
    return int(match[1]) if match else None


def strip_solutions(source, cell_id):
    """Return the source with each solution region replaced by its STUB lines.

    Raises ValueError for nested or unbalanced markers, and for a region without a stub.
    """
    kept = REGION.sub(lambda region: _stubs(region[1], cell_id), source)
    if marker := re.search("(BEGIN|END) SOLUTION|STUB:", kept):
        raise ValueError(f"cell {cell_id!r}: {marker[0]} stands alone or inside of a line")
    return kept


def _stubs(region, cell_id):
    if not (stubs := STUB.findall(region)) or "BEGIN SOLUTION" in region:
        line = region.partition("\n")[0]
        raise ValueError(f"cell {cell_id!r}: the region from {line!r} has no STUB, or one in it")
    return "\n".join((indent + text).rstrip() for indent, text in stubs)


def _preview(cells):
    """Return the Markdown cell that folds away what the cells of one TODO showed, or None."""
    parts, attachments = [], {}
    shown = [cell for cell in cells if not has_tag(cell, "no-preview")]
    for metadata, output in ((c["metadata"], output) for c in shown for output in c["outputs"]):
        data = output.get("data", {})
        if "image/png" in data:
            name = f"figure-{len(attachments) + 1}.png"
            attachments[name] = {"image/png": "".join(data["image/png"]).replace("\n", "")}
            alt = metadata.get("alt", "the figure that the solution draws here")
            parts.append(f"![{alt}](attachment:{name})")
        elif text := "".join(output.get("text", data.get("text/plain", ""))).rstrip():
            parts.append(f"```text\n{text}\n```")
    if not parts:
        return None
    fold = ["<details><summary>What you should see (one run of the solution)</summary>"]
    source = "\n\n".join(fold + parts + ["</details>"])
    preview = {"cell_type": "markdown", "id": f"{cells[0]['id']}-preview", "metadata": {}}
    if attachments:
        preview["attachments"] = attachments
    return preview | {"source": source.splitlines(keepends=True)}


def has_tag(cell, tag):
    """Return whether a cell has a tag."""
    return tag in cell["metadata"].get("tags", [])


def make_exercise(solution):
    """Return the exercise notebook, a dict, for the solution notebook.

    Raises ValueError, with the cell and the marker, for markers that do not pair up.
    """
    cells = []
    for _, group in itertools.groupby(solution["cells"], lambda cell: cell["cell_type"]):
        group = list(group)
        cells += [_without_answers(cell) for cell in group if not has_tag(cell, "solution-only")]
        todo = list(itertools.dropwhile(lambda cell: todo_number(cell) is None, group))
        if todo and (preview := _preview(todo)):
            cells.append(preview)
    return {"cells": cells, "metadata": METADATA, "nbformat": 4, "nbformat_minor": 5}


def _without_answers(cell):
    """Return what the exercise has in place of a cell: no answers, no outputs, little metadata."""
    metadata = {FOLDED: cell["metadata"][FOLDED]} if FOLDED in cell["metadata"] else {}
    if tags := sorted(cell["metadata"].get("tags", [])):
        metadata["tags"] = tags
    source = strip_solutions("".join(cell["source"]), cell["id"])
    kept = {"cell_type": cell["cell_type"], "id": cell["id"], "metadata": metadata}
    if cell["cell_type"] == "code":
        kept |= {"execution_count": None, "outputs": []}
    return kept | {"source": source.splitlines(keepends=True)}


def render(notebook):
    """Return the text of a notebook file, the same on every version of Python."""
    return json.dumps(notebook, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
