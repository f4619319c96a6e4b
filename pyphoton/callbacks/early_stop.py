"""EarlyStop: end the training when a metric no longer improves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, field
from typing import Any

from pyphoton.arguments import is_integer
from pyphoton.callbacks.best import better, metric_of, mode_of
from pyphoton.callbacks.hooks import Callback, Fit, Hooks, callback
from pyphoton.callbacks.names import check, value_at
from pyphoton.errors import ArgumentError
from pyphoton.stopping import stop


@callback
class EarlyStop(Callback):
    """End training when `metric` has not improved over the best for more than `patience` epochs.

    metric: what is watched; its value of an epoch (training: the mean over the epoch). mode: "min" or "max" is better.
    min_delta: improvements up to this count as none. restore_best: put the weights of the best epoch back at the end
    (from a copy in memory; frozen parameters and the optimiser's state stay as they are), also when the epochs ran out,
    but not after an error.
    State, made anew in each fit: `best`, `best_epoch` (as workout.epochs counts), `waited` (epochs since then).
    Errors: ArgumentError; UnknownName at the start of a fit that does not measure `metric`.
    """

    metric: str = "val_loss"
    mode: str = "min"
    _: KW_ONLY
    patience: int = 0
    min_delta: float = 0.0
    restore_best: bool = False
    best: float | None = field(default=None, init=False, repr=False)
    best_epoch: int | None = field(default=None, init=False, repr=False)
    waited: int = field(default=0, init=False, repr=False)

    def __post_init__(self) -> None:
        self.metric, self.mode = metric_of(self.metric, "EarlyStop"), mode_of(self.mode, "EarlyStop")
        if not is_integer(self.patience) or self.patience < 0:
            raise ArgumentError("EarlyStop patience=", "a whole number of epochs from 0", repr(self.patience))
        if isinstance(self.min_delta, bool) or not isinstance(self.min_delta, int | float) or not self.min_delta >= 0:
            raise ArgumentError("EarlyStop min_delta=", "a number from 0", repr(self.min_delta))
        if not isinstance(self.restore_best, bool):
            raise ArgumentError("EarlyStop restore_best=", "True or False", repr(self.restore_best))
        self._weights: list[tuple[Any, Any]] = []

    def hooks(self) -> Hooks:
        """At the begin, each epoch and the end."""
        return Hooks(begin=self._begin, epoch=self._epoch, end=self._end)

    def _begin(self, fit: Fit) -> None:
        check(fit, self.metric, "EarlyStop")
        self.best, self.best_epoch, self.waited, self._weights = None, None, 0, []

    def _epoch(self, fit: Fit, number: int, row: Mapping[str, float]) -> None:
        value = value_at(fit, self.metric, row)
        if value is None:  # the epoch was interrupted before its validation
            return
        if better(value, self.best, self.mode, self.min_delta):
            self.best, self.best_epoch, self.waited = value, fit.workout.epochs, 0
            if self.restore_best:
                self._weights = [(p, p.value.copy()) for p in fit.workout.network.parameters.values() if not p.frozen]
            return
        self.waited += 1
        if self.waited > self.patience:
            since = "is not a number" if self.best is None else f"has not improved since epoch {self.best_epoch} ({self.best:.4g})"
            stop(fit.workout, f"{self.metric} {since}")

    def _end(self, fit: Fit, error: BaseException | None) -> None:
        kept, self._weights = self._weights, []
        for parameter, value in kept if error is None else ():
            if not parameter.frozen:
                parameter.set_(value)
