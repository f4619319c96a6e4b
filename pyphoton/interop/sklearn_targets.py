"""What a loss says of a classifier: in which form it takes classes, what the model's outputs are, and how samples are weighed."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from pyphoton.description import Description, description
from pyphoton.errors import ArgumentError
from pyphoton.losses import BCELoss, CrossEntropyLoss, FocalLoss, HingeLoss, Loss, labels, nll, shape_of
from pyphoton.losses import mse as _mse
from pyphoton.tensor import apply

Kind = Literal["scores", "probabilities", "margins", "values"]


def kind_of(loss: Any) -> Kind:
    """What the outputs are that a loss takes: unbounded scores, probabilities, margins around 0, or values near the target's."""
    if isinstance(loss, CrossEntropyLoss):
        return "scores" if loss.use_softmax else "probabilities"
    if isinstance(loss, BCELoss):
        return "scores" if loss.use_sigmoid else "probabilities"
    if isinstance(loss, FocalLoss):
        return "probabilities"
    if isinstance(loss, HingeLoss):
        return "margins"
    return "scores" if loss is nll else "values"


def takes_columns(loss: Any) -> bool:
    """Whether classes are columns of zeros and ones for this loss; class numbers otherwise."""
    return (isinstance(loss, Loss) and not isinstance(loss, CrossEntropyLoss)) or loss is _mse


def columns(numbers: Any, classes: int, outputs: int, dtype: Any) -> Any:
    """Class numbers as columns: one of zeros and ones for two classes, or one for each class."""
    found = numbers[:, None] == (np.arange(classes) if outputs > 1 else np.ones(1))
    return found.astype(dtype)


@description
class Weighed(Description):
    """mean(w l) for the losses l of the samples, the target being (y, w)."""

    loss: Any
    kind = "loss"
    in_files = False

    def __call__(self, prediction: Any, target: Any) -> Any:
        """The weighed loss of a batch. Errors: ArgumentError for a loss that tells no samples apart."""
        y, w = target
        loss = CrossEntropyLoss(use_softmax=True) if self.loss is nll else self.loss
        y = labels(y) if self.loss is nll else y
        if not isinstance(loss, Loss) or loss.reduction not in ("mean", "sum"):
            hint = 'A loss of the library with reduction="mean" or "sum" is one.'
            raise ArgumentError("sample_weight", "a loss that has a value for each sample", repr(self.loss), hint)
        each = type(loss)(**{**loss.arguments(), "reduction": "none"})(prediction, y)
        weights = w if len(shape_of(each)) == 1 else w[:, None]
        return apply(loss.reduction, each * weights)


@description
class OfTarget(Description):
    """A metric that sees the target alone, where it comes with the weights of samples."""

    metric: Any
    kind = "metric"
    in_files = False

    def __call__(self, prediction: Any, target: Any) -> Any:
        """The metric, without weights."""
        return self.metric(prediction, target[0])
