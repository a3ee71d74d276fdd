"""Write an nbgrader course folder with this exercise as an assignment.

    python -m course.nbgrader FOLDER

The command writes nbgrader_config.py into FOLDER, unless FOLDER has this file. It also writes
source/rnn-lstm-gru/: the exercise, generated from solution.ipynb with nbgrader's metadata, and all
files that the exercise needs. When nbgrader grades, these files replace files of the same name in a
submission.

- A TODO cell is a solution cell; nbgrader does not change its stub.
- A check cell is an autograded test. It is locked, and its last expression is the points.
- The cell with the paragraph is graded by the instructor.
- Students may edit all other code cells (``epochs=5``, another CORPUS), but for grading nbgrader
  puts our cells back.
- In a graded notebook, each cell shows its submitted output first, then its output from grading.
"""

import argparse

from course import command, named_path, read_solution
from course.bundle import NAME, copy_supplies, instructions
from course.grade import handed_in
from course.make_exercise import EXERCISE, make_exercise, render
from lab import exercise

ASSIGNMENT = NAME
EXECUTION = '''\
"""nbgrader's settings for the exercise on RNN, LSTM and GRU."""

c = get_config()  # noqa: F821: nbgrader defines it
c.Execute.timeout = 300  # seconds that a cell may take
c.KernelManager.transport_encryption = "auto"  # otherwise the kernel gives a warning
# A short test run: a few windows and epochs, independent of the student's training.
c.Execute.extra_arguments = [
    "--HistoryManager.hist_file=:memory:",
    "--IPKernelApp.exec_lines=import os; os.environ['EXERCISE_QUICK'] = '1'",
]
'''
CONFIG = (
    EXECUTION
    + '''\
c.CourseDirectory.course_id = "recurrent-networks"
c.ClearSolutions.enabled = False  # the notebook already has stubs
c.OverwriteCells.add_missing_cells = True  # also run a check that a student deleted
c.LockCells.lock_readonly_cells = False  # students may edit them; grading puts ours back

# Keep the submitted outputs of cells for grading the paragraph, but not those of the checks.
from nbformat.v4 import new_output
from nbgrader.converters import Autograde
from nbgrader.preprocessors import NbGraderPreprocessor


class KeepHandedIn(NbGraderPreprocessor):
    """Keep the outputs of a cell in its metadata, where nbgrader does not clear them."""

    def preprocess_cell(self, cell, resources, index):
        ours = cell.metadata.get("nbgrader", {})
        if cell.get("outputs") and not (ours.get("grade") and ours.get("locked")):
            cell.metadata["handed_in"] = cell.outputs
        return cell, resources


class ShowHandedIn(NbGraderPreprocessor):
    """Put the submitted outputs back, above the outputs from grading."""

    def preprocess_cell(self, cell, resources, index):
        if saved := cell.metadata.pop("handed_in", None):
            then = "Output in the submitted notebook:\\n"
            now = "Output of a short test run for grading, which measures nothing:\\n"
            then, now = (new_output("stream", text=text) for text in (then, now))
            cell.outputs = [then, *saved, now, *cell.outputs]
        return cell, resources


usual = Autograde()
execute, *others = usual.autograde_preprocessors
c.Autograde.sanitize_preprocessors = [KeepHandedIn, *usual.sanitize_preprocessors]
c.Autograde.autograde_preprocessors = [execute, ShowHandedIn, *others]
'''
)


def nbgrader_notebook():
    """Return the exercise, a dict, with nbgrader's metadata."""
    notebook, answers = make_exercise(read_solution.read()), read_solution.answer_ids()
    for cell in notebook["cells"]:
        if cell["cell_type"] != "code":
            continue
        points, solution = {}, cell["id"] in answers
        if check := read_solution.check_of(cell):
            points = {"points": exercise.CHECKS[check].points}
            cell["source"][-1] += ".points"
        elif cell["id"] == "paragraph":
            points = {"points": exercise.PARAGRAPH_POINTS}
        cell["metadata"]["nbgrader"] = points | {
            "cell_type": "code",
            "grade": bool(points),
            "grade_id": cell["id"],
            "locked": not solution,
            "schema_version": 3,
            "solution": solution,
            "task": False,
        }
    return notebook


def write(folder):
    """Write the course into a folder and return the assignment's source folder."""
    source = folder / "source" / ASSIGNMENT
    source.mkdir(parents=True, exist_ok=True)
    copy_supplies(source)
    made = {
        EXERCISE.name: render(nbgrader_notebook()),
        "README.md": instructions(),
        # For nbgrader validate: without this, its limit is 30 s, and it trains at full length.
        handed_in.CONFIG: EXECUTION,
    }
    for name, text in made.items():
        (source / name).write_text(text, encoding="utf-8", newline="\n")
    config = folder / handed_in.CONFIG
    if not config.exists():
        config.write_text(CONFIG, encoding="utf-8", newline="\n")
    elif config.read_bytes() != CONFIG.encode():
        print(
            f"Warning: {config} exists, so this command did not change it. This exercise needs the "
            "settings below. They apply to all assignments of a course. With "
            "c.ClearSolutions.enabled = False, nbgrader publishes the solutions of your other "
            "assignments too. It is better to create a separate course for this exercise."
            f"\n\n{CONFIG}"
        )
    return source


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=named_path, help="folder of the course")
    folder = parser.parse_args().folder
    with command():
        print(write(folder))


if __name__ == "__main__":
    main()
