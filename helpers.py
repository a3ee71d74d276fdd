"""The functions that the exercise provides, in the order in which the data pass through them.

text -> vocabulary -> windows -> training -> evaluation -> table -> plots. The student writes the
models. There is no trainer class and there are no configuration files. Only two things are global:
the number of PyTorch's threads and the style of the plots. A function gets everything else as
arguments. If an argument is ``None`` because a TODO is not filled in yet, the function prints in
one line which TODO it needs, and returns ``None``.
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
import warnings
import zlib
from html import escape
from numbers import Number, Real
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import psutil
import torch
from matplotlib.backends import BackendFilter, backend_registry
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

TURN = 100  # keystrokes of one model before the next model; the first turn is not counted
DATA = Path(__file__).parent / "data"
WRAPPED = "white-space: pre-wrap; overflow-wrap: anywhere"  # lines break between words


def diverged(loss):
    """Return True if a loss, in nats per character, shows that the training has diverged."""
    return not loss <= DIVERGED  # True for NaN too


# ----- What a value is ----------------------------------------------------------------------------


class Words(str):
    """A description of a value. The class distinguishes it from a text that somebody wrote."""


def describe(value):
    """Return a short description of a value, as Words. It fits after the word "is"."""
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
    """Return Python's representation of a value (``repr``), cut to 40 characters."""
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}…"


# ----- What a notebook shows ----------------------------------------------------------------------


def shell():
    """Return IPython's shell, or None outside of it."""
    ipython = sys.modules.get("IPython")
    return ipython.get_ipython() if ipython else None


def in_notebook():
    """Return True if this runs in a notebook's kernel and the output goes to the notebook.

    During a check the printed text is caught. Then the answer is False, so a check does not show
    plots either.
    """
    kernel = getattr(shell(), "kernel", None)
    return kernel is not None and type(sys.stdout).__module__.startswith("ipykernel")


def say(text, style=""):
    """Print a text in lines that break between words; ``style`` is CSS for a notebook.

    JupyterLab breaks printed lines in the middle of a word, and a window of 800 pixels with an open
    file browser has room for only 45 characters. So in a notebook the text is shown as HTML, which
    breaks lines between words.
    """
    if in_notebook():
        from IPython.display import display

        html = f'<div style="{style}{WRAPPED}">{escape(text)}</div>'
        display({"text/plain": text, "text/html": html}, raw=True)
    else:  # on a console, which may not have all characters
        encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
        print(text.encode(encoding, "replace").decode(encoding), flush=True)


def in_words(figure):
    """Return one line that describes a matplotlib figure for readers who cannot see it.

    The line is the figure's label if the figure has one. Otherwise it lists for each panel the
    title, the names of the axes and the values.
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
    """Return a label; for a line also its first, last, lowest and highest value."""
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
    """Return a dict with a figure as text, as PNG and as HTML; the keys are the MIME types.

    The HTML image has an alternative text, because JupyterLab shows a PNG without such a text. The
    arguments ``how`` go to matplotlib's savefig. The PNG has 256 colours, so it needs only about a
    third of the bytes.
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
    """Set the style of all plots, also of a student's own, and add alternative texts to them.

    The margin leaves room inside the axes for a name next to a point.
    """
    plt.rcParams.update(
        {
            "figure.figsize": (7, 4),
            "axes.grid": True,
            "grid.alpha": 0.3,
            "axes.xmargin": 0.12,
            "axes.ymargin": 0.12,
            "lines.markersize": 4,
            "text.usetex": False,  # a plot must not need LaTeX
        }
    )
    pd.set_option("display.max_colwidth", None)  # some tables contain sentences
    warnings.filterwarnings("ignore", "Glyph .* missing", UserWarning)  # of a text, in a plot
    if in_notebook():
        from IPython.display import display

        silent = backend_registry.list_builtin(BackendFilter.NON_INTERACTIVE)
        if plt.get_backend().lower() in silent:  # MPLBACKEND may ask for one that shows nothing
            shell().run_line_magic("matplotlib", "inline")
        shown = shell().display_formatter.ipython_display_formatter
        shown.for_type(plt.Figure, lambda figure: display(with_words(figure), raw=True))


set_looks()


