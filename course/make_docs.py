"""Put the measured figures into README.md and the pages in docs/, so that nobody types them.

    python -m course.make_docs           write them
    python -m course.make_docs --check   write nothing; exit 1 when one differs

What stands between ``<!-- results -->`` and ``<!-- /results -->`` comes from the executed
solution, and so does what is marked ``phone``, ``timings``, ``rubric`` and ``marked``; ``speed``,
``grading`` and ``keyboard`` come from the files of that name in benchmarks/; ``reliability`` counts
tests. docs/study.md is written by benchmarks/study/report.py.
"""

import argparse
import collections
import csv
import re
import subprocess
import sys

from bs4 import BeautifulSoup

from course import clock, read_solution
from course.make_exercise import ROOT
from lab import exercise
from lab.memory import LONGEST_LAG

README, DOCS = ROOT / "README.md", ROOT / "docs"
GRADING = ROOT / "benchmarks" / "grading.csv"
KEYBOARD = ROOT / "benchmarks" / "keyboard.csv"

# What docs/classroom.md counts: inputs that are tried, by the file of tests that tries them.
TRIED = {
    "the dataset hub and its faults": "test_wikitext",
    "texts": "test_any_text",
    "interrupts, divergence, restarts, cells run again": "test_classroom",
    "submissions that misbehave": "test_grade",
    "commands in a folder of any name, on another console": "test_commands",
}


def _outputs():
    """Return the outputs of the solution's code cells by the cells' ids."""
    cells = read_solution.read()["cells"]
    return {cell["id"]: cell["outputs"] for cell in cells if cell["cell_type"] == "code"}


def _table(outputs):
    """Return the table that a cell of the solution shows: {row name: {column name: text}}."""
    html = next("".join(o["data"]["text/html"]) for o in outputs if "data" in o)
    table = BeautifulSoup(html, "html.parser").table
    names = [cell.text for cell in table.thead("th")][1:]
    return {
        row.th.text: dict(zip(names, (cell.text for cell in row("td")), strict=True))
        for row in table.tbody("tr")
    }


def markdown(title, rows):
    """Return the Markdown of a table of rows by name; a cell that a row lacks is left empty."""
    names = list(next(iter(rows.values())))
    lines = [f"| {' | '.join([title, *names])} |", "|---" + "|---:" * len(names) + "|"]
    for row, cells in rows.items():
        lines.append(f"| {' | '.join([row, *(str(cells.get(name, '')) for name in names)])} |")
    return "\n".join(lines)


def results():
    """Return the Markdown of the performance table, with the memory spans, and the machine."""
    outputs = _outputs()
    machine = re.search(r"\((.*)\)", "".join(outputs["setup"][0]["text"]))[1]
    spans = "".join("".join(output.get("text", "")) for output in outputs["memory-spans"])
    rows = _table(outputs["performance-table"])
    del rows["Longest Context"]
    found = re.findall(r"Char(\w+): .*?(\d+) characters", spans)
    rows["Memory Span (characters; fresh models of one layer of 128)"] = {
        name: f"{span}+" if int(span) == LONGEST_LAG else span for name, span in found
    }
    table = markdown("one run of the solution", rows)
    return f"{table}\n\nCorpus: the bundled sample. Machine: {machine}."


def phone():
    """Return the Markdown of what a keystroke takes: phone_table and compare_runtimes."""
    outputs = _outputs()
    return markdown("", _table(outputs["phone-table"]) | _table(outputs["runtimes"]))


def keyboard():
    """Return the Markdown of what the page takes in a browser, beside ONNX Runtime Web."""
    machine, *lines = KEYBOARD.read_text(encoding="utf-8").splitlines()
    page, shown = {}, {}
    for row in csv.DictReader(lines):
        measure, of, value = row["measure"], row["of"], float(row["value"])
        if of == "all":
            page[measure] = value
        else:
            shown.setdefault(measure, {})[of] = f"{value:.2g}"
    return "\n\n".join(
        [
            markdown("", shown),
            f"The page has {page['page (MB)']:.1f} MB and is ready after "
            f"{page['page ready (ms)'] / 1000:.1f} s. Medians of 1,000 keys in one run, the "
            f"engines in turns. `python -m benchmarks.keyboard`, machine: "
            f"{machine.removeprefix('# ')}.",
        ]
    )


def speed():
    """Return the Markdown of the ratios in speed.csv; those of all three models in a sentence."""
    path = ROOT / "benchmarks" / "speed" / "speed.csv"
    command, machine, *lines = path.read_text(encoding="utf-8").splitlines()
    rows, sentence = {}, ""
    for row in csv.DictReader(lines):
        kind, _, measure = row["measure"].partition(": ")
        if kind == "ratio" and row["of"] == "all":
            sentence = f"{measure[0].upper()}{measure[1:]}: {float(row['value']):.1f}."
        elif kind == "ratio":
            rows.setdefault(measure, {})[row["of"]] = f"{float(row['value']):#.3g}"
    return "\n\n".join(
        [
            sentence,
            markdown("ratio", rows),
            f"`{command.removeprefix('# ')}` measured all of it in one run, the last-step protocol "
            "by one epoch of each model, times the epochs"
            f"{' (all of them with --full)' * ('--full' not in command)}. Machine: "
            f"{machine.removeprefix('# ')}.",
        ]
    )


