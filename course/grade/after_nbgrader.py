"""Find the submissions of an nbgrader course to which nbgrader gave other points than we do.

nbgrader 0.9.6 exports a plain 0.0 for a submission that it could not process, or that it did not
find. It does not grade a second submission of a student, unless autograde has the option --force.
"""

import contextlib

from course.bundle import NAME
from course.grade import table
from course.grade.handed_in import CONFIG


def is_course(folder):
    """Return whether a folder is a course of nbgrader, not a released or submitted folder."""
    return (folder / CONFIG).is_file() and (folder / "source").is_dir()


def differences(course, rows):
    """Yield a sentence on each submission whose points for the checks are not nbgrader's."""
    theirs = _points(course / "gradebook.db")
    for row in rows:
        student = row[table.SUBMISSION].partition("/")[0]
        gave = f"gave {theirs[student]:g}" if student in theirs else "did not grade it"
        ours = "no grade" if row[table.POINTS] == "" else f"{row[table.POINTS]} points"
        if ours == "no grade" or theirs.get(student) != table.number(row[table.POINTS]):
            yield f"{row[table.SUBMISSION]}: {ours} here, but nbgrader {gave}."


def _points(gradebook):
    """Return the points for the checks in a gradebook of nbgrader, by student."""
    from nbgrader.api import Gradebook, MissingEntry

    theirs = {}
    if gradebook.is_file():  # otherwise nbgrader would make one
        with Gradebook(f"sqlite:///{gradebook}") as book, contextlib.suppress(MissingEntry):
            for one in book.assignment_submissions(NAME):
                grades = (grade for notebook in one.notebooks for grade in notebook.grades)
                theirs[one.student.id] = sum(grade.auto_score or 0 for grade in grades)
    return theirs
