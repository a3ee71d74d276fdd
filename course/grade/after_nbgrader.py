"""Find the submissions that nbgrader did not grade, or to which it gave other points than we do.

nbgrader 0.9.6 exports a plain 0.0 for a submission that it could not process, or that it did not
find. It does not grade a second submission of a student, unless autograde has the option --force.
"""

import collections
import contextlib
import re

from course.bundle import NAME
from course.grade import handed_in, submission, table
from course.grade.handed_in import CONFIG
from course.make_exercise import EXERCISE


def is_course(folder):
    """Return whether a folder is a course of nbgrader, not a released or submitted folder."""
    return (folder / CONFIG).is_file() and (folder / "source").is_dir()


def left_out(course):
    """Return the submissions that nbgrader did not grade: {name: reason}."""
    found = handed_in.find(course / "submitted") if (course / "submitted").is_dir() else {}
    whys = {name: _why_not(path, course) for name, path in found.items()}
    return {name: why for name, why in whys.items() if why}


def differences(course, rows):
    """Return sentences on the submissions whose points for the checks differ from nbgrader's."""
    from nbgrader.api import Gradebook, MissingEntry

    theirs = {}
    with (
        Gradebook(f"sqlite:///{course / 'gradebook.db'}") as book,
        contextlib.suppress(MissingEntry),
    ):
        for one in book.assignment_submissions(NAME):
            grades = (grade for notebook in one.notebooks for grade in notebook.grades)
            theirs[one.student.id] = sum(grade.auto_score or 0 for grade in grades)
    for row in rows:
        student = row[table.SUBMISSION].partition("/")[0]
        if student in theirs and theirs[student] != table.number(row[table.POINTS]):
            yield (
                f"{row[table.SUBMISSION]}: {row[table.POINTS]} points here, but nbgrader gave "
                f"{theirs[student]:g}. The points here are right."
            )


def _why_not(path, course):
    """Return why nbgrader has not graded the file at a path, or None."""
    inside = path.relative_to(course / "submitted")
    student = inside.parts[0] if len(inside.parts) > 1 else path.stem
    place = f"{student}/{NAME}/{EXERCISE.name}"
    graded = course / "autograded" / place
    autograde = f"python -m nbgrader autograde {NAME} --student {student}"
    *_, refused = submission.prepare(path)
    verdict, why = refused or (None, None)
    if verdict == submission.OTHER_VERSION:
        return f"{why}. The points that nbgrader shows for it are not a grade"
    if inside.as_posix() != place:
        return f"the file is in the wrong place, because nbgrader reads only submitted/{place}"
    if not graded.exists():
        return why or _marks_lost(path) or f"to see the reason, run {autograde}"
    if graded.stat().st_mtime < path.lstat().st_mtime:
        return f"the student handed in a newer file. To grade it, run {autograde} --force"
    return None


def _marks_lost(path):
    """Return what is wrong with nbgrader's ids of the cells in a notebook, or None."""
    marks = collections.Counter(re.findall(r'"grade_id": *"(.*?)"', handed_in.text_of(path)))
    if twice := sorted(mark for mark, count in marks.items() if count > 1):
        return f"copied cells have the nbgrader id of the original cell: {', '.join(twice)}"
    return None if marks else "the cells have lost the metadata of nbgrader"
