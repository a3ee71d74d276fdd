"""One timestep of a model as an ONNX file, run by ONNX Runtime and compared with eager PyTorch.

ONNX is a file format for models. ONNX Runtime is a program library that runs such files without
PyTorch.
"""

import copy
import importlib
import json
import logging
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from IPython.display import display

import helpers
from lab.extras.phone.int8 import int8_copy, int8_rows
from lab.extras.phone.keystrokes import DIFFER, FORMATS, Step

OPTIONAL = ("onnx", "onnxscript", "onnxruntime")
INSTALL = "-r lab/extras/phone/requirements.txt"


def export_step(model, chars):
    """Return one timestep of a model as two onnx.ModelProto: (fp32, int8).

    The inputs are ``character``, int64 (1, 1), and ``state_0``, float32 (num_layers, 1,
    hidden_dim); an LSTM also has ``state_1``. The states are zeros at the start of a text. The
    outputs are ``logits``, float32 (1, vocab_size), and the new states ``next_0`` and ``next_1``.
    The metadata has the vocabulary as JSON under the key "characters". In the int8 file each matrix
    is stored as ``int8_rows`` returns it. The operators Cast and Mul turn it into fp32 again; ONNX
    Runtime does this once, when it loads the file.
    """
    import onnx

    step = Step(model)
    state = step.start()
    numbers = range(len(state))
    logging.disable(logging.WARNING)  # the exporter warns that it does not find torchvision
    try:
        with warnings.catch_warnings(action="ignore"):  # warnings about the exporter itself
            program = torch.onnx.export(
                step,
                (torch.zeros(1, 1, dtype=torch.long), *state),
                input_names=["character", *(f"state_{n}" for n in numbers)],
                output_names=["logits", *(f"next_{n}" for n in numbers)],
                dynamo=True,
                optimize=False,  # does not change the weights, for int8; loading optimises
                verbose=False,
            )
    finally:
        logging.disable(logging.NOTSET)
    fp32 = program.model_proto
    for part in (fp32, fp32.graph, *fp32.graph.node, *fp32.graph.value_info, *fp32.graph.input):
        del part.metadata_props[:]  # the place in PyTorch's sources for each node
    onnx.helper.set_model_props(fp32, {"characters": json.dumps(chars)})
    return fp32, _with_int8(fp32, dict(step.named_parameters()))


def _with_int8(proto, parameters):
    """Return a copy of an onnx.ModelProto with its matrices stored as int8."""
    from onnx import TensorProto, helper, numpy_helper

    packed = copy.deepcopy(proto)
    graph = packed.graph
    for stored in proto.graph.initializer:
        name = stored.name
        if name in parameters and parameters[name].dim() > 1:
            graph.initializer.remove(stored)
            rounded, scale = int8_rows(parameters[name].detach())
            for kind, tensor in (("int8", rounded), ("scale", scale)):
                graph.initializer.append(numpy_helper.from_array(tensor.numpy(), f"{name}.{kind}"))
            fp32 = f"{name}.fp32"
            cast = helper.make_node("Cast", [f"{name}.int8"], [fp32], to=TensorProto.FLOAT)
            graph.node.insert(0, helper.make_node("Mul", [fp32, f"{name}.scale"], [name]))
            graph.node.insert(0, cast)
    return packed


class Session:
    """An exported model in ONNX Runtime, on one CPU thread; ``feed`` works as in helpers.Typing."""

    def __init__(self, path):
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(
            path, options, providers=["CPUExecutionProvider"]
        )
        _, *states = self.session.get_inputs()  # the first is the character
        self.state = {given.name: np.zeros(given.shape, np.float32) for given in states}

    def feed(self, index):
        logits, *state = self.session.run(None, {"character": np.array([[index]]), **self.state})
        self.state = dict(zip(self.state, state, strict=True))
        return logits[0]


def farthest_apart(first, second, indices):
    """Return the largest difference between the logits of two streams over a text (indices)."""
    return max(float(np.abs(first.feed(i) - second.feed(i)).max()) for i in indices)


