"""Dense, Activation, Dropout."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pyphoton import graph, layers
from pyphoton.errors import KeraFlowError
from pyphoton.keras import activations
from pyphoton.keras.layer import Layer
from pyphoton.keras.layers.stock import OLD_NAMES, Standard, activated, each_element, merged
from pyphoton.layers import base


def checked_rate(owner: str, rate: Any) -> float:
    """Errors: KeraFlowError unless it is a number from 0 up to, but not, 1."""
    if isinstance(rate, bool) or not isinstance(rate, int | float) or not 0 <= rate < 1:
        raise KeraFlowError(owner, "rate from 0 up to, but not, 1", repr(rate))
    return float(rate)


class Dense(Standard):
    """A fully connected layer.

        y = activation(x @ kernel + bias)

    Input: (batch, ..., features). Output: (batch, ..., units). Parameters: kernel (features, units), bias (units,).
    Keraflow and Keras 1 say `output_dim`, `init`, `bias`, `W_regularizer`, ... Source: Keras 3's Dense.
    Errors: ArgumentError for units below 1; ShapeError when the features differ from those it was built for.
    """

    supports_masking: ClassVar[bool] = True
    spellings: ClassVar[Mapping[str, str]] = OLD_NAMES

    def __init__(
        self, units: int, activation: Any = None, use_bias: bool = True, kernel_initializer: Any = "glorot_uniform", bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None, bias_regularizer: Any = None, activity_regularizer: Any = None, kernel_constraint: Any = None,
        bias_constraint: Any = None, **common: Any,
    ) -> None:  # fmt: skip
        self.units, self.use_bias, self.initw, self.initb = units, use_bias, kernel_initializer, bias_initializer
        self.activation = activations.get(activation, "Dense activation=")
        self.activity_regularizer = activity_regularizer
        super().__init__(**merged(
            "Dense", common, regularizers={"kernel": kernel_regularizer, "bias": bias_regularizer},
            constraints={"kernel": kernel_constraint, "bias": bias_constraint}, aliases=self.short_names,
        ))  # fmt: skip

    def core(self) -> base.Layer:
        """Dense on the last axis."""
        return layers.Dense(self.units, self.activation, self.use_bias, self.initw, self.initb, flatten=False)


class Activation(Layer):
    """A function by name, or any function of a tensor, as a layer: `Activation("relu")`. Input and output: any shape."""

    supports_masking: ClassVar[bool] = True

    def __init__(self, activation: Any, **common: Any) -> None:
        super().__init__(**common)
        self.function = activations.get(activation, "Activation")

    def forward(self, x: Any) -> Any:
        """The function of the input."""
        return activated(self.function, x)


class Dropout(Standard):
    """Sets each number to 0 with probability `rate` while training, and scales the rest by 1 / (1 - rate).

    noise_shape: the shape of the zeros, 1 (or None in the batch's place) where they are the same along an axis.
    Input and output: any shape. Keraflow says `drop_rate`, Keras 1 `p`. Errors: KeraFlowError unless 0 <= rate < 1.
    Source: Srivastava et al. 2014, inverted form.
    """

    supports_masking: ClassVar[bool] = True
    spellings: ClassVar[Mapping[str, str]] = {"drop_rate": "rate", "p": "rate"}

    def __init__(self, rate: float, noise_shape: Any = None, **common: Any) -> None:
        self.rate = checked_rate(type(self).__name__, rate)
        self.noise_shape = None if noise_shape is None else tuple(noise_shape)
        super().__init__(**common)

    def core(self) -> base.Layer:
        """Dropout."""
        return layers.Dropout(self.rate)

    def mask_axes(self, rank: int) -> tuple[int, ...]:
        """The axes along which the zeros are the same. Errors: KeraFlowError."""
        if self.noise_shape is None:
            return ()
        if len(self.noise_shape) != rank:
            raise KeraFlowError(repr(self), f"noise_shape of {rank} lengths", repr(self.noise_shape))
        return tuple(a for a, n in enumerate(self.noise_shape) if n == 1)

    def result(self, *inputs: Any) -> Any:
        """Zeros for each number, or along whole axes."""
        (x,) = inputs
        same = self.mask_axes(x.ndim)
        if not same:
            return each_element(lambda t: graph.apply_leaf(self, (t,)), x)
        part = x[tuple(slice(0, 1) if a in same else slice(None) for a in range(x.ndim))]
        ones = (part == part).astype(x.dtype)
        return x * graph.apply_leaf(self, (ones,))
