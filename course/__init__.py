"""What instructors and maintainers run: generate, bundle, handout, nbgrader, gradescope, grade."""

import contextlib
import sys
from pathlib import Path


@contextlib.contextmanager
def command():
    """Run a command in a ``with`` block: its console can show, and its errors name, any file.

    What stdout's encoding lacks becomes a code, as on stderr. What the system refuses to read or
    write ends the command in one sentence.
    """
    if sys.stdout:
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        yield
    except OSError as error:
        if not error.filename:
            sys.exit(str(error))
        place = error.filename2 or error.filename
        sys.exit(f"{place}: {error.strerror}. Name a place that can be read and written.")


def named_path(text):
    """Return a command's argument as a path; ValueError when it is empty, as an unset variable."""
    if not text:
        raise ValueError("no name")
    return Path(text)


def positive(text):
    """Return a command's argument as a whole number above 0; ValueError for any other."""
    if (number := int(text)) < 1:
        raise ValueError("not above 0")
    return number
