"""Samples become a minibatch: arrays of equal shapes are put on a new batch axis in front."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pyphoton.data.dataset import pair
from pyphoton.errors import DataError


def parts_of(sample: Any) -> tuple[tuple[Any, ...], tuple[int, int]]:
    """All arrays of a sample (X, Y), flat, and its form: how many X and Y have as tuples, -1 for one that is no tuple."""
    x, y = pair(sample, "data set")
    form = tuple(len(part) if isinstance(part, tuple) else -1 for part in (x, y))
    flat = (*(x if isinstance(x, tuple) else (x,)), *(y if isinstance(y, tuple) else (y,)))
    return tuple(numbers(part) for part in flat), form  # type: ignore[return-value]


def numbers(value: Any) -> Any:
    """A NumPy array of numbers. Errors: DataError, with the way out for labels."""
    try:
        array = np.asarray(value.detach() if hasattr(value, "detach") else value)
    except (TypeError, ValueError) as error:
        raise DataError("data set", "numbers in equal rows", f"{type(value).__name__} ({error})") from None
    if array.dtype.kind not in "biuf":
        shown = repr(value) if isinstance(value, str) else f"{type(value).__name__} of dtype {array.dtype}"
        raise DataError("data set", "numbers", shown, "OneHotEncoder(labels) turns labels into numbers, Map(function) anything else.")
    return array


def stacked(samples: Sequence[tuple[tuple[Any, ...], tuple[int, int]]], indices: Sequence[int]) -> tuple[Any, Any]:
    """The minibatch (X, Y) of samples that `parts_of` gave; `indices` names them in errors.

    Arrays (N, ...); tuples are stacked member by member. Errors: DataError when shapes or forms differ.
    """
    first, form = samples[0]
    for (arrays, other), index in zip(samples, indices, strict=True):
        if other != form:
            raise DataError(f"sample {index}", f"as many inputs and targets as sample {indices[0]}", f"{_counts(other)} in place of {_counts(form)}")
        for a, b in zip(arrays, first, strict=True):
            if a.shape != b.shape:
                hint = "Samples of a minibatch have one shape: crop, resize or pad them with a transformer."
                raise DataError(f"sample {index}", f"an array {b.shape} like sample {indices[0]}", str(a.shape), hint)
    columns = [np.stack(column) for column in zip(*(arrays for arrays, _ in samples), strict=True)]
    cut = 1 if form[0] < 0 else form[0]
    x, y = tuple(columns[:cut]), tuple(columns[cut:])
    return x if form[0] >= 0 else x[0], y if form[1] >= 0 else y[0]


def _counts(form: tuple[int, int]) -> str:
    return " and ".join("one" if n < 0 else f"a tuple of {n}" for n in form)
