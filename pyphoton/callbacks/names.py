"""The names of what is measured: checked when a fit begins, and looked up when an epoch ends."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pyphoton.callbacks.hooks import Fit
from pyphoton.clock import RATE
from pyphoton.errors import ArgumentError, UnknownName, near

DEFAULT = ("loss", "val_loss")


def names_in(metrics: Any, who: str) -> tuple[str, ...] | None:
    """Names as history has them: one or several, with or without Photon's colon; None for all. Errors: ArgumentError."""
    if metrics is None:
        return None
    many = [metrics] if isinstance(metrics, str) else metrics
    if not isinstance(many, list | tuple) or not many or not all(isinstance(name, str) for name in many):
        raise ArgumentError(f"{who} metrics=", "names of metrics, or None for all", repr(metrics))
    return tuple(dict.fromkeys(name.removeprefix(":") for name in many))


def known(fit: Fit) -> tuple[str, ...]:
    """What this fit measures: the loss and the metrics, those of validation data where there are, and the learning rate."""
    training = ("loss", *fit.workout.metrics)
    return (*training, *(f"val_{name}" for name in training if fit.validating), RATE)


def check(fit: Fit, name: str, who: str) -> None:
    """Errors: UnknownName unless this fit measures `name`."""
    names = known(fit)
    if name not in names:
        only_there = not fit.validating and name.removeprefix("val_") in names
        hint = "There is no validation data: fit_(workout, data, validation)." if only_there else near(name, names)
        raise UnknownName(who, f"one of {', '.join(names)}", repr(name), hint)


def shown(fit: Fit, names: tuple[str, ...] | None, who: str) -> tuple[str, ...]:
    """The names that a meter shows, of those that it was given. Errors: UnknownName.

    A `val_` name of a metric of the workout is fine without validation data: there is nothing to show then.
    """
    for name in names or ():
        if name.removeprefix("val_") not in known(fit):
            check(fit, name, who)
    return names or known(fit)


def value_at(fit: Fit, name: str, row: Mapping[str, float]) -> float | None:
    """The value of an epoch: the mean over it, or what was recorded at this step; None where there is none."""
    return row[name] if name in row else fit.workout.history.last(name, fit.workout.steps)
