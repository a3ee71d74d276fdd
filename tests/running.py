"""What tests run: code in a process of its own, a notebook, git, a training by a seed."""

import shutil
import subprocess
import sys
import time

import pytest
import torch
from nbclient import NotebookClient

from course.make_exercise import ROOT


def in_a_new_process(code):
    """Return what a new Python prints when it runs this code."""
    return subprocess.check_output([sys.executable, "-c", code], cwd=ROOT, text=True).strip()


def wait_for(found, process, seconds=120):
    """Return what ``found()`` returns as soon as that is true; its process runs until then."""
    end = time.monotonic() + seconds
    while not (seen := found()):
        assert process.poll() is None and time.monotonic() < end
        time.sleep(0.1)
    return seen


def run_notebook(notebook, folder=ROOT):
    """Run a notebook in a folder, and return it with its outputs."""
    where = {"metadata": {"path": str(folder)}}
    NotebookClient(notebook, timeout=300, kernel_name="python3", resources=where).execute()
    return notebook


def files_in_git(*options):
    """Return the names of the files of this checkout; where it is none, skip the test that asks."""
    if not (shutil.which("git") and (ROOT / ".git").exists()):
        pytest.skip("no checkout")
    listed = subprocess.check_output(["git", "ls-files", *options], cwd=ROOT, text=True)
    return listed.splitlines()


def cell_of(notebook, cell_id):
    (cell,) = (cell for cell in notebook.cells if cell.id == cell_id)
    return cell


def printed_by(notebook, cell_id):
    outputs = cell_of(notebook, cell_id).outputs  # helpers.say shows what others print
    return "".join(o.get("text") or o.get("data", {}).get("text/plain", "") for o in outputs)


def seeded(classes, seed):
    """Return classes whose models begin with the weights of a seed other than SEED, by name.

    train_and_compare_models takes them in place of the classes: the seed is set again just before
    each model is made.
    """

    def of_seed(model_class):
        def made(vocab_size):
            torch.manual_seed(seed)
            return model_class(vocab_size)

        return made

    return {name: of_seed(model_class) for name, model_class in classes.items()}
