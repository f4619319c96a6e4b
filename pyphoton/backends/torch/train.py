"""Training with torch: the epoch loop.

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

from pyphoton.backends.base import NONE, Batches, Hook, Limits, Rates, Report, Whole
from pyphoton.backends.torch.exchange import to_numpy, to_torch
from pyphoton.backends.torch.program import Parameters, Program
from pyphoton.backends.torch.update import Gathered, Slots, clip_together, updater
from pyphoton.measured import no_gradient, not_one_number
from pyphoton.optimisers import Optimiser
from pyphoton.plan import Plan

Tensor = torch.Tensor
GATHERED = 4 << 20
"""Bytes of samples that are gathered at once."""


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
        self.module.pull()
        self.gathered.clear()
        self.module.mode.carry = {} if data.in_order else None
        rows: list[Any] = []
        samples: list[int] = []
        failed: tuple[Plan, tuple[Any, ...]] | None = None
        stopped = False
        one = self._train if train else self._evaluate
        try:
            for plan, arrays, count in self._batches(data):
                values = one(plan, arrays)
                if finite and train and not abs(values[0]) < float("inf"):
                    failed = plan, tuple(to_numpy(t) for t in arrays)
                    break
                if train:
                    self.slots.rate = self.optimiser.lr if rates is None else rates(len(rows))
                    self._take(count)
                rows.append(values)
                samples.append(count)
                asked = every and len(rows) % every == 0 and hook is not None and hook(len(rows), values)
                if asked or (interrupt is not None and interrupt[0]):
                    stopped = len(rows) != data.count
                    break
            if train and failed is None:
                self._apply_gathered()
        finally:
            self.module.mode.training, self.module.mode.carry = False, None
            if train:
                self.module.push()
        return Report(np.array(rows, dtype="float64"), np.array(samples, dtype="int64"), failed, stopped)

    def _batches(self, data: Batches) -> Iterator[tuple[Plan, tuple[Tensor, ...], int]]:
        if not isinstance(data, Whole):
            for plan, arrays, count in data.batches:
                yield plan, self.module.tensors_of(arrays), count
            return
        arrays = self.module.tensors_of(data.arrays)
        size = data.batch_size
        order = None if data.order is None else to_torch(data.order, self.module.device)
        per_sample = max(1, sum(a.element_size() * a[0].numel() for a in arrays))
        chunk = data.samples if order is None else max(1, GATHERED // per_sample // size) * size
        for start in range(0, data.samples, chunk):
            part = arrays if order is None else tuple(a.index_select(0, order[start : start + chunk]) for a in arrays)
            here = min(chunk, data.samples - start)
            for low in range(0, here, size):
                high = min(low + size, here)
                yield data.plan, tuple([a[low:high] for a in part]), high - low

    def _train(self, plan: Plan, arrays: tuple[Tensor, ...]) -> tuple[float, ...]:
        """The step's values; its gradients are `pending`."""
        program = self.module.program(plan)
        self.module.mode.training = True
        names = self._trained(program)
        weights = [self.module.tensors[n] for n in names]
        with self.module.precision():
            outputs = program(arrays)
        self.pending = names, self.module.precision.gradients(_loss(outputs[0]), weights) if names else ()
        return tuple([v.item() if isinstance(v, Tensor) else float(v) for v in outputs])

    def _take(self, samples: int) -> None:
        """Update with the pending gradients, or gather them until there are enough."""
        names, gradients = self.pending
        if gradients is None:  # too large for float16: this minibatch is left out
            return
        if self.optimiser.accumulate == 1:
            self._apply(names, gradients)
        elif self.gathered.add(names, gradients, samples) == self.optimiser.accumulate:
            self._apply_gathered()

    def _apply_gathered(self) -> None:
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

    def _trained(self, program: Program) -> list[str]:
        found = program.trained
        if found is None or found[0] is not self.frozen:
            names = [n for n in program.params if n in self.module.weights and n not in self.frozen]
            found = program.trained = (self.frozen, names)
        return found[1]

    def _evaluate(self, plan: Plan, arrays: tuple[Tensor, ...]) -> tuple[float, ...]:
        self.module.mode.training = False
        with torch.inference_mode(), self.module.precision():
            return tuple([float(v) for v in self.module.program(plan)(arrays)])

    def gradient(self, plan: Plan, arrays: tuple[Any, ...]) -> tuple[tuple[float, ...], dict[str, Any], tuple[Any, ...]]:
        """Values, gradients by parameter path, and by input."""
        self.module.pull()
        inputs = tuple(t.detach().requires_grad_() if t.is_floating_point() else t for t in self.module.tensors_of(arrays))
        program = self.module.program(plan)
        names = self._trained(program)
        wanted = [self.module.tensors[n] for n in names] + [t for t in inputs if t.requires_grad]
        with self._unchanged(program):
            with self.module.precision():
                outputs = program(inputs)
            found = torch.autograd.grad(_loss(outputs[0]), wanted, allow_unused=True)
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


def _loss(value: Any) -> Tensor:
    """The loss as torch can differentiate it. Errors: TraceError, ShapeError for an opaque function that gives something else."""
    if not isinstance(value, Tensor) or not value.requires_grad:
        shown = "a tensor without gradient" if isinstance(value, Tensor) else repr(value)
        raise no_gradient(shown)
    if value.numel() != 1:
        raise not_one_number("loss", value.shape)
    return value
