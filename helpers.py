"""Everything the exercise provides, in the order in which the data flows.

text -> vocabulary -> windows -> training -> evaluation -> table -> plots. The models are the
student's. Left out on purpose: no trainer class, no configuration files, no global state but the
watch over PyTorch's threads and the looks of figures; a helper gets what it needs as arguments. A
helper that is handed ``None`` (a TODO not filled in yet) says in one line which TODO it waits for,
and returns ``None``.
"""

import base64
import contextlib
import copy
import functools
import io
import math
import os
import platform
import re
import statistics
import sys
import textwrap
import time
import zlib
from html import escape
from numbers import Number, Real
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import psutil
import torch
from matplotlib.ticker import MaxNLocator
from PIL import Image
from torch import nn
from torch.nn.utils import clip_grad_norm_

from lab.exercise import (
    CHECKS,
    DIVERGED,
    MAX_GRADIENT_NORM,
    PROMPT,
    SEQ_LEN,
    STYLES,
)

TURN = 100  # keystrokes of one model before it is another's turn; the first turn warms up
DATA = Path(__file__).parent / "data"
WRAPPED = "white-space: pre-wrap; overflow-wrap: anywhere"  # lines that break between words


def diverged(loss):
    """Return whether a loss, in nats per character, is that of a training that has diverged."""
    return not loss <= DIVERGED  # nor is NaN


# ----- What a value is ----------------------------------------------------------------------------


class Words(str):
    """What a value is, in words: by its class it is told from a text that somebody wrote."""


def describe(value):
    """Return what a value is, in Words: short, and so that they can follow "is"."""
    return value if isinstance(value, Words) else Words(_in_words(value))


def _in_words(value):
    if torch.is_tensor(value) or isinstance(value, np.ndarray):
        return f"a tensor of shape {tuple(value.shape)}"
    if isinstance(value, (tuple, list)):
        some = ", ".join(map(describe, value[:4])) + ", …" * (len(value) > 4)
        return f"a {type(value).__name__} of {len(value)}" + f": {some}" * bool(value)
    if isinstance(value, dict):
        keys = ", ".join(map(short, list(value)[:6])) + ", …" * (len(value) > 6)
        return f"a dict with the keys {keys}" if value else "an empty dict"
    if isinstance(value, (str, Number)):
        return short(value)
    if isinstance(value, type):
        return f"the class {value.__name__}, not an instance of it"
    name = type(value).__name__
    return "None" if value is None else f"a{'n' * (name[0] in 'AEIOU')} {name}"


def short(value):
    """Return what Python shows of a value, cut to 40 characters."""
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}…"


# ----- What a notebook shows ----------------------------------------------------------------------


def shell():
    """Return IPython's shell, or None outside of it."""
    ipython = sys.modules.get("IPython")
    return ipython.get_ipython() if ipython else None


def in_notebook():
    """Return whether this runs in a kernel, whose front end shows pictures, and is to be seen.

    A check, which keeps what it prints to itself, shows no pictures either.
    """
    kernel = getattr(shell(), "kernel", None)
    return kernel is not None and type(sys.stdout).__module__.startswith("ipykernel")


def say(text, style=""):
    """Print a text in lines that break between words, in a notebook in a style of HTML's.

    JupyterLab breaks what is printed anywhere, and a window of 800 pixels with its file browser
    leaves 45 characters: so in a notebook the text is shown as HTML, which has no fixed lines.
    """
    if in_notebook():
        from IPython.display import display

        html = f'<div style="{style}{WRAPPED}">{escape(text)}</div>'
        display({"text/plain": text, "text/html": html}, raw=True)
    else:  # on a console, which may lack the signs
        encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
        print(text.encode(encoding, "replace").decode(encoding), flush=True)


def in_words(figure):
    """Return what a figure shows, in words, as one line.

    It is the figure's label, if it has one, else of each panel the title, the axes and the values.
    """
    panels = []
    for axes in figure.axes:
        title = "".join(map(axes.get_title, ("left", "center", "right")))
        against = " against ".join(filter(None, (axes.get_ylabel(), axes.get_xlabel())))
        shown = [*map(_with_ends, *axes.get_legend_handles_labels())]
        if axes.collections:  # points
            shown += map(_with_place, axes.texts)
        named = ": ".join(filter(None, (title, against)))
        panels.append(". ".join(filter(None, (named, "; ".join(shown)))))
    return " ".join((figure.get_label() or ". ".join(panels)).split())


def _with_ends(artist, label):
    """Return a label, for a line with where it begins and ends, and between what it lies."""
    points = artist.get_xydata() if isinstance(artist, plt.Line2D) else np.empty((0, 2))
    x, y = points[np.isfinite(points).all(axis=1)].T
    if not len(y):
        return label
    low, high, first, last = (f"{value:.4g}" for value in (y.min(), y.max(), y[0], y[-1]))
    if len(y) > 1 and not np.ptp(x):
        return f"{label} at {x[0]:.4g}"
    between = f", between {low} and {high}" * ({low, high} != {first, last})
    return f"{label} from {first} to {last}{between}"


