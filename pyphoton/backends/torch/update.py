"""From gradients to changed parameters, with torch: averaging, clipping, and the optimisers' updates.

One fused call updates all parameters where torch has one that computes the same, and otherwise the optimiser's own plan
runs on each.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from pyphoton.backends.torch.program import Parameters, Program
from pyphoton.optimisers import SGD, Adam, AdamW, Optimiser, update_plan

Tensor = torch.Tensor


class Slots:
    """The optimiser's arrays for each parameter, zero at first; the number of updates done, and the learning rate of the running one."""

    def __init__(self, optimiser: Optimiser) -> None:
        self.names, self.step, self.rate = optimiser.slots, 0, optimiser.lr
        self.arrays: dict[str, dict[str, Tensor]] = {}

    def of(self, name: str, weight: Tensor) -> dict[str, Tensor]:
        """Those of one parameter."""
        found = self.arrays.get(name)
        if found is None:
            found = self.arrays[name] = {s: torch.zeros_like(weight, requires_grad=False) for s in self.names}
        return found


Update = Callable[[Slots, list[str], list[Tensor], Any], None]


class Gathered:
    """Gradients of several minibatches, weighted by samples, until there are enough for an update."""

    def __init__(self) -> None:
        self.count = self.samples = 0
        self.sums: dict[str, Tensor] = {}

    def clear(self) -> None:
        """Forget them."""
        self.count = self.samples = 0
        self.sums = {}

    def add(self, names: list[str], gradients: Any, samples: int) -> int:
        """Take one minibatch's. How many there are now."""
        self.count += 1
        self.samples += samples
        for name, gradient in zip(names, gradients, strict=True):
            if gradient is not None:
                old = self.sums.get(name)
                self.sums[name] = gradient * samples if old is None else old.add_(gradient, alpha=samples)
        return self.count

    def means(self) -> tuple[list[str], list[Tensor]]:
        """Names and mean gradients."""
        return list(self.sums), [total / self.samples for total in self.sums.values()]


def clip_together(gradients: list[Tensor], norm: float) -> None:
    """`optimisers.clipped_together`, in place."""
    if norm:
        length = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients))).item()
        if length > norm:
            torch._foreach_mul_(gradients, norm / length)


def updater(optimiser: Optimiser, module: Parameters) -> Update:
    """One fused call for all parameters where torch has one, else the optimiser's own plan for each."""
    cut = optimiser.gclip or optimiser.clip_value
    if type(optimiser) in (Adam, AdamW) and not cut and hasattr(torch, "_fused_adam_"):
        return _fused_adam(optimiser, module)  # type: ignore[arg-type]
    if type(optimiser) is SGD and not cut and not optimiser.weight_decay:
        return _foreach_sgd
    return _planned(optimiser, module)


def _fused_adam(optimiser: Adam, module: Parameters) -> Update:
    fused = torch._fused_adamw_ if isinstance(optimiser, AdamW) else torch._fused_adam_
    o = optimiser
    step = torch.zeros((), device=module.device)

    def update(slots: Slots, names: list[str], weights: list[Tensor], gradients: Any) -> None:
        own = [slots.of(n, w) for n, w in zip(names, weights, strict=True)]
        step.fill_(slots.step)
        fused(
            weights, gradients, [s["mean"] for s in own], [s["square_mean"] for s in own], [],
            [step] * len(weights), lr=slots.rate, beta1=o.beta1, beta2=o.beta2, weight_decay=o.weight_decay, eps=o.eps_at(slots.step),
            amsgrad=False, maximize=False,
        )  # fmt: skip

    return update


def _foreach_sgd(slots: Slots, names: list[str], weights: list[Tensor], gradients: Any) -> None:
    torch._foreach_add_(weights, gradients, alpha=-slots.rate)


def _planned(optimiser: Optimiser, module: Parameters) -> Update:
    programs: dict[str, Program] = {}

    def update(slots: Slots, names: list[str], weights: list[Tensor], gradients: Any) -> None:
        numbers = optimiser.numbers(slots.step, slots.rate)
        k = tuple(numbers[name] for name in sorted(numbers))
        for name, weight, gradient in zip(names, weights, gradients, strict=True):
            dtype = str(weight.dtype).removeprefix("torch.")
            program = programs.get(dtype)
            if program is None:
                program = programs[dtype] = Program(update_plan(optimiser, dtype), {}, module.mode, module.device)
            own = slots.of(name, weight)
            inputs: tuple[Any, ...] = (weight, gradient, *own.values(), *k)
            new, *states = program(inputs)
            weight.copy_(new)
            for slot, value in zip(own.values(), states, strict=True):
                slot.copy_(value)

    return update
