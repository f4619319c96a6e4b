"""The learning rate of each step of an epoch: a schedule, asked with the workout's counters and history."""

from __future__ import annotations

from typing import Any

import numpy as np

from pyphoton.backends.base import Rates
from pyphoton.record import History

RATE = "lr"
"""The learning rate's name in the history."""


class Clock:
    """The rates of the epoch that a workout begins now. `rates` is what a session takes: None when nothing changes them."""

    def __init__(self, workout: Any) -> None:
        self.opt, self.schedule = workout.opt, workout.opt.schedule
        self.begun, self.rows = workout.steps, workout.history.epochs
        self.level = self._at(workout.epochs) if self.schedule is not None and self.schedule.per == "epoch" else float(self.opt.lr)
        self.rates: Rates | None = None if self.schedule is None else lambda k: self(k + 1)

    def __call__(self, step: int) -> float:
        """The rate of the epoch's step `step`, from 1."""
        if self.schedule is None or self.schedule.per == "epoch":
            return self.level
        return self._at(self.begun + step - 1)

    def _at(self, t: int) -> float:
        return float(self.schedule.rate(float(self.opt.lr), t, self.rows))

    def named(self, step: int) -> dict[str, float]:
        """What the history keeps of a step: the rate, where a schedule changes it."""
        return {} if self.schedule is None else {RATE: self(step)}

    def record(self, history: History, first: int, count: int) -> None:
        """Keep the rates of the steps done."""
        if self.schedule is not None:
            history.record_many(first + 1, (RATE,), np.array([[self(k + 1)] for k in range(count)]))