# ----- Arguments that are missing or in the wrong order -------------------------------------------


def waits_for(checks, *values):
    """Return True if a value is None because a TODO is not done; then print which TODO.

    ``checks`` holds the names of the checks of the TODOs that make the values, with spaces between
    the names.
    """
    missing = any(value is None for value in values)
    if missing:
        say(f"Waiting for {' and '.join(CHECKS[name].title for name in checks.split())}.")
    return missing


def need_a_loss(loss):
    """Raise TypeError, with the reason, if a loss is not a number."""
    if isinstance(loss, tuple):
        raise TypeError(
            "the loss is a pair, because train_epoch returns (loss, seconds). Write "
            "train_loss, seconds = train_epoch(...)."
        )
    if not isinstance(loss, Real) and not (torch.is_tensor(loss) and loss.numel() == 1):
        raise TypeError(f"the loss is {describe(loss)}, but it must be a number.")


def _need_a_model(value):
    if not isinstance(value, nn.Module):
        raise TypeError(f"got {describe(value)}, but a model is needed here: the trained one.")


def _need_windows(X, y, **instances):
    """Raise an error of one line unless X, y are windows and targets, and instances objects."""
    for name, value in instances.items():
        if isinstance(value, type):
            raise TypeError(
                f"{name} is the class {value.__name__}. Call the class to make an object of it: "
                f"{value.__name__}(...)."
            )
    if not (torch.is_tensor(X) and torch.is_tensor(y) and X.dim() == 2 and y.dim() == 1):
        raise TypeError(
            f"got {describe(X)} and {describe(y)}. Expected windows X and their targets y, as "
            "prepare_sequences returns them."
        )
    if not len(X):
        raise ValueError(
            f"X has shape {tuple(X.shape)}, so it has no windows. Did you slice it twice?"
        )
    if len(X) != len(y):
        raise ValueError(
            f"there are {len(X)} windows but {len(y)} targets. Take both from the same split."
        )


def _need_metrics_and_models(metrics, models):
    """Raise an error of one line unless both are dicts and metrics has every model's name."""
    for name, value in (("metrics", metrics), ("models", models)):
        if not isinstance(value, dict):
            raise TypeError(
                f"{name} is {describe(value)}, but it must be a dict. The order of the arguments "
                "is metrics, models, test_X, test_y."
            )
    if any(isinstance(measured, nn.Module) for measured in metrics.values()):
        raise TypeError(
            "metrics contains models. The order of the arguments is metrics, models, test_X, "
            "test_y."
        )
    if missing := [name for name in models if name not in metrics]:
        raise ValueError(f"metrics has no entry for {missing}; its entries are {sorted(metrics)}.")


# ----- The machine --------------------------------------------------------------------------------


def describe_machine():
    """Return one line with the processor and the versions that measured times depend on."""
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


ROOM = (  # where a file cannot be written
    "If the disk is full, make room. Otherwise remove the file or folder of this name, or give "
    "yourself the right to write there."
)


@functools.cache
def folder_for(name):
    """Return the path of a folder of this name for files; it need not exist yet.

    It is in the current folder. If that cannot be written, as on some shared servers, it is in the
    home folder, below ``rnn-lstm-gru``, and a printed line says so once.
    """
    here = Path(name)
    taken = here if here.exists() else Path()
    if taken.is_dir() and os.access(taken, os.W_OK):
        return here
    elsewhere = Path.home() / "rnn-lstm-gru" / name
    say(f"Files cannot be written into {here.absolute()}, so they are in {elsewhere}.")
    return elsewhere


def best_device():
    """Return the device for the models: an NVIDIA GPU on which PyTorch can compute, or the CPU."""
    if torch.cuda.is_available():
        try:
            torch.ones(1, device="cuda").add(1).item()
            return torch.device("cuda")
        except RuntimeError as error:
            reason = str(error).partition("\n")[0]
            say(f"PyTorch cannot compute on this GPU ({reason}), so the models use the CPU.")
    return torch.device("cpu")


