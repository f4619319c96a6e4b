"""accuracy(m, data): the share of samples that a model puts into the right class."""

from __future__ import annotations

from typing import Any

import numpy as np

from pyphoton.errors import DataError
from pyphoton.flux.labels import onecold
from pyphoton.flux.pairs import Samples, arranged
from pyphoton.losses import is_labels, labels
from pyphoton.network import network_of


def accuracy(m: Any, data: Any) -> float:
    """The share of pairs (x, y) with onecold(m(x)) == onecold(y): the largest output stands where the largest target does.

    data: pairs of samples, pairs of Batch, or two arrays (X, Y). Targets are one-hot, or class numbers from 0.
    Source: Flux.accuracy. Errors: DataError.
    """
    found = arranged(data, "accuracy")
    right = [_right(m, found.x, found.y, 256)] if isinstance(found, Samples) else [_right(m, x, y, len(y)) for x, y in found]
    return float(np.concatenate(right).mean())


def _right(m: Any, x: Any, y: Any, batch_size: int) -> Any:
    """Whether each sample (of a sequence each step) is right."""
    scores, y = np.asarray(network_of(m).predict(x, False, batch_size)), np.asarray(y)
    if scores.ndim < 2 or scores.shape[-1] < 2:
        raise DataError("accuracy", "outputs (N, classes) with two classes or more", str(scores.shape), "Two classes in one output: BinaryAccuracy.")
    if is_labels(scores, y):
        return onecold(scores) == labels(y)
    if y.shape != scores.shape:
        raise DataError("accuracy", f"targets {scores.shape} like the outputs, or class numbers", str(y.shape))
    return (onecold(scores) == onecold(y)).reshape(-1)
