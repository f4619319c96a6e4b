"""Normalisation over the batch, over samples and over groups of channels; rescaling of inputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from pyphoton import functions, graph, initialisers, layers
from pyphoton.arguments import is_integer
from pyphoton.errors import KeraFlowError, ShapeError
from pyphoton.keras.layer import Layer
from pyphoton.keras.layers.owning import Owning
from pyphoton.keras.layers.stock import Standard, merged, turned
from pyphoton.layers import base
from pyphoton.layers.base import Param
from pyphoton.scopes import where
from pyphoton.typing import Shape, show

NAMES: Mapping[str, str] = {"gamma": "scale", "beta": "shift", "moving_mean": "mean", "moving_variance": "variance"}
"""Keras's names of parameters, and the names that they have here."""


def checked_axes(owner: Any, axis: Any, rank: int) -> tuple[int, ...]:
    """Axis numbers, sorted, the batch counted but not among them. Errors: KeraFlowError."""
    axes = (axis,) if is_integer(axis) else tuple(axis) if isinstance(axis, list | tuple) else ()
    if not axes or not all(is_integer(a) and -rank < a < rank and a != 0 for a in axes):
        raise KeraFlowError(where(repr(owner)), f"axes from 1 to {rank - 1}", repr(axis))
    return tuple(sorted({a % rank for a in axes}))


class Normalising(Standard):
    """What BatchNormalization and LayerNormalization share: gamma (scale) and beta (shift), and how they begin."""

    supports_masking: ClassVar[bool] = True
    spellings: ClassVar[Mapping[str, str]] = {
        "weights": "initial_weights", "beta_init": "beta_initializer", "gamma_init": "gamma_initializer",
    }  # fmt: skip
    short_names: ClassVar[Mapping[str, str]] = NAMES
    inits: Mapping[str, Any]

    def begin(self, owner: str, common: Mapping[str, Any], regularizers: Mapping[str, Any], constraints: Mapping[str, Any]) -> dict[str, Any]:
        """The common arguments with those of gamma and beta."""
        return merged(owner, common, regularizers=regularizers, constraints=constraints, aliases=NAMES)

    def params(self, *inputs: Shape) -> Mapping[str, Param]:
        """The step's, with the initialisers that were asked for."""
        found = {n: replace(p, init=initialisers.get(self.inits[n], f"{type(self).__name__} {n}")) for n, p in self.inner.params(*inputs).items()}
        return self.with_initial(found)


class BatchNormalization(Normalising):
    """Normalises each channel over the batch (and space), then scales and shifts.

        y = gamma (x - mean) / sqrt(variance + epsilon) + beta

    While training mean and variance are those of the minibatch, otherwise the running ones: running = momentum running + (1 - momentum) minibatch.
    axis: the channels. Input and output: (batch, ...). Parameters: scale (gamma), shift (beta); state: mean, variance; Keras's names are taken, too.
    The running variance follows the unbiased variance, as everywhere in PyPhoton; Keras 3 on torch has the biased one there.
    Source: Ioffe and Szegedy 2015; Keras 3's BatchNormalization.
    """

    def __init__(
        self, axis: int = -1, momentum: float = 0.99, epsilon: float = 1e-3, center: bool = True, scale: bool = True, beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones", moving_mean_initializer: Any = "zeros", moving_variance_initializer: Any = "ones", beta_regularizer: Any = None,
        gamma_regularizer: Any = None, beta_constraint: Any = None, gamma_constraint: Any = None, **common: Any,
    ) -> None:  # fmt: skip
        self.axis, self.momentum, self.epsilon, self.center, self.scaled = axis, momentum, epsilon, center, scale
        self.inits = {"scale": gamma_initializer, "shift": beta_initializer, "mean": moving_mean_initializer, "variance": moving_variance_initializer}
        super().__init__(**self.begin(
            "BatchNormalization", common, {"scale": gamma_regularizer, "shift": beta_regularizer}, {"scale": gamma_constraint, "shift": beta_constraint},
        ))  # fmt: skip

    def core(self) -> base.Layer:
        """BatchNorm of channels on axis 1; its momentum is the weight of the new value."""
        if isinstance(self.momentum, bool) or not isinstance(self.momentum, int | float) or not 0 <= self.momentum <= 1:
            raise KeraFlowError("BatchNormalization", "momentum from 0 to 1", repr(self.momentum))
        return layers.BatchNorm(momentum=1 - self.momentum, epsilon=self.epsilon, scale=self.scaled, shift=self.center)

    def result(self, *inputs: Any) -> Any:
        """The step with the channels on axis 1."""
        (x,) = inputs
        (axis,) = checked_axes(self, self.axis, x.ndim)
        order = (0, axis, *(a for a in range(1, x.ndim) if a != axis))
        back = tuple(order.index(a) for a in range(x.ndim))
        return turned(graph.apply_leaf(self, (turned(x, order),)), back)