def usable_cpus(groups=Path("/proc/self/cgroup"), mounted=Path("/sys/fs/cgroup")):
    """Return the number of CPUs that this process may use, at least 1.

    On Linux this is the smallest of three numbers: the CPUs in the affinity of the process, the
    quota of its control group, and the quotas of the groups above that one. A part of a CPU is
    rounded up to one CPU. On other systems it is the number of CPUs. Source: the Linux kernel's
    documentation of cgroup v1, "CFS Bandwidth Control", and of cgroup v2, "CPU".
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


@functools.cache
def _own_process():
    return psutil.Process()


class Threads:
    """Sets the number of PyTorch's threads to the number of CPUs that other processes leave free.

    ``adapt()`` looks at most every five seconds. So a short task of another process does not change
    the number, and then it does not change any digit of a result. ``most`` is the number of threads
    when no other process computes. ``reduced`` is True if the number was ever smaller since
    somebody set ``reduced`` to False.
    """

    def __init__(self):
        self.most = min(torch.get_num_threads(), usable_cpus())
        self.reduced = False
        self.busy_elsewhere()  # starts the measurement
        torch.set_num_threads(self.most)

    def busy_elsewhere(self):
        """Return the mean number of CPUs that other processes used since the last call.

        It is 0 on a machine that does not show it.
        """
        self.looked = time.monotonic()
        try:
            busy = psutil.cpu_percent() / 100 * psutil.cpu_count()
            return busy - _own_process().cpu_percent() / 100
        except (OSError, psutil.Error):
            return 0.0

    def adapt(self):
        """Set the number of threads anew, if the last look is at least five seconds ago."""
        if time.monotonic() - self.looked >= 5:
            free = round(psutil.cpu_count() - self.busy_elsewhere())
            torch.set_num_threads(max(1, min(free, self.most)))
            self.reduced |= free < self.most


@functools.cache
def threads():
    """Return this process's Threads. Nothing is measured or set before the first training.

    PyTorch starts one thread for each core of the host. If the process may use fewer cores, or if a
    second training runs, the threads wait for each other in loops. These loops use the cores that
    the waiting threads need. Then a training takes many times as long, and not only twice as long
    (measured in benchmarks/speed/).
    """
    return Threads()


@contextlib.contextmanager
def one_thread():
    """Let PyTorch compute on one thread inside a ``with`` block; Threads does not change this."""
    keeper, before = threads(), torch.get_num_threads()
    most, keeper.most = keeper.most, 1
    torch.set_num_threads(1)
    try:
        yield
    finally:
        keeper.most = most
        torch.set_num_threads(before)


# ----- Text ---------------------------------------------------------------------------------------


# Colour codes of a terminal, and characters without a shape, the same in every version of Unicode.
INVISIBLE = re.compile(
    "\x1b\\[[0-9;?]*[A-Za-z]|[\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e"
    "\u2060-\u206f\ufeff\ufff9-\ufffb\ufffe\uffff\ud800-\udfff]"
)
PIECE = 100_000  # characters: a longer row is read in pieces
CORPORA = "expected 'sample', 'wikitext-2' or the path of a text file"


def load_text(corpus="sample", max_chars=60_000):
    """Return the first ``max_chars`` visible characters of a corpus as one string.

    ``corpus`` is ``"sample"`` (bundled, needs no network), ``"wikitext-2"`` (needs a network the
    first time) or the path of a UTF-8 text file. Every white-space character becomes a space, also
    the end of a row. Invisible characters and colour codes of a terminal are left out, and one line
    says how many characters they were. The joiners U+200C and U+200D stay, because some scripts
    need them for spelling. A file is read only as far as needed. ``max_chars=None`` takes all. For
    another corpus than the sample, one line says that the learning rates were not chosen for it.

    Raises ValueError for an unknown name, a text without visible characters, a file that is not
    UTF-8 or a wrong ``max_chars``. Raises FileNotFoundError if the path does not exist. Raises
    ConnectionError if WikiText-2 is not on disk and cannot be downloaded.
    """
    if max_chars is not None and (not isinstance(max_chars, int) or max_chars < 1):
        raise ValueError(f"max_chars={max_chars!r}: expected a whole number of at least 1, or None")
    pieces, length, left_out = [], 0, 0
    for piece in _pieces(corpus):
        visible = INVISIBLE.sub("", re.sub(r"\s", " ", piece))
        left_out += len(piece) - len(visible)
        pieces.append(visible)
        length += len(visible)
        if max_chars is not None and length >= max_chars:
            break
    text = "".join(pieces)[:max_chars]
    if corpus != "sample" and length > len(text):
        say(f"Only the first {max_chars:,} characters of {Path(corpus).name!r} are used.")
    if not text.strip():
        raise ValueError(
            f"corpus {str(corpus)!r} has no visible text. Choose another, or CORPUS = 'sample'."
        )
    if left_out:
        say(f"Corpus {str(corpus)!r} has {left_out:,} invisible characters. They are left out.")
    if corpus != "sample" and text != load_text("sample", max_chars):
        say(
            "The learning rates and the outputs of the solution belong to the bundled sample. For "
            "this text other learning rates may be better."
        )
    return text


def _pieces(corpus):
    """Yield a corpus in pieces, strings; raise the same errors as load_text."""
    if not isinstance(corpus, (str, Path)) or not str(corpus):
        raise ValueError(f"unknown corpus {corpus!r}: {CORPORA}")
    if corpus == "wikitext-2":
        from data import wikitext  # imported only if it is needed

        yield " ".join(wikitext.load_rows())
        return
    path, end = DATA / "sample.txt" if corpus == "sample" else _existing_file(corpus), ""
    try:
        with path.open(encoding="utf-8-sig") as file:
            while line := file.readline(PIECE):
                yield end + " ".join(line.splitlines())
                end = "" if line[-1].splitlines()[0] else " "  # the end of the last line is no text
    except OSError as error:
        raise ValueError(
            f"{path} cannot be read ({error.strerror}). Choose another file, or CORPUS = 'sample'."
        ) from error
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path} is not UTF-8 text (byte 0x{error.object[error.start]:02x}: {error.reason}). "
            "Save it as UTF-8, or use CORPUS = 'sample'."
        ) from error


def _existing_file(corpus):
    """Return ``corpus`` as the path of a file that exists, or raise an error with the reason."""
    path = Path(os.path.expanduser(corpus))
    if os.path.isfile(path):
        return path
    if os.path.isdir(path):
        raise IsADirectoryError(f"{path} is a folder. Write the path of a text file in it.")
    if os.path.exists(path):
        raise ValueError(f"{path} is not a regular file. Choose another, or CORPUS = 'sample'.")
    if len(path.parts) > 1 or path.suffix:
        raise FileNotFoundError(
            f"there is no file {str(corpus)[:200]!r} (looked in {Path.cwd()}). Check the spelling "
            "(of an address, first download the file), or use CORPUS = 'sample'."
        )
    raise ValueError(f"unknown corpus {str(corpus)[:200]!r}: {CORPORA}")


def build_vocabulary(text):
    """Return ``(chars, char2idx, idx2char)``: a sorted list of the characters, and two dicts.

    ``chars`` has each character of the text once. ``char2idx`` maps a character to its index,
    ``idx2char`` an index to its character. The list is sorted, so the indices are the same in every
    run. Raises ValueError for an empty text.
    """
    if not text:
        raise ValueError("the text is empty. For example, use the text of load_text('sample').")
    chars = sorted(set(text))
    char2idx = {character: index for index, character in enumerate(chars)}
    idx2char = dict(enumerate(chars))
    return chars, char2idx, idx2char


def encode(text, char2idx):
    """Return the indices of the characters of ``text``: a LongTensor of shape (len(text),).

    Raises ValueError if a character is not in the vocabulary; the message names the first one.
    """
    # One table look-up for the whole text, because a Python loop needs seconds for long texts.
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
            f"{len(char2idx)} characters. Use only characters of the training text."
        )
    return torch.from_numpy(indices)


def prepare_sequences(text, char2idx, seq_len=50, train_ratio=0.8, val_ratio=0.1):
    """Return ``train_X, train_y, val_X, val_y, test_X, test_y``.

    The text is cut in this order into training, validation and test part. Window ``X[i]`` holds
    ``seq_len`` characters, and ``y[i]`` is the character after them. X is a LongTensor of shape
    (windows, seq_len), y a LongTensor of shape (windows,). Window ``X[i + 1]`` starts one character
    after window ``X[i]``, so windows overlap. They share their memory (``Tensor.unfold``): all
    windows together need only the 8 bytes per character of the encoded text. So do not write into
    them.

    Raises ValueError if a part of the text would have fewer than ``seq_len`` windows, if the ratios
    do not fit, or if a character is not in the vocabulary.
    """
    if not isinstance(seq_len, int) or seq_len < 1:
        raise ValueError(f"seq_len={seq_len!r}: expected a whole number of at least 1")
    if not (train_ratio > 0 and val_ratio > 0 and train_ratio + val_ratio < 1):
        raise ValueError(
            f"train_ratio={train_ratio} and val_ratio={val_ratio} do not fit. Both must be above 0 "
            "and their sum below 1, because the rest is the test part (for example 0.8 and 0.1)."
        )
    # The smallest part needs seq_len windows, so that one of them begins at each place of a window.
    smallest = min(train_ratio, val_ratio, 1 - train_ratio - val_ratio)
    least = seq_len + math.ceil(round(seq_len / smallest, 6))
    if len(text) < least:
        raise ValueError(
            f"the text has {len(text):,} characters, but windows of {seq_len} need at least "
            f"{least:,}. Use a longer text."
        )
    encoded = encode(text, char2idx)
    X = encoded[:-1].unfold(0, seq_len, 1)  # (windows, seq_len), a view
    y = encoded[seq_len:]  # (windows,), a view
    train_end = int(len(X) * train_ratio)
    val_end = train_end + int(len(X) * val_ratio)
    splits = X[:train_end], y[:train_end], X[train_end:val_end], y[train_end:val_end]
    splits += X[val_end:], y[val_end:]
    return splits


def one_pass(X, y, seed):
    """Return ``(X, y)``: windows that do not overlap, and their targets, in random order.

    Every ``seq_len``-th window is taken; the first one is chosen at random. If a model is trained
    at every timestep of these windows, it sees each character of the text once as a target, except
    a few at the beginning and the end. The same seed gives the same windows in the same order. So
    all models can get the same batches. Shapes: (windows, seq_len) and (windows,).
    """
    seq_len = X.shape[1]
    generator = torch.Generator().manual_seed(seed)
    offset = int(torch.randint(min(seq_len, len(X)), (1,), generator=generator))
    starts = torch.arange(offset, len(X), seq_len)
    starts = starts[torch.randperm(len(starts), generator=generator)]
    return X[starts], y[starts]  # (windows, seq_len), (windows,)


# ----- Training -----------------------------------------------------------------------------------


def count_parameters(model):
    """Return the number of trainable parameters; raise TypeError if this is not a model."""
    _need_a_model(model)
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


def _device_of(model):
    """Return the device of a model's parameters; raise TypeError if this is not a model."""
    _need_a_model(model)
    for parameter in model.parameters():
        return parameter.device
    raise ValueError(f"{type(model).__name__} has no parameters. Create its layers in __init__.")


