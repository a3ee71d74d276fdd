"""The trained models as a keyboard would run them: how quick, how large, in which file.

A keyboard reads one character at a time and carries the state along; reading the last 50 characters
again at each keystroke would multiply 50 times as much. Here that single step is timed, counted,
stored as int8 and exported to ONNX, for all models alike. A 5-gram that only counts stands beside
them.

int8 is weight only: computing stays in fp32. ``torch.ao.quantization.quantize_dynamic`` is not
used: it is deprecated, and it leaves nn.RNN in fp32 without saying so.
"""

import contextlib
import copy
import importlib.util
import json
import logging
import re
import time
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from IPython.display import display
from matplotlib.ticker import MaxNLocator
from torch import nn

import helpers
from lab.ngram import NGram
from lab.study import seed_noise

OPTIONAL = ("onnx", "onnxscript", "onnxruntime")
TURN = 100  # keystrokes of one model before it is another's turn; the first turn warms up
SAMPLE_LENGTH = 1_500  # characters of text to judge


# ---------------------------------------------------------------------------------------------
# One keystroke
# ---------------------------------------------------------------------------------------------


class Eager:
    """A model in eager PyTorch that is fed one character at a time and carries its state."""

    def __init__(self, model):
        self.model = copy.deepcopy(model).cpu().eval()
        self.hidden = self.model.init_hidden(1)

    @torch.inference_mode()
    def feed(self, index):
        """Return the logits of the next character: array (vocab_size,)."""
        logits, self.hidden = self.model(torch.tensor([[index]]), self.hidden)
        return logits[0].numpy()

    def state_bytes(self):
        return sum(array.nbytes for array in _arrays(self.hidden))


class Counting:
    """An n-gram model that is fed like Eager; its state is the last characters, a byte each."""

    def __init__(self, model):
        self.model, self.context = model, []

    def feed(self, index):
        self.context = [*self.context, index][1 - self.model.order :]
        return np.log(self.model.probabilities(self.context))

    def state_bytes(self):
        return self.model.order - 1


def _arrays(hidden):
    """Return the hidden state of any of the models as a list of arrays."""
    return [state.numpy() for state in (hidden if isinstance(hidden, tuple) else (hidden,))]


@contextlib.contextmanager
def _one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def keystroke_times(streams, indices):
    """Return {name: list of ms}, one for each character that a stream was fed, on one thread.

    The streams take turns, so that what else the machine does falls on all alike.
    """
    times = {name: [] for name in streams}
    with _one_thread():
        for start in range(0, len(indices), TURN):
            for name, stream in streams.items():
                for index in indices[start : start + TURN]:
                    begun = time.perf_counter()
                    stream.feed(index)
                    times[name].append(1000 * (time.perf_counter() - begun))
    return {name: measured[TURN:] for name, measured in times.items()}


