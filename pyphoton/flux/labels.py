"""One-hot vectors and back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from pyphoton import labels as top
from pyphoton.errors import ArgumentError


def onehot(label: Any, labels: Iterable[Any], dtype: Any = "int64", *, missing: str = "zeros") -> Any:
    """A vector with 1 where `labels` has the label and 0 elsewhere; all zeros for a label that is absent, or with `missing="raise"` an error.

    >>> onehot("c", ["a", "b", "c"], dtype="float32")
    array([0., 0., 1.], dtype=float32)

    Errors: ArgumentError.
    """
    return top.onehot(label, labels, dtype, missing=missing)


def onecold(pred: Any, labels: Sequence[Any] | None = None) -> Any:
    """The label of the largest number, the first of equal ones: of a vector one label, of a matrix (N, classes) one per row.

    Without `labels` the labels are the positions, from 0. Errors: ArgumentError when there are not as many labels as numbers.

    >>> onecold([0.1, 0.7, 0.2], ["a", "b", "c"])
    'b'
    """
    scores = np.asarray(pred.detach() if hasattr(pred, "detach") else pred)
    if scores.ndim == 0 or scores.shape[-1] == 0 or scores.dtype.kind not in "biuf":
        raise ArgumentError("onecold", "a vector of numbers, or rows of them", f"{scores.dtype} {scores.shape}")
    if labels is not None and len(labels) != scores.shape[-1]:
        raise ArgumentError("onecold", f"{scores.shape[-1]} labels", str(len(labels)))
    best = scores.argmax(axis=-1)
    if labels is None:
        return best if best.ndim else int(best)
    return _named(best.tolist(), labels)


def _named(positions: Any, labels: Sequence[Any]) -> Any:
    """The labels at (nested lists of) positions."""
    return [_named(p, labels) for p in positions] if isinstance(positions, list) else labels[positions]