def states(hidden):
    """Return the tensors of a hidden state as a list: [h] for RNN and GRU, [h, c] for the LSTM."""
    return list(hidden) if isinstance(hidden, (tuple, list)) else [hidden]


def call_model(model, X, every_step=False, hidden=None):
    """Return ``(logits, hidden)`` of a model for one batch ``X`` of shape (batch, seq_len).

    The model starts from the state ``hidden``, or from a zero state if ``hidden`` is None. The
    logits have shape (batch, vocab_size), or with ``every_step`` (batch, seq_len, vocab_size).
    Raises ValueError if the model returns something else.
    """
    name = type(model).__name__
    if hidden is None:
        if not hasattr(model, "init_hidden"):
            raise ValueError(
                f"{name} has no init_hidden(batch_size). Its cell says how to write it."
            )
        hidden = model.init_hidden(len(X))
    try:
        output = model(X, hidden, return_sequences=every_step)
    except IndexError as error:
        raise ValueError(
            f"{name}.forward raised an IndexError ({error}). If the text has changed, train again, "
            "because the model does not know all its characters."
        ) from error
    if not (isinstance(output, tuple) and len(output) == 2 and torch.is_tensor(output[0])):
        raise ValueError(
            f"{name}.forward returned {type(output).__name__}: expected a pair (logits, hidden)."
        )
    expected = tuple(X.shape) if every_step else (len(X),)  # (b, t) or (b,), less the vocabulary
    if output[0].dim() != len(expected) + 1 or output[0].shape[:-1] != expected:
        raise ValueError(
            f"{name}.forward(x of shape {tuple(X.shape)}, return_sequences={every_step}) returned "
            f"logits of shape {tuple(output[0].shape)}, but expected "
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
            f"{type(model).__name__} scores {logits.shape[-1]} characters, but the text has a "
            f"character with index {int(targets.max())}. The output layer needs vocab_size outputs."
        )
    return criterion(logits.flatten(0, -2), targets.flatten()), targets.numel()


