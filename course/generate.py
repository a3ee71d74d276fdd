"""Write all generated files of the project, in one command.

    python -m course.generate           write it
    python -m course.generate --check   only name the files that are out of date; exit 1 if any is

exercise.ipynb is made from solution.ipynb. The solution must show the numbers of lab/exercise.py.
In README.md and docs/, the text between ``<!-- name -->`` and ``<!-- /name -->`` is made from data:
from the JSON in the output of the solution's last cell, from the times of its cells, and from the
files in benchmarks/. docs/study.md and the tables next to the runs of the study are made from
data/study/.
"""

import argparse
import inspect
import re
import sys
from datetime import datetime

import pandas as pd

import helpers
from course import make_exercise, read_solution
from course.make_exercise import EXERCISE, ROOT
from lab import exercise, memory

README, DOCS = ROOT / "README.md", ROOT / "docs"
GRADING = ROOT / "benchmarks" / "grading.csv"
KEYBOARD = ROOT / "benchmarks" / "keyboard.csv"
SPEED = ROOT / "benchmarks" / "speed" / "speed.csv"
QUOTED = "application/vnd.rnn-lstm-gru+json"  # the type of the output of the solution's last cell

SIZES = ", ".join(f"{name}={size}" for name, size in exercise.SIZES.items())
CLASS = [f"{SIZES}, dropout={exercise.DROPOUT})"]
SHOWN = {  # the numbers that students see: texts that a cell (by its id) or a signature must have
    "char-rnn": CLASS,
    "char-lstm": CLASS,
    "char-gru": CLASS,
    "setup": [f'VERSION = "{exercise.VERSION}"', f"else {exercise.EPOCHS} #"],
    "train-and-compare": [f"epochs={exercise.EPOCHS},"],
    "samples": [f'PROMPT = helpers.usable_prompt("{exercise.PROMPT}"'],
    "memory-spans": [f"else {exercise.SPAN_BATCHES:_} #"],
    "requirements": [f"{name}={value:_}," for name, value in exercise.REQUIREMENTS.items()],
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
    "prepare_sequences": [f"seq_len={exercise.SEQ_LEN},"],
    "train_epoch": [f"batch_size={exercise.BATCH_SIZE})"],
    "memory_span": [
        f"load={exercise.REQUIREMENTS['load']},",
        f"hidden_dim={exercise.SPAN_SIZES['hidden_dim']},",
        f"num_layers={exercise.SPAN_SIZES['num_layers']},",
    ],
}


def other_numbers():
    """Yield a line for each number of lab/exercise.py that students should see but do not see."""
    sources = {cell["id"]: "".join(cell["source"]) for cell in read_solution.read()["cells"]}
    for function in (helpers.prepare_sequences, helpers.train_epoch, memory.memory_span):
        sources[function.__name__] = str(inspect.signature(function))
    for place, texts in SHOWN.items():
        said = " ".join(sources[place].split())
        for text in texts:
            if text not in said:
                yield f"{place} does not contain {text!r}, but lab/exercise.py has this number"


def quoted():
    """Return the numbers and texts in the output of the solution's last cell, a dict."""
    (cell,) = (cell for cell in read_solution.read()["cells"] if cell["id"] == "quoted")
    return cell["outputs"][0]["data"][QUOTED]


def markdown(title, table):
    """Return a DataFrame as Markdown; a missing value becomes an empty cell."""
    lines = [f"| {' | '.join([title, *table.columns])} |", "|---" + "|---:" * table.shape[1] + "|"]
    for row in table.astype(object).fillna("").itertuples():
        lines.append(f"| {' | '.join(map(str, row))} |")
    return "\n".join(lines)


def measured(path):
    """Return the machine and the table, a DataFrame, of a file that benchmarks.record wrote."""
    machine = path.read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ")
    return machine, pd.read_csv(path, comment="#")


def by_model(table, digits):
    """Return a table of metrics as texts: a row for each metric, a column for each model."""
    table = table.set_index(["measure", "of"])["value"].unstack(sort=False)
    return table.map(f"{{:{digits}}}".format)


def results():
    """Return the Markdown of the performance table, with the memory spans, and the machine."""
    run = quoted()
    table = pd.DataFrame(**run["table"])
    size = f"{exercise.SPAN_SIZES['hidden_dim']} hidden units"
    longest = f"{exercise.LONGEST_LAG}+: the longest lag that was trained"
    table.loc[f"Memory Span (characters; new models of {size}; {longest})"] = pd.Series(
        {
            name: f"{span}{'+' * (span == exercise.LONGEST_LAG)}"
            for name, span in run["spans"].items()
        }
    )
    return (
        f"{markdown('one run of the solution', table)}\n\nCorpus: the bundled sample. Machine: "
        f"{run['machine']}."
    )


