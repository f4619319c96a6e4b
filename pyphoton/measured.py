"""A loss or metric inside of the plan that trains."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pyphoton import graph
from pyphoton.errors import ShapeError, TraceError
from pyphoton.tensor import Tensor
from pyphoton.typing import show


def no_gradient(shown: str) -> TraceError:
    """What is wrong with a loss that does not depend on the parameters, as far as an engine can see."""
    return TraceError("loss", "a tensor whose gradient reaches the parameters", shown, "Return what tensor operations made of the prediction.")


def not_one_number(where: str, shape: Sequence[int]) -> ShapeError:
    """What is wrong with a loss or metric of many numbers."""
    return ShapeError(where, "one number for the batch", f"shape {tuple(shape)}", "Reduce it: .mean().")


def measured(function: Any, p: Any, y: Any, word: str) -> Any:
    """The loss or metric, traced; a function that cannot be traced becomes an opaque step of a Python engine."""
    try:
        value = graph.call(function, p, y)
    except TraceError:
        if hasattr(function, "kind"):
            raise
        flat, structure = graph.flattened((p, y))
        value = graph.opaque(function, flat, structure, ())
    if not isinstance(value, Tensor):
        raise ShapeError(word, "one number", repr(value))
    if value.shape != ():
        if word == "loss":
            raise ShapeError(word, "one number for the batch", show(value.shape), 'Reduce it: reduction="mean", or .mean().')
        value = value.mean()
    return value
