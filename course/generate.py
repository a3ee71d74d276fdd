"""Everything in the project that is generated, in one command.

    python -m course.generate           write it
    python -m course.generate --check   write nothing; name all that is out of date, and exit 1

exercise.ipynb is made from solution.ipynb, whose visible numbers have to be those of
lab/exercise.py. In README.md and docs/, what stands between
``<!-- name -->`` and ``<!-- /name -->`` comes from data: from what the solution's last cell leaves
in its outputs as JSON, from its cells' times, and from the files in benchmarks/. docs/study.md and
the tables beside the study's runs come from data/study/.
"""

import argparse
import ast
import csv
import inspect
import re
import sys
from datetime import datetime

import helpers
from course import make_exercise, pictures, read_solution
from course.make_exercise import EXERCISE, ROOT
from lab import exercise, memory

README, DOCS = ROOT / "README.md", ROOT / "docs"
GRADING = ROOT / "benchmarks" / "grading.csv"
KEYBOARD = ROOT / "benchmarks" / "keyboard.csv"
SPEED = ROOT / "benchmarks" / "speed" / "speed.csv"
QUOTED = "application/vnd.rnn-lstm-gru+json"  # the type of what the solution's last cell leaves


VISIBLE = {  # what students see in the notebook, by the name that it has there
    **exercise.SIZES,
    "dropout": exercise.DROPOUT,
    "epochs": exercise.EPOCHS,
    "VERSION": exercise.VERSION,
    "EPOCHS": exercise.EPOCHS,
    "PROMPT": exercise.PROMPT,
    "BATCHES": exercise.SPAN_BATCHES,
    **exercise.REQUIREMENTS,
}
PROSE = {  # what its text cells have to say, by their ids
    "requirements-intro": [
        f"{exercise.REQUIREMENTS['parameters'] / 1e6:g} million parameters",
        f"{exercise.REQUIREMENTS['latency_ms']} ms",
        f"**{exercise.REQUIREMENTS['load']}** symbols",
        f"**{exercise.REQUIREMENTS['span']}** characters",
        f"**{100 * exercise.REQUIREMENTS['perplexity_margin']:g} %**",
    ],
    "part-a": [
        *(f"`{name}={size}`" for name, size in exercise.SIZES.items()),
        f"{exercise.DROPOUT} after the embedding",
    ],
    "data-intro": [f"{exercise.SEQ_LEN} characters"],
    "meanwhile": [
        *(f"{rate:g} for the {name}" for name, rate in exercise.LEARNING_RATES.items()),
        f"{exercise.SPAN_SIZES['hidden_dim']} units",
        f"{exercise.SPAN_BATCHES:,} batches",
        f"a norm of at most {exercise.MAX_GRADIENT_NORM}",
    ],
    "keystroke-intro": [f"among {exercise.SUGGESTIONS} suggested"],
}
SIGNATURES = {  # what they see in the signatures of functions that they call
    helpers.prepare_sequences: {"seq_len": exercise.SEQ_LEN},
    helpers.train_epoch: {"batch_size": exercise.BATCH_SIZE},
    memory.memory_span: {
        "load": exercise.REQUIREMENTS["load"],
        "hidden_dim": exercise.SPAN_SIZES["hidden_dim"],
        "num_layers": exercise.SPAN_SIZES["num_layers"],
    },
}


def other_numbers():
    """Yield a line for each number that students see and lab/exercise.py has otherwise."""
    required = read_solution.required_cells()
    for cell in read_solution.read()["cells"]:
        source = "".join(cell["source"])
        said = " ".join(source.split())
        for text in PROSE.get(cell["id"], ()):
            if text not in said:
                yield f"cell {cell['id']!r} does not say {text!r}"
        if cell["cell_type"] == "code" and cell in required:
            found = [pair for pair in _values(ast.parse(source)) if pair[0] in VISIBLE]
            yield from _others(found, VISIBLE, f"in cell {cell['id']!r}")
    for function, known in SIGNATURES.items():
        parameters = inspect.signature(function).parameters
        found = [(name, parameters[name].default) for name in known]
        yield from _others(found, known, f"in {function.__name__}")


