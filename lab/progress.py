"""What a training shows while it runs, and what ends the training of one model early."""

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
    """A loss above exercise.DIVERGED, or one that is not a number any more."""


class Progress:
    """Shows which model trains, which epoch, and how long all of them still take.

    ``with progress.of(name):`` around a model's epochs, ``progress.report(measured)`` after each.
    In a notebook the validation curves are redrawn in place. Elsewhere each epoch prints a line.
    An interrupt (Kernel > Interrupt) or a loss that has diverged ends the epochs of a model early.
    Then a sentence says so, and nothing is lost. After an interrupt ``interrupted`` is true: the
    models that are not trained yet should be left out.
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
                f"{name}: interrupted. {self._kept()}. The models before it are fully trained. The "
                "models after it are missing. You can go on with the notebook, but its checks "
                "need all three models: for these, run this cell again."
            )
        except Diverged as error:
            say(
                f"{name}: {error}. So its training ends here. {self._kept()}. Try a smaller "
                f"learning rate than {LEARNING_RATES.get(name)}."
            )
        if self.interrupted or name == self.names[-1]:
            self._show(self._done())
            if threads().reduced:
                say(
                    "Other programs kept the processor busy, so PyTorch used fewer threads for a "
                    "time. Another run may differ in the last digits."
                )

    def report(self, measured):
        """Show an epoch that has ended; ``measured`` has its "train_losses", "val_losses", ….

        Raises Diverged if one of the last losses has diverged, ValueError if a list is empty,
        TypeError if a last loss is not a number.
        """
        train_losses, val_losses, times = (
            measured[key] for key in ("train_losses", "val_losses", "epoch_times")
        )
        if not (train_losses and val_losses and times):
            raise ValueError(
                f"report got {len(train_losses)} training losses, {len(val_losses)} validation "
                f"losses and {len(times)} times. Append the epoch's numbers to all three first."
            )
        self.measured[self.name] = measured
        for loss in (train_losses[-1], val_losses[-1]):
            need_a_loss(loss)
            if diverged(loss):
                raise Diverged(
                    f"the loss has diverged in epoch {len(times)}: {loss:.3g} nats per character "
                    "(a model that only guesses among 73 characters has a loss of ln(73) = 4.3, "
                    "and among 1,000 characters 6.9)"
                )
        self._show(
            f"{self.name}: epoch {len(times)} of {self.epochs}{self._left(len(times))}",
            f"train loss {train_losses[-1]:.3f}, validation loss {val_losses[-1]:.3f}",
        )

    def _kept(self):
        if [loss for loss in self.measured[self.name]["val_losses"] if not diverged(loss)]:
            return "The model has the weights of its best epoch so far"
        return "There is no good epoch yet, so the model has the untrained weights of the start"

    def _left(self, done):
        """Return the time that all models still take, at the mean pace of the epochs so far."""
        so_far = sum(len(measured["val_losses"]) for measured in self.measured.values())
        if not so_far:
            return ""
        left = self.epochs * (len(self.names) - len(self.measured) + 1) - done
        seconds = (time.perf_counter() - self.start) / so_far * left
        return f", about {seconds:.0f} s left for all models"

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
        figure = Figure(figsize=(7, 3), dpi=80, layout="none")
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
