"""A whole scan as one function for autograd, with a way back of its own."""

from __future__ import annotations

from typing import Any

import torch
from torch.autograd.function import once_differentiable

from pyphoton.backends.torch.scan_back import Back, Way
from pyphoton.backends.torch.scan_body import Body
from pyphoton.backends.torch.scan_forward import Values

Tensor = torch.Tensor


class InPlace:
    """A body, and its ways back by the inputs whose gradients are wanted."""

    def __init__(self, body: Body) -> None:
        self.body = body
        self.inputs = (*body.sequences, *body.held, *body.states)
        self.read = {i for s in body.plan.steps for i in s.inputs} | {body.output, *body.nexts, *body.states}
        self.ways: dict[tuple[int, ...], Way] = {}

    def __call__(self, *inputs: Tensor) -> tuple[Tensor, list[Tensor]]:
        """The outputs (batch, steps, width) of (sequences, held values, states), and the states after the last step."""
        if not torch.is_grad_enabled() or not any(x.requires_grad for x in inputs):
            values = Values(self.body, inputs, ())
            return values.memory[self.body.output].transpose(0, 1), values.last()
        last: list[Tensor] = []
        return _Scan.apply(self, last, *inputs), last  # type: ignore[no-untyped-call]

    def way(self, wanted: tuple[int, ...]) -> Way:
        """The way back to these inputs."""
        found = self.ways.get(wanted)
        if found is None:
            found = self.ways[wanted] = Way(self.body, (i for i in wanted if i not in self.body.states))
        return found


class _Scan(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, scan: InPlace, last: list[Tensor], *inputs: Tensor) -> Tensor:
        ctx.wanted = tuple(i for i, need in zip(scan.inputs, ctx.needs_input_grad[2:], strict=True) if need and i in scan.read)
        way = scan.way(ctx.wanted)
        values = Values(scan.body, inputs, way.kept)
        last += values.last()
        ctx.save_for_backward(*inputs)
        ctx.scan, ctx.values = scan, values
        return values.memory[scan.body.output].transpose(0, 1)

    @staticmethod
    @once_differentiable  # type: ignore[untyped-decorator]
    def backward(ctx: Any, gradient: Tensor) -> Any:
        scan: InPlace = ctx.scan
        ctx.saved_tensors  # noqa: B018 - torch says so here if an input was changed in between
        back = Back(scan.way(ctx.wanted), ctx.values, gradient.transpose(0, 1))
        return (None, None, *(back.gradient(i) if i in ctx.wanted else None for i in scan.inputs))
