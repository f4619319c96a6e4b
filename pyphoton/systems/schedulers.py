"""Schedulers as Lightning's users write them: a schedule that is bound to an optimiser, `Cosine(opt, T_max=10)`.

Each is a schedule of `pyphoton.schedules`, which has the formula; the schedules themselves may be used, too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from pyphoton.arguments import checked
from pyphoton.description import description
from pyphoton.errors import ArgumentError
from pyphoton.schedules import (
    CosineDecay,
    ExponentialDecay,
    InverseTimeDecay,
    LambdaSchedule,
    MultiStepDecay,
    ReduceOnPlateau,
    Rows,
    Schedule,
    StepDecay,
    Unit,
    WarmUp,
)


@dataclass(frozen=True)
class Scheduler:
    """A schedule and the optimiser whose rate it changes."""

    optimizer: Any
    schedule: Schedule

    def __post_init__(self) -> None:
        if isinstance(self.optimizer, int | float | str) or self.optimizer is None:
            raise ArgumentError("scheduler", "the optimiser first", repr(self.optimizer), "Write Cosine(opt, T_max=10), and return it beside opt.")


@description
class EveryNth(Schedule):
    """A schedule whose time goes on by one at every n-th epoch or step only: Lightning's frequency."""

    in_files = False
    of: Schedule
    n: int
    per: Unit = field(default="epoch", kw_only=True)

    def rate(self, lr: float, t: int, rows: Rows = ()) -> float:
        """The rate at the last n-th time."""
        return self.of.rate(lr, t // self.n, rows[self.n - 1 :: self.n])


@checked
def Cosine(optimizer: Any, T_max: int, eta_min: float = 0.0) -> Scheduler:
    """eta_min + (lr - eta_min) (1 + cos(pi t / T_max)) / 2, then level: CosineDecay, torch's CosineAnnealingLR up to T_max."""
    return Scheduler(optimizer, CosineDecay(T_max, eta_min))


@checked
def StepLR(optimizer: Any, step_size: int, gamma: float = 0.1) -> Scheduler:
    """lr gamma^(t // step_size): StepDecay."""
    return Scheduler(optimizer, StepDecay(step_size, gamma))


@checked
def MultiStepLR(optimizer: Any, milestones: Sequence[int], gamma: float = 0.1) -> Scheduler:
    """lr gamma^(number of milestones reached): MultiStepDecay."""
    return Scheduler(optimizer, MultiStepDecay(tuple(milestones), gamma))


@checked
def ExponentialLR(optimizer: Any, gamma: float) -> Scheduler:
    """lr gamma^t: ExponentialDecay."""
    return Scheduler(optimizer, ExponentialDecay(gamma))


@checked
def LinearLR(optimizer: Any, start_factor: float = 1 / 3, end_factor: float = 1.0, total_iters: int = 5) -> Scheduler:
    """lr (start_factor + (1 - start_factor) t / total_iters), then lr: WarmUp. Errors: ArgumentError for an end_factor other than 1."""
    if end_factor != 1:
        raise ArgumentError("LinearLR end_factor=", "1: the warm-up ends at the optimiser's rate", repr(end_factor), "LambdaLR(opt, f) takes any formula.")
    return Scheduler(optimizer, WarmUp(total_iters, start=start_factor, per="epoch"))


@checked
def LambdaLR(optimizer: Any, lr_lambda: Callable[[int], float]) -> Scheduler:
    """lr f(t): LambdaSchedule."""
    return Scheduler(optimizer, LambdaSchedule(lr_lambda))


@checked
def InverseTimeLR(optimizer: Any, decay: float) -> Scheduler:
    """lr / (1 + decay t): InverseTimeDecay."""
    return Scheduler(optimizer, InverseTimeDecay(decay))


@checked
def ReduceLROnPlateau(
    optimizer: Any, mode: Any = "min", factor: float = 0.1, patience: int = 10, threshold: float = 1e-4, cooldown: int = 0, min_lr: float = 0.0,
) -> Scheduler:  # fmt: skip
    """lr times factor whenever the monitored value has not improved for more than `patience` epochs: ReduceOnPlateau."""
    schedule = ReduceOnPlateau(factor, patience, mode=mode, threshold=threshold, cooldown=cooldown, minimum=min_lr)
    return Scheduler(optimizer, schedule)


CosineAnnealingLR = Cosine
