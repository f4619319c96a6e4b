"""Layers that only move numbers within a sample. Axes are counted from 0 without the batch, unless `include_batch_dim`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from pyphoton.arguments import is_integer
from pyphoton.errors import KeraFlowError, ShapeError
from pyphoton.keras.data_format import checked_format
from pyphoton.keras.layer import Layer
from pyphoton.keras.layers.stock import turned
from pyphoton.ops import size
from pyphoton.scopes import where
from pyphoton.typing import show


def checked_axis(owner: Any, axis: Any, rank: int, include_batch_dim: bool) -> int:
    """An axis number, the batch counted, of `rank` axes; negative ones from the end. Errors: KeraFlowError."""
    first = 0 if include_batch_dim else 1
    found = axis + (rank if axis < 0 else first) if is_integer(axis) else -1
    if not first <= found < rank:
        raise KeraFlowError(where(repr(owner)), f"an axis below {rank - first}", repr(axis))
    return int(found)


def repeated(x: Any, times: int, axis: int) -> Any:
    """Each number `times` times, one after the other, along an axis."""
    if times == 1:
        return x
    lengths = list(x.shape)
    apart = x.reshape([*lengths[: axis + 1], 1, *lengths[axis + 1 :]]) if size(x.shape[1:]) is not None else x[(*[slice(None)] * (axis + 1), None)]
    ones = np.ones((*[1] * (axis + 1), times, *[1] * (x.ndim - axis - 1)), "float32")
    grown = None if lengths[axis] is None else lengths[axis] * times
    return (apart * ones).reshape([*lengths[:axis], grown, *lengths[axis + 1 :]])


class Flatten(Layer):
    """All axes after the batch as one, in row-major order: (batch, a, b, ...) -> (batch, a * b * ...).

    data_format: "channels_first" flattens in the order of channels last, as Keras does. include_batch_dim: the batch, too, to (numbers,).
    Errors: KeraFlowError where a length is unknown.
    """

    def __init__(self, data_format: str | None = None, include_batch_dim: bool = False, **common: Any) -> None:
        super().__init__(**common)
        self.data_format = checked_format("Flatten", data_format, "channels_last")
        self.include_batch_dim = bool(include_batch_dim)

    def forward(self, x: Any) -> Any:
        """(batch, features)."""
        if size(x.shape[0 if self.include_batch_dim else 1 :]) is None:
            raise KeraFlowError(where(repr(self)), "known lengths", show(x.shape))
        if self.data_format == "channels_first" and x.ndim > 2:
            x = turned(x, (0, *range(2, x.ndim), 1))
        return x.reshape([size(x.shape)]) if self.include_batch_dim else x.flatten() if x.ndim > 1 else x.reshape([x.shape[0], 1])


class Reshape(Layer):
    """The numbers of each sample in another shape: (batch, ...) -> (batch, *target_shape). One -1 may stand for what is left.

    include_batch_dim: the target has the batch, too. Errors: KeraFlowError for two -1, other negative lengths, or another number of elements.
    """

    spellings: ClassVar[Mapping[str, str]] = {"dims": "target_shape"}

    def __init__(self, target_shape: Any, include_batch_dim: bool = False, **common: Any) -> None:
        super().__init__(**common)
        dims = (target_shape,) if is_integer(target_shape) else tuple(target_shape)
        if not all(is_integer(d) and d >= -1 for d in dims) or dims.count(-1) > 1:
            raise KeraFlowError("Reshape", "lengths, and at most one -1", repr(target_shape))
        self.dims, self.include_batch_dim = tuple(map(int, dims)), bool(include_batch_dim)

    def forward(self, x: Any) -> Any:
        """(batch, *target_shape)."""
        try:
            return x.reshape(self._whole(x) if self.include_batch_dim else self._samples(x))
        except ShapeError as error:
            raise KeraFlowError(error.where, error.expected, error.received, error.hint) from None

    def _samples(self, x: Any) -> list[int | None]:
        count, fixed = size(x.shape[1:]), size(tuple(d for d in self.dims if d != -1)) or 0
        if count is not None and (count != fixed if -1 not in self.dims else fixed == 0 or count % fixed):
            raise KeraFlowError(where(repr(self)), f"samples of {'a multiple of ' if -1 in self.dims else ''}{fixed} numbers", show(x.shape))
        free = -1 if count is None else count // max(fixed, 1)
        return [x.shape[0], *(free if d == -1 else d for d in self.dims)]

    def _whole(self, x: Any) -> list[int | None]:
        if x.shape[0] is None and self.dims[:1] != (-1,):
            raise KeraFlowError(where(repr(self)), "-1 in the place of a batch size that is not known", repr(self.dims), "Give the Input a batch_size.")
        return list(self.dims)


class ExpandDims(Layer):
    """A new axis of length 1 before `axis`; -1 is the end."""

    def __init__(self, axis: int, include_batch_dim: bool = False, **common: Any) -> None:
        super().__init__(**common)
        self.axis, self.include_batch_dim = axis, bool(include_batch_dim)

    def forward(self, x: Any) -> Any:
        """One axis more."""
        at = checked_axis(self, self.axis, x.ndim + 1, self.include_batch_dim)
        return x[(*[slice(None)] * at, None)]


class PermuteDims(Layer):
    """Axes in another order: `PermuteDims((1, 0))` swaps the two axes after the batch. Errors: KeraFlowError."""

    first: ClassVar[int] = 0

    def __init__(self, axes: Any, include_batch_dim: bool = False, **common: Any) -> None:
        super().__init__(**common)
        self.axes, self.include_batch_dim = tuple(axes), bool(include_batch_dim)

    def forward(self, x: Any) -> Any:
        """The same numbers, turned."""
        axes = tuple(checked_axis(self, a - self.first if is_integer(a) else a, x.ndim, self.include_batch_dim) for a in self.axes)
        axes = axes if self.include_batch_dim else (0, *axes)
        if sorted(axes) != list(range(x.ndim)):
            raise KeraFlowError(where(repr(self)), f"each axis of {show(x.shape)} once", repr(self.axes))
        if axes[0] != 0 and x.shape[0] is None:
            raise KeraFlowError(where(repr(self)), "the batch in its place, or a known batch size", repr(self.axes), "Give the Input a batch_size.")
        return turned(x, axes)


class Permute(PermuteDims):
    """Axes in another order, counted from 1: `Permute((2, 1))` swaps the two axes after the batch. Source: Keras 3's Permute."""

    first = 1

    def __init__(self, dims: Any, **common: Any) -> None:
        super().__init__(dims, **common)
        if any(not is_integer(d) or d < 1 for d in self.axes):
            raise KeraFlowError("Permute", "axis numbers from 1", repr(dims), "PermuteDims counts from 0.")


