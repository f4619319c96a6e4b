"""Layers that cut, pad and repeat along the spatial axes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from pyphoton.arguments import is_integer
from pyphoton.errors import KeraFlowError, ShapeError
from pyphoton.functions import concatenate, where
from pyphoton.keras.data_format import checked_format
from pyphoton.keras.layer import Layer
from pyphoton.keras.layers.shape import repeated
from pyphoton.keras.layers.stock import channels_back, channels_first
from pyphoton.scopes import where as place
from pyphoton.typing import show

_AXES = ("length", "height, width", "depth, height, width")


def zeros_beside(x: Any, count: int, axis: int) -> Any:
    """Zeros in the shape of `x`, but for `count` along `axis`: what padding puts beside it."""
    one = x[(*[slice(None)] * axis, slice(0, 1))]
    shape = [1] * x.ndim
    shape[axis] = count
    return where(one == one, 0.0, 0.0) + np.zeros(shape, "float32")


def padded(x: Any, pairs: Any) -> Any:
    """(batch, channels, ...) with zeros before and after each spatial axis."""
    for axis, (before, after) in enumerate(pairs, 2):
        parts = [*([zeros_beside(x, before, axis)] if before else []), x, *([zeros_beside(x, after, axis)] if after else [])]
        x = concatenate(parts, axis=axis) if len(parts) > 1 else x
    return x


def checked_pairs(owner: str, value: Any, rank: int) -> tuple[tuple[int, int], ...]:
    """(before, after) for each axis: of one number, one per axis, or a pair per axis. Errors: KeraFlowError."""
    values = (value,) * rank if is_integer(value) else tuple(value) if isinstance(value, list | tuple) else ()
    if rank == 1 and len(values) == 2 and all(map(is_integer, values)):
        values = (values,)
    pairs = tuple((v, v) if is_integer(v) else tuple(v) if isinstance(v, list | tuple) else () for v in values)
    if len(pairs) != rank or not all(len(p) == 2 and all(is_integer(n) and n >= 0 for n in p) for p in pairs):
        raise KeraFlowError(owner, f"a whole number, or for each of {rank} axes one or (before, after)", repr(value))
    return tuple((int(a), int(b)) for a, b in pairs)


class Along(Layer):
    """What layers share that work along the spatial axes, in either order of axes."""

    rank: ClassVar[int]
    spellings: ClassVar[Mapping[str, str]] = {"dim_ordering": "data_format"}

    def __init__(self, data_format: str | None = None, **common: Any) -> None:
        super().__init__(**common)
        self.data_format = checked_format(type(self).__name__, data_format, "channels_last" if self.rank == 1 else None)

    def forward(self, x: Any) -> Any:
        """The result of `along`, in the layer's order of axes."""
        if x.ndim != self.rank + 2:
            raise ShapeError(place(repr(self)), f"an input of {self.rank + 2} axes", show(x.shape))
        return channels_back(self.along(channels_first(x, self.data_format)), self.data_format)

    def along(self, x: Any) -> Any:
        """What happens to (batch, channels, ...)."""
        raise NotImplementedError


class _ZeroPadding(Along):
    spellings: ClassVar[Mapping[str, str]] = {**Along.spellings, "pad": "padding"}

    def __init__(self, padding: Any = 1, data_format: str | None = None, **common: Any) -> None:
        self.pairs = checked_pairs(type(self).__name__, padding, self.rank)
        super().__init__(data_format, **common)

    def along(self, x: Any) -> Any:
        """Zeros around it."""
        return padded(x, self.pairs)


class _Cropping(Along):
    def __init__(self, cropping: Any = 1, data_format: str | None = None, **common: Any) -> None:
        self.pairs = checked_pairs(type(self).__name__, cropping, self.rank)
        super().__init__(data_format, **common)

    def along(self, x: Any) -> Any:
        """Without its margins. Errors: ShapeError when nothing is left."""
        for n, (before, after) in zip(x.shape[2:], self.pairs, strict=True):
            if n is not None and n <= before + after:
                raise ShapeError(place(repr(self)), f"more than {before + after} on each spatial axis", show(x.shape))
        return x[(slice(None), slice(None), *(slice(a or None, -b or None) for a, b in self.pairs))]


