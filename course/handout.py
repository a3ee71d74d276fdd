"""Turn the executed solution into one page for students, for the time after the exercise.

    python -m course.handout    write exported/handout.html

The page is a single file without scripts. It does not need a network or Jupyter. It does not have
the cells that are for grading: the rubric and the graded examples.
"""

import sys

import nbformat
from bs4 import BeautifulSoup
from nbconvert import HTMLExporter

from course import command, workers
from course.make_exercise import ROOT, SOLUTION, has_tag

HANDOUT = ROOT / "exported" / "handout.html"


def write(path=HANDOUT, solution=SOLUTION):
    """Write the page and return its path."""
    notebook = nbformat.read(solution, as_version=4)
    notebook.cells = [cell for cell in notebook.cells if not has_tag(cell, "solution-only")]
    exporter = HTMLExporter(template_name="lab", embed_images=True)
    html, _ = exporter.from_notebook_node(notebook, {"metadata": {"name": solution.stem}})
    page = BeautifulSoup(html, "html.parser")
    for script in page("script"):  # for formulas, diagrams and widgets: the page does not have any
        script.decompose()
    workers.put(path, str(page).encode())
    return path


if __name__ == "__main__":
    if len(sys.argv) > 1:
        sys.exit(__doc__)
    with command():
        print(write())
