"""train_(m, train, test): the training loop of the first Flux, run by a Workout, and so inside the engine."""

from __future__ import annotations

from typing import Any, TypeVar

from pyphoton.arguments import checked, is_integer
from pyphoton.callbacks.forms import listed
from pyphoton.callbacks.hooks import Callback, Fit, Hooks, Step
from pyphoton.errors import ArgumentError
from pyphoton.flux.losses import mse, sequence_logloss
from pyphoton.flux.pairs import Minibatches, Samples, arranged, columns, kept, looked_into
from pyphoton.flux.scores import accuracy
from pyphoton.interop.keras_model import KerasModel
from pyphoton.optimisers import SGD
from pyphoton.workout import Workout

M = TypeVar("M")
SHOWN = 1000
"""After so many samples the accuracy on the test set is shown."""


@checked
def train_(
    m: M, train: Any, test: Any = (), *, epoch: int = 1, batch: int | None = None, eta: float | None = None,
    η: float | None = None, loss: Any = None, opt: Any = None, cb: Any = (),
) -> M:  # fmt: skip
    """Train the model on `train`, in the order of the data, `epoch` times. Returns the model.

    train: pairs (x, y) of samples, of which `batch` make one update with the sum of their gradients; pairs of Batch, each
    of which makes an update; or two arrays (X, Y). `train_(m, Xs, Ys)` takes batches of sequences (N, steps, features) from two lists.
    test: data of the same forms, whose accuracy is printed every 1000 samples and at the end.
    batch: 10 unless told where there is a test set, as in Flux of 2016, else 1, as in that of 2017.
    eta (or η): the learning rate, 0.1. opt: another optimiser than SGD(eta). loss: a function of (prediction, target) of a
    minibatch, `mse` (half the sum of squares) unless told; for sequences `logloss` divided by samples and steps.
    cb: functions without arguments, called every 5 seconds at most, or any other callbacks of fit_.
    Source: train! of Flux 2016 and 2017. Errors: NonFiniteLoss where a prediction is NaN; else as fit_. The epoch is undone then.
    """
    given = test is not None and (not hasattr(test, "__len__") or len(test) > 0)
    train, pairs = looked_into(train, "train_") if given else (train, True)
    sequences = not pairs
    data = columns(train, test, "train_") if sequences else arranged(train, "train_")
    tested = test if given and not sequences else None
    rate = _rate(eta, η, opt)
    size = _size(batch, data, 1 if tested is None else 10)
    if isinstance(m, KerasModel):
        usual = (None,) if sequences else (None, mse)
        if loss not in usual or opt is not None or listed(cb) or tested is not None or not (sequences or isinstance(data, Samples)):
            raise ArgumentError("train_", "pairs of samples, or two lists of sequences, and eta alone for a model on Keras", "more", "Train it with its own fit_, or train torch_(model).")
        if isinstance(data, Samples):
            m.descend_(data.x, data.y, eta=rate, epochs=epoch, batch_size=size or 1)
        else:
            m.descend_sequences_(kept(data), eta=rate, epochs=epoch)
        return m
    workout = Workout(m, (sequence_logloss if sequences else mse) if loss is None else loss, SGD(rate) if opt is None else opt)
    callbacks = listed(cb) + ([] if tested is None else [Shown(m, tested)])
    workout.fit_((data.x, data.y) if isinstance(data, Samples) else data.data, epochs=epoch, batch_size=size, shuffle=False, callbacks=callbacks)
    return m


class Shown(Callback):
    """Prints the accuracy on a test set while training: every 1000 samples, and at the end."""

    def __init__(self, m: Any, test: Any) -> None:
        self.m, self.test = m, kept(arranged(test, "train_ test"))
        self.samples = self.shown = 0

    def hooks(self) -> Hooks:
        """After every step, and at the end."""
        return Hooks(step=self._step, end=self._end)

    def _step(self, fit: Fit, step: Step) -> None:
        targets = step.batch()[1]
        self.samples += len(targets[0] if isinstance(targets, tuple) else targets)
        if self.samples // SHOWN > self.shown // SHOWN:
            self._show()

    def _end(self, fit: Fit, error: BaseException | None) -> None:
        if error is None and self.samples > self.shown:
            self._show()

    def _show(self) -> None:
        self.shown = self.samples
        print(f"accuracy(m, test) = {accuracy(self.m, self.test):.4g}", flush=True)  # noqa: T201


def _rate(eta: float | None, also: float | None, opt: Any) -> float:
    given = [value for value in (eta, also) if value is not None]
    if len(given) + (opt is not None) > 1:
        raise ArgumentError("train_", "one of eta=, η= and opt=", "several", "Give the rate to the optimiser: opt=Adam(0.001).")
    return given[0] if given else 0.1


def _size(batch: int | None, data: Samples | Minibatches, usual: int) -> int | None:
    """The number of samples of an update. Errors: ArgumentError."""
    if batch is None:
        return usual
    if not is_integer(batch) or batch < 1:
        raise ArgumentError("train_", "batch: a whole number above 0", repr(batch))
    if isinstance(data, Minibatches):
        raise ArgumentError("train_", "batch= with pairs of samples", "pairs of Batch", "Each Batch makes one update; make them of that size: Batched(pairs, n).")
    return batch