def _with_place(text):
    place = getattr(text, "xy", text.get_position())
    numbers = (f"{n:,.4g}" if isinstance(n, Real) and abs(n) < 1e4 else f"{n}" for n in place)
    return f"{text.get_text()} at {' and '.join(numbers)}"


def with_words(figure, **how):
    """Return what a front end may show of a figure, by type: the picture, and what it shows.

    JupyterLab gives a picture of its own no alternative text, but keeps that of an HTML image.
    ``how`` says more to matplotlib's savefig. The picture has 256 colours, a third of the bytes.
    """
    from IPython.core.pylabtools import print_figure

    if not (drawn := print_figure(figure, **how)):  # it has no axes
        return {"text/plain": repr(figure)}
    words, file = in_words(figure), io.BytesIO()
    with Image.open(io.BytesIO(drawn)) as picture:
        picture.convert("RGB").quantize().save(file, "PNG")
    png = base64.b64encode(file.getvalue()).decode()
    html = f'<img alt="{escape(words)}" src="data:image/png;base64,{png}">'
    return {"text/plain": words, "image/png": png, "text/html": html}


def set_looks():
    """Set what all figures look like, a student's own too, and show them with words.

    The margin keeps a name beside a point inside the axes.
    """
    plt.rcParams.update(
        {
            "figure.figsize": (7, 4),
            "axes.grid": True,
            "grid.alpha": 0.3,
            "axes.xmargin": 0.12,
            "axes.ymargin": 0.12,
            "lines.markersize": 4,
        }
    )
    pd.set_option("display.max_colwidth", None)  # sentences stand in tables
    if in_notebook():
        from IPython.display import display

        shown = shell().display_formatter.ipython_display_formatter
        shown.for_type(plt.Figure, lambda figure: display(with_words(figure), raw=True))


set_looks()


# ----- Arguments that are missing, or in each other's place ---------------------------------------


def waits_for(checks, *values):
    """Return True, after saying so in one line, when a value is missing because of a TODO.

    ``checks`` names, with spaces between, the checks of the TODOs that give the values.
    """
    missing = any(value is None for value in values)
    if missing:
        say(f"Waiting for {' and '.join(CHECKS[name].title for name in checks.split())}.")
    return missing


def need_a_loss(loss):
    """Raise TypeError, which says why, for a loss that is no number."""
    if isinstance(loss, tuple):
        raise TypeError(
            "the loss is a pair: train_epoch returns (loss, seconds). Unpack it, as in "
            "train_loss, seconds = train_epoch(...)."
        )
    if not isinstance(loss, Real) and not (torch.is_tensor(loss) and loss.numel() == 1):
        raise TypeError(f"the loss is {describe(loss)}: a number is wanted.")


def _need_a_model(value):
    if not isinstance(value, nn.Module):
        raise TypeError(f"got {describe(value)}: a model is wanted, the one that was trained.")


def _need_windows(X, y, **instances):
    """Raise an error, in one line, for what are no windows and targets, or for a class alone."""
    for name, value in instances.items():
        if isinstance(value, type):
            raise TypeError(f"{name} is the class {value.__name__}: call it, which makes one.")
    if not (torch.is_tensor(X) and torch.is_tensor(y) and X.dim() == 2 and y.dim() == 1):
        raise TypeError(
            f"got {describe(X)} and {describe(y)}: windows X and their targets y are wanted, as "
            "prepare_sequences returns them."
        )
    if not len(X):
        raise ValueError(f"X has shape {tuple(X.shape)}, so no windows: was it cut twice?")
    if len(X) != len(y):
        raise ValueError(f"{len(X)} windows but {len(y)} targets: take both from the same split.")


def _need_metrics_and_models(metrics, models):
    """Raise an error, in one line, for what are not two dicts by the same names."""
    for name, value in (("metrics", metrics), ("models", models)):
        if not isinstance(value, dict):
            raise TypeError(
                f"{name} is {describe(value)}: the arguments are metrics, models, test_X, test_y."
            )
    if any(isinstance(measured, nn.Module) for measured in metrics.values()):
        raise TypeError("metrics holds models: the arguments are metrics, models, test_X, test_y.")
    if missing := [name for name in models if name not in metrics]:
        raise ValueError(f"no metrics for {missing}: metrics has {sorted(metrics)}.")


# ----- The machine --------------------------------------------------------------------------------


def describe_machine():
    """Return one line that names what the measurements of this session depend on."""
    processor = platform.processor() or platform.machine()
    if (cpuinfo := Path("/proc/cpuinfo")).exists():
        names = [r for r in cpuinfo.read_text(errors="replace").split("\n") if "model name" in r]
        processor = names[0].partition(":")[2].strip() if names else processor
    gpu = f", {torch.cuda.get_device_name()}" if torch.cuda.is_available() else ""
    count = min(torch.get_num_threads(), usable_cpus())
    used = f"{count} thread" + "s" * (count > 1)
    return (
        f"{processor}, {os.cpu_count()} cores, {used}{gpu}, {platform.system()}, "
        f"Python {platform.python_version()}, torch {torch.__version__}"
    )


