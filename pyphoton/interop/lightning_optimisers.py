"""Optimisers and schedules as torch's: torch's own class where it has the same formula, else PyPhoton's formula as a torch optimiser."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from pyphoton.backends.torch.lower import Mode
from pyphoton.backends.torch.program import Program
from pyphoton.backends.torch.update import clip_together
from pyphoton.errors import Unsupported
from pyphoton.optimisers import SGD, Adadelta, Adam, AdamW, Momentum, Nesterov, Optimiser, update_plan
from pyphoton.schedules import ReduceOnPlateau, Schedule
from pyphoton.systems.schedulers import EveryNth


class Formula(torch.optim.Optimizer):
    """A PyPhoton optimiser with its own formula, clipping and weight decay, as torch's trainers, schedulers and files know optimisers."""

    def __init__(self, params: Any, optimiser: Optimiser) -> None:
        super().__init__(params, {"lr": float(optimiser.lr), "updates": 0})
        self.optimiser = optimiser
        self._programs: dict[Any, Program] = {}

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One update of the parameters that have gradients. Returns what the closure gives."""
        value = None
        if closure is not None:
            with torch.enable_grad():
                value = closure()
        members = [(group, p) for group in self.param_groups for p in group["params"] if p.grad is not None]
        gradients = [p.grad.clone() for _, p in members]
        if gradients:
            clip_together(gradients, self.optimiser.clip_norm)
        for group in self.param_groups:
            group["updates"] += 1
        for (group, p), g in zip(members, gradients, strict=True):
            self._update(p, g, self.optimiser.numbers(group["updates"], group["lr"]))
        return value

    def _update(self, p: torch.Tensor, g: torch.Tensor, numbers: dict[str, float]) -> None:
        key = (p.dtype, p.device)
        if key not in self._programs:
            plan = update_plan(self.optimiser, str(p.dtype).removeprefix("torch."))
            self._programs[key] = Program(plan, {}, Mode(p.device, 0), p.device, whole=True)
        slots = self.state[p]
        for name in self.optimiser.slots:
            slots.setdefault(name, torch.zeros_like(p))
        inputs: tuple[Any, ...] = (p, g, *(slots[name] for name in self.optimiser.slots), *(numbers[n] for n in sorted(numbers)))
        new, *states = self._programs[key](inputs)
        p.copy_(new)
        for name, value in zip(self.optimiser.slots, states, strict=True):
            slots[name].copy_(value)


def torch_optimiser(o: Optimiser, params: Sequence[torch.Tensor]) -> torch.optim.Optimizer:
    """The optimiser over these tensors. Errors: Unsupported for accumulate=, which is Lightning's own affair."""
    if o.accumulate != 1:
        hint = f"Lightning gathers gradients itself: Trainer(accumulate_grad_batches={o.accumulate})."
        raise Unsupported(f"{type(o).__name__} accumulate=", "1 in a LightningModule", str(o.accumulate), hint)
    cut = o.gclip or o.clip_value or o.clip_norm
    shared: dict[str, Any] = {"lr": o.lr, "weight_decay": o.weight_decay}
    if cut:
        return Formula(params, o)
    if type(o) is SGD:
        return torch.optim.SGD(params, **shared)
    if isinstance(o, Momentum | Nesterov) and o.schedule is None:  # torch's velocity is without the rate: the same while that stays
        return torch.optim.SGD(params, momentum=o.gamma, nesterov=isinstance(o, Nesterov) and o.gamma > 0, **shared)
    if type(o) in (Adam, AdamW) and not o.eps_hat:  # type: ignore[attr-defined]
        kind = torch.optim.AdamW if isinstance(o, AdamW) else torch.optim.Adam
        return kind(params, betas=(o.beta1, o.beta2), eps=o.eps, **shared)  # type: ignore[attr-defined]
    if type(o) is Adadelta:
        return torch.optim.Adadelta(params, rho=o.rho, eps=o.eps, **shared)
    return Formula(params, o)


def torch_scheduler(o: Optimiser, optimiser: torch.optim.Optimizer, *, validated: bool) -> dict[str, Any] | None:
    """The optimiser's schedule as Lightning takes it: torch's scheduler, what it counts, and what it looks at; None where there is none."""
    schedule: Any = o.schedule
    every = 1
    if schedule is None:
        return None
    if isinstance(schedule, EveryNth) and isinstance(schedule.of, ReduceOnPlateau):
        schedule, every = schedule.of, schedule.n
    if isinstance(schedule, ReduceOnPlateau):
        made: Any = torch.optim.lr_scheduler.ReduceLROnPlateau(
            optimiser, mode=schedule.mode, factor=schedule.factor, patience=schedule.patience, threshold=schedule.threshold,
            cooldown=schedule.cooldown, min_lr=schedule.minimum,
        )  # fmt: skip
        monitor = schedule.monitor or ("val_loss" if validated else "loss")
        return {"scheduler": made, "interval": "epoch", "frequency": every, "monitor": monitor}
    made = torch.optim.lr_scheduler.LambdaLR(optimiser, _Factor(schedule, float(o.lr)))
    return {"scheduler": made, "interval": schedule.per, "frequency": every}


class _Factor:
    """What a schedule multiplies the rate by at time t."""

    def __init__(self, schedule: Schedule, lr: float) -> None:
        self._schedule = (schedule, lr)

    def __call__(self, t: int) -> float:
        schedule, lr = self._schedule
        return schedule.rate(lr, t) / lr if lr else 1.0
