"""What instructors and maintainers run: generate, time, bundle, handout, nbgrader, grade."""

import sys


def print_names():
    """Let stdout print any file's name: a code for what its encoding lacks, as stderr has it."""
    sys.stdout.reconfigure(errors="backslashreplace")
