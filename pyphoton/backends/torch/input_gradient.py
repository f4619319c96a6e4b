"""The gradient of a body of steps with respect to its first input, as a step of a program."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from pyphoton.backends.torch.lower import Function, Mode

Tensor = torch.Tensor


def gradient(body: Callable[[tuple[Any, ...]], list[Tensor]], mode: Mode) -> Function:
    """The torch function of a gradient. Inside, the mode is that of evaluation, and precision is whole also where it is mixed outside."""

    def run(*values: Any) -> Tensor:
        training, carry = mode.training, mode.carry
        mode.training, mode.carry = False, None
        try:
            with torch.inference_mode(mode=False), torch.enable_grad(), torch.autocast(values[0].device.type, enabled=False):
                x, *held = map(_apart, values)
                x.requires_grad_()
                (y,) = body((x, *held))
                found = torch.autograd.grad(y, x, allow_unused=True)[0] if y.requires_grad else None
                return torch.zeros_like(x, requires_grad=False) if found is None else found
        finally:
            mode.training, mode.carry = training, carry

    return run


def _apart(value: Any) -> Any:
    """A value without history that gradients may be taken with: not of inference mode, and of whole precision."""
    if not isinstance(value, Tensor):
        return value
    value = value.clone() if value.is_inference() else value.detach()
    return value.float() if value.dtype in (torch.float16, torch.bfloat16) else value