def _synchronize(device):
    """Wait until a GPU has finished its work, so that a measured time is right."""
    if device.type != "cpu":
        torch.accelerator.synchronize(device)


def _announce(seconds, batches):
    """Print how long the rest of an epoch will take, if that is more than a minute."""
    if (left := seconds * (batches - 10)) > 60:
        say(f"This epoch has {batches:,} batches. It will take about {left:.0f} s more.")


@torch.enable_grad()
def train_epoch(model, X, y, optimizer, criterion, batch_size=32):
    """Train on every window once and return ``(mean loss per prediction, seconds)``.

    The loss is computed at every timestep, in nats per character. The batches have the order of
    ``X``; the last batch may be smaller. Before each optimizer step the gradients are scaled down
    to a norm of at most 0.5. Before the first epoch of an optimizer, one batch runs without being
    timed and without changing the weights; so the time that PyTorch needs to start is not part of
    any model's seconds. If the loss diverges, the epoch ends early and the mean loss is infinite.
    Raises ValueError if the model returns wrong shapes.
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

    By default only the prediction at the final timestep of each window is scored. With
    ``every_step=True`` the predictions at all timesteps are scored, so this loss is computed in the
    same way as the training loss of ``train_epoch``. Raises ValueError if the model returns wrong
    shapes.
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
    """Keeps a copy of the weights of the epoch with the lowest validation loss.

    Call ``update(val_loss)`` after each epoch and ``restore()`` after the last one. ``restore()``
    puts the best weights back into the model and returns the number of their epoch; the first epoch
    is 1. If the loss diverged in all epochs, ``restore()`` puts the initial weights back and
    returns 0. (The same choice of weights as in early stopping, but the training does not end
    early: Prechelt, "Early Stopping - But When?", 1998.)
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
        """Take the validation loss of the last epoch. Raise TypeError if it is not a number."""
        need_a_loss(val_loss)
        self.epoch += 1
        if val_loss < self.best_loss and not diverged(val_loss):
            self.best_loss, self.best_epoch = val_loss, self.epoch
            self._keep()

    def restore(self):
        """Put the best weights back into the model; return the number of their epoch, or 0."""
        self.model.load_state_dict(self.weights)
        return self.best_epoch


