"""Ending a running `fit_` on purpose."""

from __future__ import annotations

from typing import Any


class StopTraining(Exception):
    """Raised by `stop`: ends the running `fit_` cleanly."""


def stop(workout: Any, reason: str = "") -> None:
    """End the running `fit_` of `workout` after this step; what was trained stays. For use in a callback.

    The reason is kept in `workout.stopped`. Where nothing is being trained, it is an exception that comes out.
    """
    raise StopTraining(reason or "stop() without a reason")
