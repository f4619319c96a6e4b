"""Constraints: what a parameter becomes after every update. Each formula once, over the primitives; norms are Euclidean."""

from __future__ import annotations

from typing import Any

from pyphoton.arguments import is_integer, spelled
from pyphoton.description import Description, description
from pyphoton.errors import ArgumentError
from pyphoton.losses import EPSILON
from pyphoton.regularisers import factor, found
from pyphoton.tensor import apply

Axis = int | tuple[int, ...] | list[int]


class Constraint(Description):
    """Base of the constraints: `constraint(parameter)` gives a tensor, or an array, of the same shape."""

    kind = "constraint"

    def __call__(self, p: Any) -> Any:
        """What the parameter becomes."""
        raise NotImplementedError


def _axes(owner: Constraint, axis: Any) -> None:
    """Keep the axis as a number or a tuple of them. Errors: ArgumentError."""
    axes = [axis] if is_integer(axis) else list(axis) if isinstance(axis, tuple | list) else []
    if not axes or not all(map(is_integer, axes)):
        raise ArgumentError(f"{type(owner).__name__} axis=", "a whole number, or several", repr(axis))
    object.__setattr__(owner, "axis", int(axes[0]) if is_integer(axis) else tuple(map(int, axes)))


def norm(p: Any, axis: Axis) -> Any:
    """sqrt(sum(p^2)) over `axis`, which stays as an axis of length 1."""
    axes = axis if isinstance(axis, int) else list(axis)
    return apply("sqrt", apply("sum", apply("square", p), axis=axes, keepdims=True))


@spelled(max_value="m")
@description
class MaxNorm(Constraint):
    """p clip(|p|, 0, m) / (1e-7 + |p|), with |p| over `axis`: a number, or several as [1, 2, 3] for each filter of a convolution.

    `max_value` is another name of `m`. Source: Srivastava et al. 2014.
    """

    m: float = 2.0
    axis: Axis = 0

    def __post_init__(self) -> None:
        factor("MaxNorm", "m", self.m)
        _axes(self, self.axis)

    def __call__(self, p: Any) -> Any:
        """No longer than m."""
        length = norm(p, self.axis)
        return p * (apply("clip", length, low=0.0, high=float(self.m)) / (length + EPSILON))


@description
class UnitNorm(Constraint):
    """p / (1e-7 + |p|), with |p| over `axis`."""

    axis: Axis = 0

    def __post_init__(self) -> None:
        _axes(self, self.axis)

    def __call__(self, p: Any) -> Any:
        """Of length 1."""
        return p / (norm(p, self.axis) + EPSILON)


@description
class NonNeg(Constraint):
    """p where p >= 0, else 0."""

    def __call__(self, p: Any) -> Any:
        """Nothing below 0."""
        return apply("maximum", p, 0.0)


@description
class MinMaxNorm(Constraint):
    """p (rate clip(|p|, min_value, max_value) + (1 - rate) |p|) / (1e-7 + |p|), with |p| over `axis`."""

    min_value: float = 0.0
    max_value: float = 1.0
    rate: float = 1.0
    axis: Axis = 0

    def __post_init__(self) -> None:
        for name in ("min_value", "max_value", "rate"):
            factor("MinMaxNorm", name, getattr(self, name))
        if self.min_value > self.max_value or self.rate > 1:
            raise ArgumentError("MinMaxNorm", "min_value <= max_value and rate <= 1", repr(self))
        _axes(self, self.axis)

    def __call__(self, p: Any) -> Any:
        """A length between both, or on the way there."""
        length = norm(p, self.axis)
        wanted = self.rate * apply("clip", length, low=float(self.min_value), high=float(self.max_value)) + (1 - self.rate) * length
        return p * (wanted / (length + EPSILON))


NAMES: dict[str, Any] = {
    "maxnorm": MaxNorm, "max_norm": MaxNorm, "unitnorm": UnitNorm, "unit_norm": UnitNorm, "nonneg": NonNeg, "non_neg": NonNeg,
    "minmaxnorm": MinMaxNorm, "min_max_norm": MinMaxNorm,
    "MaxNorm": MaxNorm, "UnitNorm": UnitNorm, "NonNeg": NonNeg, "MinMaxNorm": MinMaxNorm,
}  # fmt: skip


def get(what: Any, owner: str = "constraint") -> Any:
    """A constraint by name, class, description or function of a tensor; None is None. Errors: KeraFlowError."""
    return found(what, owner, NAMES, Constraint, "nonneg")