# ----- Evaluation ---------------------------------------------------------------------------------


def calculate_perplexity(model, X, y):
    """Return exp(mean loss at the final timestep of each window).

    A model with perplexity 7 is as uncertain as if it chose among 7 equally likely characters.
    """
    loss = evaluate_model(model, X, y, nn.CrossEntropyLoss())
    # Not math.exp, which raises an error where this gives infinity.
    return torch.tensor(loss, dtype=torch.float64).exp().item()


@torch.no_grad()
def generate_text(model, prompt, char2idx, idx2char, length=200, temperature=0.8, seed=None):
    """Return the prompt followed by ``length`` characters sampled from the model, one at a time.

    The hidden state is kept from one character to the next. The logits are divided by
    ``temperature`` before the softmax. Below 1 the model chooses likely characters more often than
    at 1, above 1 it chooses unlikely characters more often. If you pass no seed, each pair of model
    class and temperature uses a different random seed, because with the same random numbers the
    texts of different models end in similar ways.

    Raises ValueError if the prompt is empty, if the temperature is not positive, or if a character
    of the prompt is not in the vocabulary.
    """
    if waits_for("training", model):
        return None
    if not prompt:
        raise ValueError(f"the prompt is empty. Give at least one character, such as {PROMPT!r}.")
    if not temperature > 0:
        raise ValueError(f"temperature={temperature}, but expected a number above 0, such as 0.5.")
    device = _device_of(model)
    model.eval()
    if seed is None:
        seed = sampling_seed(type(model).__name__, temperature)
    generator = torch.Generator().manual_seed(seed)
    x = encode(prompt, char2idx)[None].to(device)  # (1, len(prompt))
    hidden, text = None, prompt
    # oneDNN is fast for an LSTM on whole windows, but takes twice as long for single characters.
    # (None does not change the other settings; setting them warns if there is no Intel GPU.)
    with torch.backends.mkldnn.flags(False, None, None, None):
        for _ in range(length):
            logits, hidden = call_model(model, x, hidden=hidden)  # (1, vocab_size)
            _need_logits(logits, len(idx2char), type(model).__name__)
            index = sample(logits[0], temperature, generator)  # (1,)
            text += idx2char[int(index)]
            x = index[None].to(device)  # (1, 1)
    return text