def write_steps(models, chars, folder):
    """Write two files for each model into a folder; return {(name, "fp32" or "int8"): path}."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = {}
    for name, model in models.items():
        for kind, proto in zip(("fp32", "int8"), export_step(model, chars), strict=True):
            paths[name, kind] = folder / f"{name}-{kind}.onnx"
            paths[name, kind].write_bytes(proto.SerializeToString())
    return paths


def compare_runtimes(models, test_X, chars, folder=None):
    """Export each model and run it in ONNX Runtime and in eager PyTorch; return a DataFrame.

    There is one row per model, by its name, and all values are numbers: the size of the files in MB
    (10^6 bytes), the median time per keystroke in milliseconds (on one thread; the models take
    turns), and the largest difference between the logits of PyTorch and of ONNX Runtime over the
    characters of keystrokes_of, with the state kept. The files ``<model>-fp32.onnx`` and
    ``<model>-int8.onnx`` stay in ``folder``. If an optional package is missing or if the folder
    cannot be written, one line says what to do, and None is returned.
    """
    if helpers.waits_for("training", models):
        return None
    if said := _what_is_missing():
        helpers.say(said)
        return None
    folder = Path(folder or helpers.folder_for("exported"))
    try:
        paths = write_steps(models, chars, folder)
    except OSError as error:
        helpers.say(
            f"This part is skipped, because {error.filename or folder} cannot be written "
            f"({error.strerror}). {helpers.ROOM}"
        )
        return None
    rows, streams, indices = {}, {}, helpers.keystrokes_of(test_X)
    for name, model in models.items():
        rows[name] = {}
        streams[name, "Eager PyTorch (ms)"] = helpers.Typing(model)
        for kind, stored in {"fp32": model, "int8": int8_copy(model)}.items():
            path = paths[name, kind]
            session = streams[name, f"ONNX Runtime, {kind} (ms)"] = Session(path)
            rows[name][f"File, {kind} (MB)"] = path.stat().st_size / 1e6
            rows[name][f"{DIFFER}, {kind}"] = farthest_apart(
                helpers.Typing(stored), session, indices
            )
    medians = helpers.keystroke_times(streams, indices).median().unstack(sort=False)
    files = ", ".join(sorted(p.name for p in folder.glob("*.onnx")))
    helpers.say(f"The folder {folder} has the files {files}.")
    table = pd.DataFrame.from_dict(rows, orient="index").join(medians)
    return table.rename_axis("Model")


def _what_is_missing():
    """Return a sentence about an optional package that does not load; None if all packages load."""
    for package in OPTIONAL:
        try:
            importlib.import_module(package)
        except Exception as error:  # a library that does not load can raise any error
            if isinstance(error, ModuleNotFoundError) and error.name == package:
                return f"ONNX is optional. To run this part, install it: pip install {INSTALL}"
            cause = str(error).partition("\n")[0][:200]
            return (
                f"This part is skipped, because {package} is installed but does not load "
                f"({cause}). Install it again: pip install --force-reinstall {INSTALL}"
            )
    return None


def show_runtimes(runtimes):
    """Display the table of compare_runtimes and print which model has the lowest inference time.

    Nothing is shown if ``runtimes`` is None.
    """
    if runtimes is None:
        return
    display(helpers.show_table(runtimes, FORMATS))
    orders = []
    for runtime in ("Eager PyTorch", "ONNX Runtime, fp32"):
        times = runtimes[f"{runtime} (ms)"].sort_values()
        fastest, *others = times.index
        slower = "".join(
            f" {name} needs {times[name] / times[fastest]:.1f} times as long." for name in others
        )
        helpers.say(
            f"{runtime}: {fastest} has the lowest inference time, {times[fastest]:.3f} ms.{slower}"
        )
        orders.append(list(times.index))
    order = "the same order" if orders[0] == orders[1] else "different orders"
    helpers.say(f"PyTorch and ONNX Runtime give {order} of the models.")
