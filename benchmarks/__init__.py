"""What is measured on a machine, and written beside its name for course/generate.py to quote."""

import helpers


def record(path, table, *software, **formats):
    """Write a table as CSV below a line that names this machine and software; see to_csv."""
    csv = table.to_csv(index=False, lineterminator="\n", **formats)
    machine = ", ".join([helpers.describe_machine(), *software])
    path.write_text(f"# {machine}\n{csv}", encoding="utf-8", newline="\n")
