"""Put the measured figures into README.md and the pages in docs/, so that nobody types them.

    python -m course.make_docs           write them
    python -m course.make_docs --check   write nothing; exit 1 when one differs

What stands between ``<!-- results -->`` and ``<!-- /results -->`` comes from the executed
solution, and so does what is marked ``phone``, ``timings`` and ``marked``; ``speed`` and
``grading`` come from the files of that name in benchmarks/, ``reliability`` from docs/.
docs/study.md is written by benchmarks/study/report.py.
"""

import argparse
import csv
import re
import sys

import pandas as pd

from course import read_solution
from course.make_exercise import ROOT, todo_number
from course.reliability import RESULTS
from lab import checks

README, DOCS = ROOT / "README.md", ROOT / "docs"
GRADING = ROOT / "benchmarks" / "grading.csv"

# What docs/speed.md says, the measure in speed.csv, and how the number reads.
SPEED = [
    (
        "an epoch, times faster than one of the last-step protocol",
        "ratio: epoch, last-step / this",
        "{:.1f}",
    ),
    (
        "time to that protocol's best validation loss, times shorter",
        "ratio: time to the last-step best, last-step / this",
        "{:.0f}",
    ),
    (
        "throughput of `train_epoch` against a bare PyTorch loop",
        "ratio: throughput, train_epoch / bare loop",
        "{:.0%}",
    ),
    (
        "throughput against the same model in Keras 3 on JAX",
        "peer: times the speed of Keras",
        "{:.0%}",
    ),
    (
        "share of an epoch that its matrix products alone would take",
        "ratio: limit / epoch",
        "{:.0%}",
    ),
    (
        "a step of two trainings at once, times one alone",
        "ratio: two at once / alone, adapted threads",
        "{:.1f}",
    ),
    (
        "the same with PyTorch's own number of threads",
        "ratio: two at once / alone, fixed threads",
        "{:.1f}",
    ),
]


def _outputs():
    """Return the outputs of the solution's code cells by the cells' ids."""
    cells = read_solution.read()["cells"]
    return {cell["id"]: cell["outputs"] for cell in cells if cell["cell_type"] == "code"}


def _shown(outputs):
    """Return the rows of the table that show_table made of a cell's output, the header first."""
    text = next("".join(o["data"]["text/plain"]) for o in outputs if "data" in o)
    header, *rows = (re.split(r"  +", line.strip()) for line in text.splitlines())
    return [["", *" ".join(header).split()[1:]], *(row for row in rows if len(row) > 1)]


def _markdown(rows):
    """Return the Markdown of a table; cells that are missing at a row's end are left empty."""
    width = len(rows[0])
    lines = [f"| {' | '.join(row + [''] * (width - len(row)))} |" for row in rows]
    return "\n".join([lines[0], "|---" + "|---:" * (width - 1) + "|", *lines[1:]])


def results():
    """Return the Markdown of the performance table, with the memory spans, and the machine."""
    outputs = _outputs()
    machine = re.search(r"\((.*)\)", "".join(outputs["setup"][0]["text"]))[1]
    header, *rows = _shown(outputs["performance-table"])
    spans = "".join("".join(output.get("text", "")) for output in outputs["memory-spans"])
    found = dict(re.findall(r"Char(\w+): .*?(\d+) characters", spans))
    rows.append(["Memory Span (characters)", *found.values()])
    table = _markdown([["one run of the solution", *header[1:]], *rows])
    return f"{table}\n\nCorpus: the bundled sample. Machine: {machine}."


def phone():
    """Return the Markdown of what a keystroke takes: phone_table and compare_runtimes."""
    outputs = _outputs()
    return _markdown([*_shown(outputs["phone-table"]), *_shown(outputs["runtimes"])[1:]])


