"""The README's figures are the solution's, and its two commands are the ones that CI runs."""

import re

from tools import make_readme, unpinned

README = make_readme.README.read_text(encoding="utf-8")


def test_figures_are_those_of_the_executed_solution():
    make_readme.main(["--check"])
    table, _ = make_readme.results()
    assert "Test Perplexity" in table and "Memory Span" in table and "cores" in table


def test_there_are_two_commands_each_with_its_windows_twin():
    posix = re.findall(r"^python3 -m venv .*$", README, flags=re.M)
    windows = re.findall(r"^py -m venv .*$", README, flags=re.M)
    assert len(posix) == len(windows) == 2
    for one, other in zip(posix, windows, strict=True):
        assert other == one.replace("python3 ", "py ").replace(".venv/bin/", ".venv\\Scripts\\")


def test_the_newest_versions_are_tried_of_every_package_that_is_pinned():
    pinned = [
        line.split("==")[0]
        for path in unpinned.ROOT.glob("requirements*.txt")
        for line in path.read_text(encoding="utf-8").splitlines()
        if line and not line.startswith(("#", "-r"))
    ]
    assert set(unpinned.names()) == set(pinned) >= {"torch", "nbgrader", "pytest"}
