"""Convolutions of one, two and three dimensions, in either order of axes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pyphoton import layers
from pyphoton.errors import KeraFlowError
from pyphoton.keras import activations
from pyphoton.keras.data_format import checked_format
from pyphoton.keras.layers.space import padded
from pyphoton.keras.layers.stock import OLD_NAMES, Spatial, merged
from pyphoton.layers import base

CONV_NAMES: Mapping[str, str] = {
    **{k: v for k, v in OLD_NAMES.items() if k != "output_dim"}, "nb_kernel": "filters", "nb_filter": "filters", "filter_length": "kernel_size",
    "pad": "padding", "border_mode": "padding", "subsample": "strides", "subsample_length": "strides", "stride": "strides", "dim_ordering": "data_format",
    "atrous_rate": "dilation_rate",
}  # fmt: skip
"""Keraflow's and Keras 1's names of a convolution's arguments."""


def checked_padding(owner: str, padding: Any, known: tuple[str, ...] = ("valid", "same")) -> str:
    """A kind of padding, in lower case. Errors: KeraFlowError."""
    if not isinstance(padding, str) or padding.lower() not in known:
        raise KeraFlowError(owner, f"padding {' or '.join(map(repr, known))}", repr(padding))
    return padding.lower()


class Conv(Spatial):
    """What the convolutions share."""

    spellings: ClassVar[Mapping[str, str]] = CONV_NAMES
    paddings: ClassVar[tuple[str, ...]] = ("valid", "same")

    def __init__(
        self, filters: int, kernel_size: Any, strides: Any = 1, padding: str = "valid", data_format: str | None = None, dilation_rate: Any = 1,
        groups: int = 1, activation: Any = None, use_bias: bool = True, kernel_initializer: Any = "glorot_uniform", bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None, bias_regularizer: Any = None, activity_regularizer: Any = None, kernel_constraint: Any = None,
        bias_constraint: Any = None, **common: Any,
    ) -> None:  # fmt: skip
        owner = type(self).__name__
        self.filters, self.kernel_size, self.strides, self.dilation_rate, self.groups = filters, kernel_size, strides, dilation_rate, groups
        self.padding = checked_padding(owner, padding, self.paddings)
        self.data_format = checked_format(owner, data_format)
        self.activation = activations.get(activation, f"{owner} activation=")
        self.use_bias, self.initw, self.initb, self.activity_regularizer = use_bias, kernel_initializer, bias_initializer, activity_regularizer
        super().__init__(**merged(
            owner, common, regularizers={"kernel": kernel_regularizer, "bias": bias_regularizer},
            constraints={"kernel": kernel_constraint, "bias": bias_constraint}, aliases=self.short_names,
        ))  # fmt: skip

    def core(self) -> base.Layer:
        """The convolution on channels first."""
        kind = (layers.Conv1D, layers.Conv2D, layers.Conv3D)[self.rank - 1]
        return kind(
            channels=self.filters, kernel_size=self.kernel_size, padding="valid" if self.padding == "causal" else self.padding, strides=self.strides, dilation=self.dilation_rate,
            groups=self.groups, use_bias=self.use_bias, initw=self.initw, initb=self.initb,
        )  # fmt: skip


_CONV_DOC = """A convolution over {axes} (cross-correlation: the kernel is not flipped).

        y[n, o] = activation(bias[o] + sum over i of kernel[o, i] * x[n, i])

    Input: (batch, {axes}, channels), or (batch, channels, {axes}) with data_format="channels_first". Output: the same with `filters` channels;
    lengths are floor((n - dilation (k - 1) - 1) / stride) + 1 with padding="valid", ceil(n / stride) with "same", which puts the odd zero at the end.
    Parameters: kernel (filters, channels / groups, *kernel_size), bias (filters,). Source: Keras 3's Conv{rank}D, whose kernel is (*kernel_size, channels, filters).
    Errors: ArgumentError for filters below 1; ShapeError for a wrong rank, channel count or a kernel that does not fit.
    """


class Conv1D(Conv):  # noqa: D101
    __doc__ = (_CONV_DOC.format(axes="length", rank=1)) + """
    padding="causal" puts dilation (k - 1) zeros in front: no output sees what comes after it.
    """
    rank = 1
    paddings = ("valid", "same", "causal")

    def prepared(self, x: Any) -> Any:
        """With zeros in front where padding is causal."""
        if self.padding != "causal":
            return x
        (taps,), (spread,) = (base.per_axis(self, n, v, 1, 1) for n, v in (("kernel_size", self.kernel_size), ("dilation_rate", self.dilation_rate)))
        return padded(x, [((taps - 1) * spread, 0)])


class Conv2D(Conv):  # noqa: D101
    __doc__ = _CONV_DOC.format(axes="height, width", rank=2)
    rank = 2


class Conv3D(Conv):  # noqa: D101
    __doc__ = _CONV_DOC.format(axes="depth, height, width", rank=3)
    rank = 3
