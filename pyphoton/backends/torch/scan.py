"""A body of steps for each step of a sequence, with states between them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from pyphoton.backends.torch.lower import Function, Mode
from pyphoton.plan import Step

Tensor = torch.Tensor


def scan(step: Step, body: Callable[[tuple[Tensor, ...]], list[Tensor]], mode: Mode) -> Function:
    """The torch function of a scan. States begin where the last minibatch left them, or as they are given."""
    a = step.attrs
    order = range(a["steps"])[:: -1 if a["backwards"] else 1]

    def run(x: Tensor, *starts: Tensor) -> Tensor:
        batch = x.shape[0]
        carry = mode.carry if a["carried"] else None
        kept = None if carry is None else carry.get(step.path)
        states: Any = kept if kept and kept[0].shape[0] == batch else [s.expand(batch, *s.shape) for s in starts]
        inputs = x.unbind(1) if a["each"] else (x,) * a["steps"]
        outputs: list[Any] = [None] * a["steps"]
        for t in order:
            outputs[t], *states = body((inputs[t], *states))
        if carry is not None:
            carry[step.path] = [s.detach() for s in states]
        return torch.stack(outputs, 1)

    return run
