"""lab/trained.py: a restart of the kernel costs no training, and what no longer fits is refused."""

import errno
import os
import zipfile

import numpy as np
import pytest
import torch
from torch import nn

import helpers
from lab import exercise
from lab.trained import Saved

TEXT = "the quick brown fox jumps over the lazy dog. " * 20
METRICS = {"train_losses": [2.0], "val_losses": [2.1], "epoch_times": [0.5], "best_epoch": 1}


@pytest.fixture
def classes(namespace):
    return {
        name: lambda vocab_size, cls=cls: cls(vocab_size, 8, 16)
        for name, cls in namespace["MODEL_CLASSES"].items()
    }


@pytest.fixture
def saved(tmp_path, classes):
    """Saved models, as if trained."""
    saved = Saved(TEXT, 20, tmp_path / "trained")
    for name, model_class in classes.items():
        model = model_class(len(set(TEXT)))
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.mul_(8)  # so that it matters what it reads
        saved.keep(name, model, METRICS)
    return saved


def loss_of(model, saved):
    return helpers.evaluate_model(model, *saved.batch, nn.CrossEntropyLoss())


def test_what_was_kept_is_loaded(saved, classes):
    torch.manual_seed(7)
    model = classes["GRU"](len(set(TEXT)))
    saved.keep("GRU", model, METRICS | {"train_losses": [np.float32(1.5), float("inf")]})
    models, metrics = saved.load(classes)
    assert list(models) == list(metrics) == list(classes) and metrics["RNN"] == METRICS
    assert metrics["GRU"]["train_losses"] == [1.5, float("inf")]
    assert loss_of(models["GRU"], saved) == pytest.approx(loss_of(model, saved))


def test_files_hold_tensors_and_plain_values(saved):
    names = sorted(path.name for path in saved.folder.iterdir())
    assert names == ["GRU.pt", "LSTM.pt", "RNN.pt"]
    made = torch.load(saved.folder / "RNN.pt", weights_only=True)
    assert made["weights"]["embedding.weight"].shape == (len(set(TEXT)), 8)
    assert set(made["from"]) == {"text", "epochs", "seed", "learning rate"}


class Harmful:
    def __reduce__(self):
        return print, ("run",)


def test_a_file_that_would_run_code_is_refused_and_runs_none(saved, classes, capsys):
    made = torch.load(saved.folder / "RNN.pt", weights_only=True)
    torch.save(made | {"metrics": Harmful()}, saved.folder / "RNN.pt")
    with pytest.raises(ValueError, match="is damaged"):
        saved.load(classes)
    assert "run" not in capsys.readouterr().out.split()


def test_another_text_or_other_settings_are_refused(saved, classes, tmp_path, monkeypatch):
    folder = tmp_path / "trained"
    with pytest.raises(ValueError, match="another text: train again"):
        Saved(TEXT[1:] + "t", 20, folder).load(classes)
    with pytest.raises(ValueError, match="epochs 20, but now it is 5"):
        Saved(TEXT, 5, folder).load(classes)
    monkeypatch.setitem(exercise.LEARNING_RATES, "LSTM", 0.1)
    with pytest.raises(ValueError, match=r"LSTM\.pt was trained with learning rate 0\.004"):
        saved.load(classes)


def test_a_class_that_has_changed_is_refused(saved, classes, namespace):
    wider = classes | {"LSTM": lambda vocab_size: namespace["CharLSTM"](vocab_size, 8, 17)}
    with pytest.raises(ValueError, match="layers have changed"):
        saved.load(wider)

    class CharGRU(namespace["CharGRU"]):
        def forward(self, x, hidden=None, return_sequences=False):
            return super().forward(x.flip(1), hidden, return_sequences)

    class FirstStep(namespace["CharRNN"]):
        def forward(self, x, hidden=None, return_sequences=False):
            logits, hidden = super().forward(x, hidden, return_sequences=True)
            return (logits if return_sequences else logits[:, 0]), hidden

    for name, changed in (("GRU", CharGRU), ("RNN", FirstStep)):
        other = classes | {name: lambda vocab_size, changed=changed: changed(vocab_size, 8, 16)}
        with pytest.raises(ValueError, match="computes something else than when it was trained"):
            saved.load(other)


def a_folder(path):
    path.unlink()
    path.mkdir()


def another_zip(path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.txt", "text")


def about(**changes):
    """Return a damage: these entries of a file are others."""
    return lambda path: torch.save(torch.load(path, weights_only=True) | changes, path)


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(path.read_bytes()[:1000]),  # cut off
        a_folder,
        lambda path: torch.save(torch.zeros(3), path),
        another_zip,
        about(loss=None),
        about(loss=[1.0]),
        about(metrics=None),
        about(**{"from": 3}),
    ],
)
def test_a_damaged_file_is_refused(damage, saved, classes):
    damage(saved.folder / "RNN.pt")
    with pytest.raises(ValueError, match=r"RNN\.pt is (damaged|no ordinary file)|no trained"):
        saved.load(classes)


def test_what_is_missing_is_said(saved, classes, tmp_path, capsys):
    (saved.folder / "GRU.pt").unlink()
    models, _ = saved.load(classes)
    assert list(models) == ["RNN", "LSTM"] and "GRU: there is no file in" in capsys.readouterr().out
    with pytest.raises(FileNotFoundError, match="train first"):
        Saved(TEXT, 20, tmp_path / "nothing").load(classes)


@pytest.mark.parametrize(("folder", "more"), [("new", {"mine": {1, 2}}), ("a-file", {})])
def test_what_cannot_be_kept_does_not_stop_the_training(folder, more, tmp_path, classes, capsys):
    (tmp_path / "a-file").write_text("in the way")
    Saved(TEXT, 20, tmp_path / folder).keep("RNN", classes["RNN"](len(set(TEXT))), METRICS | more)
    assert "RNN is trained, but it could not be saved" in capsys.readouterr().out


@pytest.mark.skipif(os.name == "nt", reason="Windows has no limit of a file's size")
def test_a_full_disk_says_so_and_keeps_no_half_of_a_file(saved, classes, capsys):
    import resource

    before, path = resource.getrlimit(resource.RLIMIT_FSIZE), saved.folder / "RNN.pt"
    kept = path.read_bytes()
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, before[1]))  # as if 1,000 bytes were free
    try:
        saved.keep("RNN", classes["RNN"](len(set(TEXT))), METRICS)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert os.strerror(errno.EFBIG) in capsys.readouterr().out
    assert path.read_bytes() == kept and not [*saved.folder.glob("*.part")]


def test_files_go_to_the_home_folder_where_the_current_one_cannot_be_written(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(helpers.Path, "home", lambda: tmp_path / "home")
    helpers.folder_for.cache_clear()
    assert helpers.folder_for("trained") == helpers.Path("trained") and not list(tmp_path.iterdir())
    helpers.folder_for.cache_clear()
    (tmp_path / "trained").write_text("a file in its place")
    elsewhere = tmp_path / "home" / "rnn-lstm-gru" / "trained"
    saved = Saved(TEXT, 1)
    assert saved.folder == elsewhere and Saved(TEXT, 1).folder == elsewhere
    assert capsys.readouterr().out.count(f"so they are in {elsewhere}") == 1
    with pytest.raises(FileNotFoundError, match="train first"):
        saved.load({})
    helpers.folder_for.cache_clear()
