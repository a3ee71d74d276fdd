"""Who was not graded in a course of nbgrader, and why.

nbgrader 0.9.6 exports a plain 0.0 for a submission that it could not process, or that it did not
find; a second one it passes over, unless autograde has --force.
"""

import collections
import re

from course.bundle import NAME
from course.grade import handed_in, submission
from course.grade.handed_in import CONFIG
from course.make_exercise import EXERCISE


def is_course(folder):
    """Return whether a folder is a course of nbgrader, not what was released or handed in."""
    return (folder / CONFIG).is_file() and (folder / "source").is_dir()


def left_out(course):
    """Return what nbgrader has not graded in a course: (path, why) by the submission's name."""
    found = handed_in.find(course / "submitted") if (course / "submitted").is_dir() else {}
    whys = {name: (path, _why_not(path, course)) for name, path in found.items()}
    return {name: (path, why) for name, (path, why) in whys.items() if why}


def _why_not(path, course):
    """Return why nbgrader has not graded what a path leads to, or None."""
    inside = path.relative_to(course / "submitted")
    student = inside.parts[0] if len(inside.parts) > 1 else path.stem
    place = f"{student}/{NAME}/{EXERCISE.name}"
    graded = course / "autograded" / place
    *_, refused = submission.prepare(path)
    verdict, why = refused or (None, None)
    if verdict == submission.OTHER_VERSION:
        return f"{why}; the points that nbgrader has are not a grade"
    if inside.as_posix() != place:
        return f"nbgrader looks for submitted/{place} only"
    if not graded.exists():
        return why or _marks_lost(path) or f"nbgrader autograde {NAME} --student {student} says why"
    if graded.stat().st_mtime < path.lstat().st_mtime:
        return "handed in again since: nbgrader autograde --force grades it"
    return None


def _marks_lost(path):
    """Return what is wrong with nbgrader's marks of the cells in a notebook, or None."""
    marks = collections.Counter(re.findall(r'"grade_id": *"(.*?)"', handed_in.text_of(path)))
    if twice := sorted(mark for mark, count in marks.items() if count > 1):
        return f"copied cells, with nbgrader's mark of the original: {', '.join(twice)}"
    return None if marks else "its cells have lost nbgrader's marks"
