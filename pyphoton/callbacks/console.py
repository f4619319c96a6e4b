"""ConsoleMeter and SilentMeter: a line for each epoch in the place of the progress bar, or nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY
from time import monotonic
from typing import Any

from pyphoton.callbacks.hooks import Callback, Fit, Hooks, Step, callback
from pyphoton.callbacks.names import DEFAULT, names_in, shown, value_at
from pyphoton.errors import ArgumentError


@callback
class ConsoleMeter(Callback):
    """Print `[epochs:  steps] - loss: 0.1234 - val_loss: 0.2345` in the place of the progress bar, a line per epoch.

    metrics: names, or None for all. A metric that has no value is left out; the training ones are means over the epoch.
    epoch_only=False prints over the same line during an epoch, too, at most every `throttle` seconds, the values of the last
    minibatch. Errors: ArgumentError; UnknownName at the start of a fit.
    """

    metrics: Any = DEFAULT
    _: KW_ONLY
    throttle: float = 1.0
    epoch_only: bool = True

    def __post_init__(self) -> None:
        self.metrics = names_in(self.metrics, "ConsoleMeter")
        if isinstance(self.throttle, bool) or not isinstance(self.throttle, int | float) or not self.throttle >= 0:
            raise ArgumentError("ConsoleMeter throttle=", "seconds: a number from 0", repr(self.throttle))
        if not isinstance(self.epoch_only, bool):
            raise ArgumentError("ConsoleMeter epoch_only=", "True or False", repr(self.epoch_only))
        self._names: tuple[str, ...] = ()
        self._printed = float("-inf")
        self._width = 0

    def hooks(self) -> Hooks:
        """At the begin, each epoch, the end, and where asked each step."""
        step = None if self.epoch_only else self._step
        return Hooks(begin=self._begin, step=step, epoch=self._epoch, end=self._end, replaces_bar=True)

    def _begin(self, fit: Fit) -> None:
        self._names, self._printed, self._width = shown(fit, self.metrics, "ConsoleMeter"), float("-inf"), 0

    def _step(self, fit: Fit, step: Step) -> None:
        now = monotonic()
        if now - self._printed >= self.throttle:
            self._printed = now
            self._print(fit.workout.epochs + 1, fit.workout.steps, {n: step.values.get(n) for n in self._names})

    def _epoch(self, fit: Fit, number: int, row: Mapping[str, float]) -> None:
        self._print(fit.workout.epochs, fit.workout.steps, {n: value_at(fit, n, row) for n in self._names})
        self._end_line()

    def _end(self, fit: Fit, error: BaseException | None) -> None:
        if self._width:  # it ended in the middle of an epoch
            self._end_line()

    def _print(self, epochs: int, steps: int, values: Mapping[str, float | None]) -> None:
        """A line over the one before, of which no digit may stay."""
        text = "".join(f" - {name}: {value:1.4f}" for name, value in values.items() if value is not None)
        line = f"[{epochs:4d}:{steps:7d}]{text}"
        _write(f"\r{line:{self._width}}" if self._width > len(line) else f"\r{line}")
        self._width = len(line)

    def _end_line(self) -> None:
        _write("\n")
        self._width = 0


def _write(text: str) -> None:
    print(text, end="", flush=True)  # noqa: T201


@callback
class SilentMeter(Callback):
    """Show nothing while training, not even the progress bar."""

    def hooks(self) -> Hooks:
        """Nothing to be called for."""
        return Hooks(replaces_bar=True)
