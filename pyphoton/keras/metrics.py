"""Metrics of this face: what is measured of each minibatch, exactly also over a whole epoch.

A metric is a few numbers per minibatch (`columns`), each a mean over its samples, and what they make together (`result`). So a share such as
precision is that of the epoch and no mean of shares. By itself a metric measures arrays: `m.update_state(y_true, y_pred); m.result()`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import numpy as np

from pyphoton import losses as core_losses
from pyphoton import metrics as core
from pyphoton.errors import KeraFlowError, UnknownName, Unsupported, near
from pyphoton.keras import formulas, losses
from pyphoton.keras.formulas import class_numbers
from pyphoton.keras.losses import snake
from pyphoton.keras.weighing import last_mean, mask_of, pair, tensor, weights_for
from pyphoton.losses import shape_of
from pyphoton.tensor import apply

Formula = Callable[..., Any]


def binary_accuracy(y_true: Any, y_pred: Any, threshold: float = 0.5) -> Any:
    """The share of elements of each sample for which (y_pred > threshold) is y_true."""
    y, p = pair("binary_accuracy", y_true, y_pred)
    return last_mean(_numbers(apply("eq", y, _numbers(apply("gt", p, threshold)))))


def categorical_accuracy(y_true: Any, y_pred: Any) -> Any:
    """1 for each sample whose largest score stands where the target's largest does."""
    y, p = pair("categorical_accuracy", y_true, y_pred)
    return _numbers(apply("eq", apply("argmax", y, axis=-1), apply("argmax", p, axis=-1)))


def sparse_categorical_accuracy(y_true: Any, y_pred: Any) -> Any:
    """1 for each sample whose largest score stands at the class y_true, a whole number from 0."""
    p = tensor(y_pred)
    return _numbers(apply("eq", apply("argmax", p, axis=-1), class_numbers("sparse_categorical_accuracy", y_true, p)))


def top_k_categorical_accuracy(y_true: Any, y_pred: Any, k: int = 5) -> Any:
    """1 for each sample with fewer than k scores above that of its class (one-hot targets)."""
    y, p = pair("top_k_categorical_accuracy", y_true, y_pred)
    return sparse_top_k_categorical_accuracy(apply("argmax", y, axis=-1), p, k)


def sparse_top_k_categorical_accuracy(y_true: Any, y_pred: Any, k: int = 5) -> Any:
    """1 for each sample with fewer than k scores above that of its class, a whole number from 0."""
    p = tensor(y_pred)
    y = class_numbers("sparse_top_k_categorical_accuracy", y_true, p)
    own = apply("sum", apply("one_hot", y, classes=shape_of(p)[-1], dtype="float32") * p, axis=-1, keepdims=True)
    return _numbers(apply("lt", apply("sum", _numbers(apply("gt", p, own)), axis=-1), float(k)))


def _numbers(truth: Any) -> Any:
    return apply("cast", truth, dtype="float32")