class _UpSampling(Along):
    spellings: ClassVar[Mapping[str, str]] = {**Along.spellings, "length": "size", "repeat": "size", "repeats": "size"}

    def __init__(self, size: Any = 2, data_format: str | None = None, interpolation: str = "nearest", **common: Any) -> None:
        owner = type(self).__name__
        sizes = (size,) * self.rank if is_integer(size) else tuple(size)
        if len(sizes) != self.rank or not all(is_integer(n) and n > 0 for n in sizes):
            raise KeraFlowError(owner, f"size: a whole number above 0, or one for each of {self.rank} axes", repr(size))
        if interpolation != "nearest":
            raise KeraFlowError(owner, 'interpolation "nearest"', repr(interpolation))
        self.sizes = sizes
        super().__init__(data_format, **common)

    def along(self, x: Any) -> Any:
        """Every number several times along each axis."""
        for axis, times in enumerate(self.sizes, 2):
            x = repeated(x, times, axis)
        return x


class _UnSampling(_UpSampling):
    def __init__(self, repeats: Any = 2, data_format: str | None = None, **common: Any) -> None:
        default = "channels_last" if self.rank == 1 else "channels_first"
        super().__init__(repeats, checked_format(type(self).__name__, data_format, default), **common)

    spellings: ClassVar[Mapping[str, str]] = {**Along.spellings, "repeat": "repeats", "size": "repeats"}


_PAD_DOC = """Zeros before and after each spatial axis of (batch, {axes}, channels); channels on axis 1 with data_format="channels_first".

    padding: one number, one per axis, or (before, after) per axis. Source: Keras 3's ZeroPadding{rank}D. Errors: KeraFlowError.
    """
_CROP_DOC = """Margins cut from each spatial axis of (batch, {axes}, channels); channels on axis 1 with data_format="channels_first".

    cropping: one number, one per axis, or (before, after) per axis. Source: Keras 3's Cropping{rank}D. Errors: KeraFlowError, ShapeError.
    """
_UP_DOC = """Each number repeated along the spatial axes of (batch, {axes}, channels); channels on axis 1 with data_format="channels_first".

    size: how often, one number or one per axis. Source: Keras 3's UpSampling{rank}D with "nearest". Errors: KeraFlowError.
    """
_UN_DOC = """Keraflow's up-sampling: each number repeated along the spatial axes of {shape}.

    repeats: how often, one number or one per axis. Errors: KeraFlowError.
    """


def _made(name: str, family: type, doc: str, rank: int, **facts: Any) -> Any:
    shape = "(batch, length, channels)" if rank == 1 else f"(batch, channels, {_AXES[rank - 1]})"
    return type(name, (family,), {"__doc__": doc.format(axes=_AXES[rank - 1], rank=rank, shape=shape), "__module__": __name__, "rank": rank, **facts})


ZeroPadding1D, ZeroPadding2D, ZeroPadding3D = (_made(f"ZeroPadding{r}D", _ZeroPadding, _PAD_DOC, r) for r in (1, 2, 3))
Cropping1D, Cropping2D, Cropping3D = (_made(f"Cropping{r}D", _Cropping, _CROP_DOC, r) for r in (1, 2, 3))
UpSampling1D, UpSampling2D, UpSampling3D = (_made(f"UpSampling{r}D", _UpSampling, _UP_DOC, r) for r in (1, 2, 3))
UnSampling1D, UnSampling2D, UnSampling3D = (_made(f"UnSampling{r}D", _UnSampling, _UN_DOC, r) for r in (1, 2, 3))