def usable_cpus(groups=Path("/proc/self/cgroup"), mounted=Path("/sys/fs/cgroup")):
    """Return how many CPUs this process may use, at least 1.

    On Linux that is the least of its affinity and the quotas of its control groups and of those
    above them, a part of a CPU counting as one (the kernel's documentation of cgroup v1, "CFS
    Bandwidth Control", and of cgroup v2, "CPU"); elsewhere the number of CPUs.
    """
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    for line in groups.read_text(errors="replace").splitlines() if groups.exists() else ():
        controllers, _, path = line.partition(":")[2].partition(":")
        if controllers and "cpu" not in controllers.split(","):
            continue
        group = (mounted / "cpu" if controllers else mounted) / path.lstrip("/")
        for folder in (group, *group.parents):
            try:
                if controllers:  # version 1
                    quota = (folder / "cpu.cfs_quota_us").read_text()
                    period = (folder / "cpu.cfs_period_us").read_text()
                else:
                    quota, period = (folder / "cpu.max").read_text().split()
                if int(quota) > 0:  # -1: no quota in version 1
                    cpus = min(cpus, math.ceil(int(quota) / int(period)))
            except (OSError, ValueError, ZeroDivisionError):
                continue  # no such file, or "max": no quota in version 2
    return cpus


class Threads:
    """Keeps the number of PyTorch's threads at what other processes leave of the machine.

    ``adapt()`` looks at most every five seconds, so that a moment's work of others changes nothing,
    and with it no digit of a result. ``most`` is the number when nobody else computes, and
    ``reduced`` says whether it has been less since somebody set it to False.
    """

    def __init__(self):
        self.most = min(torch.get_num_threads(), usable_cpus())
        self.process = psutil.Process()
        self.reduced = False
        self.busy_elsewhere()  # starts the count
        torch.set_num_threads(self.most)

    def busy_elsewhere(self):
        """Return how many CPUs other processes kept busy since the last call, on average."""
        self.looked = time.monotonic()
        return psutil.cpu_percent() / 100 * psutil.cpu_count() - self.process.cpu_percent() / 100

    def adapt(self):
        if time.monotonic() - self.looked >= 5:
            free = round(psutil.cpu_count() - self.busy_elsewhere())
            torch.set_num_threads(max(1, min(free, self.most)))
            self.reduced |= free < self.most


@functools.cache
def threads():
    """Return this process's Threads. Before the first training nothing is counted and nothing set.

    PyTorch starts a thread per core of the host. Where the process may use fewer of them, or where
    a second training runs, the threads wait for each other in loops that keep busy the very cores
    they wait for, and a training takes many times as long instead of twice: benchmarks/speed/.
    """
    return Threads()


@contextlib.contextmanager
def one_thread():
    """Let PyTorch compute on one thread within a ``with`` block, whoever adapts the number."""
    keeper, before = threads(), torch.get_num_threads()
    most, keeper.most = keeper.most, 1
    torch.set_num_threads(1)
    try:
        yield
    finally:
        keeper.most = most
        torch.set_num_threads(before)


# ----- Text ---------------------------------------------------------------------------------------


CORPORA = "expected 'sample', 'wikitext-2' or the path of a text file"


def load_text(corpus="sample", max_chars=60_000):
    """Return the first ``max_chars`` printable characters of a corpus as one string.

    ``corpus`` is ``"sample"`` (bundled, no network), ``"wikitext-2"`` (needs a network once) or the
    path of a UTF-8 text file. Rows, which any kind of line end ends, are joined by a space, and
    every other character of white space becomes one; what else cannot be printed is left out, and
    one line says how much that was. ``max_chars=None`` takes all rows.

    Raises ValueError for an unknown name, an empty text, a file that is not UTF-8 or a bad
    ``max_chars``; FileNotFoundError for a path that does not exist; ConnectionError when WikiText-2
    is neither cached nor within reach.
    """
    if max_chars is not None and (not isinstance(max_chars, int) or max_chars < 1):
        raise ValueError(f"max_chars={max_chars!r}: expected a whole number of at least 1, or None")
    pieces, length, left_out = [], 0, 0
    for row in _rows(corpus):
        piece = re.sub(r"\s", " ", row)  # what str.isspace calls white space
        if not piece.isprintable():
            piece = "".join(filter(str.isprintable, piece))
            left_out += len(row) - len(piece)
        pieces.append(piece)
        length += len(piece) + 1  # the space after it
        if max_chars is not None and length > max_chars:
            break
    text = " ".join(pieces)[:max_chars]
    if not text.strip():
        raise ValueError(
            f"corpus {str(corpus)!r} holds no printable text: choose another, or CORPUS = 'sample'."
        )
    if left_out:
        say(f"Left out of corpus {str(corpus)!r}: {left_out:,} characters that cannot be printed.")
    return text


