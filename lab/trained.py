"""Trained models in files, so that a restart of the kernel costs no training.

There is one file for each model, ``trained/RNN.pt``. It holds the weights, the metrics, and with
what the model was trained. ``torch.save`` writes it. It is read with ``weights_only=True``, which
loads tensors and plain values and runs no code.
"""

import contextlib
import io
import json
import os
from pathlib import Path

import torch
from torch import nn

import helpers
from lab import exercise
from lab.study import fingerprint


class Saved:
    """The files of models that were trained on a text for a number of epochs."""

    def __init__(self, text, epochs, folder=None):
        self.text, self.epochs = text, epochs
        self.folder = Path(folder or helpers.folder_for("trained"))
        chars, char2idx, _ = helpers.build_vocabulary(text)
        splits = helpers.prepare_sequences(text, char2idx)
        self.vocab_size, self.batch = len(chars), (splits[2][:32], splits[3][:32])

    def _came_from(self, name):
        return {
            "text": fingerprint(self.text),
            "epochs": self.epochs,
            "seed": exercise.SEED,
            "learning rate": exercise.LEARNING_RATES.get(name),
        }

    def _loss(self, model):
        """Return a model's loss on a fixed batch: at the last timestep, and at all timesteps."""
        criterion = nn.CrossEntropyLoss()
        return [
            helpers.evaluate_model(model, *self.batch, criterion, every_step=every)
            for every in (False, True)
        ]

    def keep(self, name, model, measured):
        """Write a trained model's weights and metrics into its file, completely or not at all.

        If this fails, a printed sentence says why.
        """
        path = self.folder / f"{name}.pt"
        partial = path.with_suffix(".part")
        try:
            metrics = json.loads(json.dumps(measured, default=float))  # plain numbers, not NumPy's
            made = {"from": self._came_from(name), "metrics": metrics, "loss": self._loss(model)}
            packed = io.BytesIO()  # written by Python, which says that a disk is full
            torch.save(made | {"weights": model.state_dict()}, packed)
            self.folder.mkdir(parents=True, exist_ok=True)
            partial.write_bytes(packed.getvalue())
            os.replace(partial, path)
        except Exception as error:  # of the disk, or of what the student measured or built
            helpers.say(f"{name} is trained, but it could not be saved in {path}: {error}.")
            with contextlib.suppress(OSError):
                partial.unlink()

    def load(self, model_classes, device="cpu"):
        """Return (models, metrics) from the files, as train_and_compare_models returns them.

        A model without a file is left out, and a printed sentence says so. Raises FileNotFoundError
        if there is no file at all, ValueError if a file is damaged, was trained on another text or
        with other settings, or belongs to a class that has changed since.
        """
        models, metrics = {}, {}
        for name, model_class in model_classes.items():
            if (self.folder / f"{name}.pt").exists():
                models[name], metrics[name] = self._load(name, model_class, device)
            else:
                helpers.say(f"{name}: there is no file in {self.folder}, so it has to be trained.")
        if not models:
            raise FileNotFoundError(f"no trained model is in {self.folder.resolve()}: train first.")
        return models, metrics

    def _load(self, name, model_class, device):
        path = self.folder / f"{name}.pt"
        try:
            made = torch.load(path, map_location=device, weights_only=True)
            came_from, metrics = dict(made["from"]), dict(made["metrics"])
            of_last, of_all = map(float, made["loss"])
        except Exception as error:  # PyTorch raises whatever the bytes make it stumble over
            raise ValueError(
                f"{path} is damaged ({str(error) or 'empty'}): train again."
            ) from error
        for key, now in self._came_from(name).items():
            if (was := came_from.get(key)) != now:
                differs = "another text" if key == "text" else f"{key} {was}, but now it is {now}"
                raise ValueError(f"{path} was trained with {differs}: train again.")
        model, cls = model_class(self.vocab_size).to(device), getattr(model_class, "__name__", name)
        try:
            model.load_state_dict(made["weights"])
        except (KeyError, RuntimeError, TypeError) as error:
            raise ValueError(
                f"the weights in {path} do not fit {cls}, because its layers have changed since: "
                "train again."
            ) from error
        for before, now in zip((of_last, of_all), self._loss(model), strict=True):
            both_diverged = helpers.diverged(now) and helpers.diverged(before)
            if not (both_diverged or abs(now - before) <= 1e-3 * max(1.0, before)):
                raise ValueError(
                    f"{cls} computes something else than when it was trained: on the same windows "
                    f"its loss was {before:.3f}, and now it is {now:.3f}. Train again."
                )
        return model, metrics