class Repeat(Layer):
    """Each number `n` times, one after the other, along `axis` (numpy.repeat)."""

    def __init__(self, n: int, axis: int = 0, include_batch_dim: bool = False, **common: Any) -> None:
        super().__init__(**common)
        if not is_integer(n) or n < 1:
            raise KeraFlowError("Repeat", "n to be a whole number above 0", repr(n))
        self.n, self.axis, self.include_batch_dim = n, axis, bool(include_batch_dim)

    def forward(self, x: Any) -> Any:
        """The axis is `n` times as long."""
        axis = checked_axis(self, self.axis, x.ndim, self.include_batch_dim)
        if axis == 0 and x.shape[0] is None:
            raise KeraFlowError(where(repr(self)), "a known batch size", show(x.shape), "Give the Input a batch_size.")
        return repeated(x, self.n, axis)


class RepeatVector(Layer):
    """A vector at each of `n` steps: (batch, features) -> (batch, n, features). Source: Keras 3's RepeatVector."""

    def __init__(self, n: int, **common: Any) -> None:
        super().__init__(**common)
        if not is_integer(n) or n < 1:
            raise KeraFlowError("RepeatVector", "n to be a whole number above 0", repr(n))
        self.n = n

    def forward(self, x: Any) -> Any:
        """(batch, n, features)."""
        if x.ndim != 2:
            raise ShapeError(where(repr(self)), "(batch, features)", show(x.shape))
        return repeated(x[:, None], self.n, 1)
