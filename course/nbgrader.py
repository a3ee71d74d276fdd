"""Write an nbgrader course folder with this exercise as an assignment.

    python -m course.nbgrader FOLDER

FOLDER gets nbgrader_config.py, unless it has one, and source/rnn-lstm-gru/: the exercise, generated
from solution.ipynb with nbgrader's metadata, and beside it everything that it needs. What lies
there replaces whatever a submission brings of the same name when nbgrader grades.

- A TODO cell is a solution cell; nbgrader leaves its stub as it is.
- A check cell is an autograded test, locked; its last expression is the points.
- The cell with the paragraph is graded by a person.
- All other code cells may be edited (``epochs=5``, another CORPUS), but grading puts ours back.
- What a cell showed when it was handed in stands above what it shows when it is graded.
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
c.KernelManager.transport_encryption = "auto"  # or the kernel warns that there is none
# In quick mode, in seconds: a few windows and epochs, whatever the student trained.
c.Execute.extra_arguments = [
    "--HistoryManager.hist_file=:memory:",
    "--IPKernelApp.exec_lines=import os; os.environ['EXERCISE_QUICK'] = '1'",
]
'''
CONFIG = (
    EXECUTION
    + '''\
c.CourseDirectory.course_id = "recurrent-networks"
c.ClearSolutions.enabled = False  # the notebook has stubs of its own
c.OverwriteCells.add_missing_cells = True  # a check that a student deleted is run all the same
c.LockCells.lock_readonly_cells = False  # students may change epochs or CORPUS; grading resets them

# What cells showed when they were handed in, kept for who marks the paragraph; not of the checks.
from nbformat.v4 import new_output
from nbgrader.converters import Autograde
from nbgrader.preprocessors import NbGraderPreprocessor


class KeepHandedIn(NbGraderPreprocessor):
    """Put what a cell shows where clearing the outputs leaves it."""

    def preprocess_cell(self, cell, resources, index):
        ours = cell.metadata.get("nbgrader", {})
        if cell.get("outputs") and not (ours.get("grade") and ours.get("locked")):
            cell.metadata["handed_in"] = cell.outputs
        return cell, resources


class ShowHandedIn(NbGraderPreprocessor):
    """Put it back, above what the cell shows now that it has been run again."""

    def preprocess_cell(self, cell, resources, index):
        if saved := cell.metadata.pop("handed_in", None):
            then = "As it was handed in:\\n"
            now = "Run again, in quick mode, which measures nothing:\\n"
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
        # For nbgrader validate, whose limit is 30 s and which would train at full length.
        handed_in.CONFIG: EXECUTION,
    }
    for name, text in made.items():
        (source / name).write_text(text, encoding="utf-8", newline="\n")
    config = folder / handed_in.CONFIG
    if not config.exists():
        config.write_text(CONFIG, encoding="utf-8", newline="\n")
    elif config.read_bytes() != CONFIG.encode():
        print(
            f"{config} exists, so it was not changed. This exercise needs the settings below. They "
            "hold for all assignments of a course: with c.ClearSolutions.enabled = False nbgrader "
            "releases the solutions of the other assignments too. It is better to give this "
            f"exercise a course of its own.\n\n{CONFIG}"
        )
    return source


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=named_path)
    folder = parser.parse_args().folder
    with command():
        print(write(folder))


if __name__ == "__main__":
    main()
