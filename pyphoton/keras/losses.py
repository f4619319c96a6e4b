"""Losses of this face: `loss(y_true, y_pred, sample_weight)`, the order and the formulas of today's Keras.

A plain function given to `compile(loss=f)` is called f(y_true, y_pred), too, and gives the loss of each sample. pyphoton's own losses
(`pyphoton.MSE()`) and Keraflow's (`objectives`) take the prediction first; they are known by their kind and called as they want.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, ClassVar

from pyphoton import losses as core
from pyphoton.errors import KeraFlowError, UnknownName, near
from pyphoton.keras.formulas import (
    binary_crossentropy,
    categorical_crossentropy,
    categorical_hinge,
    cosine_similarity,
    hinge,
    huber,
    kl_divergence,
    log_cosh,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
    poisson,
    smoothing_in,
    sparse_categorical_crossentropy,
    squared_hinge,
)
from pyphoton.keras.weighing import REDUCTIONS, last_mean, mask_of, reduced, tensor
from pyphoton.tensor import apply

Formula = Callable[..., Any]


def snake(name: str) -> str:
    """MeanSquaredError -> mean_squared_error."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


class Loss:
    """Base of the losses. A loss of your own defines `call(y_true, y_pred)`, which gives the loss of each sample.

    reduction: "sum_over_batch_size" (the default: the sum of weighted losses by their number), "sum", "mean_with_sample_weight" (by the sum of the
    weights) or "none". Steps that the prediction's mask leaves out do not count. Errors: KeraFlowError.
    """

    kind = "loss"
    function: ClassVar[Formula | None] = None

    def __init__(self, name: str | None = None, reduction: str | None = "sum_over_batch_size", **options: Any) -> None:
        if reduction not in REDUCTIONS:
            raise KeraFlowError(f"{type(self).__name__} reduction=", "one of " + ", ".join(map(str, REDUCTIONS)), repr(reduction))
        self.name, self.reduction, self.options = name or snake(type(self).__name__), reduction, options

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in self.options.items())})"

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal loss."""
        return {"name": self.name, "reduction": self.reduction, **self.options}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Loss:
        """The loss that `get_config` described."""
        return cls(**config)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """The loss of each sample."""
        function = type(self).function
        if function is None:
            raise NotImplementedError(f"{type(self).__name__} defines no call(y_true, y_pred)")
        return function(y_true, y_pred, **self.options)

    def mask(self, y_true: Any, y_pred: Any) -> Any:
        """Which losses count; None for all."""
        return mask_of(y_pred)

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """One number for the batch (or the loss of each sample, with reduction "none")."""
        y_true, y_pred = tensor(y_true), tensor(y_pred)
        return reduced(self.name, self.call(y_true, y_pred), sample_weight, self.mask(y_true, y_pred), self.reduction)


class MeanSquaredError(Loss):
    """mean((y_true - y_pred)^2)."""

    function = staticmethod(mean_squared_error)


class MeanAbsoluteError(Loss):
    """mean(|y_true - y_pred|)."""

    function = staticmethod(mean_absolute_error)


class MeanAbsolutePercentageError(Loss):
    """100 mean(|y_true - y_pred| / max(|y_true|, 1e-7))."""

    function = staticmethod(mean_absolute_percentage_error)


class MeanSquaredLogarithmicError(Loss):
    """mean((log(1 + y_true) - log(1 + y_pred))^2)."""

    function = staticmethod(mean_squared_logarithmic_error)


class Hinge(Loss):
    """mean(max(1 - y_true y_pred, 0))."""

    function = staticmethod(hinge)


class SquaredHinge(Loss):
    """mean(max(1 - y_true y_pred, 0)^2)."""

    function = staticmethod(squared_hinge)


class CategoricalHinge(Loss):
    """max(max((1 - y_true) y_pred) - sum(y_true y_pred) + 1, 0)."""

    function = staticmethod(categorical_hinge)


class KLDivergence(Loss):
    """sum(y_true log(y_true / y_pred))."""

    function = staticmethod(kl_divergence)


class Poisson(Loss):
    """mean(y_pred - y_true log y_pred)."""

    function = staticmethod(poisson)


class LogCosh(Loss):
    """mean(log(cosh(y_pred - y_true)))."""

    function = staticmethod(log_cosh)


class Huber(Loss):
    """Square near 0, straight beyond `delta`."""

    function = staticmethod(huber)

    def __init__(self, delta: float = 1.0, reduction: str | None = "sum_over_batch_size", name: str | None = None) -> None:
        super().__init__(name, reduction, delta=delta)


class CosineSimilarity(Loss):
    """-sum(y_true y_pred) of vectors of length 1 along `axis`."""

    function = staticmethod(cosine_similarity)

    def __init__(self, axis: int = -1, reduction: str | None = "sum_over_batch_size", name: str | None = None) -> None:
        super().__init__(name, reduction, axis=axis)


class BinaryCrossentropy(Loss):
    """Cross-entropy of yes and no: probabilities, or scores with from_logits."""

    function = staticmethod(binary_crossentropy)

    def __init__(
        self, from_logits: bool = False, label_smoothing: float = 0.0, reduction: str | None = "sum_over_batch_size", name: str | None = None,
    ) -> None:  # fmt: skip
        super().__init__(name, reduction, from_logits=from_logits, label_smoothing=smoothing_in("BinaryCrossentropy", label_smoothing))


class CategoricalCrossentropy(Loss):
    """Cross-entropy against one-hot targets or probabilities (batch, classes): of probabilities, or of scores with from_logits."""

    function = staticmethod(categorical_crossentropy)

    def __init__(
        self, from_logits: bool = False, label_smoothing: float = 0.0, reduction: str | None = "sum_over_batch_size", name: str | None = None,
    ) -> None:  # fmt: skip
        super().__init__(name, reduction, from_logits=from_logits, label_smoothing=smoothing_in("CategoricalCrossentropy", label_smoothing))


class SparseCategoricalCrossentropy(Loss):
    """Cross-entropy against whole class numbers from 0: of probabilities, or of scores with from_logits. `ignore_class` does not count."""

    function = staticmethod(sparse_categorical_crossentropy)

    def __init__(
        self, from_logits: bool = False, ignore_class: int | None = None, reduction: str | None = "sum_over_batch_size", name: str | None = None,
    ) -> None:  # fmt: skip
        super().__init__(name, reduction, from_logits=from_logits, ignore_class=ignore_class)

    def mask(self, y_true: Any, y_pred: Any) -> Any:
        """The samples of other classes than `ignore_class`."""
        mask, ignored = super().mask(y_true, y_pred), self.options["ignore_class"]
        if ignored is None:
            return mask
        labels = y_true[..., 0] if len(y_true.shape) == len(y_pred.shape) else y_true
        kept = apply("ne", labels, ignored)
        return kept if mask is None else apply("logical_and", kept, mask)


class FromCore(Loss):
    """A loss of pyphoton's own, prediction first: the mean of its elements for each sample is what is weighted."""

    def __init__(self, loss: core.Loss) -> None:
        super().__init__(getattr(loss, "name", None) or snake(type(loss).__name__))
        self.loss = loss
        self.options = {"loss": loss}

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """What the loss gives with its own reduction, unless that is the mean: then, for each sample."""
        if self.loss.reduction != "mean":
            return self.loss(y_pred, y_true)
        each = type(self.loss)(**{**self.loss.arguments(), "reduction": "none"})(y_pred, y_true)
        return last_mean(each) if len(each.shape) > 1 else each