def phone():
    """Return the Markdown of phone_table and compare_runtimes: the time of a keystroke."""
    run = quoted()
    tables = [pd.DataFrame(**run[name]) for name in ("keystrokes", "runtimes")]
    return markdown("", pd.concat(tables))


def keyboard():
    """Return the Markdown of the page's times in a browser, compared with ONNX Runtime Web."""
    machine, rows = measured(KEYBOARD)
    of_page = rows["of"] == "all"
    megabytes, milliseconds = rows[of_page]["value"]
    return (
        f"{markdown('', by_model(rows[~of_page], '.2g'))}\n\nThe page has {megabytes:.1f} MB and "
        f"is ready after {milliseconds / 1000:.1f} s. The values in the table are medians of 1,000 "
        f"keys in one run, in which the engines took turns. We measured them with "
        f"`python -m benchmarks.keyboard`. Machine: {machine}."
    )


def speed():
    """Return the Markdown of the ratios in speed.csv."""
    machine, rows = measured(SPEED)
    ratios = by_model(rows[rows["measure"].str.startswith("ratio: ")], "#.3g")
    ratios = ratios.rename(lambda measure: measure.removeprefix("ratio: "))
    return (
        f"{markdown('ratio', ratios)}\n\n`python -m benchmarks.speed` measured all these values "
        f"in one run. Machine: {machine}."
    )


def grading():
    """Return one paragraph on the time and the memory that grading needs."""
    machine, rows = measured(GRADING)
    graded = rows[rows["verdict"] == "graded"]
    stopped = (rows["verdict"] == "stopped").sum()
    return (
        f"We graded {len(rows)} submissions. {len(graded)} of them ran to their end. On average, "
        f"each of these {len(graded)} took {graded['core_seconds'].mean():.1f} core-seconds (at "
        f"most {graded['core_seconds'].max():.1f}). They needed at most {graded['peak_mb'].max()} "
        f"MB of memory. The command stopped {stopped} other submissions at their limits, and it "
        f"could not read {len(rows) - len(graded) - stopped} submissions. So 300 submissions like "
        f"these would take {300 * rows['core_seconds'].mean() / 60:,.0f} core-minutes. We measured "
        f"this with `python -m benchmarks.grading`. Machine: {machine}."
    )


def limits():
    """Return a sentence on the limits of a submission."""
    return (
        f"A submission may use {exercise.GRADING_SECONDS} s of processor time and "
        f"{exercise.GRADING_MEGABYTES:,} MB of memory. It may run for at most "
        f"{4 * exercise.GRADING_SECONDS} s, measured by the clock."
    )


def points():
    """Return the Markdown of each TODO's points and of the seconds that its cells computed."""
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
            "answer": re.sub("(, | and )", r"`\1`", f"`{check.what}`"),
            "computing time (s)": f"{seconds.get(check.number, 0):.0f}",
            "points": check.points,
        }
        for check in exercise.CHECKS.values()
    }
    rows["10, graded by you"] = {"answer": "the paragraph", "points": exercise.PARAGRAPH_POINTS}
    rows["sum"] = {"computing time (s)": f"{sum(seconds.values()):.0f}", "points": exercise.TOTAL}
    return markdown("TODO", pd.DataFrame.from_dict(rows, orient="index"))


def rubric():
    """Return the solution's rubric for the paragraph, with its points in place of its heading."""
    (cell,) = (cell for cell in read_solution.read()["cells"] if cell["id"] == "rubric")
    source = "".join(cell["source"])
    table = re.search(r"^\|.*?(?=\n\n|\Z)", source, re.MULTILINE | re.DOTALL)[0]
    return f"You grade the paragraph: up to {exercise.PARAGRAPH_POINTS} points.\n\n{table}"


def marked():
    """Return the solution's graded examples of the paragraph, as quotations."""
    examples = quoted()["examples"]
    return "\n\n".join(f"**{marks}**\n\n> {' '.join(text.split())}" for marks, text in examples)


BLOCKS = {
    README: [results],
    DOCS / "instructors.md": [points, rubric, marked, grading, limits],
    DOCS / "speed.md": [speed],
    DOCS / "phone.md": [phone, keyboard],
}


def generated():
    """Return all generated files, a dict of texts by their paths."""
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
    parser.add_argument(
        "--check",
        action="store_true",
        help="write nothing, name the files that are out of date, exit 1 if there are any",
    )
    check = parser.parse_args(arguments).check
    if others := list(other_numbers()):
        sys.exit("\n".join(others))
    texts = generated()
    old = [p for p, text in texts.items() if not p.exists() or p.read_bytes() != text.encode()]
    if check and old:
        names = ", ".join(path.relative_to(ROOT).as_posix() for path in old)
        sys.exit(f"These files are out of date: {names}. Run python -m course.generate.")
    for path in old:
        path.write_text(texts[path], encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
