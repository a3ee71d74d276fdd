"""Pack the files that students get, without the solution.

    python -m course.bundle    write exported/exercise.zip

The archive unpacks into one folder, ``rnn-lstm-gru``. Its README.md has the parts of our README.md
that are for students. From the same files, the command always writes the same bytes.
"""

import io
import re
import shutil
import sys
import zipfile
from pathlib import Path

from course import command, workers
from course.make_exercise import EXERCISE, NAME, ROOT

BUNDLE = ROOT / "exported" / "exercise.zip"


# The files that the exercise needs besides the notebook, by folder. Students get no other file.
SUPPLIES = {
    ".": "helpers.py requirements.txt LICENSE",
    "lab": "__init__.py exercise.py goal.py memory.py ngram.py progress.py study.py takeaways.py"
    " trained.py",
    "lab/ask": "__init__.py figures.py models.py outputs.py training.py",
    "lab/checks": "__init__.py decision.py figures.py hints.toml models.py outputs.py questions.py"
    " results.py rule.py runs.py specified.py trained.py training.py",
    "lab/extras": "__init__.py by_hand.py gates.py gradients.py last_step.py recurrences.py"
    " series.py study_views.py",
    "lab/extras/phone": "__init__.py costs.py int8.py keystrokes.py runtimes.py savings.py"
    " requirements.txt",
    "lab/extras/phone/keyboard": "__init__.py __main__.py pack.py readback.py serve.py write.py"
    " engine.js page.html page.js product.wasm product.wat",
    "data": "__init__.py README.md sample.txt wikitext.py",
    "data/study": "comparisons.csv differences.csv last_step.csv settings.json"
    " spans.csv summary.csv text_sizes.csv",
}


def supplies():
    """Return the paths of the files that the exercise needs besides the notebook.

    The paths are relative to the root of this project.
    """
    return sorted(
        Path(folder) / name for folder, names in SUPPLIES.items() for name in names.split()
    )


def copy_supplies(folder):
    """Copy these files into an existing folder."""
    for name in supplies():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, folder / name)


def instructions():
    """Return the parts of README.md that students need, as Markdown."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    title = text.split("\n")[0]
    lines = re.findall(r"^(?:python3|py) -m venv .*exercise\.ipynb$", text, re.MULTILINE)
    setup = "\n\n".join(f"```\n{line}\n```" for line in lines)
    sections = dict(re.findall(r"^## (.*?)\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL))
    parts = [
        title,
        "These commands install everything and open the exercise. The first command is for Linux "
        f"and macOS, the second for Windows:\n\n{setup}",
        re.search(r"^You need Python.*?(?=^## )", text, re.MULTILINE | re.DOTALL)[0],
        sections["For students"],
        f"## Troubleshooting\n{sections['Troubleshooting']}",
    ]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def write(path=BUNDLE):
    """Write the archive and return its path."""
    names = [EXERCISE.relative_to(ROOT), *supplies()]
    contents = {f"{NAME}/{name.as_posix()}": (ROOT / name).read_bytes() for name in names}
    return pack(path, contents | {f"{NAME}/README.md": instructions().encode()})


def pack(path, contents):
    """Write a zip archive and return its path.

    ``contents`` is a dict of bytes by the names of the files. The same contents give the same
    archive. A file that begins with #! becomes executable.
    """
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in contents.items():
            entry = zipfile.ZipInfo(name)  # always with a date in 1980
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = (0o755 if content.startswith(b"#!") else 0o644) << 16
            archive.writestr(entry, content)
    workers.put(path, packed.getvalue())
    return path


if __name__ == "__main__":
    if len(sys.argv) > 1:
        sys.exit(__doc__)
    with command():
        print(write())
