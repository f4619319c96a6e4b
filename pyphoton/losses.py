"""Losses: `loss(prediction, target)`. Each formula once, over the primitives, so that every backend runs the same one.

Prediction and target are first made (batch, features), so (8, 1, 10) against (8, 10, 1) is allowed. Every loss also
works directly on NumPy arrays: `MSE()(p, y)`. `reduction` is "mean", "sum", "none" or a function of the elements.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pyphoton.activations import log_softmax, softplus
from pyphoton.description import Description, description, stock_function
from pyphoton.errors import ArgumentError, ShapeError, UnknownName, near
from pyphoton.tensor import Tensor, apply
from pyphoton.typing import show

EPSILON = 1e-7
Reduction = str | Callable[[Any], Any]
NAMES: dict[str, Any] = {}


class Loss(Description):
    """Base of the losses."""

    reduction: Reduction
    kind = "loss"

    def __post_init__(self) -> None:
        if self.reduction not in ("mean", "sum", "none") and not callable(self.reduction):
            raise ArgumentError(type(self).__name__, 'reduction "mean", "sum", "none" or a function', repr(self.reduction))

    def __call__(self, prediction: Any, target: Any) -> Any:
        """The loss of a batch: one number, unless reduction is "none"."""
        p, y = pair(type(self).__name__, prediction, target)
        return self.reduce(self.elements(p, y))

    def __add__(self, other: Any) -> Any:
        """The sum of two losses, as a loss."""
        return combined(self, other, 1.0, 1.0)

    def __radd__(self, other: Any) -> Any:
        return self if _is_zero(other) else combined(other, self, 1.0, 1.0)

    def __sub__(self, other: Any) -> Any:
        return combined(self, other, 1.0, -1.0)

    def __rsub__(self, other: Any) -> Any:
        return combined(other, self, 1.0, -1.0)

    def __mul__(self, factor: Any) -> Any:
        """The loss times a number, as a loss."""
        return scaled(self, factor)

    __rmul__ = __mul__

    def __truediv__(self, divisor: Any) -> Any:
        return scaled(self, 1.0 / divisor if _is_number(divisor) else divisor)

    def __neg__(self) -> Any:
        return scaled(self, -1.0)

    def elements(self, p: Any, y: Any) -> Any:
        """The loss of each element or sample."""
        raise NotImplementedError

    def reduce(self, elements: Any) -> Any:
        """One number of many, as `reduction` says."""
        if callable(self.reduction):
            return self.reduction(elements)
        return elements if self.reduction == "none" else apply(self.reduction, elements)


@description
class LossSum(Loss):
    """sum over k of factors[k] * losses[k](p, y): what `MSE() + 0.1 * MAE()` makes.

    losses: losses, or functions of (prediction, target). A sum of the library's own losses can be saved.
    """

    losses: tuple[Any, ...]
    factors: tuple[float, ...]

    def __post_init__(self) -> None:
        good = isinstance(self.losses, tuple) and self.losses and all(callable(loss) and not isinstance(loss, type) for loss in self.losses)
        if not good or not isinstance(self.factors, tuple) or len(self.factors) != len(self.losses):
            raise ArgumentError("LossSum", "losses, and as many factors", f"{self.losses!r} and {self.factors!r}")
        if not all(_is_number(factor) for factor in self.factors):
            raise ArgumentError("LossSum factors=", "finite numbers", repr(self.factors))

    def __call__(self, prediction: Any, target: Any) -> Any:
        """The weighted sum of the losses of a batch."""
        values = [loss(prediction, target) if f == 1 else loss(prediction, target) * f for loss, f in zip(self.losses, self.factors, strict=True)]
        return sum(values[1:], values[0])

    def __repr__(self) -> str:
        """The sum as it is written; where Python could not add the parts, the constructor call."""
        terms = list(zip(self.losses, self.factors, strict=True))
        adds = any(isinstance(loss, Loss) for loss in self.losses[:2]) and (len(terms) > 1 or self.factors != (1,))
        names = [str(getattr(loss, "__name__", loss)) for loss in self.losses]
        if not adds or any(f != 1 and not isinstance(loss, Loss) for loss, f in terms):
            return f"LossSum(({', '.join(names)}{',' * (len(names) == 1)}), {self.factors!r})"
        return " + ".join(f"{'' if f == 1 else f'{_short(f)} * '}{name}" for name, f in zip(names, self.factors, strict=True))


def _short(number: float) -> str:
    text = f"{number:g}"
    return text if float(text) == number else repr(number)


def combined(a: Any, b: Any, of_a: float, of_b: float) -> Any:
    """of_a * a + of_b * b, of which one is a loss. NotImplemented where the other is neither a loss nor a function."""
    parts = [_terms(a, of_a), _terms(b, of_b)]
    if None in parts:
        return NotImplemented
    losses, factors = zip(*(term for part in parts for term in part or ()), strict=True)
    return LossSum(losses, factors)


def scaled(loss: Any, factor: Any) -> Any:
    """factor * loss. NotImplemented for a factor that is no number."""
    if _is_number(factor) and factor == 1:
        return loss
    terms = _terms(loss, factor) if _is_number(factor) else None
    return NotImplemented if terms is None else LossSum(*zip(*terms, strict=True))


def _terms(what: Any, factor: float) -> list[tuple[Any, float]] | None:
    if isinstance(what, LossSum):
        return [(loss, float(f * factor)) for loss, f in zip(what.losses, what.factors, strict=True)]
    return [(what, float(factor))] if callable(what) and not isinstance(what, type) else None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < float("inf")


def _is_zero(value: Any) -> bool:
    return _is_number(value) and value == 0


def shape_of(x: Any) -> tuple[int | None, ...]:
    """The shape of a symbolic tensor or an array."""
    return x.shape if isinstance(x, Tensor) else tuple(np.shape(x))


def flat(x: Any) -> Any:
    """(batch, features) of anything with a batch axis."""
    return x if len(shape_of(x)) == 2 else apply("flatten", x, start=1)


def pair(owner: str, prediction: Any, target: Any) -> tuple[Any, Any]:
    """Both as (batch, features). Errors: ShapeError when the number of features differs."""
    single(owner, prediction, target)
    p, y = (flat(x if hasattr(x, "shape") else np.asarray(x)) for x in (prediction, target))
    if shape_of(p)[1] != shape_of(y)[1] and None not in (shape_of(p)[1], shape_of(y)[1]):
        raise ShapeError(owner, f"targets like the predictions {show(shape_of(prediction))}", show(shape_of(target)))
    return p, y


def single(owner: str, prediction: Any, target: Any) -> None:
    """Errors: ArgumentError for tuples: several outputs need a loss that says how they are combined."""
    if isinstance(prediction, tuple | list) or isinstance(target, tuple | list):
        if all(isinstance(v, int | float) for x in (prediction, target) if isinstance(x, tuple | list) for v in x):
            return
        hint = "Several outputs need a loss of their own: lambda p, y: MSE()(p[0], y[0]) + MSE()(p[1], y[1])."
        raise ArgumentError(owner, "one prediction and one target", "a tuple", hint)


def is_labels(prediction: Any, target: Any) -> bool:
    """Whether the targets are class numbers: one number for each row of scores."""
    p, y = shape_of(prediction), shape_of(target)
    return len(p) == 2 and p[1] != 1 and (len(y) == 1 or (len(y) == 2 and y[1] == 1))


def labels(target: Any) -> Any:
    """Class numbers as (batch,)."""
    return target if len(shape_of(target)) == 1 else target[:, 0]


@description
class MSE(Loss):
    """mean((p - y)^2)."""

    reduction: Reduction = "mean"

    def elements(self, p: Any, y: Any) -> Any:
        """Squares."""
        return apply("square", p - y)


@description
class MAE(Loss):
    """mean(|p - y|)."""

    reduction: Reduction = "mean"

    def elements(self, p: Any, y: Any) -> Any:
        """Distances."""
        return apply("abs", p - y)


@description
class LNLoss(Loss):
    """mean(|p - y|^n)."""

    n: int = 2
    reduction: Reduction = "mean"

    def elements(self, p: Any, y: Any) -> Any:
        """Powers of distances."""
        return apply("pow", apply("abs", p - y), self.n)


@description
class PseudoHuberLoss(Loss):
    """mean(delta^2 (sqrt(1 + ((p - y) / delta)^2) - 1)): square near zero, straight far away."""

    delta: float = 1.0
    reduction: Reduction = "mean"

    def elements(self, p: Any, y: Any) -> Any:
        """Smooth distances."""
        return (apply("sqrt", apply("square", (p - y) / self.delta) + 1.0) - 1.0) * self.delta**2


@description
class BCELoss(Loss):
    """Binary cross-entropy, mean(-y log(p + e) - (1 - y) log(1 - p + e)) with e = 1e-7, over elements.

    `use_sigmoid=True` takes scores instead of probabilities: mean(softplus(p) - y p), exact.
    """

    use_sigmoid: bool = False
    reduction: Reduction = "mean"

    def elements(self, p: Any, y: Any) -> Any:
        """The entropy of each element."""
        if self.use_sigmoid:
            return softplus(p) - y * p
        return -(y * apply("log", p + EPSILON)) - (1.0 - y) * apply("log", 1.0 - p + EPSILON)


@description
class CrossEntropyLoss(Loss):
    """Cross-entropy, mean over samples of -sum over classes of y log(p + e) with e = 1e-7.

    Takes probabilities (batch, classes); with `use_softmax=True` scores: -sum y log_softmax(p). Targets are one-hot or
    probabilities (batch, classes), or whole class numbers (batch,) from 0. `weight` is a number or one per class; that of
    a call may be one per sample, too: `CrossEntropyLoss()(p, y, w)` with w (batch, 1).
    """

    weight: Any = 1.0
    use_softmax: bool = False
    reduction: Reduction = "mean"

    def __call__(self, prediction: Any, target: Any, weight: Any = None) -> Any:
        """The loss of a batch; `weight` given here wins over that of the constructor."""
        single("CrossEntropyLoss", prediction, target)
        weight, per_class = self._weight(self.weight if weight is None else weight, shape_of(prediction)[0])
        if is_labels(prediction, target):
            y = labels(target)
            if self.use_softmax and not per_class:
                return self.reduce(_weighted(apply("cross_entropy", prediction, y), weight))
            target = apply("one_hot", y, classes=shape_of(prediction)[1], dtype="float32")
        p, y = pair("CrossEntropyLoss", prediction, target)
        logs = log_softmax(p) if self.use_softmax else apply("log", p + EPSILON)
        products = y * logs * self._per_class(weight, shape_of(p)[1]) if per_class else y * logs
        each = -apply("sum", products, axis=1)
        return self.reduce(each if per_class else _weighted(each, weight))

    @staticmethod
    def _weight(weight: Any, samples: int | None) -> tuple[Any, bool]:
        """A number, a vector for the samples or the numbers of the classes; and whether it is the last."""
        if isinstance(weight, int | float):
            return weight, False
        if shape_of(weight)[1:] == (1,):
            if None not in (samples, shape_of(weight)[0]) and samples != shape_of(weight)[0]:
                raise ShapeError("CrossEntropyLoss weight=", f"one for each of {samples} samples", show(shape_of(weight)))
            return (weight if isinstance(weight, Tensor) else np.asarray(weight))[:, 0], False
        return weight, True

    @staticmethod
    def _per_class(weight: Any, classes: int | None) -> Any:
        vector = np.asarray(weight, dtype="float64")
        if vector.shape not in ((classes,), (1, classes)):
            raise ShapeError("CrossEntropyLoss weight=", f"one number, or {classes} of them", str(vector.shape))
        return vector.reshape(1, -1)


def _weighted(each: Any, weight: Any) -> Any:
    return each if isinstance(weight, int | float) and weight == 1 else each * weight


@description
class HingeLoss(Loss):
    """mean(max(0, margin - p y)). `autofix` reads targets below 1 as -1; the target itself is not changed."""

    margin: float = 1.0
    autofix: bool = True
    reduction: Reduction = "mean"

    def elements(self, p: Any, y: Any) -> Any:
        """How far each product stays below the margin."""
        sign = apply("where", y < 1.0, -1.0, y) if self.autofix else y
        return apply("maximum", self.margin - p * sign, 0.0)


@description
class SquaredHingeLoss(HingeLoss):
    """mean(max(0, margin - p y)^2)."""

    def elements(self, p: Any, y: Any) -> Any:
        """Squares of the hinge."""
        return apply("square", HingeLoss.elements(self, p, y))


@description
class FocalLoss(Loss):
    """mean(-y (1 - p)^gamma log(p + e) - alpha' (1 - y) p^gamma log(1 - p + e)), e = 1e-7 (Lin et al. 2017).

    `alpha` weighs the positive term; 1 leaves both alike.
    """

    gamma: float = 2.0
    alpha: float = 1.0
    reduction: Reduction = "mean"

    def elements(self, p: Any, y: Any) -> Any:
        """The focal entropy of each element."""
        positive = y * apply("pow", 1.0 - p, self.gamma) * apply("log", p + EPSILON)
        negative = (1.0 - y) * apply("pow", p, self.gamma) * apply("log", 1.0 - p + EPSILON)
        return -(positive * self.alpha) - negative


@stock_function
def nll(scores: Any, target: Any) -> Any:
    """Mean negative log-likelihood of class numbers (batch,) under softmax(scores) (batch, classes) (Knet's nll)."""
    return apply("mean", apply("cross_entropy", scores, labels(target)))


@stock_function
def mse(prediction: Any, target: Any) -> Any:
    """mean((p - y)^2): MSE as a function."""
    return MSE()(prediction, target)


@stock_function
def mae(prediction: Any, target: Any) -> Any:
    """mean(|p - y|): MAE as a function."""
    return MAE()(prediction, target)


@stock_function
def bce_loss(prediction: Any, target: Any) -> Any:
    """Binary cross-entropy of probabilities: BCELoss as a function."""
    return BCELoss()(prediction, target)


MSELoss = L2Loss = MSE
MAELoss = L1Loss = MAE
CE, BCE = CrossEntropyLoss, BCELoss
NAMES.update(
    mse=MSE(), mae=MAE(), bce=BCELoss(), binary_crossentropy=BCELoss(), crossentropy=CrossEntropyLoss(),
    categorical_crossentropy=CrossEntropyLoss(), sparse_categorical_crossentropy=CrossEntropyLoss(), nll=nll,
    hinge=HingeLoss(), squared_hinge=SquaredHingeLoss(), focal=FocalLoss(), pseudo_huber=PseudoHuberLoss(),
)  # fmt: skip


def get(what: Any) -> Any:
    """A loss by name, class, or as any callable of (prediction, target). Errors: UnknownName with the nearest names."""
    if isinstance(what, str):
        if what not in NAMES:
            raise UnknownName("loss", "a loss", repr(what), near(what, NAMES))
        return NAMES[what]
    if isinstance(what, type) and issubclass(what, Loss):
        return what()
    if callable(what):
        return what
    raise ArgumentError("loss", "a loss, its name, or a function of (prediction, target)", repr(what))


