"""Convolutions and transposed convolutions of one, two and three dimensions; `output_size`."""

from __future__ import annotations

from collections.abc import Mapping
from functools import wraps
from math import prod
from typing import Any, ClassVar

from pyphoton import activations, initialisers
from pyphoton.arguments import checked
from pyphoton.description import description
from pyphoton.errors import ArgumentError, ShapeError
from pyphoton.layers.base import Layer, Param, known, need_rank, per_axis, positive
from pyphoton.scopes import where
from pyphoton.typing import Shape, show

Pairs = tuple[tuple[int, int], ...]


def window_padding(owner: Any, padding: Any, shape: Shape, window: tuple[int, ...], strides: tuple[int, ...]) -> Pairs:
    """(before, after) for each spatial axis of `shape`; "same" gives ceil(n / stride) outputs, the odd one at the end."""
    if padding == "valid":
        return ((0, 0),) * len(window)
    if padding != "same":
        return tuple((p, p) for p in per_axis(owner, "padding", padding, len(window), 0))
    pairs = []
    for n, k, s in zip(shape, window, strides, strict=True):
        if n is None and s > 1:
            raise ShapeError(where(repr(owner)), 'a known length for padding="same" with strides', show(shape))
        total = k - 1 if n is None or s == 1 else max((-(-n // s) - 1) * s + k - n, 0)
        pairs.append((total // 2, total - total // 2))
    return tuple(pairs)


def window_lengths(owner: Any, shape: Shape, window: tuple[int, ...], strides: tuple[int, ...], pairs: Pairs) -> Shape:
    """floor((n + padding - window) / stride) + 1 for each axis. Errors: ShapeError when the window does not fit."""
    out: list[int | None] = []
    for n, k, s, (a, b) in zip(shape, window, strides, pairs, strict=True):
        if n is not None and n + a + b < k:
            raise ShapeError(where(repr(owner)), f"at least {k - a - b} on each spatial axis", show(shape), "Pad the input, or take a smaller window.")
        out.append(None if n is None else (n + a + b - k) // s + 1)
    return tuple(out)


@description
class _Convolution(Layer):
    """What all convolutions share: arguments, and the arithmetic of windows."""

    rank: ClassVar[int]
    channels: int
    kernel_size: Any
    activation: Any = activations.identity
    padding: Any = 0
    strides: Any = 1
    dilation: Any = 1
    groups: int = 1
    use_bias: bool = True
    initw: Any = initialisers.xavier
    initb: Any = initialisers.zeros
    in_channels: int | None = None
    name: str | None = None

    def __post_init__(self) -> None:
        label = type(self).__name__
        insisted = {} if self.in_channels is None else {"in_channels": self.in_channels}
        positive(self, channels=self.channels, groups=self.groups, **insisted)
        if isinstance(self.padding, str) and self.padding not in ("same", "valid"):
            raise ArgumentError(label, 'padding: numbers, "same" or "valid"', repr(self.padding))
        self.set(
            activation=activations.get(self.activation, f"{label} activation="),
            initw=initialisers.get(self.initw, f"{label} initw="),
            initb=initialisers.get(self.initb, f"{label} initb="),
        )
        for name in ("kernel_size", "strides", "dilation"):
            per_axis(self, name, getattr(self, name), self.rank, 1)
        if not isinstance(self.padding, str):
            per_axis(self, "padding", self.padding, self.rank, 0)

    @property
    def taps(self) -> tuple[int, ...]:
        """The kernel's length on each axis."""
        return per_axis(self, "kernel_size", self.kernel_size, self.rank, 1)

    def _steps(self) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
        strides = per_axis(self, "strides", self.strides, self.rank, 1)
        dilation = per_axis(self, "dilation", self.dilation, self.rank, 1)
        window = tuple(d * (k - 1) + 1 for k, d in zip(self.taps, dilation, strict=True))
        return strides, dilation, window

    def _channels(self, x: Shape) -> int:
        axes = ("length", "height, width", "depth, height, width")[self.rank - 1]
        need_rank(self, x, self.rank + 2, f"(batch, channels, {axes})")
        found = known(self, x[1], "channel")
        if self.in_channels not in (None, found):
            raise ShapeError(where(repr(self)), f"{self.in_channels} channels on axis 1", show(x))
        if found % self.groups or self.channels % self.groups:
            raise ShapeError(where(repr(self)), f"channels that {self.groups} groups divide", f"{found} in, {self.channels} out")
        return found

    def trace(self, *inputs: Any) -> Any:
        """The convolution; where one channel is declared, the input may lack its axis."""
        if self.in_channels == 1 and [len(getattr(i, "shape", ())) for i in inputs] == [self.rank + 1]:
            inputs = tuple(i.reshape(i.shape[0], 1, *i.shape[1:]) for i in inputs)
        return super().trace(*inputs)

    def spatial(self, shape: Shape) -> Shape:
        """The output's spatial lengths for the input's."""
        raise NotImplementedError

    def infer(self, *inputs: Shape) -> Shape:
        """(batch, channels, *lengths)."""
        (x,) = inputs
        self._channels(x)
        return (x[0], self.channels, *self.spatial(x[2:]))

    def _bias(self) -> dict[str, Param]:
        return {"bias": Param((self.channels,), self.initb)} if self.use_bias else {}


@description
class _Conv(_Convolution):
    kind = "conv"

    def spatial(self, shape: Shape) -> Shape:
        """floor((n + padding - dilation (k - 1) - 1) / stride) + 1 for each axis."""
        strides, _, window = self._steps()
        return window_lengths(self, shape, window, strides, window_padding(self, self.padding, shape, window, strides))

    def params(self, *inputs: Shape) -> Mapping[str, Param]:
        """Kernel (channels, in / groups, *kernel_size) and bias (channels,)."""
        inner = self._channels(inputs[0]) // self.groups
        count = prod(self.taps)
        fans = (inner * count, self.channels * count // self.groups)
        return {"kernel": Param((self.channels, inner, *self.taps), self.initw, fans=fans), **self._bias()}

    def attrs(self, *inputs: Shape) -> dict[str, Any]:
        """Strides, dilation, groups and the padding of each axis as (before, after)."""
        strides, dilation, window = self._steps()
        pairs = window_padding(self, self.padding, inputs[0][2:], window, strides)
        return {"strides": strides, "padding": pairs, "dilation": dilation, "groups": self.groups}


@description
class _ConvTranspose(_Convolution):
    kind = "conv_transpose"
    output_padding: Any = 0

    def _padding(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        if isinstance(self.padding, str) and self.padding != "valid":
            raise ArgumentError(type(self).__name__, "padding as numbers", repr(self.padding), "Use output_padding to fix the length.")
        padding = 0 if self.padding == "valid" else self.padding
        extra, (strides, dilation, _) = per_axis(self, "output_padding", self.output_padding, self.rank, 0), self._steps()
        if any(o >= max(s, d) for o, s, d in zip(extra, strides, dilation, strict=True)):
            raise ArgumentError(type(self).__name__, "output_padding below strides or dilation", repr(self.output_padding))
        return per_axis(self, "padding", padding, self.rank, 0), extra

    def spatial(self, shape: Shape) -> Shape:
        """Stride (n - 1) + dilation (k - 1) + 1 - 2 padding + output_padding for each axis."""
        strides, _, window = self._steps()
        axes = zip(shape, strides, window, *self._padding(), strict=True)
        lengths = tuple(None if n is None else s * (n - 1) + w - 2 * p + o for n, s, w, p, o in axes)
        if any(n is not None and n < 1 for n in lengths):
            raise ShapeError(where(repr(self)), "an input long enough for the padding", show(shape), "Take less padding.")
        return lengths

    def params(self, *inputs: Shape) -> Mapping[str, Param]:
        """Kernel (in, channels / groups, *kernel_size) and bias (channels,)."""
        inner = self._channels(inputs[0])
        count = prod(self.taps)
        fans = (inner * count // self.groups, self.channels * count // self.groups)
        return {"kernel": Param((inner, self.channels // self.groups, *self.taps), self.initw, fans=fans), **self._bias()}

    def attrs(self, *inputs: Shape) -> dict[str, Any]:
        """Strides, padding, output padding, dilation and groups."""
        strides, dilation, _ = self._steps()
        padding, extra = self._padding()
        return {"strides": strides, "padding": padding, "output_padding": extra, "dilation": dilation, "groups": self.groups}


_CONV_DOC = """A convolution over {axes} (cross-correlation: the kernel is not flipped, as in torch).

        y[n, o] = activation(bias[o] + sum over i of kernel[o, i] * x[n, i])

    Input: (batch, in, {axes}). Output: (batch, channels, {axes}), each length floor((n + 2 padding - dilation (k - 1) - 1) / stride) + 1.
    Parameters: kernel (channels, in / groups, *kernel_size), bias (channels,).
    `padding`: a number, one per axis, "valid" or "same". `in_channels` insists on that many; 1 allows inputs (batch, {axes}).
    Source: Photon's Conv2D; Flux.CrossCor, torch.nn.Conv{rank}d.
    Errors: ArgumentError for channels below 1; ShapeError for a wrong rank, channel count or a kernel that does not fit.
    """

_TRANSPOSE_DOC = """A transposed convolution over {axes}: the gradient of Conv{rank}D with respect to its input.

    Input: (batch, in, {axes}). Output: (batch, channels, {axes}), each length stride (n - 1) + dilation (k - 1) + 1 - 2 padding + output_padding.
    Parameters: kernel (in, channels / groups, *kernel_size), bias (channels,). `in_channels` as in Conv{rank}D. Source: torch.nn.ConvTranspose{rank}d, Flux.ConvTranspose.
    """


@description
class Conv1D(_Conv):  # noqa: D101
    __doc__ = _CONV_DOC.format(axes="length", rank=1)
    rank = 1


def flux_form(size: Any, *, in_: int | None = None, out: int = 1, stride: Any = (1, 1), name: str | None = None, **julia: Any) -> dict[str, Any]:
    """The arguments of a Conv2D that is written as early Flux has it, the size first. Errors: ArgumentError."""
    if set(julia) - {"in"} or (julia and in_ is not None):
        shown = ", ".join(f"{k}=" for k in julia)
        raise ArgumentError("Conv2D", "Conv2D((height, width), in_=, out=, stride=, name=)", shown, "The number of channels is given once.")
    channels = julia.get("in", 1 if in_ is None else in_)
    return {"channels": out, "kernel_size": size, "strides": stride, "use_bias": False, "in_channels": channels, "name": name}


def _size_first(cls: type) -> Any:
    """A class whose constructor takes early Flux's form, too, told by its size."""
    init, translated = cls.__init__, checked(flux_form, cls.__name__)  # type: ignore[misc]

    @wraps(init)
    def call(self: Any, *args: Any, **kwargs: Any) -> None:
        if args and isinstance(args[0], tuple):
            args, kwargs = (), translated(*args, **kwargs)
        init(self, *args, **kwargs)

    cls.__init__ = call  # type: ignore[misc]
    return cls


@_size_first
@description
class Conv2D(_Conv):  # noqa: D101
    __doc__ = (
        _CONV_DOC.format(axes="height, width", rank=2)
        + "\n\n    `Conv2D((5, 5), in_=20, out=50, stride=(1, 1))`, the size first, is early Flux's form: no padding, no bias, 1 channel unless told."
    )
    rank = 2


@description
class Conv3D(_Conv):  # noqa: D101
    __doc__ = _CONV_DOC.format(axes="depth, height, width", rank=3)
    rank = 3


@description
class Conv1DTranspose(_ConvTranspose):  # noqa: D101
    __doc__ = _TRANSPOSE_DOC.format(axes="length", rank=1)
    rank = 1


@description
class Conv2DTranspose(_ConvTranspose):  # noqa: D101
    __doc__ = _TRANSPOSE_DOC.format(axes="height, width", rank=2)
    rank = 2


@description
class Conv3DTranspose(_ConvTranspose):  # noqa: D101
    __doc__ = _TRANSPOSE_DOC.format(axes="depth, height, width", rank=3)
    rank = 3


def output_size(layer: Any, input_size: Any) -> tuple[int, ...]:
    """The spatial lengths that a convolution or pooling layer, built or not, makes of `input_size`.

    >>> output_size(Conv2D(16, (3, 3), strides=3, padding=1), (224, 224))
    (75, 75)
    """
    lengths = (input_size,) if isinstance(input_size, int) else tuple(input_size)
    if not hasattr(layer, "spatial"):
        raise ArgumentError("output_size", "a convolution or pooling layer", repr(layer))
    rank = getattr(layer, "rank", None)
    if rank not in (None, len(lengths)):
        raise ArgumentError("output_size", f"{rank} lengths", repr(input_size))
    return tuple(int(n) for n in layer.spatial(lengths))