def _rows(corpus):
    """Return the rows of a corpus, a list of texts; raises what load_text does for a bad one."""
    if not isinstance(corpus, (str, Path)) or not str(corpus):
        raise ValueError(f"unknown corpus {corpus!r}: {CORPORA}")
    if corpus == "wikitext-2":
        from data import wikitext  # only for those who ask for it

        return wikitext.load_rows()
    path = DATA / "sample.txt" if corpus == "sample" else _existing_file(corpus)
    try:
        return path.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise ValueError(
            f"{path} cannot be read ({error.strerror}). Choose another file, or CORPUS = 'sample'."
        ) from error
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path} is not UTF-8 text (byte {error.start}: {error.reason}). "
            "Save it as UTF-8, or use CORPUS = 'sample'."
        ) from error


def _existing_file(corpus):
    """Return ``corpus`` as the path of a file that exists, or raise the error that says why not."""
    path = Path(os.path.expanduser(corpus))
    if os.path.isfile(path):
        return path
    if os.path.isdir(path):
        raise IsADirectoryError(f"{path} is a folder: name a text file in it.")
    if os.path.exists(path):
        raise ValueError(f"{path} is no ordinary file. Choose another, or CORPUS = 'sample'.")
    if len(path.parts) > 1 or path.suffix:
        raise FileNotFoundError(
            f"no file {str(path)[:200]!r} (looked from {Path.cwd()}). "
            "Check the spelling, or use CORPUS = 'sample'."
        )
    raise ValueError(f"unknown corpus {str(corpus)[:200]!r}: {CORPORA}")


def build_vocabulary(text):
    """Return ``(chars, char2idx, idx2char)``: the distinct characters, sorted, and both mappings.

    Sorting makes the indices the same on every run. Raises ValueError for an empty text.
    """
    if not text:
        raise ValueError("the text is empty: load_text('sample') returns one that is not.")
    chars = sorted(set(text))
    char2idx = {character: index for index, character in enumerate(chars)}
    idx2char = dict(enumerate(chars))
    return chars, char2idx, idx2char


def encode(text, char2idx):
    """Return the indices of the characters of ``text``: LongTensor (len(text),).

    Raises ValueError that names the first character outside the vocabulary.
    """
    # One table look-up for the whole text: a Python loop takes seconds on ten million characters.
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")
    table = np.full(codes.max(initial=0) + 1, -1, dtype=np.int64)
    for character, index in char2idx.items():
        if ord(character) < len(table):
            table[ord(character)] = index
    indices = table[codes]
    if (unknown := indices < 0).any():
        position = int(unknown.argmax())
        raise ValueError(
            f"character {text[position]!r} at position {position} is not in the vocabulary of "
            f"{len(char2idx)} characters: use only characters of the training text."
        )
    return torch.from_numpy(indices)


def prepare_sequences(text, char2idx, seq_len=50, train_ratio=0.8, val_ratio=0.1):
    """Return ``train_X, train_y, val_X, val_y, test_X, test_y``, cut from the text in that order.

    Window ``X[i]`` holds ``seq_len`` characters and ``y[i]`` the character that follows:
    X is (windows, seq_len) and y is (windows,), both LongTensor. Neighbouring windows are one
    character apart and share their memory (``Tensor.unfold``), so all of them together take the 8
    bytes per character of the encoded text; do not write into them.

    Raises ValueError for a text shorter than ``seq_len + 10``, for ratios that leave a split empty,
    and for a character outside the vocabulary.
    """
    if not isinstance(seq_len, int) or seq_len < 1:
        raise ValueError(f"seq_len={seq_len!r}: expected a whole number of at least 1")
    if len(text) < seq_len + 10:
        raise ValueError(
            f"the text has {len(text)} characters, but seq_len={seq_len} needs at least "
            f"{seq_len + 10}: take a longer text or a smaller seq_len."
        )
    if not (train_ratio > 0 and val_ratio > 0 and train_ratio + val_ratio < 1):
        raise ValueError(
            f"train_ratio={train_ratio} and val_ratio={val_ratio}: both must be above 0 and their "
            "sum below 1, so that a test split is left (0.8 and 0.1, for example)."
        )
    encoded = encode(text, char2idx)
    X = encoded[:-1].unfold(0, seq_len, 1)  # (windows, seq_len), a view
    y = encoded[seq_len:]  # (windows,), a view
    train_end = int(len(X) * train_ratio)
    val_end = train_end + int(len(X) * val_ratio)
    splits = X[:train_end], y[:train_end], X[train_end:val_end], y[train_end:val_end]
    splits += X[val_end:], y[val_end:]
    if not all(map(len, splits)):
        raise ValueError(
            f"{len(X)} windows at train_ratio={train_ratio}, val_ratio={val_ratio} leave a split "
            "empty: take a longer text or more balanced ratios."
        )
    return splits