class PlainLoss(Loss):
    """A function of (y_true, y_pred), or of (y_pred, y_true) with `prediction_first`."""

    def __init__(self, function: Formula, *, prediction_first: bool = False, raw: bool = False) -> None:
        super().__init__(getattr(function, "__name__", type(function).__name__))
        self.plain, self.prediction_first, self.raw = function, prediction_first, raw

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """What the function gives."""
        from pyphoton.keras.opaque import called

        return called(self.plain, y_true, y_pred, prediction_first=self.prediction_first, raw=self.raw)


NAMES: dict[str, type[Loss]] = {}
for _cls, *_names in (
    (MeanSquaredError, "mse"), (MeanAbsoluteError, "mae"), (MeanAbsolutePercentageError, "mape"), (MeanSquaredLogarithmicError, "msle"),
    (Hinge,), (SquaredHinge,), (CategoricalHinge,), (KLDivergence, "kld", "kl_divergence", "kullback_leibler_divergence"), (Poisson,),
    (LogCosh, "logcosh"), (Huber,), (CosineSimilarity, "cosine", "cosine_proximity"), (BinaryCrossentropy, "bce"), (CategoricalCrossentropy,),
    (SparseCategoricalCrossentropy,),
):  # fmt: skip
    NAMES.update(dict.fromkeys((snake(_cls.__name__), _cls.__name__, *_names), _cls))


def get(what: Any) -> Loss:
    """A loss by name (of either era), class, or as itself; a function of (y_true, y_pred). Errors: UnknownName, KeraFlowError."""
    from pyphoton.keras import objectives

    if isinstance(what, str):
        found = NAMES.get(what.removeprefix(":")) or objectives.NAMES.get(what.removeprefix(":"))
        if found is None:
            raise UnknownName("loss", "a loss", repr(what), near(what, {*NAMES, *objectives.NAMES}))
        what = found
    if isinstance(what, type) and issubclass(what, Loss | core.Loss):
        what = what()
    if isinstance(what, core.Loss):
        return FromCore(what)
    if isinstance(what, Loss):
        return what
    if not callable(what):
        raise KeraFlowError("loss", "a loss, its name, or a function of (y_true, y_pred)", repr(what))
    stock = getattr(what, "__module__", "") == core.__name__
    return PlainLoss(what, prediction_first=stock or getattr(what, "prediction_first", False), raw=stock)


__all__ = [
    "Loss", "binary_crossentropy", "categorical_crossentropy", "categorical_hinge", "cosine_similarity", "get", "hinge", "huber",
    "kl_divergence", "log_cosh", "mean_absolute_error", "mean_absolute_percentage_error", "mean_squared_error", "mean_squared_logarithmic_error",
    "poisson", "sparse_categorical_crossentropy", "squared_hinge", *sorted({c.__name__ for c in NAMES.values()}),
]  # fmt: skip