def speed():
    """Return the Markdown of the table and the sentences about speed."""
    command, machine, *lines = (
        (ROOT / "benchmarks" / "speed" / "speed.csv").read_text(encoding="utf-8").splitlines()
    )
    value = {(row["measure"], row["of"]): float(row["value"]) for row in csv.DictReader(lines)}
    names = ("RNN", "LSTM", "GRU")
    table = ["| | RNN | LSTM | GRU |", "|---|---:|---:|---:|"]
    for label, measure, form in SPEED:
        table.append(
            f"| {label} | " + " | ".join(form.format(value[measure, n]) for n in names) + " |"
        )
    lengths = sorted({int(of) for _, of in value if of.isdigit()})
    texts = ["| characters | load | encode and cut | memory for that | epoch of the RNN |"]
    texts.append("|---:" * 5 + "|")
    for length in map(str, lengths):
        load, prepare, epoch = (
            value[f"{stage}: seconds", length] for stage in ("load", "prepare", "epoch of the RNN")
        )
        memory = value["encode: bytes per character", length]
        texts.append(
            f"| {int(length):,} | {1000 * load:.0f} ms | {1000 * prepare:.1f} ms | "
            f"{memory:.0f} B per character | {epoch:.1f} s |"
        )
    core = value["ratio: core, last-step / this", "all"]
    return "\n".join(
        [
            "All three models trained for 20 epochs, tested and tabulated: "
            f"{core:.1f} times faster than by the last-step protocol.",
            "",
            *table,
            "",
            *texts,
            "",
            f"`{command.removeprefix('# ')}` measured all of it in one run. Machine: "
            f"{machine.removeprefix('# ')}.",
        ]
    )


def reliability():
    """Return the Markdown of how many inputs were tried and handled."""
    results = pd.read_csv(RESULTS)
    rows = [["tried", "inputs", "handled"]]
    for tried, group in results.groupby("tried", sort=False):
        rows.append([tried, str(len(group)), str((group["outcome"] == "handled").sum())])
    return _markdown(rows)


def grading():
    """Return one paragraph on what grading a submission costs."""
    machine, *lines = GRADING.read_text(encoding="utf-8").splitlines()
    rows = list(csv.DictReader(lines))
    seconds = [float(row["core_seconds"]) for row in rows]
    mean = sum(seconds) / len(seconds)
    return (
        f"A class of {len(rows)} took {mean:.1f} core-seconds a submission (the longest "
        f"{max(seconds):.1f}) and at most {max(int(row['peak_mb']) for row in rows)} MB; at that "
        f"rate 100,000 would take {mean * 100_000 / 3_600:,.0f} core-hours. "
        f"`python -m benchmarks.grading`, machine: {machine.removeprefix('# ')}."
    )


def timings():
    """Return the Markdown of each TODO: its points, its minutes and the seconds of computing."""
    headings, computing, todo = {}, {}, None
    points = {check.number: check.points for check in checks.CHECKS.values()}
    for cell in read_solution.required_cells():
        source = "".join(cell["source"])
        if heading := re.search(r"^### TODO (\d+) · (.*) \((\d+) min", source, re.MULTILINE):
            headings[int(heading[1])] = heading.groups()
        todo = todo_number(cell) or todo
        for output in cell.get("outputs", ()) if todo else ():
            text = "".join(output.get("text", ""))
            seconds = re.findall(r"characters \((\d+) s\)", text)
            if cell["id"] == "train":
                epochs = re.findall(r"epoch +(\d+)/\1 .*?(\S+) s  \(", text)
                means = _shown(_outputs()["performance-table"])[7][1:]
                seconds = [int(n) * float(m) for (n, _), m in zip(epochs, means, strict=True)]
            if seconds:
                computing[todo] = f"{sum(map(float, seconds)):.0f}"
    rows = [["TODO", "what", "minutes", "computing (s)", "points"]]
    for number, (_, what, minutes) in headings.items():
        rows.append([str(number), what, minutes, computing.get(number, ""), str(points[number])])
    rows.append(["10", "the paragraph", "", "", str(checks.PARAGRAPH_POINTS)])
    return _markdown(rows)


def marked():
    """Return the solution's marked examples of the paragraph, as quotations."""
    text = "".join(_outputs()["marked-examples"][0]["text"]).strip()
    examples = [example.split("\n  ", 1) for example in text.split("\n\n")]
    return "\n\n".join(f"**{marks}**\n\n> {paragraph}" for marks, paragraph in examples)


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
        DOCS / "instructors.md": {"timings": timings(), "marked": marked(), "grading": grading()},
        DOCS / "speed.md": {"speed": speed()},
        DOCS / "phone.md": {"phone": phone()},
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