def one_pass(X, y, seed):
    """Return ``(X, y)`` with every ``seq_len``-th window from a random offset, shuffled.

    The windows do not overlap: trained at every timestep, they cover the text once. The same seed
    gives the same windows in the same order, so every model can be shown the same batches.
    """
    seq_len = X.shape[1]
    generator = torch.Generator().manual_seed(seed)
    offset = int(torch.randint(min(seq_len, len(X)), (1,), generator=generator))
    starts = torch.arange(offset, len(X), seq_len)
    starts = starts[torch.randperm(len(starts), generator=generator)]
    return X[starts], y[starts]  # (windows, seq_len), (windows,)


# ----- Training -----------------------------------------------------------------------------------


def count_parameters(model):
    """Return the number of trainable parameters of a model; TypeError for what is none."""
    _need_a_model(model)
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


def _device_of(model):
    """Return the device that a model's parameters are on; TypeError for what is no model."""
    _need_a_model(model)
    for parameter in model.parameters():
        return parameter.device
    raise ValueError(f"{type(model).__name__} has no parameters: create its layers in __init__.")


def states(hidden):
    """Return the tensors of a hidden state as a list: [h], or [h, c] for the LSTM."""
    return list(hidden) if isinstance(hidden, (tuple, list)) else [hidden]


def call_model(model, X, every_step=False, hidden=None):
    """Return ``(logits, hidden)`` of a model on one batch, from a zero state unless given one.

    Raises ValueError when the model does not return what its contract promises.
    """
    name = type(model).__name__
    if hidden is None:
        if not hasattr(model, "init_hidden"):
            raise ValueError(f"{name} has no init_hidden(batch_size): write it, as its cell says.")
        hidden = model.init_hidden(len(X))
    output = model(X, hidden, return_sequences=every_step)
    if not (isinstance(output, tuple) and len(output) == 2 and torch.is_tensor(output[0])):
        raise ValueError(
            f"{name}.forward returned {type(output).__name__}: expected a pair (logits, hidden)."
        )
    expected = tuple(X.shape) if every_step else (len(X),)  # (b, t) or (b,), less the vocabulary
    if output[0].dim() != len(expected) + 1 or output[0].shape[:-1] != expected:
        raise ValueError(
            f"{name}.forward(x of shape {tuple(X.shape)}, return_sequences={every_step}) returned "
            f"logits of shape {tuple(output[0].shape)}: expected "
            f"({', '.join(map(str, expected))}, vocab_size)."
        )
    return output


def _loss_on_batch(model, X, y, criterion, every_step):
    """Return ``(mean loss, number of predictions)`` of a model on one batch.

    With ``every_step`` each timestep predicts its next character; otherwise only the last one does.
    """
    targets = torch.cat([X[:, 1:], y[:, None]], dim=1) if every_step else y  # (b, t) or (b,)
    logits, _ = call_model(model, X, every_step)  # (b, t, v) or (b, v)
    if logits.shape[-1] <= int(targets.max()):
        raise ValueError(
            f"{type(model).__name__} scores {logits.shape[-1]} characters, but the text has one "
            f"with index {int(targets.max())}: the output layer needs vocab_size outputs."
        )
    return criterion(logits.flatten(0, -2), targets.flatten()), targets.numel()


def _synchronize(device):
    """Wait until a GPU has done its work, so that a clock reads the truth."""
    if device.type != "cpu":
        torch.accelerator.synchronize(device)


def _announce(seconds, batches):
    """Say how long an epoch is going to take, if that is more than a minute."""
    if (left := seconds * (batches - 10)) > 60:
        say(f"This epoch has {batches:,} batches: about {left:.0f} s to go.")


@torch.enable_grad()
def train_epoch(model, X, y, optimizer, criterion, batch_size=32):
    """Train on every window once and return ``(mean loss per prediction, seconds)``.

    The loss is taken at every timestep. Batches come in the order given; the last one may be
    smaller. Gradients are clipped to a norm of 0.5. The first epoch of an optimizer runs one
    untimed batch, without learning from it, so that no model pays in its seconds for the start of
    the process. A loss that has diverged ends the epoch, and the mean is then infinite.

    Raises ValueError when the model returns the wrong shapes.
    """
    device = _device_of(model)
    _need_windows(X, y, optimizer=optimizer, criterion=criterion)
    model.train()
    if not optimizer.state:
        with torch.random.fork_rng([device] if device.type == "cuda" else []):
            _loss_on_batch(
                model, X[:batch_size].to(device), y[:batch_size].to(device), criterion, True
            )[0].backward()
    total_loss, total_count = 0.0, 0
    _synchronize(device)
    batches = list(zip(X.split(batch_size), y.split(batch_size), strict=True))
    start = time.perf_counter()
    for done, (batch_X, batch_y) in enumerate(batches):
        if done == 10:
            _announce((time.perf_counter() - start) / 10, len(batches))
        threads().adapt()
        optimizer.zero_grad()
        loss, count = _loss_on_batch(
            model, batch_X.to(device), batch_y.to(device), criterion, every_step=True
        )
        if diverged(loss.item()):
            total_loss, total_count = math.inf, 1
            break
        loss.backward()
        clip_grad_norm_(model.parameters(), MAX_GRADIENT_NORM)
        optimizer.step()
        total_loss += loss.item() * count
        total_count += count
    _synchronize(device)
    return total_loss / total_count, time.perf_counter() - start


