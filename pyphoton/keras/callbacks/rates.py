"""LearningRateScheduler and ReduceLROnPlateau: callbacks that assign the optimizer's learning rate."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from pyphoton.errors import KeraFlowError
from pyphoton.keras.callbacks.base import Callback, Monitoring, refused_verbose


class LearningRateScheduler(Callback):
    """Set the learning rate before each epoch to schedule(epoch, lr) or schedule(epoch); epochs count from 0. Errors: KeraFlowError."""

    def __init__(self, schedule: Callable[..., float], verbose: int = 0) -> None:
        if not callable(schedule):
            raise KeraFlowError("LearningRateScheduler schedule=", "a function of the epoch, or of the epoch and the rate", repr(schedule))
        refused_verbose("LearningRateScheduler", verbose)
        self.schedule = schedule
        self._with_rate = _takes_two(schedule)

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Assign the epoch's rate."""
        optimizer = self.model.optimizer
        rate = self.schedule(epoch, float(optimizer.learning_rate)) if self._with_rate else self.schedule(epoch)
        if isinstance(rate, bool) or not isinstance(rate, int | float | np.floating):
            raise KeraFlowError("LearningRateScheduler schedule=", "a function that gives a number", f"{rate!r} for epoch {epoch}")
        optimizer.learning_rate = float(rate)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Tell the rate."""
        if logs is not None:
            logs["learning_rate"] = float(self.model.optimizer.learning_rate)


def _takes_two(function: Callable[..., Any]) -> bool:
    try:
        inspect.signature(function).bind(0, 0.1)
    except TypeError:
        return False
    return True


class ReduceLROnPlateau(Monitoring):
    """Multiply the learning rate by `factor` when the monitored value has not improved by `min_delta` for `patience` epochs.

    After a reduction `cooldown` epochs are not counted; the rate does not fall below `min_lr`. Errors: KeraFlowError; UnknownName.
    """

    def __init__(
        self, monitor: str = "val_loss", factor: float = 0.1, patience: int = 10, verbose: int = 0, mode: str = "auto", min_delta: float = 0.0001,
        cooldown: int = 0, min_lr: float = 0.0,
    ) -> None:  # fmt: skip
        super().__init__(monitor, mode, min_delta)
        if not 0 < factor < 1:
            raise KeraFlowError("ReduceLROnPlateau factor=", "a number above 0 and below 1", repr(factor))
        refused_verbose("ReduceLROnPlateau", verbose)
        self.factor, self.patience, self.cooldown, self.min_lr = factor, patience, cooldown, min_lr
        self._begin()

    def _begin(self) -> None:
        self.best: float | None = None
        self.wait = self.cooldown_counter = 0

    def on_train_begin(self, logs: Any = None) -> None:
        """Begin anew."""
        self._begin()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Count epochs without improvement; reduce."""
        value, optimizer = self.value(logs), self.model.optimizer
        if logs is not None:
            logs["learning_rate"] = float(optimizer.learning_rate)
        if self.cooldown_counter > 0:
            self.cooldown_counter -= 1
            self.wait = 0
        if self.better(value, self.best):
            self.best, self.wait = value, 0
        elif self.cooldown_counter <= 0:
            self.wait += 1
            if self.wait >= self.patience and optimizer.learning_rate > self.min_lr:
                optimizer.learning_rate = max(optimizer.learning_rate * self.factor, self.min_lr)
                self.cooldown_counter, self.wait = self.cooldown, 0
