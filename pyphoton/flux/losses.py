"""The losses of the first Flux: sums, where `pyphoton`'s are means. Called as (prediction, target), like all losses."""

from __future__ import annotations

from typing import Any

import numpy as np

from pyphoton.losses import MSE, CrossEntropyLoss, shape_of
from pyphoton.ops import size

_SQUARES = MSE(reduction="sum")
_ENTROPY = CrossEntropyLoss(reduction="sum")
_MEAN_ENTROPY = CrossEntropyLoss()


def mse(prediction: Any, target: Any) -> Any:
    """Half the sum of squares: sum((p - y)^2) / 2. Its gradient is p - y. Source: Flux.mse of 2016. Errors: ShapeError."""
    return _SQUARES(*_samples(prediction, target)) * 0.5


def logloss(prediction: Any, target: Any) -> Any:
    """The sum of -y log(p + 1e-7), for probabilities and one-hot targets. Source: Flux.logloss of 2017. Errors: ShapeError."""
    return _ENTROPY(*_samples(prediction, target))


def sequence_logloss(prediction: Any, target: Any) -> Any:
    """`logloss` divided by the number of samples and steps, for (N, steps, classes): what Flux of 2016 trained sequences with."""
    return _MEAN_ENTROPY(prediction, target) / (size(shape_of(prediction)[1:-1]) or 1)


def _samples(prediction: Any, target: Any) -> tuple[Any, Any]:
    """Both with a batch axis: two vectors are one sample, two numbers a sample of one feature."""
    p, y = (x if hasattr(x, "shape") else np.asarray(x) for x in (prediction, target))
    if len(p.shape) == len(y.shape) < 2:
        shape = (1, *p.shape) if len(p.shape) else (1, 1)
        return p.reshape(shape if None not in shape else (1, -1)), y.reshape(shape if None not in shape else (1, -1))
    return p, y
