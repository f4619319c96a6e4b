"""EpochSave and AutoSave: the workout in a file, after every epoch or after the best one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, field
from importlib import import_module
from pathlib import Path
from typing import Any

from pyphoton.callbacks.best import better, metric_of, mode_of
from pyphoton.callbacks.hooks import Callback, Fit, Hooks, callback
from pyphoton.callbacks.names import check, value_at
from pyphoton.errors import ArgumentError

Save = Callable[[Any, Any], Any]


def _check(who: str, filename: Any, save: Any) -> None:
    if filename is not None and not isinstance(filename, str | Path):
        raise ArgumentError(f"{who} filename=", "a file's name, or None", repr(filename))
    if save is not None and not callable(save):
        raise ArgumentError(f"{who} save=", "a function of (workout, filename)", repr(save))


def _saved(workout: Any, filename: str | Path | None, save: Save | None) -> Any:
    if save is not None:
        return save(workout, filename)
    own = getattr(workout, "save", None)  # the trainer of a system writes its file itself
    return own(filename) if own is not None else import_module("pyphoton.saving").save_workout(workout, filename)


@callback
class EpochSave(Callback):
    """Save the workout after every epoch.

    filename: one file, written anew each time; None makes a file per epoch, named by its steps (see save_workout).
    save: another function of (workout, filename): `EpochSave("net.safetensors", save=pyphoton.save)` keeps the model only.
    `saved` is what the last save returned: the path. Errors: FileError, which ends the training.
    """

    filename: str | Path | None = None
    _: KW_ONLY
    save: Save | None = None
    saved: Any = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        _check("EpochSave", self.filename, self.save)

    def hooks(self) -> Hooks:
        """At each epoch."""
        return Hooks(epoch=self._epoch)

    def _epoch(self, fit: Fit, number: int, row: Mapping[str, float]) -> None:
        self.saved = _saved(fit.workout, self.filename, self.save)


@callback
class AutoSave(Callback):
    """Save the workout after each epoch in which `metric` is strictly better than the best so far.

    metric: its value of an epoch (training: the mean over the epoch). mode: "min" or "max" is better.
    filename and save: as for EpochSave. State, made anew in each fit: `best`, `best_epoch`, `saved` (the path).
    Errors: ArgumentError; UnknownName at the start of a fit that does not measure `metric`; FileError, which ends the training.
    """

    metric: str
    filename: str | Path | None = None
    mode: str = "min"
    _: KW_ONLY
    save: Save | None = None
    best: float | None = field(default=None, init=False, repr=False)
    best_epoch: int | None = field(default=None, init=False, repr=False)
    saved: Any = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        self.metric, self.mode = metric_of(self.metric, "AutoSave"), mode_of(self.mode, "AutoSave")
        _check("AutoSave", self.filename, self.save)

    def hooks(self) -> Hooks:
        """At the begin and each epoch."""
        return Hooks(begin=self._begin, epoch=self._epoch)

    def _begin(self, fit: Fit) -> None:
        check(fit, self.metric, "AutoSave")
        self.best, self.best_epoch, self.saved = None, None, None

    def _epoch(self, fit: Fit, number: int, row: Mapping[str, float]) -> None:
        value = value_at(fit, self.metric, row)
        if value is not None and better(value, self.best, self.mode):
            self.saved = _saved(fit.workout, self.filename, self.save)
            self.best, self.best_epoch = value, fit.workout.epochs