def _others(found, known, where):
    for name, value in found:
        if value != known[name]:
            yield f"{name} = {value!r} {where}: lab/exercise.py has {known[name]!r}"


def _values(tree):
    # Yield (name, value) of what is assigned, outside of quick mode, of keywords and defaults.
    for node in ast.walk(tree):
        pairs = []
        if isinstance(node, ast.Assign):
            value = node.value.orelse if isinstance(node.value, ast.IfExp) else node.value
            pairs = [(target, value) for target in node.targets]
        elif isinstance(node, ast.FunctionDef):
            pairs = zip(node.args.args[::-1], node.args.defaults[::-1], strict=False)
        elif isinstance(node, ast.Call):
            pairs = [(keyword, keyword.value) for keyword in node.keywords]
        for target, value in pairs:
            if isinstance(value, ast.Constant):
                yield getattr(target, "id", getattr(target, "arg", "")), value.value


def quoted():
    """Return what the solution's last cell leaves for README.md and docs/, a dict."""
    (cell,) = (cell for cell in read_solution.read()["cells"] if cell["id"] == "quoted")
    return cell["outputs"][0]["data"][QUOTED]


def rows_of(table):
    """Return the rows by name of a table as pandas splits it: {row: {column: text}}."""
    rows = zip(table["index"], table["data"], strict=True)
    return {name: dict(zip(table["columns"], row, strict=True)) for name, row in rows}


def markdown(title, rows):
    """Return the Markdown of a table of rows by name; a cell that a row lacks is left empty."""
    names = list(next(iter(rows.values())))
    lines = [f"| {' | '.join([title, *names])} |", "|---" + "|---:" * len(names) + "|"]
    for row, cells in rows.items():
        lines.append(f"| {' | '.join([row, *(str(cells.get(name, '')) for name in names)])} |")
    return "\n".join(lines)


def rows_with_comments(path):
    """Return (the lines before the table, its rows) of a file in benchmarks/."""
    lines = path.read_text(encoding="utf-8").splitlines()
    comments = [line.removeprefix("# ") for line in lines if line.startswith("# ")]
    return comments, list(csv.DictReader(lines[len(comments) :]))


def results():
    """Return the Markdown of the performance table, with the memory spans, and the machine."""
    run = quoted()
    rows = {what: of for what, of in rows_of(run["table"]).items() if what != "Longest Context"}
    size = f"{exercise.SPAN_SIZES['hidden_dim']} hidden units"
    rows[f"Memory Span (characters; fresh models of {size})"] = {
        name: f"{span}+" if span == exercise.LONGEST_LAG else span
        for name, span in run["spans"].items()
    }
    table = markdown("one run of the solution", rows)
    return f"{table}\n\nCorpus: the bundled sample. Machine: {run['machine']}."


def phone():
    """Return the Markdown of what a keystroke takes: phone_table and compare_runtimes."""
    run = quoted()
    return markdown("", rows_of(run["keystrokes"]) | rows_of(run["runtimes"]))


def keyboard():
    """Return the Markdown of what the page takes in a browser, beside ONNX Runtime Web."""
    (machine,), rows = rows_with_comments(KEYBOARD)
    page, shown = {}, {}
    for row in rows:
        if row["of"] == "all":
            page[row["measure"]] = float(row["value"])
        else:
            shown.setdefault(row["measure"], {})[row["of"]] = f"{float(row['value']):.2g}"
    return (
        f"{markdown('', shown)}\n\nThe page has {page['page (MB)']:.1f} MB and is ready after "
        f"{page['page ready (ms)'] / 1000:.1f} s. Medians of 1,000 keys in one run, the engines in "
        f"turns. `python -m benchmarks.keyboard`, machine: {machine}."
    )


