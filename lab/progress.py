"""What a training shows while it runs, and what ends one model's training early."""

import contextlib
import io
import sys
import time

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from helpers import diverged, need_a_loss, without_diverged
from lab.exercise import LEARNING_RATES, STYLES

# Seconds of an epoch relative to the RNN's, for a first guess at models not begun: docs/speed.md.
RELATIVE = {"RNN": 1.0, "LSTM": 1.8, "GRU": 2.2}


class Diverged(ArithmeticError):
    """A loss above exercise.DIVERGED, or one that is no longer a number."""


class Progress:
    """Shows which model trains, which epoch, and how long all of them still take.

    ``with progress.of(name):`` around a model's epochs, ``progress.report(measured)`` after each.
    In a notebook the validation curves are redrawn in place, elsewhere each epoch prints a line.
    What ends a model's epochs early loses nothing: an interrupt (Kernel > Interrupt) and a loss
    that has diverged end them with a sentence. ``interrupted`` then says whether to leave out the
    models that are still to be trained.
    """

    def __init__(self, names, epochs):
        self.names, self.epochs = list(names), epochs
        self.measured = {}  # of the models begun, by name
        self.seconds = {}  # of wall time, likewise
        self.interrupted = False
        self.board = None

    @contextlib.contextmanager
    def of(self, name):
        """Train one model within a ``with`` block."""
        self.name, self.start = name, time.perf_counter()
        self.measured[name] = {"val_losses": []}
        self._show(f"{name}: epoch 1 of {self.epochs}{self._left()}")
        try:
            yield
        except KeyboardInterrupt:
            self.interrupted = True
            print(
                f"{name}: interrupted. {self._kept()}; the models before it are whole, those after "
                "it are missing. The notebook goes on with what there is, but its checks want all "
                "three: for that, run this cell again.",
                flush=True,
            )
        except Diverged as error:
            print(
                f"{name}: {error}. Its training ends here. {self._kept()}. Try a smaller "
                f"learning rate than {LEARNING_RATES.get(name)}.",
                flush=True,
            )
        self.seconds[name] = time.perf_counter() - self.start
        if self.interrupted or name == self.names[-1]:
            self._show(self._done())

    def report(self, measured):
        """Show an epoch that is over; ``measured`` holds its "train_losses", "val_losses", ….

        Raises Diverged when one of the last losses has diverged, ValueError when a list is empty,
        TypeError when its last loss is no number.
        """
        train_losses, val_losses, times = (
            measured[key] for key in ("train_losses", "val_losses", "epoch_times")
        )
        if not (train_losses and val_losses and times):
            raise ValueError(
                f"report got {len(train_losses)} training losses, {len(val_losses)} validation "
                f"losses and {len(times)} times: append the epoch's numbers to all three first."
            )
        for loss in (train_losses[-1], val_losses[-1]):
            need_a_loss(loss)
        self.measured[self.name] = measured
        self.seconds[self.name] = time.perf_counter() - self.start
        if bad := [loss for loss in (train_losses[-1], val_losses[-1]) if diverged(loss)]:
            raise Diverged(
                f"the loss has diverged in epoch {len(times)}: {bad[0]:.3g} nats per character "
                "(guessing costs the logarithm of the vocabulary, 4.3 for 73 characters)"
            )
        self._show(
            f"{self.name}: epoch {len(times)} of {self.epochs}{self._left()}",
            f"train loss {train_losses[-1]:.3f}, validation loss {val_losses[-1]:.3f}",
        )

    def _kept(self):
        if [loss for loss in self.measured[self.name]["val_losses"] if not diverged(loss)]:
            return "It keeps the weights of its best epoch so far"
        return "No epoch had ended well, so its weights are those of the start, untrained"

    def _left(self):
        """Return the time that all models still take, as text; empty before the first epoch."""
        known = {
            name: seconds / len(self.measured[name]["val_losses"])
            for name, seconds in self.seconds.items()
            if self.measured[name]["val_losses"]
        }
        if not known:
            return ""
        of_one = sum(known.values()) / sum(RELATIVE.get(name, 1) for name in known)
        left = 0.0
        for name in self.names:
            done = self.epochs
            if name == self.name or name not in self.measured:
                done = len(self.measured.get(name, {"val_losses": ()})["val_losses"])
            left += (self.epochs - done) * known.get(name, of_one * RELATIVE.get(name, 1))
        return f", about {left:.0f} s left for all"

    def _done(self):
        return "Trained: " + ", ".join(
            f"{name} {len(self.measured[name]['val_losses'])} epochs in {seconds:.0f} s"
            for name, seconds in self.seconds.items()
        )

    def _show(self, status, losses=""):
        if not _in_notebook():
            print(status + (f" ({losses})" if losses else ""), flush=True)
            return
        from IPython.display import display

        shown = {"text/plain": status, "image/png": self._curves(status)}
        if self.board is None:
            self.board = display(shown, raw=True, display_id=True)
        else:
            self.board.update(shown, raw=True)

    def _curves(self, status):
        """Return the validation curves so far as the bytes of a PNG."""
        figure = Figure(figsize=(7, 3), dpi=80)
        axes = figure.add_axes((0.1, 0.17, 0.87, 0.72))
        for name, measured in self.measured.items():
            losses = without_diverged(measured["val_losses"])
            style = STYLES.get(name, {}) | {"markersize": 4}
            axes.plot(range(1, len(losses) + 1), losses, label=name, **style)
        axes.set_xlim(0.5, self.epochs + 0.5)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_title(status, fontsize="medium", loc="left")
        axes.set(xlabel="epoch", ylabel="validation loss (nats)")
        if not any(measured["val_losses"] for measured in self.measured.values()):
            axes.set_yticks([])  # nothing to read yet
        axes.legend(loc="upper right")
        axes.grid(alpha=0.3)
        image = io.BytesIO()
        figure.savefig(image, format="png")
        return image.getvalue()


def _in_notebook():
    """Return whether this runs in a kernel, whose front end shows pictures, and is to be seen.

    A check, which keeps what it prints to itself, shows no pictures either.
    """
    ipython = sys.modules.get("IPython")
    kernel = getattr(ipython and ipython.get_ipython(), "kernel", None)
    return kernel is not None and type(sys.stdout).__module__.startswith("ipykernel")