class LayerNormalization(Normalising):
    """Normalises each sample over its last axis, or over `axis`, then scales and shifts.

        y = gamma (x - mean) / sqrt(variance + epsilon) + beta

    Input and output: (batch, ...). Parameters: scale (gamma), shift (beta): (features,), of several axes one after the other. Source: Ba et al. 2016;
    Keras 3's LayerNormalization.
    """

    def __init__(
        self, axis: Any = -1, epsilon: float = 1e-3, center: bool = True, scale: bool = True, beta_initializer: Any = "zeros", gamma_initializer: Any = "ones",
        beta_regularizer: Any = None, gamma_regularizer: Any = None, beta_constraint: Any = None, gamma_constraint: Any = None, **common: Any,
    ) -> None:  # fmt: skip
        self.axis, self.epsilon, self.center, self.scaled = axis, epsilon, center, scale
        self.inits = {"scale": gamma_initializer, "shift": beta_initializer}
        super().__init__(**self.begin(
            "LayerNormalization", common, {"scale": gamma_regularizer, "shift": beta_regularizer}, {"scale": gamma_constraint, "shift": beta_constraint},
        ))  # fmt: skip

    def core(self) -> base.Layer:
        """LayerNorm of the last axis."""
        return layers.LayerNorm(epsilon=self.epsilon, scale=self.scaled, shift=self.center)

    def result(self, *inputs: Any) -> Any:
        """The step with the axes in question at the end, as one."""
        (x,) = inputs
        axes = checked_axes(self, self.axis, x.ndim)
        if axes == (x.ndim - 1,):
            return graph.apply_leaf(self, (x,))
        order = (*(a for a in range(x.ndim) if a not in axes), *axes)
        last = turned(x, order)
        y = graph.apply_leaf(self, (last.flatten(start=x.ndim - len(axes)),)).reshape(list(last.shape))
        return turned(y, tuple(order.index(a) for a in range(x.ndim)))


