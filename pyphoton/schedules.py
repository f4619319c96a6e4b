"""Schedules: descriptions of how the learning rate changes while training, one formula each.

A schedule belongs to an optimiser: `SGD(0.1, schedule=CosineDecay(10))`. Its time t counts the workout's epochs, or its
steps (minibatches) with `per="step"`, from 0; lr below is the optimiser's. A schedule keeps no numbers of its own: the rate
follows from the workout's counters and history, so whatever goes back or goes on from a file has the right one.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from typing import Literal

from pyphoton.arguments import is_integer
from pyphoton.description import Description, description
from pyphoton.errors import ArgumentError, UnknownName, near

Rows = Sequence[Mapping[str, float]]
Unit = Literal["epoch", "step"]


@description
class Schedule(Description):
    """Base of the schedules. `per` says what is counted: "epoch" or "step"."""

    kind = "schedule"
    per: Unit = field(default="epoch", kw_only=True)

    def __post_init__(self) -> None:
        if self.per not in ("epoch", "step"):
            raise UnknownName(f"{type(self).__name__} per=", "'epoch' or 'step'", repr(self.per))

    def rate(self, lr: float, t: int, rows: Rows = ()) -> float:
        """The learning rate at time t (from 0). `rows` are the epochs that the history holds (`history.epochs`)."""
        raise NotImplementedError

    def _number(self, name: str, least: float, most: float = math.inf) -> None:
        value = getattr(self, name)
        if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
            raise ArgumentError(f"{type(self).__name__} {name}=", f"a number from {least:g}" + (f" to {most:g}" if most < math.inf else ""), repr(value))

    def _count(self, name: str) -> None:
        value = getattr(self, name)
        if not is_integer(value) or value < 1:
            raise ArgumentError(f"{type(self).__name__} {name}=", f"a whole number of {self.per}s from 1", repr(value))


@description
class StepDecay(Schedule):
    """lr gamma^(t // every): stairs of equal length."""

    every: int
    gamma: float = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        self._count("every")
        self._number("gamma", 0)

    def rate(self, lr: float, t: int, rows: Rows = ()) -> float:
        """Stairs of equal length."""
        return lr * self.gamma ** (t // self.every)


@description
class MultiStepDecay(Schedule):
    """lr gamma^(number of milestones that t has reached)."""

    milestones: tuple[int, ...]
    gamma: float = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        self._number("gamma", 0)
        marks = self.milestones
        if not isinstance(marks, tuple | list) or not all(is_integer(m) and m >= 0 for m in marks) or list(marks) != sorted(marks):
            raise ArgumentError("MultiStepDecay milestones=", f"whole numbers of {self.per}s, rising", repr(marks))

    def rate(self, lr: float, t: int, rows: Rows = ()) -> float:
        """Stairs at the milestones."""
        return lr * self.gamma ** bisect_right(self.milestones, t)


@description
class ExponentialDecay(Schedule):
    """lr gamma^t: the same share of the rate is left each time."""

    gamma: float

    def __post_init__(self) -> None:
        super().__post_init__()
        self._number("gamma", 0)

    def rate(self, lr: float, t: int, rows: Rows = ()) -> float:
        """The same factor every time."""
        return lr * self.gamma**t


@description
class InverseTimeDecay(Schedule):
    """lr / (1 + decay t)."""

    decay: float

    def __post_init__(self) -> None:
        super().__post_init__()
        self._number("decay", 0)

    def rate(self, lr: float, t: int, rows: Rows = ()) -> float:
        """Falling like 1/t."""
        return lr / (1 + self.decay * t)


@description
class CosineDecay(Schedule):
    """minimum + (lr - minimum) (1 + cos(pi t / length)) / 2, and `minimum` from t = length on (Loshchilov and Hutter 2016)."""

    length: int
    minimum: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        self._count("length")
        self._number("minimum", 0)

    def rate(self, lr: float, t: int, rows: Rows = ()) -> float:
        """Half a wave, then level."""
        return self.minimum + (lr - self.minimum) * (1 + math.cos(math.pi * min(t, self.length) / self.length)) / 2


@description
class WarmUp(Schedule):
    """lr (start + (1 - start) t / length) until t = length; from there on `then`, whose own time begins at 0, or lr.

    `then` counts the same: its `per` has to be the warm-up's, which is "step" unless it is given.
    """

    length: int
    then: Schedule | None = None
    start: float = 0.1
    per: Unit = field(default="step", kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._count("length")
        self._number("start", 0, 1)
        if not isinstance(self.then, Schedule | None) or isinstance(self.then, ReduceOnPlateau):
            raise ArgumentError("WarmUp then=", "a schedule over time", repr(self.then))
        if self.then is not None and self.then.per != self.per:
            raise ArgumentError("WarmUp then=", f"a schedule per {self.per}", f"one per {self.then.per}", f"Give both the same: per={self.per!r}.")

    def rate(self, lr: float, t: int, rows: Rows = ()) -> float:
        """Up a straight line, then on."""
        if t < self.length:
            return lr * (self.start + (1 - self.start) * t / self.length)
        return lr if self.then is None else self.then.rate(lr, t - self.length, rows)


@description
class OneCycle(Schedule):
    """From lr / start up to lr in the share `rise` of `length`, then down to lr / start / final, both along half a cosine wave.

    Source: Smith and Topin 2017, as in torch.optim.lr_scheduler.OneCycleLR (without cycling the momentum). Per step.
    """

    length: int
    rise: float = 0.3
    start: float = 25.0
    final: float = 1e4
    per: Unit = field(default="step", kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._count("length")
        self._number("rise", 0, 1)
        self._number("start", 1)
        self._number("final", 1)

    def rate(self, lr: float, t: int, rows: Rows = ()) -> float:
        """Up and down once."""
        low, top, last = lr / self.start, self.rise * self.length - 1, self.length - 1
        if t <= top:
            return _wave(low, lr, t / top if top > 0 else 1.0)
        return _wave(lr, low / self.final, min((t - top) / (last - top), 1.0) if last > top else 1.0)


def _wave(start: float, end: float, share: float) -> float:
    return end + (start - end) / 2 * (1 + math.cos(math.pi * share))


@description
class LambdaSchedule(Schedule):
    """lr f(t) for a function of yours: it cannot be saved with the workout."""

    f: Callable[[int], float]

    def __post_init__(self) -> None:
        super().__post_init__()
        if not callable(self.f):
            raise ArgumentError("LambdaSchedule f=", "a function of the time", repr(self.f))

    def rate(self, lr: float, t: int, rows: Rows = ()) -> float:
        """As the function says. Errors: ArgumentError when it gives no number."""
        factor = self.f(t)
        try:
            return lr * float(factor)
        except (TypeError, ValueError):
            raise ArgumentError("LambdaSchedule f=", "a function that gives a number", f"{factor!r} at t = {t}") from None


@description
class ReduceOnPlateau(Schedule):
    """lr times `factor` whenever the monitored value has not improved for more than `patience` epochs.

    monitor: a name in `history.epochs`; None takes "val_loss" where it is measured, else "loss". mode: "min" or "max" is
    better. An improvement is one by more than `threshold`, relative to the best. After a reduction `cooldown` epochs are not counted.
    The rate does not fall below `minimum`. Source: torch.optim.lr_scheduler.ReduceLROnPlateau.
    """

    factor: float = 0.1
    patience: int = 10
    monitor: str | None = None
    mode: Literal["min", "max"] = "min"
    threshold: float = 1e-4
    cooldown: int = 0
    minimum: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.per != "epoch" or self.mode not in ("min", "max"):
            raise ArgumentError("ReduceOnPlateau", "per='epoch' and mode 'min' or 'max'", f"per={self.per!r}, mode={self.mode!r}")
        self._number("factor", 0, 1)
        for name in ("patience", "threshold", "cooldown", "minimum"):
            self._number(name, 0)

    def rate(self, lr: float, t: int, rows: Rows = ()) -> float:
        """The rate after the epochs so far. Errors: UnknownName when none of them holds the monitored value."""
        sign = 1 if self.mode == "min" else -1
        best, bad, resting = math.inf, 0, 0
        for value in self._values(rows):
            value *= sign
            if value < best - self.threshold * abs(best) if math.isfinite(best) else value < best:
                best, bad = value, 0
            else:
                bad += 1
            if resting:
                resting, bad = resting - 1, 0
            if bad > self.patience:
                lr, resting, bad = max(lr * self.factor, min(self.minimum, lr)), self.cooldown, 0
        return lr

    def _values(self, rows: Rows) -> list[float]:
        name = self.monitor or ("val_loss" if any("val_loss" in row for row in rows) else "loss")
        found = [row[name] for row in rows if name in row]
        if rows and not found:
            raise UnknownName("ReduceOnPlateau monitor=", received=repr(name), hint=near(name, rows[-1]))
        return found