def reliability():
    """Return the Markdown of how many inputs are tried: tests that run on every change."""
    files = [f"tests/{name}.py" for name in TRIED.values()]
    command = [sys.executable, "-m", "pytest", "-q", "--collect-only", "-m", "", *files]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    counts = collections.Counter(re.findall(r"^tests/(\w+)\.py::", listed, re.MULTILINE))
    return markdown("tried", {what: {"inputs": counts[name]} for what, name in TRIED.items()})


def grading():
    """Return one paragraph on what grading a submission costs."""
    machine, *lines = GRADING.read_text(encoding="utf-8").splitlines()
    rows = list(csv.DictReader(lines))
    graded = [row for row in rows if row["verdict"] == "graded"]
    seconds = [float(row["core_seconds"]) for row in graded]
    stopped = sum(row["verdict"] == "stopped" for row in rows)
    whole = sum(float(row["core_seconds"]) for row in rows)
    return (
        f"Of {len(rows)} submissions {len(graded)} ran to their end and took "
        f"{sum(seconds) / len(seconds):.1f} core-seconds each (the longest {max(seconds):.1f}) and "
        f"at most {max(int(row['peak_mb']) for row in graded)} MB; {stopped} were stopped at their "
        f"limits, {len(rows) - len(graded) - stopped} could not be read. 300 such would take "
        f"{whole * 300 / len(rows) / 60:,.0f} core-minutes. `python -m benchmarks.grading`, "
        f"machine: {machine.removeprefix('# ')}."
    )


def timings():
    """Return the Markdown of each TODO: its minutes and seconds of computing, and its points."""
    parts = clock.by_part(read_solution.read())
    taken = {name: seconds for names in parts.values() for name, seconds in names.items()}
    rows = {}
    for check in exercise.CHECKS.values():
        seconds = taken[f"TODO {check.number}"]
        rows[str(check.number)] = {
            "what": f"`{check.what}`".replace(" and ", "` and `"),
            "minutes": f"{seconds.minutes:.1f}",
            "computing (s)": f"{seconds.computing:.0f}" if seconds.computing else "",
            "points": check.points,
        }
    rows["10, by you"] = {"what": "the paragraph", "points": exercise.PARAGRAPH_POINTS}
    whole = clock.total(parts)
    others = whole.minutes - sum(taken[f"TODO {n}"].minutes for n in range(1, 11))
    rows["all else"] = {"what": "the prose and cells between", "minutes": f"{others:.1f}"}
    rows["all"] = {"minutes": f"{whole.minutes:.1f}", "computing (s)": f"{whole.computing:.0f}"}
    return markdown("TODO", rows)


def rubric():
    """Return the solution's rubric of the paragraph, without its heading."""
    (cell,) = (cell for cell in read_solution.read()["cells"] if cell["id"] == "rubric")
    return re.search(r"^\|.*?(?=\n\n|\Z)", "".join(cell["source"]), re.MULTILINE | re.DOTALL)[0]


def marked():
    """Return the solution's marked examples of the paragraph, as quotations."""
    text = "".join(_outputs()["marked-examples"][0]["text"]).strip()
    examples = [example.split("\n", 1) for example in text.split("\n\n")]
    return "\n\n".join(f"**{marks}**\n\n> {' '.join(lines.split())}" for marks, lines in examples)


def _filled(path, blocks):
    """Return the text of a file with what stands between the marks of each block renewed."""
    text = path.read_text(encoding="utf-8")
    for name, content in blocks.items():
        block = f"<!-- {name} -->\n{content}\n<!-- /{name} -->"
        pattern = f"<!-- {name} -->.*<!-- /{name} -->"
        text = re.sub(pattern, lambda _, block=block: block, text, flags=re.S)
    return text


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--check", action="store_true", help="exit 1 when something differs")
    check = parser.parse_args(arguments).check
    blocks = {
        README: {"results": results()},
        DOCS / "instructors.md": {
            "timings": timings(),
            "rubric": rubric(),
            "marked": marked(),
            "grading": grading(),
        },
        DOCS / "speed.md": {"speed": speed()},
        DOCS / "phone.md": {"phone": phone(), "keyboard": keyboard()},
        DOCS / "classroom.md": {"reliability": reliability()},
    }
    for path, of_page in blocks.items():
        content = _filled(path, of_page).encode()
        if not check:
            path.write_bytes(content)
        elif path.read_bytes() != content:
            name = path.relative_to(ROOT).as_posix()
            sys.exit(f"{name} differs from what was measured: run python -m course.make_docs")


if __name__ == "__main__":
    main()
