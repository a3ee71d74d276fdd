"""The commands for instructors and maintainers.

They are generate, bundle, handout, nbgrader, gradescope and grade.
"""

import argparse
import contextlib
import sys
from pathlib import Path


@contextlib.contextmanager
def command():
    """Run a command in a ``with`` block that works with files of any name.

    If the encoding of stdout lacks a character, a code is printed for it, as on stderr. If the
    system refuses to read or write a file, the command ends with one sentence that names the file.
    """
    if sys.stdout:
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        yield
    except OSError as error:
        if not error.filename:
            sys.exit(f"{error.strerror or error}. Nothing was written to its end. Try again.")
        place = error.filename2 or error.filename
        sys.exit(f"{place}: {error.strerror}. Choose a place that you can read and write.")


def named_path(text):
    """Return an argument of a command as a path.

    Raises ArgumentTypeError if the argument is empty, for example an unset variable of the shell.
    """
    if not text:
        raise argparse.ArgumentTypeError("the name is empty")
    return Path(text)


def positive(text):
    """Return an argument of a command as an integer above 0.

    Raises ArgumentTypeError for any other argument.
    """
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not an integer above 0")
    return int(text)
