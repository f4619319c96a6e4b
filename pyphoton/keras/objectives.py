"""Keraflow's objectives: f(y_pred, y_true), prediction first, element by element, with e = 1e-6.

They stand beside today's Keras's losses (`losses`) for programs that name them. The mean over the samples' elements is the loss.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pyphoton.errors import KeraFlowError
from pyphoton.keras.losses import PlainLoss
from pyphoton.keras.weighing import pair
from pyphoton.tensor import apply

EPSILON = 1e-6


def objective(function: Callable[..., Any]) -> Callable[..., Any]:
    """Mark a function of (y_pred, y_true), so that `compile` calls it with the prediction first. Errors: KeraFlowError."""
    if not callable(function):
        raise KeraFlowError("objective", "a function of (y_pred, y_true)", repr(function))
    function.prediction_first = True  # type: ignore[attr-defined]
    return function


def metric(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of (y_true, y_pred) as a loss or metric, named as the function (Keras.jl's `metric`). Errors: KeraFlowError."""
    if not callable(function):
        raise KeraFlowError("metric", "a function of (y_true, y_pred)", repr(function))

    def measured(y_true: Any, y_pred: Any) -> Any:
        return function(y_true, y_pred)

    measured.__name__ = getattr(function, "__name__", type(function).__name__)
    measured.__doc__ = function.__doc__
    return measured


def _both(name: str, y_pred: Any, y_true: Any) -> tuple[Any, Any]:
    y, p = pair(name, y_true, y_pred)
    return p, y


def _clipped(x: Any, high: float = 1 - EPSILON) -> Any:
    return apply("clip", x, low=EPSILON, high=high)


@objective
def square_error(y_pred: Any, y_true: Any) -> Any:
    """(p - t)^2."""
    p, t = _both("square_error", y_pred, y_true)
    return apply("square", p - t)


@objective
def absolute_error(y_pred: Any, y_true: Any) -> Any:
    """|p - t|."""
    p, t = _both("absolute_error", y_pred, y_true)
    return apply("abs", p - t)


@objective
def absolute_percentage_error(y_pred: Any, y_true: Any) -> Any:
    """100 |(p - t) / max(|t|, e)|."""
    p, t = _both("absolute_percentage_error", y_pred, y_true)
    return apply("abs", (p - t) / apply("maximum", apply("abs", t), EPSILON)) * 100.0


@objective
def squared_logarithmic_error(y_pred: Any, y_true: Any) -> Any:
    """(log(max(p, e) + 1) - log(max(t, e) + 1))^2."""
    p, t = (apply("log", apply("maximum", x, EPSILON) + 1.0) for x in _both("squared_logarithmic_error", y_pred, y_true))
    return apply("square", p - t)


@objective
def hinge(y_pred: Any, y_true: Any) -> Any:
    """max(1 - p t, 0); targets -1 and 1."""
    p, t = _both("hinge", y_pred, y_true)
    return apply("maximum", 1.0 - p * t, 0.0)


@objective
def squared_hinge(y_pred: Any, y_true: Any) -> Any:
    """max(1 - p t, 0)^2."""
    return apply("square", hinge(y_pred, y_true))


@objective
def binary_crossentropy(y_pred: Any, y_true: Any) -> Any:
    """-t log p - (1 - t) log(1 - p), both within [e, 1 - e]."""
    p, t = map(_clipped, _both("binary_crossentropy", y_pred, y_true))
    return -(t * apply("log", p)) - (1.0 - t) * apply("log", 1.0 - p)


@objective
def categorical_crossentropy(y_pred: Any, y_true: Any) -> Any:
    """-sum(t log p) over the last axis, which stays with length 1; p within [e, 1 - e], t within [e, 1]."""
    p, t = _both("categorical_crossentropy", y_pred, y_true)
    return -apply("sum", _clipped(t, 1.0) * apply("log", _clipped(p)), axis=-1, keepdims=True)


@objective
def kullback_leibler_divergence(y_pred: Any, y_true: Any) -> Any:
    """sum(t log(t / p)) over the last axis, which stays with length 1; both within [e, 1]."""
    p, t = (_clipped(x, 1.0) for x in _both("kullback_leibler_divergence", y_pred, y_true))
    return apply("sum", t * apply("log", t / p), axis=-1, keepdims=True)


@objective
def poisson(y_pred: Any, y_true: Any) -> Any:
    """p - t log(p + e)."""
    p, t = _both("poisson", y_pred, y_true)
    return p - t * apply("log", p + EPSILON)


@objective
def cosine_proximity(y_pred: Any, y_true: Any) -> Any:
    """-p t, element by element, of vectors of length 1 along the last axis."""
    p, t = (x / apply("maximum", apply("sqrt", apply("sum", apply("square", x), axis=-1, keepdims=True)), EPSILON)
            for x in _both("cosine_proximity", y_pred, y_true))  # fmt: skip
    return -(p * t)


@objective
def accuracy(y_pred: Any, y_true: Any) -> Any:
    """1 where the prediction is right: round(p) == t for one output, else the same largest class."""
    p, t = _both("accuracy", y_pred, y_true)
    if p.shape[-1] == 1:
        right = apply("eq", apply("round", p), t)
    else:
        right = apply("eq", apply("argmax", p, axis=1), apply("argmax", t, axis=1))
    return apply("cast", right, dtype="float32")


NAMES: dict[str, Any] = {
    name: PlainLoss(f, prediction_first=True)
    for f, *names in (
        (square_error, "se"), (absolute_error, "ae"), (absolute_percentage_error, "ape"), (squared_logarithmic_error, "sle"),
    )
    for name in (f.__name__, *names)
}  # fmt: skip
"""Names that only Keraflow has; where both have one, today's Keras's is meant."""
