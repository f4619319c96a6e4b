"""Normalizer and Standardizer: numbers with mean 0 and standard deviation 1."""

from __future__ import annotations

from dataclasses import field
from typing import Any

import numpy as np

from pyphoton.data.dataset import Dataset, as_dataset
from pyphoton.data.loader import MiniBatch
from pyphoton.data.transformers import Draw, SampleTransformer, axes_of, floating, on_axes
from pyphoton.description import description
from pyphoton.errors import ArgumentError, DataError, NotBuilt


@description
class Normalizer(SampleTransformer):
    """(x - mean) / std, with means and standard deviations that are known.

    Input and output: arrays of any shape; whole numbers become float32. `means` and `stds` are numbers, or one for each
    place of the first axis: each channel of an image (C, H, W), each feature of a vector.
    Errors: ArgumentError for a std that is not above 0; while loading DataError when there are not as many places.
    """

    means: Any = 0.0
    stds: Any = 1.0
    axis: Any = "X"

    def __post_init__(self) -> None:
        axes_of(self.axis, "Normalizer")
        for name in ("means", "stds"):
            values = np.asarray(getattr(self, name), dtype="float64")
            if values.ndim > 1 or not np.isfinite(values).all() or (name == "stds" and not (values > 0).all()):
                wanted = "finite numbers above 0" if name == "stds" else "finite numbers"
                raise ArgumentError("Normalizer", f"{name}: {wanted}, one or one for each channel", repr(getattr(self, name)))
            object.__setattr__(self, name, values.tolist())

    def change(self, x: Any, y: Any, draw: Draw) -> tuple[Any, Any]:
        """The scaled sample."""
        return on_axes(lambda a: scaled(a, self.means, self.stds, "Normalizer"), axes_of(self.axis, "Normalizer"), x, y)


def scaled(x: Any, means: Any, stds: Any, owner: str) -> Any:
    """(x - means) / stds, which belong to the first axis of x. Errors: DataError."""
    array = floating(x)
    parts = [np.asarray(v, dtype=array.dtype) for v in (means, stds)]
    for part in parts:
        if part.ndim and (not array.ndim or part.shape[0] != array.shape[0]):
            raise DataError(owner, f"{part.shape[0]} places on the first axis", str(array.shape))
    mean, std = (p.reshape(-1, *[1] * (array.ndim - 1)) if p.ndim else p for p in parts)
    return (array - mean) / std


@description
class Standardizer(SampleTransformer):
    """(x - mean) / std, with mean and standard deviation learnt from a data set: `fit_(standardizer, train)`.

    They are those of all samples and all axes but the first: of each feature of a vector (F,), of each channel of an image
    (C, H, W). features="last" takes the last axis in its place, as for sequences (T, F). The standard deviation is that
    of the whole population (divided by n); a place that never changes is divided by 1.
    State after `fit_`: `mean` and `std`, NumPy arrays. Errors: NotBuilt before `fit_`; ArgumentError, DataError.
    """

    axis: str = "X"
    features: str = "first"
    mean: Any = field(init=False, default=None)
    std: Any = field(init=False, default=None)

    def __post_init__(self) -> None:
        if len(axes_of(self.axis, "Standardizer")) != 1:
            raise ArgumentError("Standardizer", 'axis: "X" or "Y"', repr(self.axis))
        if self.features not in ("first", "last"):
            raise ArgumentError("Standardizer", 'features: "first" or "last"', repr(self.features))

    def fit_(self, dataset: Any) -> Standardizer:
        """Learn mean and standard deviation from all samples of a data set, read once. Returns the standardizer."""
        source = as_dataset(dataset)
        if not len(source):
            raise DataError("Standardizer", "at least one sample", "none")
        count, mean, spread = 0, np.zeros(0), np.zeros(0)
        for sample in source | _ONE_BY_ONE:
            there, here, around = self._moments(sample[0 if axes_of(self.axis, "Standardizer") == {"X"} else 1])
            if count and here.shape != mean.shape:
                raise DataError("Standardizer", f"{len(mean)} features in every sample", str(len(here)))
            if not count:
                mean, spread = np.zeros_like(here), np.zeros_like(here)
            step, total = here - mean, count + there
            spread += around + step**2 * (count * there / total)  # two sets become one: Chan, Golub and LeVeque 1979
            mean, count = mean + step * (there / total), total
        std = np.sqrt(spread / count)
        object.__setattr__(self, "mean", mean)
        object.__setattr__(self, "std", np.where(std > 0, std, 1.0))
        return self

    def _moments(self, batch: Any) -> tuple[int, Any, Any]:
        """Of a minibatch of one sample: how many numbers a feature has, their mean, and the sum of squares around it."""
        if isinstance(batch, tuple):
            raise DataError("Standardizer", f"one array in {self.axis}", f"a tuple of {len(batch)}")
        array = batch.astype("float64").reshape(batch.shape if batch.ndim > 1 else (1, 1))
        kept = 1 if self.features == "first" else array.ndim - 1
        others = tuple(i for i in range(array.ndim) if i != kept)
        mean = array.mean(axis=others, keepdims=True)
        return array.size // array.shape[kept], mean.ravel(), ((array - mean) ** 2).sum(axis=others)

    def apply(self, source: Dataset) -> Dataset:
        """The scaled data set. Errors: NotBuilt before `fit_`."""
        if self.mean is None:
            raise NotBuilt("Standardizer", "fit_(standardizer, dataset) before its use")
        return super().apply(source)

    def change(self, x: Any, y: Any, draw: Draw) -> tuple[Any, Any]:
        """The scaled sample."""
        return on_axes(self._scaled, axes_of(self.axis, "Standardizer"), x, y)

    def _scaled(self, x: Any) -> Any:
        array = floating(x)
        if self.features == "first" and array.ndim:
            return scaled(array, self.mean, self.std, "Standardizer")
        if array.ndim and array.shape[-1] != len(self.mean):
            raise DataError("Standardizer", f"{len(self.mean)} features on the last axis", str(array.shape))
        found = (array - self.mean.astype(array.dtype)) / self.std.astype(array.dtype)
        return found if array.ndim else found[0]


_ONE_BY_ONE = MiniBatch(1, shuffle=False)