@torch.no_grad()
def evaluate_model(model, X, y, criterion, batch_size=500, every_step=False):
    """Return the mean loss per prediction, with dropout off.

    By default each window is scored on its final timestep; ``every_step=True`` scores them all, the
    measure of ``train_epoch``. Raises ValueError when the model returns the wrong shapes.
    """
    device = _device_of(model)
    _need_windows(X, y, criterion=criterion)
    model.eval()
    total_loss, total_count = 0.0, 0
    for batch_X, batch_y in zip(X.split(batch_size), y.split(batch_size), strict=True):
        loss, count = _loss_on_batch(
            model, batch_X.to(device), batch_y.to(device), criterion, every_step
        )
        total_loss += loss.item() * count
        total_count += count
    return total_loss / total_count


class BestWeights:
    """Remembers the weights of the epoch with the lowest validation loss.

    ``update(val_loss)`` after each epoch; ``restore()`` after the last one puts the best weights
    back and returns the number of their epoch, counted from 1; where all have diverged, those that
    the model began with, and 0. (Early stopping without the stopping: Prechelt, "Early Stopping -
    But When?", 1998.)
    """

    def __init__(self, model):
        _need_a_model(model)
        self.model = model
        self.epoch = self.best_epoch = 0
        self.best_loss = math.inf
        self._keep()

    def _keep(self):
        self.weights = {name: t.clone() for name, t in self.model.state_dict().items()}

    def update(self, val_loss):
        """Note the validation loss of the epoch that has ended; TypeError for what is no number."""
        need_a_loss(val_loss)
        self.epoch += 1
        if val_loss < self.best_loss and not diverged(val_loss):
            self.best_loss, self.best_epoch = val_loss, self.epoch
            self._keep()

    def restore(self):
        self.model.load_state_dict(self.weights)
        return self.best_epoch


# ----- Evaluation ---------------------------------------------------------------------------------


def calculate_perplexity(model, X, y):
    """Return exp(mean loss on the final timestep): as unsure as among so many equal choices."""
    loss = evaluate_model(model, X, y, nn.CrossEntropyLoss())
    return torch.tensor(loss, dtype=torch.float64).exp().item()  # infinite where math.exp raises


@torch.no_grad()
def generate_text(model, prompt, char2idx, idx2char, length=200, temperature=0.8, seed=None):
    """Return the prompt followed by ``length`` characters sampled from the model, one at a time.

    The hidden state is carried from step to step. The logits are divided by ``temperature`` first:
    below 1 the model plays safe, above 1 it takes risks. Each class draws at each temperature with
    a seed of its own unless given one: with the same random numbers texts end alike. Raises
    ValueError for an empty prompt, a temperature that is not positive, and a prompt with a
    character outside the vocabulary.
    """
    if waits_for("training", model):
        return None
    if not prompt:
        raise ValueError(f"the prompt is empty: give a character or more, as in {PROMPT!r}.")
    if not temperature > 0:
        raise ValueError(f"temperature={temperature}: expected a number above 0 (try 0.5 to 1.2).")
    device = _device_of(model)
    model.eval()
    if seed is None:
        seed = sampling_seed(type(model).__name__, temperature)
    generator = torch.Generator().manual_seed(seed)
    x = encode(prompt, char2idx)[None].to(device)  # (1, len(prompt))
    hidden, text = None, prompt
    # oneDNN serves an LSTM of whole windows; for one character at a time it takes twice as long.
    # (None leaves the other settings as they are: setting them warns where there is no Intel GPU.)
    without = torch.backends.mkldnn.flags(False, None, None, None)
    with without:
        for _ in range(length):
            logits, hidden = call_model(model, x, hidden=hidden)  # (1, vocab_size)
            if logits.isnan().any():
                raise ValueError(f"{type(model).__name__} gives no numbers: its training diverged.")
            index = sample(logits[0], temperature, generator)  # (1,)
            text += idx2char[int(index)]
            x = index[None].to(device)  # (1, 1)
    return text


def sampling_seed(class_name, temperature):
    """Return the seed that generate_text draws with, for a class and a temperature."""
    return zlib.crc32(f"{class_name} {float(temperature)}".encode())


def sample(logits, temperature, generator):
    """Return the index of a character drawn by its logits (v,), a tensor (1,)."""
    probabilities = torch.softmax(logits.float().cpu() / temperature, dim=0)
    return torch.multinomial(probabilities, 1, generator=generator)


