"""What a training shows while it runs, and what ends one model's training early."""

import contextlib
import time

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from helpers import (
    diverged,
    in_notebook,
    need_a_loss,
    say,
    threads,
    with_words,
    without_diverged,
)
from lab.exercise import LEARNING_RATES, STYLES


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
        self.start = time.perf_counter()
        threads().reduced = False
        self.interrupted = False
        self.board = None

    @contextlib.contextmanager
    def of(self, name):
        """Train one model within a ``with`` block."""
        self.name, self.measured[name] = name, {"val_losses": []}
        self._show(f"{name}: epoch 1 of {self.epochs}{self._left(0)}")
        try:
            yield
        except KeyboardInterrupt:
            self.interrupted = True
            say(
                f"{name}: interrupted. {self._kept()}; the models before it are whole, those after "
                "it are missing. The notebook goes on with what there is, but its checks want all "
                "three: for that, run this cell again."
            )
        except Diverged as error:
            say(
                f"{name}: {error}. Its training ends here. {self._kept()}. Try a smaller "
                f"learning rate than {LEARNING_RATES.get(name)}."
            )
        if self.interrupted or name == self.names[-1]:
            self._show(self._done())
            if threads().reduced:
                say(
                    "Other programs were busy, so PyTorch had fewer threads for a time: another "
                    "run may differ in the last digits."
                )

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
        self.measured[self.name] = measured
        for loss in (train_losses[-1], val_losses[-1]):
            need_a_loss(loss)
            if diverged(loss):
                raise Diverged(
                    f"the loss has diverged in epoch {len(times)}: {loss:.3g} nats per character "
                    "(guessing costs the logarithm of the vocabulary, 4.3 for 73 characters)"
                )
        self._show(
            f"{self.name}: epoch {len(times)} of {self.epochs}{self._left(len(times))}",
            f"train loss {train_losses[-1]:.3f}, validation loss {val_losses[-1]:.3f}",
        )

    def _kept(self):
        if [loss for loss in self.measured[self.name]["val_losses"] if not diverged(loss)]:
            return "It keeps the weights of its best epoch so far"
        return "No epoch had ended well, so its weights are those of the start, untrained"

    def _left(self, done):
        """Return the time that all models still take, at the mean pace of the epochs so far."""
        so_far = sum(len(measured["val_losses"]) for measured in self.measured.values())
        if not so_far:
            return ""
        left = self.epochs * (len(self.names) - len(self.measured) + 1) - done
        seconds = (time.perf_counter() - self.start) / so_far * left
        return f", about {seconds:.0f} s left for all"

    def _done(self):
        epochs = (f"{name} {len(m['val_losses'])} epochs" for name, m in self.measured.items())
        return f"Trained: {', '.join(epochs)}, in {time.perf_counter() - self.start:.0f} s"

    def _show(self, status, losses=""):
        if not in_notebook():
            say(status + (f" ({losses})" if losses else ""))
            return
        from IPython.display import display

        # Not cut to what is drawn: a picture that is redrawn in place keeps its size.
        shown = with_words(self._curves(status), bbox_inches=None)
        if self.board is None:
            self.board = display(shown, raw=True, display_id=True)
        else:
            self.board.update(shown, raw=True)

    def _curves(self, status):
        """Return a figure of the validation curves so far."""
        figure = Figure(figsize=(7, 3), dpi=80)
        axes = figure.add_axes((0.1, 0.17, 0.87, 0.72))
        for name, measured in self.measured.items():
            losses = without_diverged(measured["val_losses"])
            axes.plot(range(1, len(losses) + 1), losses, label=name, **STYLES.get(name, {}))
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_title(status, fontsize="medium", loc="left")
        axes.set(xlabel="epoch", ylabel="validation loss (nats)", xlim=(0.5, self.epochs + 0.5))
        if not any(measured["val_losses"] for measured in self.measured.values()):
            axes.set_yticks([])  # nothing to read yet
        axes.legend(loc="upper right")
        return figure
