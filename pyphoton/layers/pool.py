"""Pooling: windows (max, mean), adaptive bins, and over everything."""

from __future__ import annotations

from typing import Any, ClassVar

from pyphoton.description import description
from pyphoton.errors import ArgumentError, ShapeError
from pyphoton.layers.base import Layer, per_axis
from pyphoton.layers.conv import window_lengths, window_padding
from pyphoton.scopes import where
from pyphoton.typing import Shape, show


def _spatial_rank(layer: Any, x: Shape) -> int:
    """The number of spatial axes. Errors: ShapeError unless it is 1 to 3 and the one that the layer's name says."""
    rank = getattr(layer, "rank", None)
    if len(x) - 2 != rank if rank else not 3 <= len(x) <= 5:
        wanted = f"{rank} spatial" if rank else "1 to 3 spatial"
        raise ShapeError(where(repr(layer)), f"(batch, channels, ...) with {wanted} axes", show(x))
    return len(x) - 2


@description
class _Pool(Layer):
    rank: ClassVar[int | None] = None
    pool_size: Any = 2
    padding: Any = 0
    strides: Any = None
    name: str | None = None

    def __post_init__(self) -> None:
        if isinstance(self.padding, str) and self.padding not in ("same", "valid"):
            raise ArgumentError(type(self).__name__, 'padding: numbers, "same" or "valid"', repr(self.padding))
        for name, value, least in (("pool_size", self.pool_size, 1), ("strides", self.strides, 1), ("padding", self.padding, 0)):
            if value is not None and not isinstance(value, str):
                per_axis(self, name, value, self.rank or (1 if isinstance(value, int) else len(tuple(value))), least)

    def _windows(self, rank: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
        window = per_axis(self, "pool_size", self.pool_size, rank, 1)
        return window, window if self.strides is None else per_axis(self, "strides", self.strides, rank, 1)

    def spatial(self, shape: Shape) -> Shape:
        """floor((n + 2 padding - window) / stride) + 1 for each axis."""
        window, strides = self._windows(len(shape))
        pairs = window_padding(self, self.padding, shape, window, strides)
        if any(2 * max(p) > k for p, k in zip(pairs, window, strict=True)):
            raise ArgumentError(repr(self), "padding of at most half the window", repr(self.padding))
        return window_lengths(self, shape, window, strides, pairs)

    def infer(self, *inputs: Shape) -> Shape:
        """(batch, channels, *lengths)."""
        (x,) = inputs
        _spatial_rank(self, x)
        return (*x[:2], *self.spatial(x[2:]))

    def attrs(self, *inputs: Shape) -> dict[str, Any]:
        """Window, strides and the padding of each axis as (before, after)."""
        window, strides = self._windows(len(inputs[0]) - 2)
        return {"pool_size": window, "strides": strides, "padding": window_padding(self, self.padding, inputs[0][2:], window, strides)}


@description
class MaxPool(_Pool):
    """The largest number of each window. MaxPool1D, 2D and 3D insist on that many spatial axes.

    Input: (batch, channels, ...). Output: each length floor((n + 2 padding - pool_size) / strides) + 1.
    `strides` is the window's size unless given; padding never wins. Source: Photon's MaxPool, torch.nn.MaxPool2d.
    """

    kind = "max_pool"


@description
class AvgPool(_Pool):
    """The mean of each window, with zeros of the padding counted in, unless `include_padding=False`.

    Input: (batch, channels, ...). Output: each length floor((n + 2 padding - pool_size) / strides) + 1.
    Source: Photon's AvgPool (Knet mode 1), torch.nn.AvgPool2d, Flux.MeanPool.
    """

    kind = "avg_pool"
    include_padding: bool = True

    def attrs(self, *inputs: Shape) -> dict[str, Any]:
        """The window, and whether padding counts."""
        return {**super().attrs(*inputs), "include_padding": self.include_padding}


@description
class MaxPool1D(MaxPool):
    """MaxPool for (batch, channels, length)."""

    rank = 1


@description
class MaxPool2D(MaxPool):
    """MaxPool for (batch, channels, height, width)."""

    rank = 2


@description
class MaxPool3D(MaxPool):
    """MaxPool for (batch, channels, depth, height, width)."""

    rank = 3


@description
class AvgPool1D(AvgPool):
    """AvgPool for (batch, channels, length)."""

    rank = 1


@description
class AvgPool2D(AvgPool):
    """AvgPool for (batch, channels, height, width)."""

    rank = 2


@description
class AvgPool3D(AvgPool):
    """AvgPool for (batch, channels, depth, height, width)."""

    rank = 3


@description
class _AdaptivePool(Layer):
    size: Any
    name: str | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.size, int):
            per_axis(self, "size", self.size, len(tuple(self.size)), 1)
        else:
            per_axis(self, "size", self.size, 1, 1)

    def spatial(self, shape: Shape) -> Shape:
        """The size that was asked for."""
        size = per_axis(self, "size", self.size, len(shape), 1)
        if any(n is not None and n < 1 for n in shape):
            raise ShapeError(where(repr(self)), "at least 1 on each spatial axis", show(shape))
        return size

    def infer(self, *inputs: Shape) -> Shape:
        """(batch, channels, *size)."""
        (x,) = inputs
        _spatial_rank(self, x)
        return (*x[:2], *self.spatial(x[2:]))

    def attrs(self, *inputs: Shape) -> dict[str, Any]:
        """The output's lengths."""
        return {"size": self.spatial(inputs[0][2:])}


@description
class AdaptiveAvgPool(_AdaptivePool):
    """Means over bins, so that any input gives `size` outputs: bin i runs from floor(i n / size) to ceil((i + 1) n / size).

    Input: (batch, channels, ...). Output: (batch, channels, *size). Source: torch.nn.AdaptiveAvgPool2d.
    """

    kind = "adaptive_avg_pool"


@description
class AdaptiveMaxPool(_AdaptivePool):
    """Largest numbers over bins, so that any input gives `size` outputs; the bins of AdaptiveAvgPool.

    Input: (batch, channels, ...). Output: (batch, channels, *size). Source: torch.nn.AdaptiveMaxPool2d.
    """

    kind = "adaptive_max_pool"


@description
class GlobalAvgPool(Layer):
    """The mean over all spatial axes: (batch, channels, ...) -> (batch, channels)."""

    name: str | None = None

    def forward(self, x: Any) -> Any:
        """(batch, channels)."""
        return x.mean(axis=tuple(range(2, 2 + _spatial_rank(self, x.shape))))


@description
class GlobalMaxPool(Layer):
    """The largest number over all spatial axes: (batch, channels, ...) -> (batch, channels)."""

    name: str | None = None

    def forward(self, x: Any) -> Any:
        """(batch, channels)."""
        return x.max(axis=tuple(range(2, 2 + _spatial_rank(self, x.shape))))