@torch.no_grad()
def measure_inference_speed(model, X_sample, num_runs=100):
    """Return the median milliseconds of one forward pass on ``X_sample`` from a zero state.

    It is that of ``num_runs`` passes, or of as many as half a second holds, at least 20. Ten warm
    up first, and a GPU is waited for.
    """
    device = _device_of(model)
    model.eval()
    X_sample = X_sample.to(device)
    times = []
    while len(times) < 10 + num_runs and (len(times) < 30 or sum(times) < 0.5):
        _synchronize(device)
        start = time.perf_counter()
        model(X_sample, model.init_hidden(len(X_sample)))
        _synchronize(device)
        times.append(time.perf_counter() - start)
    return statistics.median(times[10:]) * 1000


class Typing:
    """A model on the CPU that is fed one character at a time and carries its state."""

    def __init__(self, model):
        self.model = copy.deepcopy(model).cpu().eval()
        self.hidden = self.model.init_hidden(1)

    @torch.inference_mode()
    def feed(self, index):
        """Return the logits of the next character: array (vocab_size,)."""
        logits, self.hidden = self.model(torch.tensor([[index]]), self.hidden)
        return logits[0].numpy()


def keystroke_times(streams, indices, turn=TURN):
    """Return a DataFrame of ms: a column for each stream, a row for each character after a turn.

    What is fed in is timed on one thread. The streams take turns, so that what else the machine
    does falls on all alike.
    """
    times = {name: [] for name in streams}
    with one_thread():
        for start in range(0, len(indices), turn):
            for name, stream in streams.items():
                for index in indices[start : start + turn]:
                    begun = time.perf_counter()
                    stream.feed(index)
                    times[name].append(1000 * (time.perf_counter() - begun))
    return pd.DataFrame(times)[turn:]


