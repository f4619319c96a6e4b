"""Functions of the user's for losses and metrics: traced, or one opaque step where they cannot be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pyphoton import graph
from pyphoton.errors import TraceError
from pyphoton.keras.formulas import as_scored
from pyphoton.tensor import Tensor


def called(function: Callable[..., Any], y_true: Any, y_pred: Any, *, prediction_first: bool = False, raw: bool = False) -> Any:
    """f(y_true, y_pred), with the target as floats in the prediction's rank unless `raw`.

    A function that cannot be traced (one that calls an engine, say) becomes one step that calls it, whose mean is
    taken.
    """
    y, p = (y_true, y_pred) if raw else as_scored(y_true, y_pred)
    pair = (p, y) if prediction_first else (y, p)
    if not isinstance(p, Tensor):
        return function(*pair)
    try:
        return graph.call(function, *pair)
    except TraceError:
        def mean_of(a: Any, b: Any) -> Any:
            value = function(a, b)
            return value.mean() if getattr(value, "ndim", 0) else value

        mean_of.__name__ = getattr(function, "__name__", type(function).__name__)
        flat, structure = graph.flattened(pair)
        return graph.opaque(mean_of, flat, structure, ())
