"""Functions of tensors and arrays for layers, losses and metrics of your own: symbolic inside a model, NumPy outside."""

from __future__ import annotations

from typing import Any

from pyphoton.description import stock_function
from pyphoton.tensor import apply


def where(condition: Any, a: Any, b: Any) -> Any:
    """`a` where the condition is true, `b` elsewhere; the three broadcast."""
    return apply("where", condition, a, b)


def maximum(a: Any, b: Any) -> Any:
    """The larger of two, element by element."""
    return apply("maximum", a, b)


def minimum(a: Any, b: Any) -> Any:
    """The smaller of two, element by element."""
    return apply("minimum", a, b)


def concatenate(tensors: Any, axis: int = 1) -> Any:
    """Several tensors side by side on `axis` (1: features or channels). Errors: ShapeError."""
    return apply("concat", *tensors, axis=axis)


def one_hot(labels: Any, classes: int) -> Any:
    """Class numbers (...) as (..., classes): 1 at the class, 0 elsewhere."""
    return apply("one_hot", labels, classes=classes, dtype="float32")


def exp(x: Any) -> Any:
    """The exponential, element by element."""
    return apply("exp", x)


def log(x: Any) -> Any:
    """The natural logarithm, element by element."""
    return apply("log", x)


def sqrt(x: Any) -> Any:
    """The square root, element by element."""
    return apply("sqrt", x)


def square(x: Any) -> Any:
    """The square, element by element."""
    return apply("square", x)


for _function in (exp, log, sqrt, square):
    stock_function(_function)
