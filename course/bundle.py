"""Pack the files that students get, without the solution.

    python -m course.bundle                    write exported/exercise.zip
    python -m course.bundle --at OWNER/REPO    write exported/students, a Git repository for GitHub

The archive unpacks into one folder, ``rnn-lstm-gru``. Its README.md has the parts of our README.md
that are for students. From the same files, the command always writes the same bytes.

The repository has the same files, and what Colab, Kaggle, Binder, Codespaces and nbgitpuller need.
Its README.md begins with a link for each. If exported/students is a repository already, it gets new
commits, so that nbgitpuller can merge them into the notebooks of students.
"""

import argparse
import io
import json
import re
import shlex
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

from course import command, workers
from course.make_exercise import EXERCISE, FETCH, NAME, ROOT, render

MAINTAINERS = "# What follows is for maintainers"  # in pyproject.toml
BUNDLE, STUDENTS = ROOT / "exported" / "exercise.zip", ROOT / "exported" / "students"


# The files that the exercise needs besides the notebook, by folder. Students get no other file.
SUPPLIES = {
    ".": "helpers.py requirements.txt LICENSE",
    "lab": "__init__.py exercise.py goal.py memory.py ngram.py progress.py study.py takeaways.py"
    " trained.py",
    "lab/ask": "__init__.py checks.py figures.py models.py outputs.py training.py",
    "lab/checks": "__init__.py decision.py figures.py hints.toml judges.py models.py outputs.py"
    " questions.py results.py rule.py runs.py specified.py trained.py training.py",
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
    lines = re.findall(r"^(?:python3|py|uv) .*exercise\.ipynb$", text, re.MULTILINE)
    setup = "\n\n".join(f"```\n{line}\n```" for line in lines)
    sections = dict(re.findall(r"^## (.*?)\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL))
    parts = [
        title,
        "Each of these commands installs everything and opens the exercise. The first one needs "
        f"uv. The others need Python: one is for Linux and macOS, one for Windows.\n\n{setup}",
        re.search(r"^You need Python.*?(?=^## )", text, re.MULTILINE | re.DOTALL)[0],
        sections["For students"],
        f"## Troubleshooting\n{sections['Troubleshooting']}",
    ]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def contents():
    """Return the files that students get: a dict of bytes by name."""
    names = [EXERCISE.relative_to(ROOT), *supplies()]
    project, _, _ = (ROOT / "pyproject.toml").read_text(encoding="utf-8").partition(MAINTAINERS)
    return {name.as_posix(): (ROOT / name).read_bytes() for name in names} | {
        "README.md": instructions().encode(),
        "pyproject.toml": project.encode(),
    }


def write(path=BUNDLE):
    """Write the archive and return its path."""
    return pack(path, {f"{NAME}/{name}": content for name, content in contents().items()})


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


def publish(repository, folder=STUDENTS):
    """Commit the files for students to a Git repository in a folder, and return the folder.

    ``repository`` is its place on GitHub, as OWNER/REPO. There are two commits, because the first
    cell of the notebook fetches the files of the first commit. What has not changed is not
    committed again. Raises SystemExit, with Git's reason, if Git refuses.
    """
    files, others = contents(), (".", f":!{EXERCISE.name}")
    notebook = json.loads(files.pop(EXERCISE.name))
    title, rest = files["README.md"].decode().split("\n", 1)
    files["README.md"] = f"{title}\n\n{_filled('links.md', repository)}{rest}".encode()
    files[".devcontainer/devcontainer.json"] = (ROOT / "course/devcontainer.json").read_bytes()
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / ".git" / "HEAD").exists():
        _git(folder, "init", "--quiet", "--initial-branch=main")
    for ours in ("lab", "data"):  # so that a file which is no longer there goes
        shutil.rmtree(folder / ours, ignore_errors=True)
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    _commit(folder, "The files of the exercise", files)
    fetched = _git(folder, "log", "-1", "--format=%H", "--", *others)
    first = _filled("first_cell.txt", repository).replace("tar.gz/COMMIT", f"tar.gz/{fetched}")
    cell = {"cell_type": "code", "id": FETCH, "metadata": {}, "execution_count": None}
    notebook["cells"].insert(0, cell | {"outputs": [], "source": first.splitlines(keepends=True)})
    (folder / EXERCISE.name).write_text(render(notebook), encoding="utf-8", newline="\n")
    _commit(folder, "The notebook, which fetches these files", [EXERCISE.name])
    return folder


def _filled(name, repository):
    text = (ROOT / "course" / name).read_text(encoding="utf-8")
    names = dict(zip(("OWNER", "REPO"), repository.split("/"), strict=True))
    return re.sub("OWNER|REPO", lambda found: names[found[0]], text)


def _git(folder, *arguments):
    if not shutil.which("git"):
        sys.exit("Git is not installed, but --at writes a Git repository. Install Git.")
    # Never the repository of a folder above this one.
    command = ["git", "-C", str(folder), "--git-dir=.git", "--work-tree=.", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8")
    if done.returncode:
        sys.exit(f"git {arguments[0]} failed in {folder}: {done.stderr.strip()}")
    return done.stdout.strip()


def _commit(folder, message, names):
    _git(folder, "add", "--force", "--", *names)  # whatever a .gitignore of the user says
    _git(folder, "add", "--update")
    if _git(folder, "diff", "--cached", "--name-only"):
        _git(folder, "commit", "--quiet", "--message", message)


def on_github(text):
    """Return a place on GitHub as it is; raise ArgumentTypeError unless it is OWNER/REPO."""
    if not re.fullmatch(r"[\w-]+/(?!\.+$)[\w.-]+(?<!\.git)", text, re.ASCII):
        raise argparse.ArgumentTypeError(f"{text!r} is not a place on GitHub, as OWNER/REPO")
    return text


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--at", metavar="OWNER/REPO", type=on_github)
    at = parser.parse_args().at
    with command():
        print(publish(at) if at else write())
    if at:
        place = shlex.quote(str(STUDENTS))
        print(f"To publish it: git -C {place} push https://github.com/{at} HEAD:main")
