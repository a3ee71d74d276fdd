"""Who was not graded in a course of nbgrader, and why.

nbgrader 0.9.6 exports a plain 0.0 for a submission that it could not process, or that it did not
find; a second one it passes over, unless autograde has --force.
"""

import collections

import nbformat

from course.bundle import NAME
from course.grade import handed_in
from course.grade.handed_in import CONFIG
from course.make_exercise import EXERCISE


def is_course(folder):
    """Return whether a folder is a course of nbgrader, not what was released or handed in."""
    return (folder / CONFIG).is_file() and (folder / "source").is_dir()


def left(course):
    """Return what nbgrader has not graded in a course: (path, why) by the submission's name."""
    found = handed_in.find(course / "submitted") if (course / "submitted").is_dir() else {}
    whys = {name: (path, _why_not(path, course)) for name, path in found.items()}
    return {name: (path, why) for name, (path, why) in whys.items() if why}


def _why_not(path, course):
    """Return why nbgrader has not graded what a path leads to, or None."""
    inside = path.relative_to(course / "submitted")
    student = inside.parts[0] if len(inside.parts) > 1 else path.stem
    place = f"{student}/{NAME}/{EXERCISE.name}"
    if version := _other_version(path):
        return f"{version}; the points that nbgrader has are not a grade"
    if inside.as_posix() != place:
        return f"nbgrader looks for submitted/{place} only"
    try:
        graded, handed = (course / "autograded" / place).stat().st_mtime, path.stat().st_mtime
        if graded < handed:
            return "handed in again since: nbgrader autograde --force grades it"
    except OSError:
        return _fault(path) or f"nbgrader autograde {NAME} --student {student} says why"
    return None


def _other_version(path):
    """Return of which other version the notebook is that a path leads to, or None."""
    try:
        return handed_in.other_version(nbformat.reads(handed_in.text_of(path), as_version=4))
    except Exception:  # what cannot be read is told otherwise
        return None


def _fault(path):
    """Return what keeps nbgrader from grading a notebook, as far as its cells tell, or None."""
    try:
        notebook = nbformat.reads(handed_in.text_of(path), as_version=4)
        ids = [cell.metadata.get("nbgrader", {}).get("grade_id") for cell in notebook.cells]
    except handed_in.Unreadable as unreadable:
        return str(unreadable)
    except Exception:  # nbformat raises whatever the file makes it stumble over
        return "not a notebook"
    counts = collections.Counter(filter(None, ids))
    if twice := sorted(cell_id for cell_id, count in counts.items() if count > 1):
        return f"copied cells, with nbgrader's mark of the original: {', '.join(twice)}"
    if not counts:
        return "its cells have lost nbgrader's marks"
    return None
