"""Training with torch: a session.

What makes it faster than the loop that everybody writes: samples are gathered a few megabytes at a time and batches
are slices of that; gradients come from `autograd.grad` (nothing to set to zero); `update.py` changes all parameters in
one fused call where torch has one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from pyphoton.backends.base import NONE, Batches, Hook, Limits, Rates, Report
from pyphoton.backends.joint import alone, rates_alone
from pyphoton.backends.torch.exchange import to_numpy, to_torch
from pyphoton.backends.torch.joint import TorchJoint, loss_of, trained
from pyphoton.backends.torch.passes import Values, one_pass
from pyphoton.backends.torch.program import Parameters, Program
from pyphoton.backends.torch.update import Gathered, Slots, clip_together, updater
from pyphoton.optimisers import Optimiser
from pyphoton.plan import Plan

Tensor = torch.Tensor


class TorchSession:
    """Parameters, an optimiser and its state."""

    def __init__(self, module: Parameters, optimiser: Optimiser, frozen: frozenset[str], limits: Limits = NONE) -> None:
        self.module, self.optimiser, self.frozen, self.limits = module, optimiser, frozen, limits
        self.slots = Slots(optimiser)
        self.update = updater(optimiser, module)
        self.gathered = Gathered()

    def epoch(
        self, data: Batches, *, train: bool, every: int = 0, hook: Hook | None = None,
        interrupt: Any = None, finite: bool = True, rates: Rates | None = None,
    ) -> Report:  # fmt: skip
        """One pass over the data."""
        if train:
            joint = TorchJoint(self.module, (self,))
            return joint.epoch(alone(data), every=every, hook=hook, interrupt=interrupt, finite=finite, rates=rates_alone(rates))
        self.module.pull()
        self.module.mode.carry = {} if data.in_order else None
        try:
            return one_pass(self.module, data, self._evaluate, every=every, hook=hook, interrupt=interrupt)
        finally:
            self.module.mode.training, self.module.mode.carry = False, None

    def _evaluate(self, plan: Plan, arrays: tuple[Tensor, ...], samples: int, number: int) -> tuple[Values, None]:
        self.module.mode.training = False
        with torch.inference_mode(), self.module.precision():
            return tuple([float(v) for v in self.module.program(plan)(arrays)]), None

    def take(self, names: list[str], gradients: Any, samples: int) -> None:
        """Update with the gradients of a minibatch, or gather them until there are enough."""
        if self.optimiser.accumulate == 1:
            self._apply(names, gradients)
        elif self.gathered.add(names, gradients, samples) == self.optimiser.accumulate:
            self.apply_gathered()

    def apply_gathered(self) -> None:
        """Update with what was gathered."""
        if self.gathered.count:
            self._apply(*self.gathered.means())
            self.gathered.clear()

    def _apply(self, names: list[str], gradients: Any) -> None:
        """Update the parameters."""
        self.slots.step += 1
        if any(g is None for g in gradients):
            names, gradients = [n for n, g in zip(names, gradients, strict=True) if g is not None], [g for g in gradients if g is not None]
        if not gradients:
            return
        weights = [self.module.tensors[n] for n in names]
        with torch.no_grad():  # fused updates walk memory, so a gradient has to lie as its parameter does
            dense = [g.contiguous() for g in gradients]
            clip_together(dense, self.optimiser.clip_norm)
            self.update(self.slots, names, weights, dense)
            for path, plan in self.limits.items():
                self.module.tensors[path].copy_(self.module.program(plan)(())[0])

    def gradient(self, plan: Plan, arrays: tuple[Any, ...]) -> tuple[tuple[float, ...], dict[str, Any], tuple[Any, ...]]:
        """Values, gradients by parameter path, and by input."""
        self.module.pull()
        inputs = tuple(t.detach().requires_grad_() if t.is_floating_point() else t for t in self.module.tensors_of(arrays))
        program = self.module.program(plan)
        names = trained(program, self.module, (self.frozen,)).names
        wanted = [self.module.tensors[n] for n in names] + [t for t in inputs if t.requires_grad]
        with self._unchanged(program):
            with self.module.precision():
                outputs = program(inputs)
            found = torch.autograd.grad(loss_of(outputs[0]), wanted, allow_unused=True)
        arrays_ = [to_numpy(torch.zeros_like(w) if g is None else g) for w, g in zip(wanted, found, strict=True)]
        rest = iter(arrays_[len(names) :])
        by_input = tuple(next(rest) if t.requires_grad else None for t in inputs)
        return tuple(float(v.detach()) if isinstance(v, Tensor) else float(v) for v in outputs), dict(zip(names, arrays_, strict=False)), by_input

    @contextmanager
    def _unchanged(self, program: Program) -> Iterator[None]:
        """Training mode, with running state and random numbers put back afterwards."""
        mode, tensors = self.module.mode, self.module.tensors
        state = {n: tensors[n].clone() for n in program.params if n not in self.module.weights}
        training, random = mode.training, mode.random.get_state()
        mode.training = True
        try:
            yield
        finally:
            mode.training = training
            mode.random.set_state(random)
            for name, value in state.items():
                tensors[name].copy_(value)

    def state(self) -> dict[str, Any]:
        """Step, slots, and the state of the random numbers. Views, where they can be."""
        slots = {f"{path}/{slot}": to_numpy(t) for path, own in self.slots.arrays.items() for slot, t in own.items()}
        return {"step": np.array(self.slots.step), "random": self.module.mode.random.get_state().numpy(), **self.module.precision.state(), **slots}

    def load(self, state: Mapping[str, Any]) -> None:
        """Go on from a state."""
        self.slots.step, self.slots.arrays = int(state["step"]), {}
        for name, value in state.items():
            if "/" in name:
                path, slot = name.rsplit("/", 1)
                self.slots.arrays.setdefault(path, {})[slot] = to_torch(np.array(value), self.module.device)
        self.module.precision.load(state)
        if "random" in state:
            self.module.mode.random.set_state(torch.from_numpy(np.array(state["random"])))
