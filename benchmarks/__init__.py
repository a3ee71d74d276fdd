"""Measurements on a machine. course/generate.py quotes them together with the machine's name."""

import helpers


def record(path, table, *software, **formats):
    """Write a table as CSV, after a line with this machine and ``software``; see to_csv."""
    csv = table.to_csv(index=False, lineterminator="\n", **formats)
    machine = ", ".join([helpers.describe_machine(), *software])
    path.write_text(f"# {machine}\n{csv}", encoding="utf-8", newline="\n")
