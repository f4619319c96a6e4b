"""What layers of the Keras face and of Keras 3 have in common: how weights lie in each, and which operations are the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pyphoton import parameters
from pyphoton.errors import Unsupported
from pyphoton.typing import show

Turn = Callable[[Any], Any]

UNARY = {
    "Negative": "neg", "Exp": "exp", "Log": "log", "Sqrt": "sqrt", "Square": "square", "Absolute": "abs", "Abs": "abs", "Sin": "sin", "Cos": "cos", "Tanh": "tanh",
}  # fmt: skip
BINARY = {
    "Add": "add", "Subtract": "sub", "Multiply": "mul", "Divide": "div", "TrueDivide": "div", "Power": "pow", "Matmul": "matmul", "Maximum": "maximum",
    "Minimum": "minimum",
}  # fmt: skip
REDUCTIONS = {"Mean": "mean", "Sum": "sum", "Max": "max", "Min": "min", "Prod": "prod"}
"""Operations of Keras by their classes' names, and ours."""


def here(kernel: Any) -> Any:
    """(*taps, in, out) as (out, in, *taps)."""
    return np.transpose(kernel, (kernel.ndim - 1, kernel.ndim - 2, *range(kernel.ndim - 2)))


def there(kernel: Any) -> Any:
    """(out, in, *taps) as (*taps, in, out)."""
    return np.transpose(kernel, (*range(2, kernel.ndim), 1, 0))


def depthwise_here(kernel: Any) -> Any:
    """(*taps, channels, multiplier) as (channels * multiplier, 1, *taps)."""
    return np.transpose(kernel, (kernel.ndim - 2, kernel.ndim - 1, *range(kernel.ndim - 2))).reshape(-1, 1, *kernel.shape[:-2])


def carry(layer: Any, theirs: Any, *, back: bool = False) -> None:
    """Copy the numbers of Keras's layer into ours, or back. Errors: Unsupported where they do not lie alike."""
    mine = list(parameters.collect(layer).values())
    weights = list(theirs.weights)
    if len(mine) != len(weights):
        raise Unsupported(f"{theirs.name}", f"{len(mine)} weights, as {type(layer).__name__} has", str(len(weights)))
    for number, (parameter, weight) in enumerate(zip(mine, weights, strict=True)):
        kind = _kind(type(theirs).__name__, number, len(weight.shape))
        if back:
            weight.assign(_backward(kind, parameter.value, tuple(weight.shape)))
            continue
        found = _forward(kind, _array(weight), parameter.shape)
        if found.shape != parameter.shape:
            raise Unsupported(f"{theirs.name}", f"{weight.name} of shape {show(parameter.shape)}", show(found.shape))
        parameter.set_(found)


def _kind(cls: str, number: int, rank: int) -> str:
    if rank > 2 and "Conv" in cls:
        return "depthwise" if cls.startswith("Depthwise") or (cls.startswith("Separable") and number == 0) else "kernel"
    return "row" if cls in ("LayerNormalization", "RMSNormalization") else "same"


def _forward(kind: str, value: Any, shape: tuple[int, ...]) -> Any:
    if kind == "row" and value.size == int(np.prod(shape)):
        return value.reshape(shape)
    return {"kernel": here, "depthwise": depthwise_here}.get(kind, np.asarray)(value)


def _backward(kind: str, value: Any, shape: tuple[int, ...]) -> Any:
    if kind == "row":
        return value.reshape(shape)
    if kind == "depthwise":
        return np.transpose(value.reshape(shape[-2], shape[-1], *value.shape[2:]), (*range(2, len(shape)), 0, 1))
    return there(value) if kind == "kernel" else value


def _array(weight: Any) -> Any:
    found = weight.value
    return np.asarray(found.detach().cpu() if hasattr(found, "detach") else found)
