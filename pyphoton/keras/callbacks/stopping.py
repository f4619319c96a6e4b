"""EarlyStopping and TerminateOnNaN."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from pyphoton import parameters
from pyphoton.keras.callbacks.base import Callback, Monitoring, refused_verbose


class EarlyStopping(Monitoring):
    """Stop when the monitored value has not improved by more than `min_delta` for `patience` epochs.

    baseline: improvements count only once the value is better than that. restore_best_weights: go back to the weights of the best
    epoch. start_from_epoch: epochs before it are not looked at. `stopped_epoch` is the epoch that it stopped in, from 0; 0 where
    it did not. Errors: KeraFlowError; UnknownName when the value is not measured.
    """

    def __init__(
        self, monitor: str = "val_loss", min_delta: float = 0.0, patience: int = 0, verbose: int = 0, mode: str = "auto",
        baseline: float | None = None, restore_best_weights: bool = False, start_from_epoch: int = 0,
    ) -> None:  # fmt: skip
        super().__init__(monitor, mode, min_delta)
        refused_verbose("EarlyStopping", verbose)
        self.patience, self.baseline, self.restore_best_weights = patience, baseline, restore_best_weights
        self.start_from_epoch = start_from_epoch
        self._begin()

    def _begin(self) -> None:
        self.wait = self.stopped_epoch = self.best_epoch = 0
        self.best: float | None = None
        self.best_weights: dict[str, Any] | None = None

    def on_train_begin(self, logs: Any = None) -> None:
        """Begin anew."""
        self._begin()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Count epochs without improvement."""
        value = self.value(logs)
        if epoch < self.start_from_epoch:
            return
        if self.restore_best_weights and self.best_weights is None:
            self._keep(epoch)
        self.wait += 1
        if self.better(value, self.best):
            self.best = value
            if self.restore_best_weights:
                self._keep(epoch)
            if self.baseline is None or self.better(value, self.baseline):
                self.wait = 0
            return
        if self.wait >= self.patience and epoch > 0:
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def on_train_end(self, logs: Any = None) -> None:
        """Go back to the best weights where that was asked for."""
        if self.restore_best_weights and self.best_weights is not None:
            for path, parameter in parameters.collect(self.model).items():
                if path in self.best_weights:
                    parameter.set_(self.best_weights[path])

    def _keep(self, epoch: int) -> None:
        self.best_epoch = epoch
        self.best_weights = {path: np.array(p.value) for path, p in parameters.collect(self.model).items()}


class TerminateOnNaN(Callback):
    """Stop at a minibatch whose loss is not finite."""

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Look at the loss."""
        if not math.isfinite((logs or {}).get("loss", 0.0)):
            self.model.stop_training = True
