"""What a step of a scan's body does, written into memory that is there already, and its slopes.

A slope is what the gradient of the result is multiplied by on its way to an input. It is computed for all steps of the sequence at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

Tensor = torch.Tensor


@dataclass(frozen=True)
class Slope:
    """A function of what it reads: inputs by place ("0", "1") and the result ("y"). No function stands for a slope of 1.

    `times(x, y, grad_input=result)`, where torch has it, is x times the slope of the result y in one call.
    """

    function: Callable[..., Tensor | float] | None = None
    reads: str = ""
    times: Callable[..., Any] | None = None


@dataclass(frozen=True)
class Rule:
    """`forward(*inputs, out=result)`, and a slope for each input."""

    forward: Callable[..., Any]
    slopes: tuple[Slope, ...]


_aten = torch.ops.aten
ONE = Slope()
_MINUS = Slope(lambda: -1.0)


def same(x: Tensor) -> Tensor:
    """The slope of a product: the other factor, where it lies."""
    return x


def _greater(a: Tensor, b: Tensor) -> Tensor:
    """1 where a > b, and a half where they are equal: a subgradient that treats both alike, as torch does."""
    return (a > b).to(a.dtype) + (a == b).to(a.dtype) / 2


def _relu(x: Tensor, out: Tensor) -> None:
    torch.clamp_min(x, 0, out=out)


def _softplus(x: Tensor, out: Tensor) -> None:
    torch.logaddexp(x, x.new_zeros(()), out=out)


def _unary(forward: Callable[..., Any], function: Callable[..., Tensor | float], reads: str) -> Rule:
    return Rule(forward, (Slope(function, reads),))


RULES: dict[str, Rule] = {
    "add": Rule(torch.add, (ONE, ONE)),
    "sub": Rule(torch.sub, (ONE, _MINUS)),
    "mul": Rule(torch.mul, (Slope(same, "1"), Slope(same, "0"))),
    "div": Rule(torch.div, (Slope(torch.reciprocal, "1"), Slope(lambda y, b: -y / b, "y1"))),
    "maximum": Rule(torch.maximum, (Slope(_greater, "01"), Slope(_greater, "10"))),
    "minimum": Rule(torch.minimum, (Slope(_greater, "10"), Slope(_greater, "01"))),
    "neg": Rule(torch.neg, (_MINUS,)),
    "abs": _unary(torch.abs, torch.sign, "0"),
    "exp": _unary(torch.exp, same, "y"),
    "log": _unary(torch.log, torch.reciprocal, "0"),
    "sqrt": _unary(torch.sqrt, lambda y: 0.5 / y, "y"),
    "square": _unary(torch.square, lambda x: 2 * x, "0"),
    "sin": _unary(torch.sin, torch.cos, "0"),
    "cos": _unary(torch.cos, lambda x: -x.sin(), "0"),
    "tanh": Rule(torch.tanh, (Slope(lambda y: 1 - y * y, "y", _aten.tanh_backward.grad_input),)),
    "sigmoid": Rule(torch.sigmoid, (Slope(lambda y: y - y * y, "y", _aten.sigmoid_backward.grad_input),)),
    "relu": _unary(_relu, lambda y: (y > 0).to(y.dtype), "y"),
    "softplus": _unary(_softplus, torch.sigmoid, "0"),
}
"""Operations element by element. Products with a matrix, columns and joined columns are known to those who use this table."""
