"""Callbacks that are functions: Photon's of (workout, phase), and those of the first Flux, without arguments; `throttle`."""

from __future__ import annotations

import functools
from collections.abc import Callable
from time import monotonic
from typing import Any

from pyphoton.callbacks.hooks import Hooks
from pyphoton.errors import ArgumentError

SECONDS = 5.0
"""How often a function without arguments is called at most."""


def photon(function: Callable[..., Any]) -> Hooks:
    """A function of (workout, phase): phase "train" after every step, "valid" at the end of every epoch."""
    return Hooks(
        step=lambda fit, step: function(fit.workout, "train"),
        epoch=lambda fit, number, row: function(fit.workout, "valid"),
    )


def flux(function: Callable[..., Any]) -> Hooks:
    """A function without arguments: after a step, at most every five seconds unless `throttle` has said otherwise."""
    seldom = function if isinstance(function, Throttled) else throttle(function, SECONDS)
    return Hooks(step=lambda fit, step: seldom())


def throttle(function: Callable[..., Any], seconds: float) -> Throttled:
    """`function`, called at most once in so many seconds: the first call counts, those that come too early give None.

    For callbacks of any form that are functions: `fit_(w, data, callbacks=throttle(lambda: print("alive"), 60))`.
    Source: Flux.throttle with its defaults. Errors: ArgumentError.
    """
    if not callable(function):
        raise ArgumentError("throttle", "a function", repr(function))
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not seconds >= 0:
        raise ArgumentError("throttle", "seconds: a number from 0", repr(seconds))
    return Throttled(function, seconds)


class Throttled:
    """What `throttle` returns: a function with the signature of the one inside."""

    def __init__(self, function: Callable[..., Any], seconds: float) -> None:
        functools.update_wrapper(self, function, updated=())
        self.function, self.seconds = function, seconds
        self.called: float | None = None

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function unless its last call was less than `seconds` ago."""
        now = monotonic()
        if self.called is not None and now - self.called < self.seconds:
            return None
        self.called = now
        return self.function(*args, **kwargs)
