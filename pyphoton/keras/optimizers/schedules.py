"""Schedules of this face: `schedule(step)` is the learning rate of an update, counted from 0. Formulas of today's Keras."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from typing import Any

from pyphoton.errors import KeraFlowError


class LearningRateSchedule:
    """Base of the schedules; one of your own defines `__call__(step)`."""

    def __call__(self, step: int) -> float:
        """The learning rate of update `step`, from 0."""
        raise NotImplementedError(f"{type(self).__name__} defines no __call__(step)")

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal schedule."""
        return dict(vars(self))

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> LearningRateSchedule:
        """The schedule that `get_config` described."""
        return cls(**config)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in vars(self).items())})"


def _steps(owner: str, value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
        raise KeraFlowError(f"{owner} decay_steps=", "a number of steps above 0", repr(value))
    return value


class ExponentialDecay(LearningRateSchedule):
    """initial decay_rate^(step / decay_steps); with `staircase` the exponent is a whole number."""

    def __init__(self, initial_learning_rate: float, decay_steps: int, decay_rate: float, staircase: bool = False) -> None:
        self.initial_learning_rate, self.decay_steps = initial_learning_rate, _steps("ExponentialDecay", decay_steps)
        self.decay_rate, self.staircase = decay_rate, staircase

    def __call__(self, step: int) -> float:
        """The learning rate of update `step`."""
        power = step / self.decay_steps
        return float(self.initial_learning_rate * self.decay_rate ** (math.floor(power) if self.staircase else power))


class InverseTimeDecay(LearningRateSchedule):
    """initial / (1 + decay_rate step / decay_steps); with `staircase` the quotient is a whole number."""

    def __init__(self, initial_learning_rate: float, decay_steps: int, decay_rate: float, staircase: bool = False) -> None:
        self.initial_learning_rate, self.decay_steps = initial_learning_rate, _steps("InverseTimeDecay", decay_steps)
        self.decay_rate, self.staircase = decay_rate, staircase

    def __call__(self, step: int) -> float:
        """The learning rate of update `step`."""
        time = step / self.decay_steps
        return float(self.initial_learning_rate / (1 + self.decay_rate * (math.floor(time) if self.staircase else time)))


class PiecewiseConstantDecay(LearningRateSchedule):
    """values[i] for steps up to boundaries[i], the last value behind them."""

    def __init__(self, boundaries: Sequence[float], values: Sequence[float]) -> None:
        if len(values) != len(boundaries) + 1 or list(boundaries) != sorted(boundaries):
            raise KeraFlowError("PiecewiseConstantDecay", "rising boundaries, and one value more", f"{boundaries!r} and {values!r}")
        self.boundaries, self.values = list(boundaries), list(values)

    def __call__(self, step: int) -> float:
        """The learning rate of update `step`."""
        return float(self.values[bisect_left(self.boundaries, step)])


class PolynomialDecay(LearningRateSchedule):
    """end + (initial - end) (1 - step / decay_steps)^power, and `end` behind decay_steps; with `cycle` these grow instead."""

    def __init__(
        self, initial_learning_rate: float, decay_steps: int, end_learning_rate: float = 0.0001, power: float = 1.0, cycle: bool = False,
    ) -> None:  # fmt: skip
        self.initial_learning_rate, self.decay_steps = initial_learning_rate, _steps("PolynomialDecay", decay_steps)
        self.end_learning_rate, self.power, self.cycle = end_learning_rate, power, cycle

    def __call__(self, step: int) -> float:
        """The learning rate of update `step`."""
        steps = self.decay_steps * (max(1, math.ceil(step / self.decay_steps)) if self.cycle else 1)
        share = 1 - min(step, steps) / steps
        return float((self.initial_learning_rate - self.end_learning_rate) * share**self.power + self.end_learning_rate)


class CosineDecay(LearningRateSchedule):
    """From initial along half a cosine to alpha times it; before that, with `warmup_target`, up to that target in `warmup_steps`."""

    def __init__(
        self, initial_learning_rate: float, decay_steps: int, alpha: float = 0.0, warmup_target: float | None = None, warmup_steps: int = 0,
    ) -> None:  # fmt: skip
        self.initial_learning_rate, self.decay_steps, self.alpha = initial_learning_rate, _steps("CosineDecay", decay_steps), alpha
        self.warmup_target, self.warmup_steps = warmup_target, warmup_steps

    def __call__(self, step: int) -> float:
        """The learning rate of update `step`."""
        top = self.initial_learning_rate
        if self.warmup_target is not None:
            if step < self.warmup_steps:
                return float(top + (self.warmup_target - top) * step / self.warmup_steps)
            top, step = self.warmup_target, step - self.warmup_steps
        wave = 0.5 * (1 + math.cos(math.pi * min(step, self.decay_steps) / self.decay_steps))
        return float(top * ((1 - self.alpha) * wave + self.alpha))


class CosineDecayRestarts(LearningRateSchedule):
    """Half cosines one after the other: each t_mul times as long and m_mul times as high as the last (Loshchilov and Hutter 2016)."""

    def __init__(self, initial_learning_rate: float, first_decay_steps: int, t_mul: float = 2.0, m_mul: float = 1.0, alpha: float = 0.0) -> None:
        self.initial_learning_rate, self.first_decay_steps = initial_learning_rate, _steps("CosineDecayRestarts", first_decay_steps)
        self.t_mul, self.m_mul, self.alpha = t_mul, m_mul, alpha

    def __call__(self, step: int) -> float:
        """The learning rate of update `step`."""
        share = step / self.first_decay_steps
        if self.t_mul == 1:
            turn = math.floor(share)
            share -= turn
        else:
            turn = math.floor(math.log(1 - share * (1 - self.t_mul)) / math.log(self.t_mul) + 1e-9)
            share = (share - (1 - self.t_mul**turn) / (1 - self.t_mul)) / self.t_mul**turn
        wave = 0.5 * self.m_mul**turn * (1 + math.cos(math.pi * share))
        return float(self.initial_learning_rate * ((1 - self.alpha) * wave + self.alpha))
