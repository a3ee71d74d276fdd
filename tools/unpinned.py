"""Print all requirements without their versions, one per line: python -m tools.unpinned."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def names():
    """Return the packages that any of the requirements files pins, sorted."""
    lines = [n for path in ROOT.glob("requirements*.txt") for n in path.read_text().splitlines()]
    return sorted({line.split("==")[0] for line in lines if "==" in line})


if __name__ == "__main__":
    print(*names(), sep="\n")