def _need_logits(logits, vocab_size, name):
    """Raise ValueError unless the model of this name predicts the characters of the text."""
    if logits.shape[1] != vocab_size:
        raise ValueError(
            f"{name} predicts {logits.shape[1]} characters, but the text has {vocab_size}. Has the "
            "text changed? Then train again."
        )
    if logits.isnan().any():
        raise ValueError(f"the training of {name} diverged: its outputs are not numbers.")


def usable_prompt(prompt, chars, test_X):
    """Return the prompt, or the beginning of the test text where ``chars`` lack one of its letters.

    In the second case, a printed line says so.
    """
    lacking = sorted(set(prompt) - set(chars))
    if not lacking:
        return prompt
    begin = "".join(chars[index] for index in test_X[0, : len(prompt)].tolist())
    say(
        f"The text does not have {' '.join(map(repr, lacking))}, so no model can write {prompt!r}. "
        f"The prompt is the beginning of the test text instead: {begin!r}."
    )
    return begin


def sampling_seed(class_name, temperature):
    """Return the random seed that generate_text uses for a class and a temperature."""
    return zlib.crc32(f"{class_name} {float(temperature)}".encode())


def sample(logits, temperature, generator):
    """Return the index of a character, a tensor (1,), sampled by the logits (vocab_size,)."""
    probabilities = torch.softmax(logits.float().cpu() / temperature, dim=0)
    return torch.multinomial(probabilities, 1, generator=generator)


@torch.no_grad()
def measure_inference_speed(model, X_sample, num_runs=100):
    """Return the median time, in milliseconds, of one forward pass on ``X_sample``.

    Each pass starts from a zero state. The median is over ``num_runs`` passes, or over fewer
    passes (but at least 20) if they take more than half a second. Ten passes before them are not
    timed. On a GPU, the clock waits until the GPU has finished.
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
    """A model on the CPU that reads one character at a time and keeps its state."""

    def __init__(self, model):
        self.model = copy.deepcopy(model).cpu().eval()
        self.hidden = self.model.init_hidden(1)

    @torch.inference_mode()
    def feed(self, index):
        """Read the character with this index; return the next one's logits, array (vocab_size,)."""
        logits, self.hidden = self.model(torch.tensor([[index]]), self.hidden)
        return logits[0].numpy()


