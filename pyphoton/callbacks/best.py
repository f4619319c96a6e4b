"""The best value of a metric so far."""

from __future__ import annotations

from math import isnan
from typing import Any

from pyphoton.errors import ArgumentError, near


def mode_of(mode: Any, who: str) -> str:
    """"min" or "max". Errors: ArgumentError."""
    found = str(mode).removeprefix(":")
    if found not in ("min", "max"):
        raise ArgumentError(f"{who} mode=", '"min" or "max"', repr(mode), near(found, ("min", "max")))
    return found


def metric_of(metric: Any, who: str) -> str:
    """One name of a metric. Errors: ArgumentError."""
    if not isinstance(metric, str) or not metric.removeprefix(":"):
        raise ArgumentError(f"{who} metric=", 'the name of a metric, as "val_loss"', repr(metric))
    return metric.removeprefix(":")


def better(value: float, best: float | None, mode: str, by: float = 0.0) -> bool:
    """Whether `value` is strictly better than the best so far, by more than `by`. NaN never is."""
    if isnan(value):
        return False
    if best is None:
        return True
    return value < best - by if mode == "min" else value > best + by