def _keystrokes(X):
    """Return 1,000 characters of text and those that warm up, from windows one character apart."""
    count = TURN + (TURN if helpers.quick() else 1_000)
    return X[:, 0].repeat(1 + count // len(X))[:count].tolist()  # a short text more than once


def macs_per_keystroke(model):
    """Return the multiply-accumulates of one step: each weight of a matrix is used once.

    That is gates x hidden_dim x (inputs + hidden_dim) for a recurrent layer, with 1 gate for RNN, 4
    for LSTM and 3 for GRU, and hidden_dim x vocab_size for the output. Looking up an embedding
    multiplies nothing; the gates' few products of vectors are left out.
    """
    looked_up = {
        module.weight.data_ptr() for module in model.modules() if isinstance(module, nn.Embedding)
    }
    return sum(
        p.numel() for p in model.parameters() if p.dim() > 1 and p.data_ptr() not in looked_up
    )


# ---------------------------------------------------------------------------------------------
# int8
# ---------------------------------------------------------------------------------------------


def int8_rows(weight):
    """Return ``(int8 tensor, scale)`` with weight ~ int8 x scale, one scale for each row.

    Symmetric: a row's largest weight becomes 127. A row is what makes one output, or one embedding.
    """
    scale = weight.abs().amax(dim=1, keepdim=True).clamp_min(1e-12) / 127  # (rows, 1)
    return (weight / scale).round().to(torch.int8), scale


@torch.no_grad()
def int8_copy(model):
    """Return a copy of the model whose matrices hold what int8 leaves of them, biases as before."""
    model = copy.deepcopy(model)
    for parameter in model.parameters():
        if parameter.dim() > 1:
            rounded, scale = int8_rows(parameter)
            parameter.copy_(rounded * scale)
    return model


def weight_bytes(model):
    """Return the bytes of a model's weights as ``(fp32, int8)``, the scales of int8 included."""
    fp32 = sum(4 * p.numel() for p in model.parameters())
    int8 = sum(p.numel() + 4 * len(p) if p.dim() > 1 else 4 * p.numel() for p in model.parameters())
    return fp32, int8


def compare_int8(models, test_X, test_y):
    """Return a DataFrame: perplexity, the state carried, before and after int8, a row per model."""
    if helpers.waits_for("5: train the models", models):
        return None
    rows = {}
    for name, model in models.items():
        before, after = (
            _perplexity(predict_while_typing(m, test_X, test_y), test_y)
            for m in (model, int8_copy(model))
        )
        rows[name] = {
            "perplexity, fp32": f"{before:.3f}",
            "perplexity, int8": f"{after:.3f}",
            "change": f"{after / before - 1:+.2%}",
        }
    return pd.DataFrame(rows).T


# ---------------------------------------------------------------------------------------------
# The table
# ---------------------------------------------------------------------------------------------


@torch.no_grad()
def predict_while_typing(model, X, y):
    """Return the log probabilities of the characters that follow: (len(y), vocab_size).

    The model, a network or an NGram, reads the text of the windows ``X`` and their targets ``y``
    once, from the first window on, with the state carried, as a keyboard would.
    """
    text = torch.cat([X[0], y[:-1]])  # (t,), and y follows from place seq_len - 1 on
    seq_len = X.shape[1]
    if isinstance(model, NGram):
        contexts = text.unfold(0, seq_len, 1)[:, 1 - model.order :].tolist()
        return torch.tensor([model.probabilities(context) for context in contexts]).log()
    model = copy.deepcopy(model).cpu().eval()
    logits, _ = model(text[None], model.init_hidden(1), return_sequences=True)  # (1, t, vocab_size)
    return logits[0, seq_len - 1 :].log_softmax(dim=1)


def _perplexity(log_probabilities, y):
    return nn.functional.nll_loss(log_probabilities.double(), y).exp().item()


def phone_table(models, train_X, train_y, test_X, test_y, vocab_size):
    """Return a DataFrame with one row per model and one for a 5-gram; all but the name are numbers.

    "Keystroke (ms)" is the median, beside p95 and p99, of 1,000 steps of one character with the
    state carried, batch 1, one CPU thread, eager PyTorch (plain Python for the 5-gram); "50
    Characters (ms)" what one window from a zero state takes on that thread. Sizes are those of the
    weights in MB (10^6 bytes); the 5-gram's is that of a table of its counts: the context and the
    character, a byte each, and 4 for the number. Top-1 and top-3 are in per cent of the test text's
    characters, which are predicted, as is "Perplexity Typing", with the state carried through it.
    """
    if helpers.waits_for("5: train the models", models):
        return None
    counting = NGram.of_windows(train_X, train_y, vocab_size)
    everyone = {**models, f"{counting.order}-gram": counting}
    streams = {name: Eager(model) for name, model in models.items()}
    streams[f"{counting.order}-gram"] = Counting(counting)
    times = keystroke_times(streams, _keystrokes(test_X))
    y = test_y[: helpers.budget().windows]
    rows = []
    for name, model in everyone.items():
        p95, p99 = np.percentile(times[name], [95, 99])
        log_probabilities = predict_while_typing(model, test_X, y)  # (len(y), vocab_size)
        first = log_probabilities.topk(min(3, vocab_size)).indices  # (len(y), 3)
        right = first == y[:, None]
        row = {
            "Model": name,
            "Keystroke (ms)": float(np.median(times[name])),
            "p95 (ms)": float(p95),
            "p99 (ms)": float(p99),
            "State (bytes)": streams[name].state_bytes(),
            "Top-1 (%)": 100 * right[:, 0].float().mean().item(),
            "Top-3 (%)": 100 * right.any(dim=1).float().mean().item(),
            "Perplexity Typing": _perplexity(log_probabilities, y),
        }
        if isinstance(model, NGram):
            counts = sum(map(len, model.counts.values()))
            row["Size, fp32 (MB)"] = counts * (model.order + 4) / 1e6
        else:
            with _one_thread():
                row["50 Characters (ms)"] = helpers.measure_inference_speed(
                    streams[name].model, test_X[:1]
                )
            row["MACs per Keystroke"] = macs_per_keystroke(model)
            fp32, int8 = weight_bytes(model)
            row |= {"Size, fp32 (MB)": fp32 / 1e6, "Size, int8 (MB)": int8 / 1e6}
        rows.append(row)
    order = ["Model", "Keystroke (ms)", "p95 (ms)", "p99 (ms)", "50 Characters (ms)"]
    order += ["MACs per Keystroke", "State (bytes)", "Size, fp32 (MB)", "Size, int8 (MB)"]
    order += ["Top-1 (%)", "Top-3 (%)", "Perplexity Typing"]
    return pd.DataFrame(rows, columns=order)


# ---------------------------------------------------------------------------------------------
# ONNX
# ---------------------------------------------------------------------------------------------


class _Step(nn.Module):
    """One step of a model with its state as separate tensors, which is what ONNX knows."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, character, *state):
        logits, hidden = self.model(character, state if len(state) > 1 else state[0])
        return logits, *(hidden if isinstance(hidden, tuple) else (hidden,))


def export_step(model, chars):
    """Return one streaming step of a model as two onnx.ModelProto: (fp32, int8).

    Inputs: ``character`` int64 (1, 1), ``state_0`` and for an LSTM ``state_1`` float32 (num_layers,
    1, hidden_dim), zeros at first. Outputs: ``logits`` float32 (1, vocab_size), ``next_0``,
    ``next_1``. The metadata holds the vocabulary, as JSON, under "characters". In the int8 file
    each matrix is stored as ``int8_rows`` makes it; a Cast and a Mul turn it back into fp32, which
    ONNX Runtime does once, on loading.
    """
    import onnx

    model = copy.deepcopy(model).cpu().eval()
    hidden = model.init_hidden(1)
    state = hidden if isinstance(hidden, tuple) else (hidden,)
    numbers = range(len(state))
    logging.disable(logging.WARNING)  # torchvision, which it looks for in vain
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about what the exporter itself does
            program = torch.onnx.export(
                _Step(model).eval(),
                (torch.zeros(1, 1, dtype=torch.long), *state),
                input_names=["character", *(f"state_{n}" for n in numbers)],
                output_names=["logits", *(f"next_{n}" for n in numbers)],
                dynamo=True,
                optimize=False,  # keeps the weights as they are, for int8; loading optimises
                verbose=False,
            )
    finally:
        logging.disable(logging.NOTSET)
    fp32 = program.model_proto
    for part in (fp32, fp32.graph, *fp32.graph.node, *fp32.graph.value_info, *fp32.graph.input):
        del part.metadata_props[:]  # where in PyTorch's sources each node comes from
    onnx.helper.set_model_props(fp32, {"characters": json.dumps(chars)})
    return fp32, _pack_int8(fp32, {f"model.{n}": p for n, p in model.named_parameters()})


def _pack_int8(proto, parameters):
    """Return a copy of an onnx.ModelProto with its matrices stored as int8."""
    from onnx import TensorProto, helper, numpy_helper

    packed = copy.deepcopy(proto)
    graph = packed.graph
    matrices = [i for i in graph.initializer if parameters.get(i.name, torch.empty(0)).dim() > 1]
    for position, initializer in enumerate(matrices):
        name = initializer.name
        rounded, scale = int8_rows(parameters[name].detach())
        graph.initializer.remove(initializer)
        graph.initializer.append(numpy_helper.from_array(rounded.numpy(), f"{name}.int8"))
        graph.initializer.append(numpy_helper.from_array(scale.numpy(), f"{name}.scale"))
        cast = helper.make_node("Cast", [f"{name}.int8"], [f"{name}.cast"], to=TensorProto.FLOAT)
        unpack = helper.make_node("Mul", [f"{name}.cast", f"{name}.scale"], [name])
        graph.node.insert(2 * position, cast)
        graph.node.insert(2 * position + 1, unpack)
    return packed


class Session:
    """An exported step in ONNX Runtime, on one CPU thread, fed like Eager."""

    def __init__(self, path):
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(
            path, options, providers=["CPUExecutionProvider"]
        )
        self.state = {
            given.name: np.zeros(given.shape, np.float32)
            for given in self.session.get_inputs()
            if given.name != "character"
        }

    def feed(self, index):
        logits, *state = self.session.run(None, {"character": np.array([[index]]), **self.state})
        self.state = dict(zip(self.state, state, strict=True))
        return logits[0]


def _farthest_apart(first, second, indices):
    """Return the largest difference between two streams' logits over a text."""
    return max(float(np.abs(first.feed(i) - second.feed(i)).max()) for i in indices)


def compare_runtimes(models, test_X, chars, folder="exported"):
    """Export each model, run it in ONNX Runtime beside eager PyTorch; return a DataFrame.

    One row per model; every column but the name is a number. Files in MB (10^6 bytes); the median
    ms per keystroke, on one thread, in turns; the largest difference between the logits of PyTorch
    and of ONNX Runtime over 1,000 characters of text, the state carried. ``<model>-fp32.onnx`` and
    ``<model>-int8.onnx`` stay in ``folder``. Without the optional packages: says in one line what
    to install and returns None.
    """
    if helpers.waits_for("5: train the models", models):
        return None
    if not all(importlib.util.find_spec(package) for package in OPTIONAL):
        print("ONNX is optional. To run this part: pip install -r lab/phone/requirements.txt")
        return None
    folder, indices = Path(folder), _keystrokes(test_X)
    folder.mkdir(parents=True, exist_ok=True)
    rows, streams = {name: {"Model": name} for name in models}, {}
    for name, model in models.items():
        copies = {"fp32": model, "int8": int8_copy(model)}
        streams[name, "Eager PyTorch"] = Eager(model)
        for kind, proto in zip(copies, export_step(model, chars), strict=True):
            path = folder / f"{name}-{kind}.onnx"
            path.write_bytes(proto.SerializeToString())
            rows[name][f"File, {kind} (MB)"] = path.stat().st_size / 1e6
            session = streams[name, f"ONNX Runtime, {kind}"] = Session(path)
            rows[name][f"Logits Differ, {kind}"] = _farthest_apart(
                Eager(copies[kind]), session, indices
            )
    for (name, runtime), times in keystroke_times(streams, indices).items():
        rows[name][f"{runtime} (ms)"] = float(np.median(times))
    print(f"In {folder}: {', '.join(sorted(p.name for p in folder.glob('*.onnx')))}")
    return pd.DataFrame(rows.values())


def show_runtimes(runtimes):
    """Display the table of compare_runtimes and print which model answers fastest where, if any."""
    if runtimes is None:
        return
    display(helpers.show_table(runtimes))
    table, orders = runtimes.set_index("Model"), []
    for runtime in ("Eager PyTorch", "ONNX Runtime, fp32"):
        (fastest, best), *others = table[f"{runtime} (ms)"].sort_values().items()
        orders.append([fastest, *(name for name, _ in others)])
        slower = ", ".join(f"{name} {time / best:.1f} times" for name, time in others)
        print(f"{runtime}: fastest {fastest} ({best:.3f} ms); {slower} as long.")
    print(f"The two rank the models {'alike' if orders[0] == orders[1] else 'differently'}.")


# ---------------------------------------------------------------------------------------------
# What it costs, against how well it predicts
# ---------------------------------------------------------------------------------------------


def dominated(costs, perplexities):
    """Return the names for which another model costs less and predicts as well or better.

    Perplexities that seeds alone could make differ as much count as equal.
    """
    worst = 1 + seed_noise()
    return {
        name
        for name in costs.index
        for other in costs.index
        if costs[other] < costs[name] and perplexities[other] <= worst * perplexities[name]
    }


def plot_pareto(phone, runtimes, spans, required_span):
    """Return a figure of perplexity against latency and size, and print what it shows.

    ``phone`` and ``runtimes`` are what phone_table and compare_runtimes returned; without the
    latter the figure has eager PyTorch only. A cross marks a dominated model, a hollow mark one
    that does not remember ``required_span`` characters.
    """
    if helpers.waits_for("5 and 9: train the models, spans", phone, spans):
        return None
    phone = phone.set_index("Model")
    panels = {"keystroke in eager PyTorch (ms)": phone["Keystroke (ms)"]}
    if runtimes is not None:
        panels["keystroke in ONNX Runtime (ms)"] = runtimes.set_index("Model")[
            "ONNX Runtime, int8 (ms)"
        ]
    panels["size, int8 (MB; 5-gram: counts)"] = phone["Size, int8 (MB)"].fillna(
        phone["Size, fp32 (MB)"]
    )
    figure, axes = plt.subplots(
        1, len(panels), figsize=(4 * len(panels), 3.8), sharey=True, layout="constrained"
    )
    for panel, (label, costs) in zip(axes, panels.items(), strict=True):
        beaten = dominated(costs, phone["Perplexity Typing"])
        for name, cost in costs.items():
            style = helpers.STYLES.get(name, {"color": "black", "marker": "D"})
            enough = spans.get(name, 0) >= required_span
            point = cost, phone.loc[name, "Perplexity Typing"]
            panel.plot(
                *point,
                marker=style["marker"],
                color=style["color"],
                fillstyle="full" if enough else "none",
                markersize=9,
            )
            if name in beaten:
                panel.plot(*point, "kx", markersize=15)
            place = (9, -16) if name in beaten else (9, 7)
            panel.annotate(name, point, xytext=place, textcoords="offset points")
        panel.margins(y=0.25)
        panel.set(xlabel=label, xlim=(0, 1.3 * costs.max()))
        panel.xaxis.set_major_locator(MaxNLocator(5))
        panel.grid(alpha=0.3)
        best = [name for name in costs.sort_values().index if name not in beaten]
        enough = [name for name in best if spans.get(name, 0) >= required_span]
        print(
            f"{label.partition(' (')[0]}: not dominated {', '.join(best)}; of these remember "
            f"{required_span} characters: {', '.join(enough) or 'none'}."
        )
    axes[0].set_ylabel("perplexity while typing")
    figure.suptitle("Down and left is better. Hollow: forgets too early. Crossed: dominated.")
    return figure


# ---------------------------------------------------------------------------------------------
# Text
# ---------------------------------------------------------------------------------------------


def share_of_known_words(text, source):
    """Return the share of the words of a text that the source has too, whatever their case."""
    words, known = (re.findall(r"[^\W\d_]+", t.lower()) for t in (text, source))
    known = set(known)
    return sum(word in known for word in words) / len(words) if words else 0.0


def longest_copy(text, source):
    """Return the longest stretch of a text that stands in the source too, as it is."""
    longest = ""
    for start in range(len(text)):
        while (end := start + len(longest) + 1) <= len(text) and text[start:end] in source:
            longest = text[start:end]
    return longest


def _continue(stream, prompt, length, temperature):
    """Return ``length`` indices sampled from a stream after the indices of the prompt."""
    generator = torch.Generator().manual_seed(helpers.SEED)
    *first, index = prompt
    for known in first:
        stream.feed(known)
    sampled = []
    for _ in range(length):
        logits = torch.from_numpy(stream.feed(index)).double()  # (vocab_size,)
        probabilities = torch.softmax(logits / temperature, dim=0)
        index = int(torch.multinomial(probabilities, 1, generator=generator))
        sampled.append(index)
    return sampled


def text_quality(models, train_X, train_y, test_X, test_y, chars):
    """Return a DataFrame: 1,500 characters sampled from each model and from a 5-gram, judged.

    By the share of their words that occur in the training text, and by the longest run copied from
    it, at two temperatures; held-out text of the same length stands beside them. The prompt is the
    end of the training text.
    """
    if helpers.waits_for("5: train the models", models):
        return None
    counting = NGram.of_windows(train_X, train_y, len(chars))
    streams = {name: lambda model=model: Eager(model) for name, model in models.items()}
    streams[f"{counting.order}-gram"] = lambda: Counting(counting)
    source = _text([*train_X[0].tolist(), *train_y.tolist()], chars)
    held_out = _text(test_y[:SAMPLE_LENGTH].tolist(), chars)
    rows = {name: {} for name in [*streams, "held-out text"]}
    for temperature in (0.5, 1.0):
        texts = {"held-out text": held_out}
        with _one_thread():
            for name, stream in streams.items():
                sampled = _continue(stream(), train_X[-1].tolist(), SAMPLE_LENGTH, temperature)
                texts[name] = _text(sampled, chars)
        for name, text in texts.items():
            words = share_of_known_words(text, source)
            rows[name][f"known words at {temperature}"] = f"{words:.0%}"
            rows[name][f"longest copy at {temperature}"] = len(longest_copy(text, source))
    return pd.DataFrame(rows).T


def _text(indices, chars):
    return "".join(chars[index] for index in indices)
