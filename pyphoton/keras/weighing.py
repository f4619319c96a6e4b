"""From the loss of each sample, step or element to one number: ranks made alike, sample weights, masks and reductions, as in today's Keras."""

from __future__ import annotations

from typing import Any

import numpy as np

from pyphoton.errors import KeraFlowError
from pyphoton.losses import shape_of
from pyphoton.tensor import Tensor, apply

REDUCTIONS = {"sum_over_batch_size": "mean", "mean": "mean", "sum": "sum", "none": None, None: None, "mean_with_sample_weight": "weighted"}
"""Names of reductions: what is done."""


def tensor(x: Any) -> Any:
    """A tensor or an array as it is, anything else as an array of float32 (whole numbers stay whole)."""
    if hasattr(x, "shape"):
        return x
    array = np.asarray(x)
    return array.astype("float32") if array.dtype.kind == "f" else array


def as_float(x: Any, like: Any) -> Any:
    """Whole numbers and truth values as the other's floats."""
    dtype = str(like.dtype) if str(like.dtype).startswith("float") else "float32"
    return x if str(x.dtype).startswith("float") else apply("cast", x, dtype=dtype)


def same_rank(y_true: Any, y_pred: Any) -> Any:
    """The target with a last axis of length 1 added or taken away, where the prediction has one more axis or one fewer."""
    true, pred = shape_of(y_true), shape_of(y_pred)
    if len(pred) == len(true) + 1 and pred[-1] == 1:
        return y_true[..., None]
    if len(true) == len(pred) + 1 and true[-1] == 1:
        return y_true[..., 0]
    return y_true


def pair(owner: str, y_true: Any, y_pred: Any) -> tuple[Any, Any]:
    """Target and prediction as floats of one shape. Errors: KeraFlowError naming both shapes."""
    y_true, y_pred = tensor(y_true), tensor(y_pred)
    y_true = as_float(same_rank(y_true, y_pred), y_pred)
    true, pred = shape_of(y_true), shape_of(y_pred)
    if len(true) != len(pred) or any(None not in (a, b) and a != b for a, b in zip(true, pred, strict=True)):
        raise KeraFlowError(owner, f"targets of the shape of the predictions, {pred}", str(true))
    return y_true, y_pred


def last_mean(x: Any) -> Any:
    """The mean over the last axis."""
    return apply("mean", x, axis=-1)


def weights_for(owner: str, values: Any, weights: Any) -> Any:
    """Weights that multiply `values`: axes of length 1 are added or taken away at the end. Errors: KeraFlowError."""
    weights = as_float(tensor(weights), values)
    while len(shape_of(weights)) < len(shape_of(values)):
        weights = weights[..., None]
    while len(shape_of(weights)) > len(shape_of(values)) and shape_of(weights)[-1] == 1:
        weights = weights[..., 0]
    mine, theirs = shape_of(weights), shape_of(values)
    if not theirs and mine:
        hint = "Return the loss of each sample, not their mean."
        raise KeraFlowError(owner, "a loss of each sample for sample weights", "one number for the batch", hint)
    if len(mine) != len(theirs) or any(a not in (1, None, b) and b is not None for a, b in zip(mine, theirs, strict=True)):
        raise KeraFlowError(f"{owner} sample weights", f"weights for losses of shape {theirs}", str(mine))
    return weights


def masked(owner: str, values: Any, weights: Any, mask: Any, reduction: Any) -> Any:
    """The weights, with those of steps that a mask leaves out 0; in a mean the others count as if there were only they."""
    if mask is None:
        return weights
    own = as_float(mask, values)
    if REDUCTIONS[reduction] == "mean":
        own = own / apply("mean", own)
    own = weights_for(owner, values, own)
    return own if weights is None else weights_for(owner, values, weights) * own


def reduced(owner: str, values: Any, weights: Any = None, mask: Any = None, reduction: Any = "sum_over_batch_size") -> Any:
    """One number of the losses: by default sum(weights * losses) / (number of losses). Errors: KeraFlowError."""
    weights = masked(owner, values, weights, mask, reduction)
    if weights is not None:
        weights = weights_for(owner, values, weights)
        values = values * weights
    how = REDUCTIONS[reduction]
    if how == "weighted":
        return apply("mean", values) if weights is None else apply("mean", values) / apply("mean", weights)
    return values if how is None or not shape_of(values) else apply(how, values)


def mask_of(y_pred: Any) -> Any:
    """The mask that came with a prediction: which steps of a sequence count. None where all do."""
    return getattr(y_pred, "mask", None) if isinstance(y_pred, Tensor) else None
