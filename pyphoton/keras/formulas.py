"""The formulas of today's Keras's losses: f(y_true, y_pred) gives the loss of each sample (or step), shape (batch, ...) without the last axis.

Each is written over the primitives, so that it runs on symbolic tensors on every engine, and on arrays at once. Probabilities are
kept within [e, 1 - e], e = 1e-7. Source: keras.losses of Keras 3.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from pyphoton.activations import log_softmax, softplus
from pyphoton.errors import KeraFlowError
from pyphoton.keras.weighing import as_float, last_mean, pair, same_rank, tensor
from pyphoton.losses import shape_of
from pyphoton.tensor import apply

EPSILON = 1e-7


def mean_squared_error(y_true: Any, y_pred: Any) -> Any:
    """mean((y_true - y_pred)^2)."""
    y, p = pair("mean_squared_error", y_true, y_pred)
    return last_mean(apply("square", y - p))


def mean_absolute_error(y_true: Any, y_pred: Any) -> Any:
    """mean(|y_true - y_pred|)."""
    y, p = pair("mean_absolute_error", y_true, y_pred)
    return last_mean(apply("abs", y - p))


def mean_absolute_percentage_error(y_true: Any, y_pred: Any) -> Any:
    """100 mean(|y_true - y_pred| / max(|y_true|, e))."""
    y, p = pair("mean_absolute_percentage_error", y_true, y_pred)
    return last_mean(apply("abs", (y - p) / apply("maximum", apply("abs", y), EPSILON))) * 100.0


def mean_squared_logarithmic_error(y_true: Any, y_pred: Any) -> Any:
    """mean((log(max(y_true, e) + 1) - log(max(y_pred, e) + 1))^2)."""
    y, p = pair("mean_squared_logarithmic_error", y_true, y_pred)
    logs = [apply("log", apply("maximum", x, EPSILON) + 1.0) for x in (y, p)]
    return last_mean(apply("square", logs[0] - logs[1]))


def _signs(y: Any) -> Any:
    """Targets as -1 and 1, where all of the batch are 0 or 1."""
    binary = apply("logical_or", apply("eq", y, 0.0), apply("eq", y, 1.0))
    all_binary = apply("gt", apply("min", apply("cast", binary, dtype="float32")), 0.5)
    return apply("where", all_binary, y * 2.0 - 1.0, y)


def hinge(y_true: Any, y_pred: Any) -> Any:
    """mean(max(1 - y_true y_pred, 0)); targets -1 and 1, or 0 and 1."""
    y, p = pair("hinge", y_true, y_pred)
    return last_mean(apply("maximum", 1.0 - _signs(y) * p, 0.0))


def squared_hinge(y_true: Any, y_pred: Any) -> Any:
    """mean(max(1 - y_true y_pred, 0)^2); targets -1 and 1, or 0 and 1."""
    y, p = pair("squared_hinge", y_true, y_pred)
    return last_mean(apply("square", apply("maximum", 1.0 - _signs(y) * p, 0.0)))


def categorical_hinge(y_true: Any, y_pred: Any) -> Any:
    """max(max((1 - y_true) y_pred) - sum(y_true y_pred) + 1, 0)."""
    y, p = pair("categorical_hinge", y_true, y_pred)
    return apply("maximum", apply("max", (1.0 - y) * p, axis=-1) - apply("sum", y * p, axis=-1) + 1.0, 0.0)


def huber(y_true: Any, y_pred: Any, delta: float = 1.0) -> Any:
    """mean of e^2 / 2 where |e| <= delta, else delta |e| - delta^2 / 2."""
    y, p = pair("huber", y_true, y_pred)
    size = apply("abs", y - p)
    return last_mean(apply("where", apply("le", size, delta), apply("square", size) * 0.5, size * delta - 0.5 * delta**2))


def log_cosh(y_true: Any, y_pred: Any) -> Any:
    """mean(log(cosh(y_pred - y_true))) = mean(e + softplus(-2e) - log 2)."""
    y, p = pair("log_cosh", y_true, y_pred)
    return last_mean(p - y + softplus((p - y) * -2.0) - math.log(2.0))


def kl_divergence(y_true: Any, y_pred: Any) -> Any:
    """sum(y_true log(y_true / y_pred)), both within [e, 1]."""
    y, p = (apply("clip", x, low=EPSILON, high=1.0) for x in pair("kl_divergence", y_true, y_pred))
    return apply("sum", y * apply("log", y / p), axis=-1)


def poisson(y_true: Any, y_pred: Any) -> Any:
    """mean(y_pred - y_true log(y_pred + e))."""
    y, p = pair("poisson", y_true, y_pred)
    return last_mean(p - y * apply("log", p + EPSILON))


def cosine_similarity(y_true: Any, y_pred: Any, axis: int = -1) -> Any:
    """-sum(y_true y_pred) of vectors of length 1: -1 where they point alike."""
    y, p = (x / apply("maximum", apply("sqrt", apply("sum", apply("square", x), axis=axis, keepdims=True)), EPSILON)
            for x in pair("cosine_similarity", y_true, y_pred))  # fmt: skip
    return -apply("sum", y * p, axis=axis)


def binary_crossentropy(y_true: Any, y_pred: Any, from_logits: bool = False, label_smoothing: float = 0.0) -> Any:
    """mean(-y log p - (1 - y) log(1 - p)) of probabilities, or of sigmoid(y_pred) for scores."""
    y, p = pair("binary_crossentropy", y_true, y_pred)
    if label_smoothing:
        y = y * (1.0 - label_smoothing) + 0.5 * label_smoothing
    if from_logits:
        return last_mean(softplus(p) - y * p)
    p = apply("clip", p, low=EPSILON, high=1.0 - EPSILON)
    return last_mean(-(y * apply("log", p)) - (1.0 - y) * apply("log", 1.0 - p))


def _logs(p: Any, from_logits: bool) -> Any:
    """The logarithms of class probabilities; those given are made to sum to 1."""
    if from_logits:
        return log_softmax(p)
    return apply("log", apply("clip", p / apply("sum", p, axis=-1, keepdims=True), low=EPSILON, high=1.0 - EPSILON))


def categorical_crossentropy(y_true: Any, y_pred: Any, from_logits: bool = False, label_smoothing: float = 0.0) -> Any:
    """-sum(y_true log y_pred) over the classes (last axis), of probabilities or, from_logits, of softmax(y_pred)."""
    y, p = pair("categorical_crossentropy", y_true, y_pred)
    if shape_of(p)[-1] == 1:
        raise KeraFlowError("categorical_crossentropy", "two classes or more on the last axis", "one", "Use binary_crossentropy.")
    if label_smoothing:
        y = y * (1.0 - label_smoothing) + label_smoothing / shape_of(p)[-1]  # type: ignore[operator]
    return -apply("sum", y * _logs(p, from_logits), axis=-1)


def class_numbers(owner: str, y_true: Any, y_pred: Any) -> Any:
    """Class numbers without an axis of their own: one for each row of scores. Errors: KeraFlowError."""
    y, scores = tensor(y_true), shape_of(y_pred)
    if len(shape_of(y)) == len(scores) and shape_of(y)[-1] == 1:
        y = y[..., 0]
    if len(shape_of(y)) != len(scores) - 1:
        hint = "For one-hot targets there is categorical_crossentropy."
        raise KeraFlowError(owner, f"whole class numbers of shape {scores[:-1]}", str(shape_of(y_true)), hint)
    return y


def sparse_categorical_crossentropy(y_true: Any, y_pred: Any, from_logits: bool = False, ignore_class: int | None = None) -> Any:
    """-log of the probability of the class y_true (a whole number from 0) for each row of y_pred; 0 for `ignore_class`."""
    p = tensor(y_pred)
    y = class_numbers("sparse_categorical_crossentropy", y_true, p)
    kept = None
    if ignore_class is not None:
        kept = as_float(apply("ne", y, ignore_class), p)
        y = apply("where", apply("eq", y, ignore_class), 0, y)
    if from_logits and len(shape_of(p)) == 2:
        values = apply("cross_entropy", p, y)
    else:
        chosen = apply("one_hot", y, classes=shape_of(p)[-1], dtype="float32")
        values = -apply("sum", chosen * _logs(p, from_logits), axis=-1)
    return values if kept is None else values * kept


def as_scored(y_true: Any, y_pred: Any) -> tuple[Any, Any]:
    """Target and prediction as a function of the user's takes them: the target as floats, in the rank of the prediction."""
    y, p = tensor(y_true), tensor(y_pred)
    return as_float(same_rank(y, p), p), p


def smoothing_in(owner: str, value: Any) -> float:
    """Label smoothing. Errors: KeraFlowError outside of 0 to 1."""
    if isinstance(value, bool) or not isinstance(value, int | float | np.floating) or not 0 <= value <= 1:
        raise KeraFlowError(f"{owner} label_smoothing=", "a number from 0 to 1", repr(value))
    return float(value)