def keystroke_times(streams, indices, turn=TURN):
    """Return a DataFrame of times in milliseconds: a column per stream, a row per character.

    ``streams`` are objects with a method ``feed``, such as Typing. Each call of ``feed`` is timed
    on one thread. The streams take turns of ``turn`` characters, so that other work of the machine
    affects all streams in the same way. The first turn is not in the table.
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
    """Return a list of the characters of windows ``X``: TURN to warm up, and 1,000 more."""
    count = TURN + 1_000
    # A short text is used more than once.
    return X[:, 0].repeat(1 + count // len(X))[:count].tolist()


def create_performance_table(metrics, models_dict, test_X, test_y):
    """Return a DataFrame with one row per model; every column except the name holds numbers.

    Losses are in nats per prediction: infinite if the training diverged, NaN if no epoch ended.
    Perplexity and bits per character use the prediction at the final timestep of every test window
    and the weights that the models have now. "Keystroke (ms)" is the time to read one character
    when the state is kept, as a keyboard does it (median of 1,000 characters, on one thread).
    "Inference Speed (ms)" is the time for one window from a zero state, so lower is better. Both
    times are measured on the CPU, because we assume that a phone has no GPU for the keyboard.

    Raises ValueError if the metrics have no entry for a model.
    """
    if waits_for("training", metrics, models_dict):
        return None
    _need_metrics_and_models(metrics, models_dict)
    _need_windows(test_X, test_y)
    rows, start = [], time.perf_counter()
    print(f"The models read {len(test_X):,} test windows. This takes some seconds:", flush=True)
    streams = {name: Typing(model) for name, model in models_dict.items()}
    keystrokes = keystroke_times(streams, keystrokes_of(test_X)).median()
    for name, model in models_dict.items():
        print(f" {name}", end="", flush=True)
        row = _row(model, metrics[name], test_X, test_y, keystrokes[name])
        rows.append({"Model": name} | row)
    print(f" ({time.perf_counter() - start:.0f} s)", flush=True)
    return pd.DataFrame(rows)


def _row(model, measured, test_X, test_y, keystroke):
    """Return the row of one model in the performance table, a dict."""
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
    """Return a performance table with the names of the models as its index.

    Raises ValueError, with the remedy, if the table does not have each name exactly once, or if one
    of the columns ``measures`` is missing or holds something else than numbers.
    """
    if problem := _problem_of(table, measures):
        raise ValueError(
            f"the table {problem}. Use the table that create_performance_table(metrics, models, "
            "test_X, test_y) returns."
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
    """Print the shapes of a model's input and outputs, for a batch of 4 windows of 50."""
    if model_class is None:  # the check that follows says why
        return
    x = torch.zeros(4, SEQ_LEN, dtype=torch.long)
    try:
        with contextlib.redirect_stderr(sys.stdout):  # nbgrader gives 0 points for output on stderr
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
        say(f"{name} does not yet do what its cell asks for ({type(error).__name__}).")


def show_text(text, title=""):
    """Print a title and below it a text, in lines that break between words."""
    text = str(text) if in_notebook() else textwrap.fill(str(text), 78)
    say(f"{title}\n{textwrap.indent(text, '  ')}\n".lstrip("\n"))


def show_samples(samples):
    """Print the generated texts of ``samples[name][temperature]``, model after model."""
    if waits_for("samples", samples):
        return
    if not (isinstance(samples, dict) and all(isinstance(t, dict) for t in samples.values())):
        say("Expected samples[name][temperature]: for each name a dict of texts by temperature.")
        return
    for name, texts in samples.items():
        for temperature, text in texts.items():
            show_text(text, f"{name} at temperature {temperature}:")


def show_table(table, formats=None):
    """Return a performance table as rounded texts: one row per metric, one column per model.

    ``formats`` says how to write the metrics that only some tables have: {metric: ".1f"}. A cell is
    empty if a model does not have that value.
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
        usual = ".3f" if abs(value) < 1e6 else ".1e"  # large after a training that has diverged
        return format(value, digits.get(measure, usual))

    shown = by_model(table).T
    return shown.apply(lambda row: row.map(lambda value: as_text(row.name, value)), axis=1)


def without_diverged(losses):
    """Return the losses for a plot, with NaN in place of the very large ones after divergence."""
    return [math.nan if diverged(loss) else loss for loss in losses]


def plot_learning_curves(metrics):
    """Return a figure with five panels.

    Upper row: validation loss by epoch and by time. Both panels show how fast a model learns, so
    they have the same axis of losses. Lower row: training loss, seconds per epoch, and the lowest
    validation loss of each model.
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
    panels["times"].set(title="Training time per epoch", xlabel="epoch", ylabel="seconds")
    panels["times"].set_ylim(bottom=0)
    for panel in ("train", "val", "times"):
        panels[panel].xaxis.set_major_locator(MaxNLocator(integer=True))
        panels[panel].margins(x=0.05)
    _draw_best(panels["best"], metrics)
    figure.legend(*panels["val"].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure


def _draw_best(axes, metrics):
    """Draw a bar for each model: its best validation loss, with the epoch of that loss."""
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
