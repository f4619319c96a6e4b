"""Metrics: `metric(prediction, target)` -> one number per batch. Any loss or callable is a metric too."""

from __future__ import annotations

import re
from typing import Any

from pyphoton.description import Description, description
from pyphoton.errors import ArgumentError, UnknownName, near
from pyphoton.losses import NAMES as LOSSES
from pyphoton.losses import is_labels, labels, pair, shape_of, single
from pyphoton.tensor import apply


class Metric(Description):
    """Base of the metrics."""

    kind = "metric"


@description
class Accuracy(Metric):
    """The share of right answers.

    Several scores per sample: the largest one is at the target's class (one-hot, or whole numbers from 0).
    One score per sample: it is above `threshold` exactly where the target is 1.
    """

    threshold: float = 0.5
    name: str = "accuracy"

    def __call__(self, prediction: Any, target: Any) -> Any:
        """The share, from 0 to 1."""
        single("accuracy", prediction, target)
        shape = shape_of(prediction)
        if shape[-1] == 1 or len(shape) == 1:
            return BinaryAccuracy(self.threshold)(prediction, target)
        best = apply("argmax", prediction, axis=-1)
        if is_labels(prediction, target):
            return _share(best, labels(target))
        if len(shape_of(target)) == len(shape) - 1:
            return _share(best, target)
        return _share(best, apply("argmax", target, axis=-1))


@description
class BinaryAccuracy(Metric):
    """The share of elements for which (prediction > threshold) equals the target (0 or 1)."""

    threshold: float = 0.5
    name: str = "binary_accuracy"

    def __call__(self, prediction: Any, target: Any) -> Any:
        """The share, from 0 to 1."""
        p, y = pair("BinaryAccuracy", prediction, target)
        return _share(apply("gt", p, self.threshold), apply("gt", y, 0.5))


@description
class OneHotBinaryAccuracy(Metric):
    """The share of samples whose largest score stands at the whole-numbered target (batch,), counted from 0."""

    name: str = "one_hot_binary_accuracy"

    def __call__(self, prediction: Any, target: Any) -> Any:
        """The share, from 0 to 1."""
        return _share(apply("argmax", prediction, axis=-1), labels(target))


def _share(found: Any, wanted: Any) -> Any:
    return apply("mean", apply("cast", apply("eq", found, wanted), dtype="float32"))


def accuracy(*pair_or_nothing: Any) -> Any:
    """`accuracy()` is the metric; `accuracy(prediction, target)` computes it at once, `accuracy(model, data)` over all data.

    data: pairs (x, y) of samples, pairs of Batch, or two arrays; see `pyphoton.flux.accuracy`, which this is.
    """
    if not pair_or_nothing:
        return Accuracy()
    if len(pair_or_nothing) != 2:
        raise ArgumentError("accuracy", "nothing, (prediction, target) or (model, data)", f"{len(pair_or_nothing)} arguments")
    if callable(pair_or_nothing[0]):
        from pyphoton.flux import scores

        return scores.accuracy(*pair_or_nothing)
    return Accuracy()(*pair_or_nothing)


NAMES: dict[str, Any] = {"accuracy": Accuracy(), "acc": Accuracy(name="acc"), "binary_accuracy": BinaryAccuracy(), **LOSSES}

OF_FIT = ("data", "validation", "epochs", "batch_size", "shuffle", "callbacks", "verbose", "on_nan", "cb")
"""Names that no metric can have by keyword: they were meant for fit_."""


def named(metrics: Any, keywords: dict[str, Any]) -> dict[str, Any]:
    """Metrics by the name that history will use. Errors: ArgumentError, UnknownName."""
    found: dict[str, Any] = {}
    members = [metrics] if callable(metrics) or isinstance(metrics, str) else list(metrics or ())
    for metric in members:
        name, function = _one(metric)
        found[_unique(name, found)] = function
    for name, metric in keywords.items():
        if name in OF_FIT or not (callable(metric) or (isinstance(metric, str) and metric in NAMES)):
            hint = "That is an argument of fit_." if name in OF_FIT else "See help(Workout)."
            raise ArgumentError(f"Workout {name}=", "a metric, or an argument that Workout has", repr(metric), hint)
        found[_unique(name, found)] = _one(metric)[1]
    return found


def _one(metric: Any) -> tuple[str, Any]:
    if isinstance(metric, str):
        if metric not in NAMES:
            raise UnknownName("metrics", "a metric", repr(metric), near(metric, NAMES))
        return metric, NAMES[metric]
    if metric is accuracy or (isinstance(metric, type) and issubclass(metric, Description)):
        metric = metric()
    if not callable(metric):
        raise ArgumentError("metrics", "functions of (prediction, target), or names", repr(metric))
    name = getattr(metric, "name", None) or getattr(metric, "__name__", type(metric).__name__)
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", str(name)).lower()
    return "metric" if words == "<lambda>" else words, metric


def _unique(name: str, taken: dict[str, Any]) -> str:
    if name == "loss" or name.startswith("val_"):
        raise ArgumentError("metrics", "a name other than 'loss' and 'val_...'", repr(name), "Those are kept for the loss and for validation.")
    return name if name not in taken else next(f"{name}_{i}" for i in range(2, 10**6) if f"{name}_{i}" not in taken)