def speed():
    """Return the Markdown of the ratios in speed.csv."""
    (machine,), measures = rows_with_comments(SPEED)
    rows = {}
    for row in measures:
        kind, _, measure = row["measure"].partition(": ")
        if kind == "ratio":
            rows.setdefault(measure, {})[row["of"]] = f"{float(row['value']):#.3g}"
    return (
        f"{markdown('ratio', rows)}\n\n`python -m benchmarks.speed` measured all of it in one run. "
        f"Machine: {machine}."
    )


def grading():
    """Return one paragraph on what grading a submission costs."""
    (machine,), rows = rows_with_comments(GRADING)
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
        f"machine: {machine}."
    )


def limits():
    """Return a sentence on what a submission may take."""
    seconds, megabytes = exercise.GRADING_SECONDS, exercise.GRADING_MEGABYTES
    return (
        f"A submission may take {seconds} s of processor time, four times as long by the clock, "
        f"and {megabytes:,} MB."
    )


def points():
    """Return the Markdown of each TODO: its points, and the seconds that its cells computed."""
    seconds, todo = {}, None
    for cell in read_solution.required_cells():
        if cell["cell_type"] == "markdown":
            heading = re.match(r"### TODO (\d+)", "".join(cell["source"]))
            todo = int(heading[1]) if heading else todo
        elif times := cell["metadata"].get("execution"):
            start, end = times["iopub.execute_input"], times["shell.execute_reply"]
            taken = datetime.fromisoformat(end) - datetime.fromisoformat(start)
            seconds[todo] = seconds.get(todo, 0) + taken.total_seconds()
    rows = {
        str(check.number): {
            "what": f"`{check.what}`".replace(" and ", "` and `"),
            "computing (s)": f"{seconds.get(check.number, 0):.0f}",
            "points": check.points,
        }
        for check in exercise.CHECKS.values()
    }
    rows["10, by you"] = {"what": "the paragraph", "points": exercise.PARAGRAPH_POINTS}
    rows["all"] = {"computing (s)": f"{sum(seconds.values()):.0f}", "points": exercise.TOTAL}
    return markdown("TODO", rows)


def rubric():
    """Return the solution's rubric of the paragraph, with its points in place of its heading."""
    (cell,) = (cell for cell in read_solution.read()["cells"] if cell["id"] == "rubric")
    source = "".join(cell["source"])
    table = re.search(r"^\|.*?(?=\n\n|\Z)", source, re.MULTILINE | re.DOTALL)[0]
    return f"Up to {exercise.PARAGRAPH_POINTS} points, given by a person:\n\n{table}"


def marked():
    """Return the solution's marked examples of the paragraph, as quotations."""
    examples = quoted()["examples"]
    return "\n\n".join(f"**{marks}**\n\n> {' '.join(text.split())}" for marks, text in examples)


BLOCKS = {
    README: [results],
    DOCS / "instructors.md": [points, rubric, marked, grading, limits],
    DOCS / "speed.md": [speed],
    DOCS / "phone.md": [phone, keyboard],
}


def generated():
    """Return all that is generated, a dict of texts by their paths."""
    from benchmarks.study import findings  # which takes a second

    texts = {EXERCISE: make_exercise.render(make_exercise.make_exercise(read_solution.read()))}
    for path, blocks in BLOCKS.items():
        texts[path] = path.read_text(encoding="utf-8")
        for block in blocks:
            begin, end = f"<!-- {block.__name__} -->\n", f"\n<!-- /{block.__name__} -->"
            before, rest = texts[path].split(begin)
            texts[path] = before + begin + block() + end + rest.split(end)[1]
    return texts | findings.texts()


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--check", action="store_true", help="exit 1 when something is out of date")
    check = parser.parse_args(arguments).check
    if others := list(other_numbers()):
        sys.exit("\n".join(others))
    texts = generated()
    old = [p for p, text in texts.items() if not p.exists() or p.read_bytes() != text.encode()]
    if check:
        names = [path.relative_to(ROOT).as_posix() for path in old]
        lines = [f"out of date: {', '.join(names)}. Run python -m course.generate"] * bool(old)
        if lines := [*lines, *pictures.outdated()]:
            sys.exit("\n".join(lines))
        return
    for path in old:
        path.write_text(texts[path], encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
