"""Find and read all submissions in a folder; nothing is left out without a message."""

import re
import zipfile
from pathlib import PurePosixPath

from course.bundle import supplies
from course.make_exercise import NAME as METADATA
from lab.exercise import VERSION

LARGEST = 50_000_000  # bytes of a notebook
# Files that systems and tools put next to a submission, and files of the exercise itself.
IGNORED = {"__MACOSX", "__pycache__", "venv", "env", "node_modules", "Thumbs.db", "desktop.ini"}
CONFIG = "nbgrader_config.py"  # in a course, and in what is released from it
OURS = {name.parts[0] for name in supplies()} | {"README.md", CONFIG}
NOTEBOOK = re.compile(r"\.ipynb(\.txt|\.json)?$", re.IGNORECASE)


def other_version(notebook):
    """Return a message if a notebook belongs to another version of the exercise, or None.

    The version is in the metadata. If a tool removed the metadata, it is in the setup cell.
    """
    sources = "\n".join(cell.source for cell in notebook.cells)
    line = re.search(r'^VERSION = "(.*?)"', sources, re.MULTILINE)
    seen = notebook.metadata.get(METADATA, {}).get("version") or (line and line[1])
    if seen == VERSION:
        return None
    named = f"version {seen}" if seen else "version 1 (without a version number)"
    return (
        f"the notebook is from {named} of the exercise, but this is version {VERSION}. Grade the "
        "notebook with its own version of this project"
    )


class Refused(Exception):
    """A submission is not run: the message says why, and ``verdict`` is the verdict in its row."""

    def __init__(self, why, verdict="not graded"):
        super().__init__(why)
        self.verdict = verdict


def find(folder, leave_out=None):
    """Return the submissions in a folder, or a single file, as {name: path}.

    Every notebook and every archive is a submission. So is each folder without a notebook. Any
    other file is a submission too, unless there is exactly one notebook to which it can belong.
    """
    whole = not folder.is_file()
    paths = sorted(_inside(folder, leave_out)) if whole else [folder]
    places = [path.relative_to(folder if whole else folder.parent).as_posix() for path in paths]
    # A name has only characters that all consoles and files can show, and no notebook's suffix.
    names = [NOTEBOOK.sub("", p).encode(errors="backslashreplace").decode() for p in places]
    return dict(zip(names, paths, strict=True))


def _inside(folder, leave_out):
    """Return the submissions in a folder, but not the folder itself."""
    found = []
    for path in folder.iterdir():
        if not _ignored(path.name) and path != leave_out:
            real = path.is_dir() and not path.is_symlink()
            found += _folder(path, leave_out) if real else [path]
    return [path for path in found if may_hold_one(path) or path.name not in OURS]


def _folder(folder, leave_out):
    """Return a folder's submissions.

    A folder without a notebook is itself a submission. If a folder has exactly one notebook, the
    other files belong to this notebook.
    """
    found = _inside(folder, leave_out)
    notebooks = [path for path in found if may_hold_one(path)]
    if not notebooks:
        return [folder] if found else []
    alone = [path.parent for path in notebooks].count(folder) == 1
    return notebooks if alone else found


def _ignored(name):
    return name.startswith(".") or name in IGNORED


def may_hold_one(path):
    """Return whether a file is an archive, or has the name of a notebook."""
    return bool(NOTEBOOK.search(path.name)) or path.suffix.lower() == ".zip"


def text_of(path):
    """Return the text of the notebook at a path, or of the only notebook in the archive there.

    Raises Refused with the reason for everything else.
    """
    if path.is_symlink():  # which may lead to the solution
        raise Refused("this is a link, not a file")
    if path.is_dir():
        raise Refused("the folder does not contain a notebook")
    if not path.is_file():  # a device never ends
        raise Refused("this is not an ordinary file")
    try:
        with _opened(path) as file:
            content = file.read(LARGEST + 1)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError) as error:
        why = getattr(error, "strerror", None) or error
        raise Refused(f"the file cannot be opened: {why}") from error
    if len(content) > LARGEST:
        raise Refused(f"the file is larger than {LARGEST / 1e6:.0f} MB")
    text = decoded(content)
    if not text.strip():
        raise Refused("the file is empty")
    if conflict := re.search(r"^(<{7} |>{7} |={7}$)", text, re.MULTILINE):
        line = text.count("\n", 0, conflict.start()) + 1
        raise Refused(f"line {line} has a mark of a merge conflict in git: {conflict[0].strip()}")
    return text


def _opened(path):
    """Return the notebook at a path, or the notebook in the zip file there, as an open file."""
    if NOTEBOOK.search(path.name):
        return path.open("rb")
    if path.suffix.lower() != ".zip":
        kind = f"a {path.suffix} file" if path.suffix else "a file without a suffix"
        raise Refused(f"this is {kind}, not a notebook (.ipynb)")
    archive = zipfile.ZipFile(path)
    names = [
        name
        for name in archive.namelist()
        if NOTEBOOK.search(name) and not any(map(_ignored, PurePosixPath(name).parts))
    ]
    if len(names) != 1:
        told = ", ".join(PurePosixPath(name).name for name in names)
        raise Refused(
            f"a zip file must have 1 notebook, but this has {len(names)}{': ' * bool(names)}{told}"
        )
    return archive.open(names[0])


def decoded(content):
    """Return bytes as text.

    They are UTF-8 with or without a byte order mark, UTF-16 with one, or else cp1252.
    """
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16", errors="replace")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", errors="replace")
