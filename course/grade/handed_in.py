"""What was handed in: nothing that lies below a folder of submissions is lost without a word."""

import re
import zipfile
from pathlib import PurePosixPath

from course.bundle import supplies
from course.make_exercise import NAME as METADATA
from lab.exercise import VERSION

LARGEST = 50_000_000  # bytes of a notebook
# What systems and tools put beside a submission, and what the exercise itself brings.
IGNORED = {"__MACOSX", "__pycache__", "venv", "env", "node_modules", "Thumbs.db", "desktop.ini"}
CONFIG = "nbgrader_config.py"  # in a course, and in what is released from it
OURS = {name.parts[0] for name in supplies()} | {"README.md", CONFIG}
NOTEBOOK = re.compile(r"\.ipynb(\.txt|\.json)?$", re.IGNORECASE)


def other_version(notebook):
    """Return in words of which other version a notebook is than this checkout, or None.

    Its metadata say so or, where a tool dropped them, its setup cell as it was handed in.
    """
    sources = "\n".join(cell.source for cell in notebook.cells)
    line = re.search(r'^VERSION = "(.*?)"', sources, re.MULTILINE)
    seen = notebook.metadata.get(METADATA, {}).get("version") or (line and line[1])
    if seen == VERSION:
        return None
    named = f"version {seen}" if seen else "version 1, which carries no number"
    return f"it is of {named}: a checkout of that version grades it; this one is of {VERSION}"


class Refused(Exception):
    """What was handed in is not run: the message says why, ``verdict`` what its row says."""

    def __init__(self, why, verdict="not graded"):
        super().__init__(why)
        self.verdict = verdict


def find(folder, leave_out=None):
    """Return what was handed in: paths by their names, for a folder or for a single file.

    Every notebook and every archive is one; so is any other file that lies where there is not just
    one notebook that it could belong to, and each folder that holds none.
    """
    whole = not folder.is_file()
    paths = sorted(_inside(folder, leave_out)) if whole else [folder]
    places = [path.relative_to(folder if whole else folder.parent).as_posix() for path in paths]
    # The name is what all consoles and files can hold, without the end of a notebook's.
    names = [NOTEBOOK.sub("", p).encode(errors="backslashreplace").decode() for p in places]
    return dict(zip(names, paths, strict=True))


def _inside(folder, leave_out):
    """Return what was handed in in a folder, none of which is the folder itself."""
    found = []
    for path in folder.iterdir():
        if not _ignored(path.name) and path != leave_out:
            real = path.is_dir() and not path.is_symlink()
            found += _folder(path, leave_out) if real else [path]
    return [path for path in found if may_hold_one(path) or path.name not in OURS]


def _folder(folder, leave_out):
    """Return a folder's submissions: itself without a notebook; one notebook takes all else."""
    found = _inside(folder, leave_out)
    notebooks = [path for path in found if may_hold_one(path)]
    if not notebooks:
        return [folder] if found else []
    alone = [path.parent for path in notebooks].count(folder) == 1
    return notebooks if alone else found


def _ignored(name):
    return name.startswith(".") or name in IGNORED


def may_hold_one(path):
    """Return whether a file is a notebook by its name, or an archive."""
    return bool(NOTEBOOK.search(path.name)) or path.suffix.lower() == ".zip"


def text_of(path):
    """Return the text of the notebook that a path leads to, an archive's if it holds just one.

    Raises Refused, which says why, for all else.
    """
    if path.is_symlink():  # which may lead to the solution
        raise Refused("a link, not a file")
    if not path.is_file():  # a device never ends
        raise Refused("a folder without a notebook" if path.is_dir() else "no ordinary file")
    try:
        with _opened(path) as file:
            content = file.read(LARGEST + 1)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError) as error:
        why = getattr(error, "strerror", None) or error
        raise Refused(f"cannot be opened: {why}") from error
    if len(content) > LARGEST:
        raise Refused(f"larger than {LARGEST / 1e6:.0f} MB")
    text = decoded(content)
    if not text.strip():
        raise Refused("empty")
    if conflict := re.search(r"^(<{7} |>{7} |={7}$)", text, re.MULTILINE):
        line = text.count("\n", 0, conflict.start()) + 1
        raise Refused(f"git left a conflict in line {line}: {conflict[0].strip()}")
    return text


def _opened(path):
    """Return the notebook at a path, or the one in the zip that is there, as an open file."""
    if NOTEBOOK.search(path.name):
        return path.open("rb")
    if path.suffix.lower() != ".zip":
        raise Refused(f"a {path.suffix or 'file without an ending'}, not a notebook (.ipynb)")
    archive = zipfile.ZipFile(path)
    names = [
        name
        for name in archive.namelist()
        if NOTEBOOK.search(name) and not any(map(_ignored, PurePosixPath(name).parts))
    ]
    if len(names) != 1:
        told = ", ".join(PurePosixPath(name).name for name in names)
        raise Refused(f"a zip with {len(names)} notebooks{': ' * bool(names)}{told}")
    return archive.open(names[0])


def decoded(content):
    """Return bytes as text: UTF-8 with or without its mark, UTF-16 with it, else cp1252."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16", errors="replace")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", errors="replace")
