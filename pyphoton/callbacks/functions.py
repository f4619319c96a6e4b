"""Callbacks that are functions: Photon's of (workout, phase), and those of the first Flux, without arguments; `throttle`."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from time import monotonic
from typing import Any

from pyphoton.callbacks.hooks import Hooks
from pyphoton.errors import ArgumentError

SECONDS = 5.0
"""How often a function without arguments is called at most."""


def photon(function: Callable[..., Any]) -> Hooks:
    """A function of (workout, phase): phase "train" after every step, "valid" at the end of every epoch."""
    call = _in_a_fit(function)
    return Hooks(
        step=lambda fit, step: call(fit.workout, "train"),
        epoch=lambda fit, number, row: call(fit.workout, "valid"),
        end=_owed(function),
    )


def flux(function: Callable[..., Any]) -> Hooks:
    """A function without arguments: after a step, at most every five seconds unless `throttle` has said otherwise."""
    seldom = function if isinstance(function, Throttled) else throttle(function, SECONDS)
    return Hooks(step=lambda fit, step: seldom.poll(), end=_owed(seldom))


def _in_a_fit(function: Callable[..., Any]) -> Callable[..., Any]:
    return function.poll if isinstance(function, Throttled) else function


def _owed(function: Callable[..., Any]) -> Callable[[Any, BaseException | None], None] | None:
    """At the end of a fit: the call that a throttled function still owes, unless an error ended the fit."""
    if not isinstance(function, Throttled) or not function.trailing:
        return None
    return lambda fit, error: function.flush() if error is None else None


def throttle(function: Callable[..., Any], seconds: float, *, leading: bool = True, trailing: bool = False) -> Throttled:
    """`function`, called at most once in so many seconds: the first call counts, those that come too early give None.

    For callbacks of any form that are functions: `fit_(w, data, callbacks=throttle(lambda: print("alive"), 60))`.
    leading=False leaves the first call out. trailing=True makes the last call that came too early good when the seconds are over:
    as a callback at the next step after that or at the end of the fit, elsewhere in a thread of its own.
    Source: Flux.throttle. Errors: ArgumentError.
    """
    if not callable(function):
        raise ArgumentError("throttle", "a function", repr(function))
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not seconds >= 0:
        raise ArgumentError("throttle", "seconds: a number from 0", repr(seconds))
    for name, value in (("leading", leading), ("trailing", trailing)):
        if not isinstance(value, bool):
            raise ArgumentError("throttle", f"{name}: True or False", repr(value))
    if not leading and not trailing:
        raise ArgumentError("throttle", "leading=True or trailing=True", "neither", "The function would never be called.")
    return Throttled(function, seconds, leading, trailing)


class Throttled:
    """What `throttle` returns: a function with the signature of the one inside.

    A period begins with a call that counts and lasts `seconds`; `owed` is the last call within it, where trailing calls count.
    """

    def __init__(self, function: Callable[..., Any], seconds: float, leading: bool = True, trailing: bool = False) -> None:
        functools.update_wrapper(self, function, updated=())
        self.function, self.seconds, self.leading, self.trailing = function, seconds, leading, trailing
        self.until: float | None = None
        self.owed: Callable[[], Any] | None = None
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function unless its last call was less than `seconds` ago."""
        counts, due = self._counts(functools.partial(self.function, *args, **kwargs))
        if due is not None:
            self._wait(due)
        return self.function(*args, **kwargs) if counts else None

    def poll(self, *args: Any, **kwargs: Any) -> Any:
        """The same without a thread: a call that is owed is made here once its time has come."""
        if self.owed is not None and self.until is not None and monotonic() >= self.until:
            self.flush()
        counts, _ = self._counts(functools.partial(self.function, *args, **kwargs))
        return self.function(*args, **kwargs) if counts else None

    def flush(self) -> None:
        """Make the call that is owed now, if there is one; a period begins with it."""
        with self._lock:
            owed, self.owed = self.owed, None
            if owed is not None:
                self.until = monotonic() + self.seconds
        if owed is not None:
            owed()

    def _counts(self, call: Callable[[], Any]) -> tuple[bool, float | None]:
        """Whether a call counts now; if it is owed instead, the seconds until it is due."""
        with self._lock:
            now = monotonic()
            begins = self.until is None or now >= self.until
            if begins and self.owed is None:
                self.until = now + self.seconds
                if self.leading:
                    return True, None
            if not self.trailing or self.until is None:
                return False, None
            self.owed = call
            return False, max(0.0, self.until - now)

    def _wait(self, seconds: float) -> None:
        """Have the call that is owed made when its time has come."""
        with self._lock:
            if self._timer is None:
                self._timer = threading.Timer(seconds, self._ring)
                self._timer.daemon = True
                self._timer.start()

    def _ring(self) -> None:
        with self._lock:
            self._timer = None
        self.flush()
