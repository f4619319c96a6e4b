"""Callback: the base of the callbacks of this face, and what several of them share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pyphoton.errors import KeraFlowError, UnknownName, near

AUTO = "auto"


def _does_nothing(method: Any) -> Any:
    method._is_default = True
    return method


class Callback:
    """Base of callbacks. `self.model` is the model, `self.params` a dictionary of "epochs", "steps" and "verbose".

    Override what is needed. Epochs and minibatches count from 0; logs are a dictionary of what was measured, which all callbacks share: an
    entry that `on_epoch_end` adds stands in the History. `self.model.stop_training = True` ends the training,
    `self.model.optimizer.learning_rate = 0.01` holds from the next update on. An epoch is only asked at each minibatch where a
    callback overrides a method for it.
    """

    model: Any = None
    params: Mapping[str, Any] = {}

    def set_model(self, model: Any) -> None:
        """The model that is trained."""
        self.model = model

    def set_params(self, params: Mapping[str, Any]) -> None:
        """What the training is."""
        self.params = params

    @_does_nothing
    def on_train_begin(self, logs: Any = None) -> None:
        """Before the first epoch."""

    @_does_nothing
    def on_train_end(self, logs: Any = None) -> None:
        """After the last epoch; logs are its."""

    @_does_nothing
    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Before an epoch."""

    @_does_nothing
    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """After an epoch and its validation."""

    @_does_nothing
    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Before a minibatch."""

    @_does_nothing
    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """After a minibatch; logs are what was measured of it before its update."""


class Monitoring(Callback):
    """A callback that looks at one value of the logs. mode "auto": larger is better for accuracy, AUC, precision, recall and the like."""

    def __init__(self, monitor: str, mode: str, min_delta: float = 0.0) -> None:
        owner = type(self).__name__
        if not isinstance(monitor, str):
            raise KeraFlowError(f"{owner} monitor=", 'the name of a metric, as "val_loss"', repr(monitor))
        if mode not in (AUTO, "min", "max"):
            raise KeraFlowError(f"{owner} mode=", '"auto", "min" or "max"', repr(mode))
        rising = mode == "max" or (mode == AUTO and any(w in monitor for w in ("acc", "auc", "precision", "recall", "cosine_similarity")))
        self.monitor, self.mode, self.min_delta = monitor, "max" if rising else "min", abs(min_delta)

    def value(self, logs: Mapping[str, float] | None) -> float:
        """The monitored value. Errors: UnknownName when it is not there."""
        if not logs or self.monitor not in logs:
            raise UnknownName(f"{type(self).__name__} monitor=", "a value that is measured", repr(self.monitor), near(self.monitor, logs or {}))
        return float(logs[self.monitor])

    def better(self, value: float, best: float | None) -> bool:
        """Whether it is better than the best by more than min_delta. NaN never is."""
        if value != value or best is None:
            return value == value
        return value < best - self.min_delta if self.mode == "min" else value > best + self.min_delta


def refused_verbose(owner: str, verbose: Any) -> None:
    """Errors: KeraFlowError for another verbosity than 0 and 1. Nothing is printed; the History tells what happened."""
    if verbose not in (0, 1):
        raise KeraFlowError(f"{owner} verbose=", "0 or 1", repr(verbose))


def line_per_epoch() -> Any:
    """pyphoton's meter that prints a line of all that is measured for each epoch."""
    from pyphoton.callbacks import console

    meter: Any = console.ConsoleMeter
    return meter(metrics=None)
