"""Transposed, depthwise, separable and unshared convolutions."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Any, ClassVar

import numpy as np

from pyphoton import functions, layers
from pyphoton.keras import activations
from pyphoton.keras.data_format import checked_format
from pyphoton.keras.layers.conv import CONV_NAMES, Conv, Conv1D, Conv2D, checked_padding
from pyphoton.keras.layers.owning import Owning
from pyphoton.keras.layers.stock import (
    Spatial,
    activated,
    channels_back,
    channels_first,
    merged,
    penalise,
    turned,
)
from pyphoton.layers import base
from pyphoton.layers.base import Param
from pyphoton.layers.conv import window_lengths
from pyphoton.typing import Shape


class ConvTranspose(Conv):
    """What the transposed convolutions share."""

    def __init__(
        self, filters: int, kernel_size: Any, strides: Any = 1, padding: str = "valid", output_padding: Any = None, data_format: str | None = None,
        dilation_rate: Any = 1, activation: Any = None, use_bias: bool = True, kernel_initializer: Any = "glorot_uniform", bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None, bias_regularizer: Any = None, activity_regularizer: Any = None, kernel_constraint: Any = None,
        bias_constraint: Any = None, **common: Any,
    ) -> None:  # fmt: skip
        self.output_padding = output_padding
        super().__init__(
            filters, kernel_size, strides=strides, padding=padding, data_format=data_format, dilation_rate=dilation_rate, activation=activation,
            use_bias=use_bias, kernel_initializer=kernel_initializer, bias_initializer=bias_initializer, kernel_regularizer=kernel_regularizer,
            bias_regularizer=bias_regularizer, activity_regularizer=activity_regularizer, kernel_constraint=kernel_constraint,
            bias_constraint=bias_constraint, **common,
        )  # fmt: skip

    def cuts(self) -> list[tuple[int, int, int]]:
        """For each axis: the stride, the numbers cut in front, and what the length exceeds stride (n - 1) by (Keras's rules for all engines)."""
        sizes = [base.per_axis(self, "kernel_size", self.kernel_size, self.rank, 1), base.per_axis(self, "strides", self.strides, self.rank, 1)]
        spread = base.per_axis(self, "dilation_rate", self.dilation_rate, self.rank, 1)
        extra = (None,) * self.rank if self.output_padding is None else base.per_axis(self, "output_padding", self.output_padding, self.rank, 0)
        found = []
        for k, s, d, o in zip(*sizes, spread, extra, strict=True):
            reach = (k - 1) * d + 1
            if self.padding == "valid":
                found.append((s, 0, max(reach, s) if o is None else reach + o))
            else:
                total = s + reach - 2 if o is None else reach + reach % 2 - 2 + o
                found.append((s, reach - 1 - min(total // 2 + total % 2, reach - 1), total - reach + 2))
        return found

    def core(self) -> base.Layer:
        """The transposed convolution, long enough for every cut."""
        taps, spread = (base.per_axis(self, n, v, self.rank, 1) for n, v in (("kernel_size", self.kernel_size), ("dilation_rate", self.dilation_rate)))
        extra = tuple(max(0, c + e - (k - 1) * d - 1) for (_, c, e), k, d in zip(self.cuts(), taps, spread, strict=True))
        kind = (layers.Conv1DTranspose, layers.Conv2DTranspose, layers.Conv3DTranspose)[self.rank - 1]
        return kind(
            channels=self.filters, kernel_size=self.kernel_size, strides=self.strides, dilation=self.dilation_rate, use_bias=self.use_bias,
            initw=self.initw, initb=self.initb, output_padding=extra,
        )  # fmt: skip

    def trimmed(self, y: Any) -> Any:
        """Without what padding cuts off."""
        strides_taps = zip(y.shape[2:], self.cuts(), self.inner.attrs(y.shape)["output_padding"], self.inner.taps, strict=True)  # type: ignore[attr-defined]
        spread = base.per_axis(self, "dilation_rate", self.dilation_rate, self.rank, 1)
        index: list[slice] = []
        for (_, (_, front, excess), extra, taps), d in zip(strides_taps, spread, strict=True):
            behind = (taps - 1) * d + 1 + extra - front - excess
            index.append(slice(front or None, -behind or None))
        return y if all(i == slice(None) for i in index) else y[(slice(None), slice(None), *index)]


class DepthwiseConv(Spatial):
    """What the depthwise convolutions share: each channel has `depth_multiplier` kernels of its own."""

    spellings: ClassVar[Mapping[str, str]] = {**CONV_NAMES, "init": "depthwise_initializer"}

    def __init__(
        self, kernel_size: Any, strides: Any = 1, padding: str = "valid", depth_multiplier: int = 1, data_format: str | None = None, dilation_rate: Any = 1,
        activation: Any = None, use_bias: bool = True, depthwise_initializer: Any = "glorot_uniform", bias_initializer: Any = "zeros",
        depthwise_regularizer: Any = None, bias_regularizer: Any = None, activity_regularizer: Any = None, depthwise_constraint: Any = None,
        bias_constraint: Any = None, **common: Any,
    ) -> None:  # fmt: skip
        owner = type(self).__name__
        self.depth_multiplier = depth_multiplier
        base.positive(self, depth_multiplier=depth_multiplier)
        self.kernel_size, self.strides, self.dilation_rate = kernel_size, strides, dilation_rate
        self.padding, self.data_format = checked_padding(owner, padding), checked_format(owner, data_format)
        self.activation = activations.get(activation, f"{owner} activation=")
        self.use_bias, self.initw, self.initb, self.activity_regularizer = use_bias, depthwise_initializer, bias_initializer, activity_regularizer
        super().__init__(**merged(
            owner, common, regularizers={"kernel": depthwise_regularizer, "bias": bias_regularizer},
            constraints={"kernel": depthwise_constraint, "bias": bias_constraint}, aliases=self.short_names,
        ))  # fmt: skip

    def core(self, channels: int = 1) -> base.Layer:
        """A convolution in as many groups as there are channels."""
        kind = (layers.Conv1D, layers.Conv2D)[self.rank - 1]
        return kind(
            channels=channels * self.depth_multiplier, kernel_size=self.kernel_size, padding=self.padding, strides=self.strides,
            dilation=self.dilation_rate, groups=channels, use_bias=self.use_bias, initw=self.initw, initb=self.initb,
        )  # fmt: skip

    def infer(self, *inputs: Shape) -> Any:
        """That of the convolution for so many channels."""
        return self.core(base.known(self, inputs[0][1], "channel")).infer(*inputs)

    def params(self, *inputs: Shape) -> Mapping[str, Param]:
        """Kernel (channels * depth_multiplier, 1, *kernel_size), and bias."""
        return self.with_initial(self.core(base.known(self, inputs[0][1], "channel")).params(*inputs))

    def attrs(self, *inputs: Shape) -> dict[str, Any]:
        """Those of the convolution for so many channels."""
        return self.core(base.known(self, inputs[0][1], "channel")).attrs(*inputs)


class SeparableConv(Spatial):
    """What the separable convolutions share: a depthwise convolution, then one of taps of length 1."""

    spellings: ClassVar[Mapping[str, str]] = CONV_NAMES
    parts: ClassVar[tuple[type, type]]

    def __init__(
        self, filters: int, kernel_size: Any, strides: Any = 1, padding: str = "valid", data_format: str | None = None, dilation_rate: Any = 1,
        depth_multiplier: int = 1, activation: Any = None, use_bias: bool = True, depthwise_initializer: Any = "glorot_uniform",
        pointwise_initializer: Any = "glorot_uniform", bias_initializer: Any = "zeros", depthwise_regularizer: Any = None, pointwise_regularizer: Any = None,
        bias_regularizer: Any = None, activity_regularizer: Any = None, depthwise_constraint: Any = None, pointwise_constraint: Any = None,
        bias_constraint: Any = None, **common: Any,
    ) -> None:  # fmt: skip
        first, second = self.parts
        self.depthwise = first(
            kernel_size, strides, padding, depth_multiplier, data_format, dilation_rate, use_bias=False, depthwise_initializer=depthwise_initializer,
            depthwise_regularizer=depthwise_regularizer, depthwise_constraint=depthwise_constraint, name="depthwise",
        )  # fmt: skip
        self.pointwise = second(
            filters, 1, data_format=data_format, activation=activation, use_bias=use_bias, kernel_initializer=pointwise_initializer,
            bias_initializer=bias_initializer, kernel_regularizer=pointwise_regularizer, bias_regularizer=bias_regularizer,
            activity_regularizer=activity_regularizer, kernel_constraint=pointwise_constraint, bias_constraint=bias_constraint, name="pointwise",
        )  # fmt: skip
        super().__init__(**common)

    def core(self) -> base.Layer:
        """None of its own: it is made of two."""
        return layers.Activation("identity")

    def children(self) -> dict[str, Any]:
        """The two convolutions."""
        return {"depthwise": self.depthwise, "pointwise": self.pointwise}

    def result(self, *inputs: Any) -> Any:
        """One after the other."""
        return self.pointwise(self.depthwise(*inputs))


class LocallyConnected(Owning):
    """What the unshared convolutions share: a kernel for every place."""

    rank: ClassVar[int]
    spellings: ClassVar[Mapping[str, str]] = CONV_NAMES

    def __init__(
        self, filters: int, kernel_size: Any, strides: Any = 1, padding: str = "valid", data_format: str | None = None, activation: Any = None,
        use_bias: bool = True, kernel_initializer: Any = "glorot_uniform", bias_initializer: Any = "zeros", kernel_regularizer: Any = None,
        bias_regularizer: Any = None, activity_regularizer: Any = None, kernel_constraint: Any = None, bias_constraint: Any = None, **common: Any,
    ) -> None:  # fmt: skip
        owner = type(self).__name__
        super().__init__(**merged(
            owner, common, regularizers={"kernel": kernel_regularizer, "bias": bias_regularizer},
            constraints={"kernel": kernel_constraint, "bias": bias_constraint}, aliases=self.short_names,
        ))  # fmt: skip
        self.filters = filters
        base.positive(self, filters=filters)
        self.taps, self.strides = (base.per_axis(self, n, v, self.rank, 1) for n, v in (("kernel_size", kernel_size), ("strides", strides)))
        checked_padding(owner, padding, ("valid",))
        self.data_format, self.after = checked_format(owner, data_format), activations.get(activation, f"{owner} activation=")
        self.use_bias, self.initw, self.initb, self.activity_regularizer = use_bias, kernel_initializer, bias_initializer, activity_regularizer

    def forward(self, x: Any) -> Any:
        """A product at every place, of the numbers below the window and the kernel of that place."""
        x = channels_first(x, self.data_format)
        base.need_rank(self, x.shape, self.rank + 2, "(batch, ..., channels)")
        channels, batch = base.known(self, x.shape[1], "channel"), x.shape[0]
        lengths = window_lengths(self, x.shape[2:], self.taps, self.strides, ((0, 0),) * self.rank)
        places = prod(base.known(self, n, "spatial") for n in lengths)
        width = channels * prod(self.taps)
        parts = [self._below(x, tap, lengths).reshape([batch, channels, 1, places]) for tap in np.ndindex(*self.taps)]
        seen = functions.concatenate(parts, axis=2).reshape([batch, width, places])
        kernel = self.own("kernel", (places, width, self.filters), self.initw, fans=(width, self.filters))
        y = turned(turned(seen, (2, 0, 1)) @ kernel, (1, 2, 0))
        if self.use_bias:
            y = y + turned(self.own("bias", (places, self.filters), self.initb), (1, 0))
        y = activated(self.after, channels_back(y.reshape([batch, self.filters, *lengths]), self.data_format))
        penalise(self.activity_regularizer, y)
        return y

    def _below(self, x: Any, tap: tuple[int, ...], lengths: Any) -> Any:
        index = (slice(t, t + s * (n - 1) + 1, s) for t, s, n in zip(tap, self.strides, lengths, strict=True))
        return x[(slice(None), slice(None), *index)]


_SPACE = ("length", "height, width", "depth, height, width")
_DOCS = {
    "Transpose": """A transposed convolution over {axes}: the gradient of Conv{rank}D with respect to its input.

    Input: (batch, {axes}, channels), or channels on axis 1 with data_format="channels_first". Output: the same with `filters` channels; each length
    stride n with padding="same", stride (n - 1) + max(dilation (k - 1) + 1, stride) with "valid", unless `output_padding` says.
    Parameters: kernel (channels, filters, *kernel_size), bias (filters,). Source: Keras 3's Conv{rank}DTranspose, whose kernel is (*kernel_size, filters, channels).
    """,
    "Depthwise": """A convolution over {axes} of each channel by itself, with `depth_multiplier` kernels each.

    Input: (batch, {axes}, channels), or channels on axis 1 with data_format="channels_first". Output: channels * depth_multiplier of them.
    Parameters: kernel (channels * depth_multiplier, 1, *kernel_size), bias. Source: Keras 3's DepthwiseConv{rank}D.
    """,
    "Separable": """A convolution over {axes} of each channel by itself, then one that joins the channels at each place.

    Input: (batch, {axes}, channels), or channels on axis 1 with data_format="channels_first". Output: `filters` channels.
    Parameters: depthwise.kernel, pointwise.kernel, pointwise.bias. Source: Keras 3's SeparableConv{rank}D.
    """,
    "Local": """A convolution over {axes} whose kernel is another one at every place.

    Input: (batch, {axes}, channels), or channels on axis 1 with data_format="channels_first". Output: `filters` channels, padding="valid" only.
    Parameters: kernel (places, channels * taps, filters), bias (places, filters). Source: Keras 1's LocallyConnected{rank}D.
    """,
}


def _made(name: str, family: type, doc: str, rank: int, **facts: Any) -> Any:
    return type(name, (family,), {"__doc__": _DOCS[doc].format(axes=_SPACE[rank - 1], rank=rank), "__module__": __name__, "rank": rank, **facts})


Conv1DTranspose, Conv2DTranspose, Conv3DTranspose = (_made(f"Conv{r}DTranspose", ConvTranspose, "Transpose", r) for r in (1, 2, 3))
DepthwiseConv1D, DepthwiseConv2D = (_made(f"DepthwiseConv{r}D", DepthwiseConv, "Depthwise", r) for r in (1, 2))
SeparableConv1D = _made("SeparableConv1D", SeparableConv, "Separable", 1, parts=(DepthwiseConv1D, Conv1D))
SeparableConv2D = _made("SeparableConv2D", SeparableConv, "Separable", 2, parts=(DepthwiseConv2D, Conv2D))
LocallyConnected1D, LocallyConnected2D = (_made(f"LocallyConnected{r}D", LocallyConnected, "Local", r) for r in (1, 2))