def keystrokes_of(X):
    """Return 1,000 characters of text and those that warm up, from windows one character apart."""
    count = TURN + 1_000
    return X[:, 0].repeat(1 + count // len(X))[:count].tolist()  # a short text more than once


def create_performance_table(metrics, models_dict, test_X, test_y):
    """Return a DataFrame with one row per model; every column but the name is a number.

    Losses are nats per prediction, infinite where the training diverged, NaN without an epoch.
    Perplexity and bits per character are taken on the final timestep of every test window, with the
    weights that the models now hold. A keystroke is one character read with the state carried, as a
    keyboard reads (the median of 1,000, on one thread); inference speed is one window from a zero
    state. Both are in ms on the CPU, since a phone has nothing else.

    Raises ValueError when the metrics do not cover the models.
    """
    if waits_for("training", metrics, models_dict):
        return None
    _need_metrics_and_models(metrics, models_dict)
    _need_windows(test_X, test_y)
    rows, start = [], time.perf_counter()
    print(f"Reading {len(test_X):,} test windows, some seconds:", flush=True)
    streams = {name: Typing(model) for name, model in models_dict.items()}
    keystrokes = keystroke_times(streams, keystrokes_of(test_X)).median()
    for name, model in models_dict.items():
        print(f" {name}", end="", flush=True)
        row = _row(model, metrics[name], test_X, test_y, keystrokes[name])
        rows.append({"Model": name} | row)
    print(f" ({time.perf_counter() - start:.0f} s)", flush=True)
    return pd.DataFrame(rows)


def _row(model, measured, test_X, test_y, keystroke):
    """Return the measures of one model in the performance table, a dict."""
    perplexity = calculate_perplexity(model, test_X, test_y)
    return {
        "Parameters": count_parameters(model),
        "Final Train Loss": [math.nan, *measured["train_losses"]][-1],
        "Final Val Loss": [math.nan, *measured["val_losses"]][-1],
        "Best Epoch": measured["best_epoch"],
        "Test Perplexity": perplexity,
        "Bits per Character": math.log2(perplexity),
        "Avg Epoch Time (s)": statistics.fmean(measured["epoch_times"] or [math.nan]),
        "Keystroke (ms)": keystroke,
        "Inference Speed (ms)": measure_inference_speed(copy.deepcopy(model).cpu(), test_X[:1]),
    }


# ----- Reports and plots --------------------------------------------------------------------------


def by_model(table, *measures):
    """Return a table of measures with the models' names as its index.

    Raises ValueError, with the remedy, for one without the names, each once, or without numbers in
    the columns ``measures``.
    """
    if problem := _problem_of(table, measures):
        raise ValueError(
            f"the table {problem}: create_performance_table(metrics, models, test_X, test_y) makes "
            "one that fits."
        )
    return table.set_index("Model") if "Model" in table else table.rename_axis("Model")


def _problem_of(table, measures):
    if not isinstance(table, pd.DataFrame):
        return f"is {describe(table)}"
    names = pd.Index(table.get("Model", table.index))
    if "Model" not in table and not all(isinstance(name, str) for name in names):
        return "has no column 'Model'"
    for measure in measures:
        if measure not in table:
            return f"has no column {measure!r}"
        if not all(isinstance(value, Real) for value in table[measure]):
            return f"has no numbers in the column {measure!r}"
    twice = names[names.duplicated()]
    return f"has the model {twice[0]!r} twice" if len(twice) else None


def show_shapes(model_class, vocab_size):
    """Print the shapes that a model class takes and returns, for a batch of 4 windows of 50."""
    if model_class is None:  # the check that follows says why
        return
    x = torch.zeros(4, SEQ_LEN, dtype=torch.long)
    try:
        with contextlib.redirect_stderr(sys.stdout):  # nbgrader gives 0 for a word on stderr
            model = model_class(vocab_size).eval()
            logits, hidden = model(x)
            every_step, _ = model(x, return_sequences=True)
            shapes = " and ".join(str(tuple(h.shape)) for h in states(hidden))
            say(
                f"x {tuple(x.shape)} -> logits {tuple(logits.shape)}, hidden {shapes}\n"
                f"with return_sequences=True: logits {tuple(every_step.shape)}"
            )
    except Exception as error:  # the check that follows says more, in the student's terms
        name = getattr(model_class, "__name__", f"a {type(model_class).__name__}")
        say(f"{name} does not do yet what its cell asks for ({type(error).__name__}).")


def show_text(text, title=""):
    """Print a text below its title, in lines that break between words."""
    text = str(text) if in_notebook() else textwrap.fill(str(text), 78)
    say(f"{title}\n{textwrap.indent(text, '  ')}\n".lstrip("\n"))


def show_samples(samples):
    """Print the generated texts, grouped by model."""
    if waits_for("samples", samples):
        return
    if not (isinstance(samples, dict) and all(isinstance(t, dict) for t in samples.values())):
        say("Expected samples[name][temperature], a dict of texts for each name.")
        return
    for name, texts in samples.items():
        for temperature, text in texts.items():
            show_text(text, f"{name} at temperature {temperature}:")


def show_table(table, formats=None):
    """Return a table of measures with one column per model, its numbers rounded for reading.

    ``formats`` says how to write the measures that only some tables have: {measure: ".1f"}. A
    figure that a model does not have is left empty.
    """
    if waits_for("performance", table):
        return None
    digits = {
        "Parameters": ",.0f",
        "Best Epoch": ".0f",
        "Characters Used": ".0f",
        "Avg Epoch Time (s)": ".2f",
    }
    digits |= formats or {}

    def as_text(measure, value):
        if math.isnan(value):
            return ""
        usual = ".3f" if abs(value) < 1e6 else ".1e"  # of a training that has diverged
        return format(value, digits.get(measure, usual))

    shown = by_model(table).T
    return shown.apply(lambda row: row.map(lambda value: as_text(row.name, value)), axis=1)


def without_diverged(losses):
    """Return losses to draw: NaN in place of those that would leave the others no room."""
    return [math.nan if diverged(loss) else loss for loss in losses]


def plot_learning_curves(metrics):
    """Return a figure with five panels: validation loss by epoch and by time, and what else ran.

    Both of the upper row answer which model learns fastest, so they share their axis of losses.
    """
    if waits_for("training", metrics):
        return None
    figure = plt.figure(figsize=(9, 5.2), layout="constrained")
    rows = [["val"] * 3 + ["by time"] * 3, ["train"] * 2 + ["times"] * 2 + ["best"] * 2]
    panels, loss = figure.subplot_mosaic(rows), "nats per character"
    panels["by time"].sharey(panels["val"])
    for name, measured in metrics.items():
        train, val = (without_diverged(measured[f"{key}_losses"]) for key in ("train", "val"))
        times, style = measured["epoch_times"], STYLES.get(name, {})
        for panel, values in (("train", train), ("val", val), ("times", times)):
            panels[panel].plot(range(1, len(values) + 1), values, label=name, **style)
        panels["by time"].plot(np.cumsum(times), val, label=name, **style)
    panels["val"].set(title="Validation loss (dropout off)", xlabel="epoch", ylabel=loss)
    panels["by time"].set(title="Validation loss by time", xlabel="seconds trained", ylabel=loss)
    panels["train"].set(title="Training loss (dropout on)", xlabel="epoch", ylabel=loss)
    panels["times"].set(title="Time of a training epoch", xlabel="epoch", ylabel="seconds")
    panels["times"].set_ylim(bottom=0)
    for panel in ("train", "val", "times"):
        panels[panel].xaxis.set_major_locator(MaxNLocator(integer=True))
        panels[panel].margins(x=0.05)
    _draw_best(panels["best"], metrics)
    figure.legend(*panels["val"].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure


def _draw_best(axes, metrics):
    """Draw the best validation loss of each model as a bar, with its epoch."""
    for name, measured in metrics.items():
        if not (losses := [loss for loss in measured["val_losses"] if not diverged(loss)]):
            axes.bar(name, 0, label=f"{name} none")
            continue
        best = min(losses)
        color = STYLES.get(name, {}).get("color")
        bar = axes.bar(name, best, label=f"{name} {best:.3f}", color=color)
        text = f"{best:.3f}\nepoch {measured['best_epoch']}"
        axes.bar_label(bar, [text], padding=2, fontsize="small")
    axes.set(title="Best validation loss", xlabel="model", ylabel="nats per character")
    axes.margins(y=0.4)
