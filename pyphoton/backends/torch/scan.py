"""A body of steps for each step of a sequence, with states between them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from pyphoton.backends.numpy.run import parted
from pyphoton.backends.torch.lower import Function, Mode
from pyphoton.plan import Step

Tensor = torch.Tensor


def scan(step: Step, body: Callable[[tuple[Tensor, ...]], list[Tensor]], mode: Mode) -> Function:
    """The torch function of a scan. States begin where the last minibatch left them, or as they are given."""
    a = step.attrs
    order = range(a["steps"])[:: -1 if a["backwards"] else 1]

    def run(*values: Tensor) -> Tensor:
        batch = values[0].shape[0]
        sequences, held, starts = parted(values, a["sequences"], a["held"])
        carry = mode.carry if a["carried"] else None
        kept = None if carry is None else carry.get(step.path)
        states: Any = kept if kept and kept[0].shape[0] == batch else [s.expand(batch, *s.shape) for s in starts]
        inputs = [x.unbind(1) for x in sequences]
        outputs: list[Any] = [None] * a["steps"]
        for t in order:
            outputs[t], *states = body((*[x[t] for x in inputs], *held, *states))
        if carry is not None:
            carry[step.path] = [s.detach() for s in states]
        return torch.stack(outputs, 1)

    return run
