"""Make exercise.ipynb from solution.ipynb, its one source, and from stubs.txt.

For each answer, course/stubs.txt has the text that a student finds in its place, under the cell's
id. Cells with the tag ``solution-only`` are left out. A code cell whose first line is ``# TODO n``
begins a TODO, which ends at the next Markdown cell. Below the TODO there is a folded cell, "What
you should see", with the output and the plots of the solution. It leaves out cells with the tag
``no-preview``. The description of a plot is the text next to it in the output. We use plain JSON,
so that the version of a library cannot change the result.
"""

import itertools
import json
import re
from pathlib import Path

from lab import exercise

NAME = "rnn-lstm-gru"  # of the exercise's folder, of the assignment, of our entry in the metadata
ROOT = Path(__file__).resolve().parent.parent
SOLUTION, EXERCISE = ROOT / "solution.ipynb", ROOT / "exercise.ipynb"

FETCH = "fetch-files"  # the id of the cell that course.bundle puts first, for Colab and Kaggle
STUBS = ROOT / "course" / "stubs.txt"
PLACEHOLDER = re.compile(r'(pass|return None.*|.* = (None|False)|.* = """|""")?')
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


def read_stubs(path=STUBS):
    """Return the texts that a student finds in place of the answers, as {cell id: source}."""
    _, *parts = re.split(r"(?m)^# %% (\S+)\n", path.read_text(encoding="utf-8"))
    return {name: text.strip("\n") for name, text in zip(parts[::2], parts[1::2], strict=True)}


def code(line):
    """Return a line without its indentation and without the comment at its end."""
    return line.partition("  # ")[0].strip()


def need_fitting(stub, answer, cell_id):
    """Raise ValueError if a student could not turn a line of a stub into a line of the answer.

    A line with a ``?`` must become a line of the answer when the ``?`` is replaced. A comment whose
    text is a line of the answer must contain a ``?``. Any other line must be a line of the answer
    or a placeholder.
    """
    lines = {code(line) for line in answer.split("\n")}
    for line in map(code, stub.split("\n")):
        bare = line.removeprefix("#").strip()
        wanted = re.compile(re.escape(bare).replace(r"\?", ".*"))
        if "?" in line:
            fits = any(map(wanted.fullmatch, lines))
        elif line.startswith("#"):
            fits = line in lines or bare not in lines
        else:
            fits = line in lines or PLACEHOLDER.fullmatch(line)
        if not fits:
            raise ValueError(
                f"cell {cell_id!r}, stub {line!r}: this line cannot become a line of the answer"
            )


def _preview(cells):
    """Return the Markdown cell that folds away what the cells of one TODO showed, or None."""
    parts, attachments = [], {}
    shown = [cell for cell in cells if not has_tag(cell, "no-preview")]
    for output in (output for cell in shown for output in cell["outputs"]):
        data = output.get("data", {})
        if "image/png" in data:
            name = f"figure-{len(attachments) + 1}.png"
            attachments[name] = {"image/png": "".join(data["image/png"]).replace("\n", "")}
            alt = "".join(data["text/plain"])
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
    """Return the exercise notebook for the solution notebook; both are dicts.

    Raises ValueError for a stub that does not fit its answer, or that does not have an answer.
    """
    cells, stubs = [], read_stubs()
    if lost := stubs.keys() - {cell["id"] for cell in solution["cells"]}:
        raise ValueError(f"cell {min(lost)!r} of stubs.txt: the solution does not have this cell")
    for _, group in itertools.groupby(solution["cells"], lambda cell: cell["cell_type"]):
        group = list(group)
        kept = [cell for cell in group if not has_tag(cell, "solution-only")]
        cells += [_without_answer(cell, stubs.get(cell["id"])) for cell in kept]
        todo = list(itertools.dropwhile(lambda cell: todo_number(cell) is None, group))
        if todo and (preview := _preview(todo)):
            cells.append(preview)
    return {"cells": cells, "metadata": METADATA, "nbformat": 4, "nbformat_minor": 5}


def _without_answer(cell, stub):
    """Return what the exercise has in place of a cell: its stub if it has one, and no outputs."""
    metadata = {FOLDED: cell["metadata"][FOLDED]} if FOLDED in cell["metadata"] else {}
    if tags := sorted(cell["metadata"].get("tags", [])):
        metadata["tags"] = tags
    source = "".join(cell["source"])
    if stub is not None:
        need_fitting(stub, source, cell["id"])
    made = {"cell_type": cell["cell_type"], "id": cell["id"], "metadata": metadata}
    if cell["cell_type"] == "code":
        made |= {"execution_count": None, "outputs": []}
    return made | {"source": (source if stub is None else stub).splitlines(keepends=True)}


def render(notebook):
    """Return the text of a notebook file, the same on every version of Python."""
    return json.dumps(notebook, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
