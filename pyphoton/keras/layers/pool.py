"""Pooling: windows, and over everything."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pyphoton import layers
from pyphoton.errors import KeraFlowError, ShapeError
from pyphoton.keras.data_format import checked_format
from pyphoton.keras.layer import Layer
from pyphoton.keras.layers.conv import checked_padding
from pyphoton.keras.layers.stock import Spatial, channels_back, channels_first
from pyphoton.keras.masks import mask_of, mean_over_steps
from pyphoton.layers import base
from pyphoton.scopes import where
from pyphoton.typing import show


class Windows(Spatial):
    """What pooling layers over windows share."""

    spellings: ClassVar[Mapping[str, str]] = {
        "pool_length": "pool_size", "stride": "strides", "border_mode": "padding", "pad": "padding", "dim_ordering": "data_format",
    }  # fmt: skip
    mode: str

    def __init__(self, pool_size: Any = 2, strides: Any = None, padding: str = "valid", data_format: str | None = None, **common: Any) -> None:
        self.pool_size, self.strides, self.padding = pool_size, strides, checked_padding(type(self).__name__, padding)
        self.data_format = checked_format(type(self).__name__, data_format)
        super().__init__(**common)

    def core(self) -> base.Layer:
        """Pooling on channels first; a mean leaves the padding out."""
        if self.mode == "max":
            return (layers.MaxPool1D, layers.MaxPool2D, layers.MaxPool3D)[self.rank - 1](self.pool_size, self.padding, self.strides)
        return (layers.AvgPool1D, layers.AvgPool2D, layers.AvgPool3D)[self.rank - 1](self.pool_size, self.padding, self.strides, include_padding=False)


class KeraflowPool(Windows):
    """Keraflow's pooling: the mode, "max" or "avg", comes first."""

    def __init__(self, mode: str, pool_size: Any = 2, strides: Any = None, padding: str = "valid", data_format: str | None = None, **common: Any) -> None:
        if mode not in ("max", "avg"):
            raise KeraFlowError(type(self).__name__, 'mode "max" or "avg"', repr(mode))
        self.mode = mode
        data_format = checked_format(type(self).__name__, data_format, "channels_last" if self.rank == 1 else "channels_first")
        super().__init__(pool_size, strides, padding, data_format, **common)


class Everything(Layer):
    """What layers that pool over all of space share."""

    rank: ClassVar[int]
    mode: ClassVar[str]
    spellings: ClassVar[Mapping[str, str]] = {"dim_ordering": "data_format"}

    def __init__(self, data_format: str | None = None, keepdims: bool = False, **common: Any) -> None:
        super().__init__(**common)
        self.data_format, self.keepdims = checked_format(type(self).__name__, data_format), bool(keepdims)

    def forward(self, x: Any) -> Any:
        """(batch, channels), or with `keepdims` the axes of length 1, too."""
        if x.ndim != self.rank + 2:
            raise ShapeError(where(repr(self)), f"an input of {self.rank + 2} axes", show(x.shape))
        if self.mode == "avg" and self.rank == 1 and self.data_format == "channels_last" and mask_of(x) is not None:
            return mean_over_steps(x, keepdims=self.keepdims)
        x = channels_first(x, self.data_format)
        axes = tuple(range(2, x.ndim))
        y = x.max(axis=axes, keepdims=self.keepdims) if self.mode == "max" else x.mean(axis=axes, keepdims=self.keepdims)
        return channels_back(y, self.data_format) if self.keepdims else y


_AXES = ("length", "height, width", "depth, height, width")
_WINDOW_DOC = """The {what} of each window over {axes}.

    Input: (batch, {axes}, channels), or channels on axis 1 with data_format="channels_first"{default}. Output: the same with lengths
    floor((n - pool_size) / strides) + 1 for padding="valid", ceil(n / strides) for "same". `strides` is the window's size unless given;
    padding counts neither in a maximum nor in a mean. Source: {source}. Errors: KeraFlowError, ShapeError.
    """
_WHOLE_DOC = """The {what} over {axes}: (batch, {axes}, channels) -> (batch, channels), channels on axis 1 with data_format="channels_first".

    keepdims: the axes stay, with length 1. Source: Keras 3.
    """


def _window(name: str, rank: int, mode: str, what: str, source: str, family: type = Windows) -> Any:
    default = ", as is the default" if family is KeraflowPool and rank > 1 else ""
    doc = _WINDOW_DOC.format(what=what, axes=_AXES[rank - 1], source=source, default=default)
    return type(name, (family,), {"__doc__": doc, "__module__": __name__, "rank": rank, "mode": mode})


def _whole(name: str, rank: int, mode: str, what: str) -> Any:
    doc = _WHOLE_DOC.format(what=what, axes=_AXES[rank - 1])
    return type(name, (Everything,), {"__doc__": doc, "__module__": __name__, "rank": rank, "mode": mode})


MaxPooling1D, MaxPooling2D, MaxPooling3D = (_window(f"MaxPooling{r}D", r, "max", "largest number", f"Keras 3's MaxPooling{r}D") for r in (1, 2, 3))
AveragePooling1D, AveragePooling2D, AveragePooling3D = (_window(f"AveragePooling{r}D", r, "avg", "mean", f"Keras 3's AveragePooling{r}D") for r in (1, 2, 3))
Pooling1D, Pooling2D, Pooling3D = (_window(f"Pooling{r}D", r, "", 'largest number (mode "max") or mean ("avg")', "Keraflow", KeraflowPool) for r in (1, 2, 3))
GlobalMaxPooling1D, GlobalMaxPooling2D, GlobalMaxPooling3D = (_whole(f"GlobalMaxPooling{r}D", r, "max", "largest number") for r in (1, 2, 3))
GlobalAveragePooling1D, GlobalAveragePooling2D, GlobalAveragePooling3D = (_whole(f"GlobalAveragePooling{r}D", r, "avg", "mean") for r in (1, 2, 3))
MaxPool1D, MaxPool2D, MaxPool3D = MaxPooling1D, MaxPooling2D, MaxPooling3D
AvgPool1D, AvgPool2D, AvgPool3D = AveragePooling1D, AveragePooling2D, AveragePooling3D
GlobalMaxPool1D, GlobalMaxPool2D, GlobalMaxPool3D = GlobalMaxPooling1D, GlobalMaxPooling2D, GlobalMaxPooling3D
GlobalAvgPool1D, GlobalAvgPool2D, GlobalAvgPool3D = GlobalAveragePooling1D, GlobalAveragePooling2D, GlobalAveragePooling3D
