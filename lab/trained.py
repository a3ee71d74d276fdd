"""Trained models in files, so that a restart of the kernel costs no training.

One file for each model, ``trained/RNN.npz``: NumPy arrays, nothing pickled. Beside the weights it
holds the metrics, and what both came from.
"""

import json
import os
from pathlib import Path

import numpy as np
import torch
from torch import nn

import helpers
from lab.study import fingerprint

FOLDER = Path("trained")  # beside the notebook
ABOUT = "about"  # the array that holds what is no weight, as JSON


class Saved:
    """The models that were trained on a text for a number of epochs, in a folder of files."""

    def __init__(self, text, epochs, folder=FOLDER):
        self.text, self.epochs, self.folder = text, epochs, Path(folder)
        chars, char2idx, _ = helpers.build_vocabulary(text)
        splits = helpers.prepare_sequences(text, char2idx)
        self.vocab_size, self.batch = len(chars), (splits[2][:32], splits[3][:32])

    def _came_from(self, name):
        return {
            "text": fingerprint(self.text),
            "epochs": self.epochs,
            "seed": helpers.SEED,
            "learning rate": helpers.LEARNING_RATES.get(name),
        }

    def _loss(self, model):
        """Return a model's loss on one batch that is always the same, at the last and all steps."""
        criterion = nn.CrossEntropyLoss()
        return [
            helpers.evaluate_model(model, *self.batch, criterion, every_step=every)
            for every in (False, True)
        ]

    def keep(self, name, model, measured):
        """Write a trained model's weights and metrics into its file, whole or not at all.

        What cannot be written is said in a sentence. In quick mode, which measures nothing,
        nothing is kept.
        """
        if helpers.quick():
            return
        path = self.folder / f"{name}.npz"
        partial = path.with_suffix(".part.npz")
        try:
            about = {"from": self._came_from(name), "metrics": measured, "loss": self._loss(model)}
            arrays = {key: tensor.cpu().numpy() for key, tensor in model.state_dict().items()}
            self.folder.mkdir(exist_ok=True)
            np.savez(partial, **arrays, **{ABOUT: json.dumps(about, default=float)})
            os.replace(partial, path)
        except Exception as error:  # of the disk, or of what the student measured or built
            print(f"{name} is trained, but not saved in {path}: {error}.", flush=True)

    def load(self, model_classes):
        """Return (models, metrics) from the files, as train_and_compare_models returns them.

        A model without a file is left out, with a sentence. Raises FileNotFoundError when there is
        no file at all, ValueError when one no longer fits: damaged, from another text or other
        settings, or of a class that has changed since.
        """
        models, metrics = {}, {}
        for name, model_class in model_classes.items():
            if (self.folder / f"{name}.npz").exists():
                models[name], metrics[name] = self._load(name, model_class)
            else:
                print(f"{name}: not in {self.folder}, so it has to be trained.")
        if not models:
            raise FileNotFoundError(f"no trained model in {self.folder.resolve()}: train first.")
        return models, metrics

    def _load(self, name, model_class):
        path = self.folder / f"{name}.npz"
        weights, came_from, losses, metrics = _read(path)
        now = self._came_from(name)
        if changed := [key for key in now if came_from.get(key) != now[key]]:
            was, is_now = came_from.get(changed[0]), now[changed[0]]
            differs = "another text" if changed == ["text"] else f"{changed[0]} {was}, not {is_now}"
            raise ValueError(f"{path} was trained with {differs}: train again.")
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        model = model_class(self.vocab_size).to(device)
        name = getattr(model_class, "__name__", name)
        try:
            model.load_state_dict(weights)
        except RuntimeError as error:
            raise ValueError(
                f"the weights in {path} do not fit {name}, whose layers have changed since: train "
                "again."
            ) from error
        loss = self._loss(model)
        for before, now in zip(losses, loss, strict=True):
            both_diverged = helpers.diverged(now) and helpers.diverged(before)
            if not (both_diverged or abs(now - before) <= 1e-3 * max(1.0, before)):
                raise ValueError(
                    f"{name} computes something else than when it was trained: on the same windows "
                    f"its loss was {before:.3f}, now it is {now:.3f}. Train again."
                )
        return model, metrics


def _read(path):
    """Return (weights, what they came from, losses on one batch, metrics) of a model's file.

    Raises ValueError for a file that ``keep`` cannot have written.
    """
    try:
        if not path.is_file():
            raise ValueError("no ordinary file")
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            weights = {key: torch.from_numpy(file[key]) for key in file.files if key != ABOUT}
            about = json.loads(str(file[ABOUT]))
        first, second = map(float, about["loss"])
        return weights, dict(about["from"]), (first, second), dict(about["metrics"])
    except Exception as error:  # NumPy raises whatever the bytes make it stumble over
        raise ValueError(f"{path} is damaged ({error}): train again.") from error