class Metric:
    """Base of the metrics. A metric of your own is a function f(y_true, y_pred) that gives a value for each sample.

    `columns(y_true, y_pred, sample_weight)` gives the numbers of a minibatch by name, `result_of(numbers)` the metric.
    """

    kind = "metric"

    def __init__(self, name: str | None = None, dtype: str | None = None) -> None:
        if dtype not in (None, "float32", "float64"):
            raise KeraFlowError(f"{type(self).__name__} dtype=", "float32 or float64", repr(dtype))
        self.name = name or snake(type(self).__name__)
        self.reset_state()

    def __repr__(self) -> str:
        return f"{type(self).__name__}(name={self.name!r})"

    def columns(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> dict[str, Any]:
        """Numbers of a minibatch, each a mean over its samples. "" is the name of the only one."""
        if hasattr(self, "update_state") and type(self).update_state is not Metric.update_state:
            hint = "Write a function f(y_true, y_pred) that gives a value for each sample, or derive from keras.metrics.Ratio."
            raise Unsupported(type(self).__name__, "a metric that an engine can compute", "update_state() of its own", hint)
        raise NotImplementedError(f"{type(self).__name__} defines no columns(y_true, y_pred, sample_weight)")

    def keys(self, weighted: bool) -> tuple[str, ...]:
        """The names of the columns that it needs, with sample weights or without."""
        return ("",)

    def result_of(self, numbers: Mapping[str, float]) -> float:
        """The metric, of the means of its columns."""
        return numbers[""]

    # ---- by itself, on arrays ------------------------------------------------------------------------------------------

    def reset_state(self) -> None:
        """Begin anew."""
        self._sums: dict[str, float] = {}
        self._samples = 0

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Measure a minibatch of arrays."""
        y_true, y_pred = tensor(y_true), tensor(y_pred)
        count = len(y_pred)
        for key, value in self.columns(y_true, y_pred, sample_weight).items():
            self._sums[key] = self._sums.get(key, 0.0) + float(value) * count
        self._samples += count

    def result(self) -> float:
        """The metric of all that was measured; 0 of nothing."""
        return self.result_of({key: total / self._samples for key, total in self._sums.items()}) if self._samples else 0.0

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> float:
        """Measure a minibatch of arrays; the metric so far."""
        self.update_state(y_true, y_pred, sample_weight)
        return self.result()


def weighted_means(owner: str, numbers: Mapping[str, Any], weights: Any, mask: Any = None) -> dict[str, Any]:
    """The mean of each value over the minibatch, times weights where there are any."""
    found = {}
    for key, value in numbers.items():
        factors = [weights_for(owner, value, w) for w in (weights, mask) if w is not None]
        for factor in factors:
            value = value * factor
        found[key] = apply("mean", value) if shape_of(value) else value
    return found


class MeanMetric(Metric):
    """The mean of a function of (y_true, y_pred); weighted by sample weights and masks where there are any."""

    function: ClassVar[Formula | None] = None

    def __init__(self, name: str | None = None, dtype: str | None = None, **options: Any) -> None:
        super().__init__(name, dtype)
        self.options = options

    def values(self, y_true: Any, y_pred: Any) -> Any:
        """The value of each sample."""
        return type(self).function(y_true, y_pred, **self.options)  # type: ignore[misc]

    def columns(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> dict[str, Any]:
        """The mean; and the mean of the weighted values and that of the weights, for a mean that is exact over an epoch."""
        values, mask = self.values(y_true, y_pred), mask_of(y_pred)
        both = weighted_means(self.name, {"sum": values, "weights": values * 0.0 + 1.0}, sample_weight, mask)
        weighted = sample_weight is not None or mask is not None
        return {"": both["sum"] / both["weights"] if weighted else both["sum"], **both}

    def keys(self, weighted: bool) -> tuple[str, ...]:
        """One number, or two with weights."""
        return ("sum", "weights") if weighted else ("",)

    def result_of(self, numbers: Mapping[str, float]) -> float:
        """The mean."""
        return _ratio(numbers["sum"], numbers["weights"]) if "sum" in numbers else numbers[""]


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


class PlainMetric(MeanMetric):
    """A function of (y_true, y_pred), or of the prediction first, or a loss."""

    def __init__(self, function: Formula, name: str, *, prediction_first: bool = False, raw: bool = False) -> None:
        super().__init__(name)
        self.plain, self.prediction_first, self.raw = function, prediction_first, raw

    def values(self, y_true: Any, y_pred: Any) -> Any:
        """What the function gives."""
        from pyphoton.keras.opaque import called

        return called(self.plain, y_true, y_pred, prediction_first=self.prediction_first, raw=self.raw)


class LossMetric(MeanMetric):
    """The mean of a loss, without its reduction."""

    def __init__(self, loss: losses.Loss, name: str | None = None) -> None:
        super().__init__(name or loss.name)
        self.loss = loss

    def values(self, y_true: Any, y_pred: Any) -> Any:
        """The loss of each sample."""
        return self.loss.call(tensor(y_true), tensor(y_pred))


class BinaryAccuracy(MeanMetric):
    """The share of elements for which (y_pred > threshold) is y_true."""

    function = staticmethod(binary_accuracy)

    def __init__(self, name: str | None = None, dtype: str | None = None, threshold: float = 0.5) -> None:
        super().__init__(name, dtype, threshold=threshold)


class CategoricalAccuracy(MeanMetric):
    """The share of samples whose largest score stands where the target's largest does."""

    function = staticmethod(categorical_accuracy)


class SparseCategoricalAccuracy(MeanMetric):
    """The share of samples whose largest score stands at the class."""

    function = staticmethod(sparse_categorical_accuracy)


class TopKCategoricalAccuracy(MeanMetric):
    """The share of samples with fewer than k scores above that of their class (one-hot targets)."""

    function = staticmethod(top_k_categorical_accuracy)

    def __init__(self, k: int = 5, name: str | None = None, dtype: str | None = None) -> None:
        super().__init__(name, dtype, k=k)


class SparseTopKCategoricalAccuracy(MeanMetric):
    """The share of samples with fewer than k scores above that of their class."""

    function = staticmethod(sparse_top_k_categorical_accuracy)

    def __init__(self, k: int = 5, name: str | None = None, dtype: str | None = None) -> None:
        super().__init__(name, dtype, k=k)


def accuracy_for(y_true: Any, y_pred: Any) -> Formula:
    """The accuracy that fits the shapes: binary for one output, sparse for class numbers, else categorical."""
    true, pred = shape_of(y_true), shape_of(y_pred)
    if pred[-1] == 1:
        return binary_accuracy
    return sparse_categorical_accuracy if len(true) < len(pred) or true[-1] == 1 else categorical_accuracy


class Accuracy(MeanMetric):
    """The share of right answers: binary, categorical or of class numbers, as the shapes say."""

    def values(self, y_true: Any, y_pred: Any) -> Any:
        """1 for each right answer."""
        return accuracy_for(y_true, y_pred)(y_true, y_pred)


class MeanSquaredError(MeanMetric):
    """mean((y_true - y_pred)^2)."""

    function = staticmethod(formulas.mean_squared_error)


class MeanAbsoluteError(MeanMetric):
    """mean(|y_true - y_pred|)."""

    function = staticmethod(formulas.mean_absolute_error)


class CosineSimilarity(MeanMetric):
    """The cosine of the angle between target and prediction."""

    def values(self, y_true: Any, y_pred: Any) -> Any:
        """The cosine of each sample."""
        return -formulas.cosine_similarity(y_true, y_pred)


class RootMeanSquaredError(MeanMetric):
    """sqrt(mean((y_true - y_pred)^2)) of the whole epoch."""

    function = staticmethod(formulas.mean_squared_error)

    def result_of(self, numbers: Mapping[str, float]) -> float:
        """The root of the mean."""
        return float(np.sqrt(super().result_of(numbers)))


class Ratio(Metric):
    """Base of metrics that are part / whole of the epoch; `parts(y_true, y_pred)` gives both for each sample."""

    def parts(self, y_true: Any, y_pred: Any) -> tuple[Any, Any]:
        """What is counted, and out of what."""
        raise NotImplementedError(f"{type(self).__name__} defines no parts(y_true, y_pred)")

    def keys(self, weighted: bool) -> tuple[str, ...]:
        """Two numbers."""
        return "part", "whole"

    def columns(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> dict[str, Any]:
        """Both, as means over the minibatch."""
        part, whole = self.parts(y_true, y_pred)
        return weighted_means(self.name, {"part": part, "whole": whole}, sample_weight, mask_of(y_pred))

    def result_of(self, numbers: Mapping[str, float]) -> float:
        """Their ratio; 0 of nothing."""
        return _ratio(numbers["part"], numbers["whole"])


class _Decided(Ratio):
    def __init__(self, thresholds: float = 0.5, name: str | None = None, dtype: str | None = None) -> None:
        if isinstance(thresholds, bool) or not isinstance(thresholds, int | float):
            raise KeraFlowError(f"{type(self).__name__} thresholds=", "one number", repr(thresholds), "Make a metric for each threshold.")
        super().__init__(name, dtype)
        self.threshold = thresholds

    def found(self, y_true: Any, y_pred: Any) -> tuple[Any, Any]:
        """Target and decision, 0 or 1."""
        y, p = pair(self.name, y_true, y_pred)
        return y, _numbers(apply("gt", p, self.threshold))


class Precision(_Decided):
    """The share of true ones among those that are predicted (y_pred > thresholds), over the whole epoch."""

    def parts(self, y_true: Any, y_pred: Any) -> tuple[Any, Any]:
        """True positives, predicted ones."""
        y, found = self.found(y_true, y_pred)
        return last_mean(y * found), last_mean(found)


class Recall(_Decided):
    """The share of true ones that are predicted (y_pred > thresholds), over the whole epoch."""

    def parts(self, y_true: Any, y_pred: Any) -> tuple[Any, Any]:
        """True positives, true ones."""
        y, found = self.found(y_true, y_pred)
        return last_mean(y * found), last_mean(y)


class AUC(Metric):
    """The area under a curve needs the order of all predictions, which no number per minibatch keeps: refused. Errors: Unsupported."""

    def __init__(self, *_: Any, **__: Any) -> None:
        hint = "Compute it after training: sklearn.metrics.roc_auc_score(y, model.predict(x))."
        raise Unsupported("AUC", "a metric that is exact over minibatches", "AUC", hint)


class Mean(Metric):
    """The mean of numbers, by itself: `m.update_state(values, sample_weight); m.result()`."""

    def update_state(self, values: Any, sample_weight: Any = None, _: Any = None) -> None:  # type: ignore[override]
        """Take values in."""
        values = np.asarray(values, dtype="float64")
        weights = np.ones_like(values) if sample_weight is None else np.broadcast_to(np.asarray(sample_weight, "float64"), values.shape)
        self._sums = {"": self._sums.get("", 0.0) + float((values * weights).sum())}
        self._samples += float(weights.sum())  # type: ignore[assignment]

    def __call__(self, values: Any, sample_weight: Any = None, _: Any = None) -> float:  # type: ignore[override]
        """Take values in; the mean so far."""
        self.update_state(values, sample_weight)
        return self.result()


NAMES: dict[str, Callable[[], Metric]] = {"acc": Accuracy, "accuracy": Accuracy, "rmse": RootMeanSquaredError}
for _cls in (
    BinaryAccuracy, CategoricalAccuracy, SparseCategoricalAccuracy, TopKCategoricalAccuracy, SparseTopKCategoricalAccuracy, Accuracy,
    MeanSquaredError, MeanAbsoluteError, CosineSimilarity, RootMeanSquaredError, Precision, Recall, AUC,
):  # fmt: skip
    NAMES.update(dict.fromkeys((snake(_cls.__name__), _cls.__name__), _cls))


def get(what: Any) -> Metric:
    """A metric by name, class, or as itself; a loss; a function of (y_true, y_pred). Errors: UnknownName, KeraFlowError."""
    if isinstance(what, str):
        name = what.removeprefix(":")
        if name in NAMES:
            made = NAMES[name]()
        elif name in losses.NAMES or name in losses_of_keraflow():
            made = LossMetric(losses.get(name))
        else:
            raise UnknownName("metrics", "a metric", repr(what), near(name, {*NAMES, *losses.NAMES}))
        made.name = name
        return made
    if isinstance(what, type) and issubclass(what, Metric):
        return what()
    if isinstance(what, type) and issubclass(what, losses.Loss):
        return LossMetric(what())
    if isinstance(what, Metric):
        return what
    if isinstance(what, losses.Loss):
        return LossMetric(what)
    if not callable(what):
        raise KeraFlowError("metrics", "a metric, its name, or a function of (y_true, y_pred)", repr(what))
    return _of_function(what)


def losses_of_keraflow() -> Mapping[str, Any]:
    """The names of objectives that only Keraflow has."""
    from pyphoton.keras import objectives

    return objectives.NAMES


def _of_function(what: Any) -> Metric:
    function: Formula = what
    if isinstance(what, core.Metric | core_losses.Loss):
        return PlainMetric(function, getattr(what, "name", None) or snake(type(what).__name__), prediction_first=True, raw=True)
    stock = getattr(what, "__module__", "") == core_losses.__name__
    name = getattr(what, "__name__", snake(type(what).__name__))
    return PlainMetric(what, "metric" if name == "<lambda>" else name, prediction_first=stock or getattr(what, "prediction_first", False), raw=stock)
