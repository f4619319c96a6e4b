"""Penalties of parameters: descriptions whose value, one number, is added to the loss while training. Each formula once, over the primitives."""

from __future__ import annotations

from typing import Any

import numpy as np

from pyphoton.description import Description, description
from pyphoton.errors import ArgumentError, KeraFlowError, ShapeError, near
from pyphoton.losses import shape_of
from pyphoton.tensor import apply
from pyphoton.typing import show

TINY = 1e-12
"""The least square of a length that something is divided by."""


class Regulariser(Description):
    """Base of the penalties: `regulariser(parameter)` gives one number, of a tensor or of an array."""

    kind = "regulariser"

    def __call__(self, p: Any) -> Any:
        """The penalty of a parameter."""
        raise NotImplementedError


def factor(owner: str, name: str, value: Any) -> None:
    """Errors: ArgumentError unless it is a number from 0."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < float("inf"):
        raise ArgumentError(f"{owner} {name}=", "a number from 0", repr(value))


@description
class L1(Regulariser):
    """l1 sum(|p|)."""

    l1: float = 0.01

    def __post_init__(self) -> None:
        factor("L1", "l1", self.l1)

    def __call__(self, p: Any) -> Any:
        """The sum of the distances from 0."""
        return self.l1 * apply("sum", apply("abs", p))


@description
class L2(Regulariser):
    """l2 sum(p^2), without a half."""

    l2: float = 0.01

    def __post_init__(self) -> None:
        factor("L2", "l2", self.l2)

    def __call__(self, p: Any) -> Any:
        """The sum of the squares."""
        return self.l2 * apply("sum", apply("square", p))


@description
class L1L2(Regulariser):
    """l1 sum(|p|) + l2 sum(p^2).."""

    l1: float = 0.01
    l2: float = 0.01

    def __post_init__(self) -> None:
        factor("L1L2", "l1", self.l1)
        factor("L1L2", "l2", self.l2)

    def __call__(self, p: Any) -> Any:
        """Both sums."""
        return L1(self.l1)(p) + L2(self.l2)(p)


@description
class OrthogonalRegularizer(Regulariser):
    """factor mean over pairs of rows (or columns) of |cosine of the angle between them|, of a matrix. Source: Keras 3."""

    factor: float = 0.01
    mode: str = "rows"

    def __post_init__(self) -> None:
        factor("OrthogonalRegularizer", "factor", self.factor)
        if self.mode not in ("rows", "columns"):
            raise ArgumentError("OrthogonalRegularizer mode=", '"rows" or "columns"', repr(self.mode))

    def __call__(self, p: Any) -> Any:
        """The mean of the cosines. Errors: ShapeError for what is no matrix."""
        shape = shape_of(p)
        if len(shape) != 2:
            raise ShapeError("OrthogonalRegularizer", "a matrix", show(shape))
        rows = p if self.mode == "rows" else apply("transpose", p, axes=[1, 0])
        count = shape_of(rows)[0] or 0
        if count < 2:
            raise ShapeError("OrthogonalRegularizer", f"two {self.mode} at least", show(shape))
        lengths = apply("sqrt", apply("maximum", apply("sum", apply("square", rows), axis=1, keepdims=True), TINY))
        unit = rows / lengths
        cosines = apply("matmul", unit, apply("transpose", unit, axes=[1, 0])) * (1 - np.eye(count, dtype="float32"))
        return self.factor / (count * (count - 1)) * apply("sum", apply("abs", cosines))


NAMES: dict[str, Any] = {
    "l1": L1, "l2": L2, "l1l2": L1L2, "l1_l2": L1L2, "orthogonal_regularizer": OrthogonalRegularizer,
    "L1": L1, "L2": L2, "L1L2": L1L2, "OrthogonalRegularizer": OrthogonalRegularizer,
}  # fmt: skip


def get(what: Any, owner: str = "regularizer") -> Any:
    """A penalty by name, class, description or function of a tensor; None is None. Errors: KeraFlowError."""
    return found(what, owner, NAMES, Regulariser, "l2")


def found(what: Any, owner: str, names: dict[str, Any], base: type, example: str) -> Any:
    """The function that a name, class, description or function stands for; None is None. Errors: KeraFlowError."""
    if what is None:
        return None
    if isinstance(what, str):
        if what not in names:
            raise KeraFlowError(owner, "a known name", repr(what), near(what, names))
        return names[what]()
    if isinstance(what, type) and issubclass(what, base):
        return what()
    if not callable(what):
        raise KeraFlowError(owner, "a name, a description or a function of a tensor", repr(what), f"As {example!r}.")
    return what