class GroupNormalization(Owning):
    """Normalises each sample over space and over groups of channels, then scales and shifts each channel (Wu and He 2018).

    groups: how many, -1 for one per channel. axis: the channels. Parameters: scale (gamma), shift (beta): (channels,). Errors: ShapeError.
    """

    supports_masking: ClassVar[bool] = True
    short_names: ClassVar[Mapping[str, str]] = NAMES

    def __init__(
        self, groups: int = 32, axis: int = -1, epsilon: float = 1e-3, center: bool = True, scale: bool = True, beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones", beta_regularizer: Any = None, gamma_regularizer: Any = None, beta_constraint: Any = None,
        gamma_constraint: Any = None, **common: Any,
    ) -> None:  # fmt: skip
        super().__init__(**merged(
            "GroupNormalization", common, regularizers={"scale": gamma_regularizer, "shift": beta_regularizer},
            constraints={"scale": gamma_constraint, "shift": beta_constraint}, aliases=NAMES,
        ))  # fmt: skip
        self.groups, self.axis, self.epsilon, self.center, self.scaled = groups, axis, epsilon, center, scale
        self.gamma, self.beta = gamma_initializer, beta_initializer

    def forward(self, x: Any) -> Any:
        """Of the input's shape."""
        (axis,) = checked_axes(self, self.axis, x.ndim)
        channels = x.shape[axis]
        groups = channels if self.groups == -1 else self.groups
        if channels is None or groups < 1 or channels % groups:
            raise ShapeError(where(repr(self)), f"channels that {groups} groups divide", show(x.shape))
        order = (0, axis, *(a for a in range(1, x.ndim) if a != axis))
        first = turned(x, order)
        apart = first.reshape([first.shape[0], groups, channels // groups, *first.shape[2:]])
        rest = tuple(range(2, apart.ndim))
        centred = apart - apart.mean(axis=rest, keepdims=True)
        y = (centred / functions.sqrt((centred * centred).mean(axis=rest, keepdims=True) + self.epsilon)).reshape(list(first.shape))
        like = [channels, *[1] * (x.ndim - 2)]
        y = y * self.own("scale", (channels,), self.gamma).reshape(like) if self.scaled else y
        y = y + self.own("shift", (channels,), self.beta).reshape(like) if self.center else y
        return turned(y, tuple(order.index(a) for a in range(x.ndim)))


class UnitNormalization(Layer):
    """Each vector along `axis` divided by its length: y = x / max(|x|, 1e-6). Source: Keras 3's UnitNormalization."""

    supports_masking: ClassVar[bool] = True

    def __init__(self, axis: Any = -1, **common: Any) -> None:
        super().__init__(**common)
        self.axis = axis

    def forward(self, x: Any) -> Any:
        """Of the input's shape."""
        axes = checked_axes(self, self.axis, x.ndim)
        return x / functions.sqrt(functions.maximum((x * x).sum(axis=axes, keepdims=True), 1e-12))


class RMSNormalization(Owning):
    """y = scale x / sqrt(mean(x^2) + epsilon) over `axis` (Zhang and Sennrich 2019). Parameters: scale, of the axis's length."""

    supports_masking: ClassVar[bool] = True

    def __init__(self, axis: int = -1, epsilon: float = 1e-6, **common: Any) -> None:
        super().__init__(**common)
        self.axis, self.epsilon = axis, epsilon

    def forward(self, x: Any) -> Any:
        """Of the input's shape."""
        (axis,) = checked_axes(self, self.axis, x.ndim)
        like = [x.shape[axis], *[1] * (x.ndim - axis - 1)]
        scale = self.own("scale", (x.shape[axis],), "ones").reshape(like)
        return x * scale / functions.sqrt((x * x).mean(axis=axis, keepdims=True) + self.epsilon)


class Rescaling(Layer):
    """y = scale x + offset: `Rescaling(1 / 255)` of images. Source: Keras 3's Rescaling."""

    supports_masking: ClassVar[bool] = True

    def __init__(self, scale: Any, offset: Any = 0.0, **common: Any) -> None:
        super().__init__(**common)
        self.scale, self.offset = scale, offset

    def forward(self, x: Any) -> Any:
        """Of the input's shape, floats."""
        x = x if x.dtype.startswith("float") else x.astype("float32")
        return x * plain(self.scale) + plain(self.offset)


def plain(value: Any) -> Any:
    """A number as it is, a list or array as float32."""
    return float(value) if np.ndim(value) == 0 else np.asarray(value, "float32")


class Normalization(Layer):
    """y = (x - mean) / sqrt(variance), with numbers that `adapt(data)` measures or that are given; `invert` goes back.

    axis: the axes that have numbers of their own; None for one pair of numbers. A standard deviation below 1e-7 counts as that. Source: Keras 3.
    """

    supports_masking: ClassVar[bool] = True

    def __init__(self, axis: Any = -1, mean: Any = None, variance: Any = None, invert: bool = False, **common: Any) -> None:
        super().__init__(**common)
        if (mean is None) != (variance is None):
            raise KeraFlowError("Normalization", "mean and variance together", "one of them")
        self.axis, self.mean, self.variance, self.invert = axis, mean, variance, bool(invert)

    def adapt(self, data: Any) -> None:
        """Measure mean and variance of an array (samples, ...). Errors: ShapeError."""
        array = np.asarray(data, "float64")
        kept = () if self.axis is None else checked_axes(self, self.axis, array.ndim)
        rest = tuple(a for a in range(array.ndim) if a not in kept)
        self.mean, self.variance = array.mean(axis=rest), array.var(axis=rest)

    def forward(self, x: Any) -> Any:
        """Of the input's shape. Errors: KeraFlowError before `adapt`."""
        if self.mean is None:
            raise KeraFlowError(where(repr(self)), "mean and variance", "none", "Call adapt(data) first.")
        x = x if x.dtype.startswith("float") else x.astype("float32")
        kept = () if self.axis is None else checked_axes(self, self.axis, x.ndim)
        like = [n if a in kept else 1 for a, n in enumerate(x.shape)][1:]
        mean, deviation = (np.asarray(v, "float64") for v in (self.mean, np.maximum(np.sqrt(self.variance), 1e-7)))
        if np.ndim(mean) and kept:
            mean, deviation = mean.reshape(like), deviation.reshape(like)
        return x * plain(deviation) + plain(mean) if self.invert else (x - plain(mean)) / plain(deviation)
