"""A whole scan as one function for autograd, with a way back of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch.autograd.function import once_differentiable

from pyphoton.backends.torch.scan_back import Back, Way
from pyphoton.backends.torch.scan_body import Body
from pyphoton.backends.torch.scan_forward import Values
from pyphoton.backends.torch.scan_layout import swapped

Tensor = torch.Tensor
KEPT, SIZES = 64 << 20, 4
"""Memory up to so many bytes is kept for the next minibatch, for so many sizes of them. What is larger does not take long to get."""


class InPlace:
    """A body, its ways back by the inputs whose gradients are wanted, and memory that nobody uses at the moment."""

    def __init__(self, body: Body) -> None:
        self.body = body
        self.inputs = (*body.sequences, *body.held, *body.states)
        self.read = {i for s in body.plan.steps for i in s.inputs} | {body.output, *body.nexts, *body.states}
        self.ways: dict[tuple[int, ...], Way] = {}
        self.free: dict[Any, list[_Memory]] = {}

    def __call__(self, *inputs: Tensor) -> tuple[Tensor, list[Tensor]]:
        """The outputs (batch, steps, width) of (sequences, held values, states), and the states after the last step."""
        last: list[Tensor] = []
        if torch.is_grad_enabled() and any(x.requires_grad for x in inputs):
            return _Scan.apply(self, last, *inputs), last  # type: ignore[no-untyped-call]
        values = Values(self.body, inputs[0].shape[0], inputs[0].device, ())
        values.run(inputs)
        return values.output(), values.last()

    def fits(self, inputs: Sequence[Tensor]) -> bool:
        """Whether everything has the type that the plan says: not so where torch casts by itself, or the user has."""
        dtype = getattr(torch, self.body.plan.dtype)
        same = all(x.dtype == dtype for i, x in zip(self.inputs, inputs, strict=True) if i in self.read)
        return same and not torch.is_autocast_enabled(inputs[0].device.type)

    def lend(self, wanted: tuple[int, ...], x: Tensor) -> _Lease:
        """Memory for a batch like that of `x`, until the lease is dropped."""
        key = (wanted, x.shape[0], x.device)
        self.free[key] = free = self.free.pop(key, [])
        if len(self.free) > SIZES:
            del self.free[next(iter(self.free))]
        if wanted not in self.ways:
            self.ways[wanted] = Way(self.body, (i for i in wanted if i not in self.body.states))
        try:
            return _Lease(free.pop(), free)
        except IndexError:
            return _Lease(_Memory(self.ways[wanted], x), free)


class _Memory:
    """Values, and the way back through them once it is needed."""

    def __init__(self, way: Way, x: Tensor) -> None:
        self.way = way
        self.values = Values(way.body, x.shape[0], x.device, way.kept)
        self.back: Back | None = None

    def bytes(self) -> int:
        """How large it is."""
        arrays = [*self.values.memory.values(), *([] if self.back is None else [*self.back.memory.values(), *self.back.factors.places.values()])]
        return sum({a.untyped_storage().data_ptr(): a.untyped_storage().nbytes() for a in arrays}.values())

    def gradients(self, gradient: Tensor) -> Back:
        """The way back, gone."""
        if self.back is None:
            self.back = Back(self.way, self.values)
        self.back.run(gradient)
        return self.back


class _Lease:
    """Memory in use by one forward pass. When the last way back from there cannot come any more, another pass may have it."""

    def __init__(self, memory: _Memory, free: list[_Memory]) -> None:
        self.memory, self.free = memory, free

    def __del__(self) -> None:
        self.memory.values.forget()
        if not self.free and self.memory.bytes() <= KEPT:
            self.free.append(self.memory)


class _Scan(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, scan: InPlace, last: list[Tensor], *inputs: Tensor) -> Tensor:
        ctx.wanted = tuple(i for i, need in zip(scan.inputs, ctx.needs_input_grad[2:], strict=True) if need and i in scan.read)
        ctx.scan, ctx.lease = scan, scan.lend(ctx.wanted, inputs[0])
        ctx.save_for_backward(*inputs)
        values: Values = ctx.lease.memory.values
        values.run(inputs)
        last += values.last()
        return values.output()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Any:
        ctx.saved_tensors  # noqa: B018 - torch says so here if an input was changed in between
        back = ctx.lease.memory.gradients(swapped(gradient))
        found = (None, None, *(back.gradient(i) if i in ctx.wanted else None for i in ctx.scan.inputs))
        back.forget()
        return found
