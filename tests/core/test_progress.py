"""lab/progress.py: what a training shows, and what ends one model's training early."""

import math

import nbformat
import pytest

from lab.progress import Progress
from tests.running import run_notebook


def measured(val_losses, train_loss=2.0):
    n = len(val_losses)
    return {"train_losses": [train_loss] * n, "val_losses": val_losses, "epoch_times": [0.1] * n}


def test_outside_a_notebook_each_epoch_prints_a_line(capsys):
    progress = Progress(["RNN", "GRU"], 3)
    for name in ("RNN", "GRU"):
        with progress.of(name):
            for epoch in range(1, 4):
                progress.report(measured([2.0] * epoch))
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "RNN: epoch 1 of 3"  # at once
    assert [line.partition(",")[0] for line in lines[1:4]] == [
        f"RNN: epoch {n} of 3" for n in (1, 2, 3)
    ]
    assert all("left for all" in line for line in lines[1:-1])
    assert "train loss 2.000, validation loss 2.000" in lines[1]
    assert lines[-1].startswith("Trained: RNN 3 epochs, GRU 3 epochs, in ")


def test_time_left_counts_the_models_not_begun(monkeypatch, capsys):
    now = iter([0.0, 10.0, 20.0, 20.0, 50.0, 80.0])
    monkeypatch.setattr("lab.progress.time.perf_counter", lambda: next(now))
    progress = Progress(["RNN", "GRU"], 2)
    with progress.of("RNN"):
        progress.report(measured([2.0]))  # 10 s for one of four epochs
        progress.report(measured([2.0, 2.0]))
    with progress.of("GRU"):
        progress.report(measured([2.0]))  # 50 s for three
        monkeypatch.undo()
    printed = capsys.readouterr().out
    left = [line.partition("about ")[2].partition(" s")[0] for line in printed.splitlines()]
    assert [seconds for seconds in left if seconds] == ["30", "20", "20", "17"]


@pytest.mark.parametrize("losses", [(math.inf, 2.0), (2.0, math.nan), (2.0, 5.7e30)])
def test_divergence_ends_one_models_epochs_with_a_sentence(losses, capsys):
    reached, progress = [], Progress(["LSTM"], 3)
    with progress.of("LSTM"):
        for epoch in range(3):
            reached.append(epoch)
            train_loss, val_loss = losses if epoch == 1 else (2.0, 2.1)
            progress.report(measured([2.1] * epoch + [val_loss], train_loss))
    printed = capsys.readouterr().out
    assert reached == [0, 1] and not progress.interrupted
    assert "LSTM: the loss has diverged in epoch 2: " in printed
    assert "only guesses among 73 characters" in printed and "its best epoch so far" in printed
    assert "smaller learning rate than 0.004" in printed


@pytest.mark.parametrize("epochs", [0, 1])
def test_an_interrupt_says_what_is_then_true(epochs, capsys):
    progress = Progress(["RNN", "GRU"], 3)
    with progress.of("RNN"):
        if epochs:
            progress.report(measured([2.0]))
        raise KeyboardInterrupt
    printed = capsys.readouterr().out
    assert progress.interrupted and "run this cell again" in printed
    assert ("untrained" in printed) == (epochs == 0)
    assert ("best epoch so far" in printed) == (epochs == 1)


def test_any_other_error_gets_out():
    with pytest.raises(ZeroDivisionError), Progress(["RNN"], 3).of("RNN"):
        raise ZeroDivisionError


@pytest.mark.parametrize("key", ["train_losses", "val_losses", "epoch_times"])
def test_an_epoch_without_its_numbers_is_refused(key):
    progress = Progress(["RNN"], 3)
    with pytest.raises(ValueError, match="Append"), progress.of("RNN"):
        progress.report(measured([2.0]) | {key: []})


def test_in_a_notebook_one_picture_is_redrawn_in_place():
    source = (
        "from lab.progress import Progress\n"
        "progress = Progress(['RNN'], 5)\n"
        "with progress.of('RNN'):\n"
        "    for n in range(1, 6):\n"
        "        numbers = [2.0] * n\n"
        "        progress.report(\n"
        "            {'train_losses': numbers, 'val_losses': numbers, 'epoch_times': numbers}\n"
        "        )\n"
    )
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
    run_notebook(notebook)
    (output,) = notebook.cells[0].outputs
    assert output.output_type == "display_data" and output.data["image/png"]
    assert output.data["text/plain"].startswith("Trained: RNN 5 epochs, in ")
    assert "RNN from 2 to 2" in output.data["text/plain"] and " alt=" in output.data["text/html"]
