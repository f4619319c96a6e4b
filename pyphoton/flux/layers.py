"""Early Flux's layers: its argument forms, translated into PyPhoton's own layers.

Images are (batch, channels, height, width) here, too, and convolution kernels (out, in, height, width): what early Flux
wrote as a sample of 12 by 12 points with 20 channels is `Input(20, 12, 12)`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pyphoton import layers
from pyphoton.arguments import is_integer
from pyphoton.description import stock_function
from pyphoton.errors import ArgumentError
from pyphoton.flux.chain import Chain
from pyphoton.initialisers import Gaussian
from pyphoton.layers.conv import flux_form
from pyphoton.tensor import Tensor, apply

initn = Gaussian(std=0.1)
"""The first values of early Flux's layers, randn / 10: `Dense(10, 5, init=initn)`."""


def Dense(*units: Any, activation: Any = None, init: Any = None, name: str | None = None) -> Any:
    """A fully connected layer, y = x @ W + b: `Dense(out)`, whose inputs are counted when they are known, or `Dense(in, out)`.

    An activation may follow: `Dense(in, out, relu)`.

    Input: (batch, in) or one sample (in,). Parameters: kernel (in, out), bias (out,).
    `init` draws both: an initialiser, its name, or a function of the shape. Without it the kernel is Glorot's and the bias
    zero, as everywhere in PyPhoton; `init=initn` is early Flux's randn / 10.
    Errors: ArgumentError; ShapeError when another number of features arrives.
    """
    if activation is None and len(units) > 1 and not is_integer(units[-1]):
        *units, activation = units  # type: ignore[assignment]
    if len(units) not in (1, 2):
        raise ArgumentError("Dense", "Dense(out) or Dense(in, out)", f"{len(units)} numbers")
    drawn = {} if init is None else {"initw": init, "initb": init}
    features = {"features": units[0]} if len(units) == 2 else {}
    return layers.Dense(units[-1], activation, name=name, **features, **drawn)


Affine = Dense


def Conv2D(size: Any, *, in_: int | None = None, out: int = 1, stride: Any = (1, 1), name: str | None = None, **julia: Any) -> Any:
    """A convolution without padding and bias: `Conv2D((5, 5), in_=20, out=50)`; Julia's word is taken as `**{"in": 20}`.

    Input: (batch, in, height, width); where `in_` is 1, its axis may be missing. Output: (batch, out, ...), each length
    floor((n - size) / stride) + 1. Parameters: kernel (out, in, height, width). `in_` defaults to 1.
    Errors: ArgumentError; ShapeError for another number of channels or a kernel that does not fit.
    """
    return layers.Conv2D(**flux_form(size, in_=in_, out=out, stride=stride, name=name, **julia))


def MaxPool(size: Any, *, stride: Any = (1, 1), name: str | None = None) -> Any:
    """The largest number of each window; the stride is (1, 1) unless given, where pyphoton.MaxPool takes the window's size.

    Input: (batch, channels, height, width). Output: each length floor((n - size) / stride) + 1. Errors: ShapeError.
    """
    return layers.MaxPool2D(size, strides=stride, name=name)


def AvgPool(size: Any, *, stride: Any = (1, 1), name: str | None = None) -> Any:
    """The mean of each window; shapes and stride as in `MaxPool`."""
    return layers.AvgPool2D(size, strides=stride, name=name)


def Reshape(*dims: Any, name: str | None = None) -> Any:
    """The numbers of each sample in another shape, row by row: `Reshape(1, 28, 28)`. One -1 stands for what is left.

    Errors: ShapeError when the number of elements differs.
    """
    return layers.Reshape(tuple(dims[0]) if len(dims) == 1 and not isinstance(dims[0], int) else dims, name=name)


def Dropout(what: Any = None, rate: float = 0.5, *, name: str | None = None) -> Any:
    """Dropout as a layer, `Dropout(0.5)`, or around another layer, `Dropout(Dense(10, 5), 0.2)`: then its output is thinned.

    `Dropout(layer, rate)` is `Chain(layer, Dropout(rate))` and shares the layer's parameters.
    """
    if callable(what):
        return Chain(what, layers.Dropout(rate), name=name)
    return layers.Dropout(rate if what is None else what, name=name)


def flatten(x: Any) -> Any:
    """All axes of a sample as one: (batch, a, b, ...) -> (batch, a * b * ...), row by row."""
    return apply("flatten", x, start=1)


def vcat(*values: Any) -> Any:
    """Features one after the other: (..., a) and (..., b) -> (..., a + b), for vectors and batches of them.

    Julia's first axis is the last one here. Errors: ShapeError when other axes differ.
    """
    return apply("concat", *_arrays(values, "vcat"), axis=-1)


def hcat(*values: Any) -> Any:
    """Columns side by side, as Julia sees one sample: vectors (n,) -> (k, n), in a batch (N, n) -> (N, k, n).

    Matrices (N, t, n) are joined to (N, t1 + t2, n): sequences one after the other. Errors: ShapeError.
    """
    parts = _arrays(values, "hcat")
    rank = min(len(p.shape) for p in parts)
    if rank < 3:
        parts = tuple(p[None] if rank == 1 else p[:, None] for p in parts)
    return apply("concat", *parts, axis=-2)


def _arrays(values: tuple[Any, ...], owner: str) -> tuple[Any, ...]:
    if not values or any(not isinstance(v, Tensor) and np.ndim(v) == 0 for v in values):
        raise ArgumentError(owner, "one vector or more", ", ".join(map(repr, values)) or "nothing")
    return tuple(v if isinstance(v, Tensor) else np.asarray(v) for v in values)


for _function in (flatten, vcat, hcat):
    stock_function(_function)
