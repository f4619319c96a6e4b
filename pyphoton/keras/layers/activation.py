"""Activations with arguments or parameters, as layers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pyphoton import activations as core
from pyphoton import functions
from pyphoton.arguments import is_integer
from pyphoton.errors import KeraFlowError
from pyphoton.keras import activations
from pyphoton.keras.layer import Layer
from pyphoton.keras.layers.owning import Owning
from pyphoton.keras.layers.stock import each_element, merged
from pyphoton.tensor import apply


def _number(owner: str, name: str, value: Any, least: float = 0.0) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or value < least:
        raise KeraFlowError(owner, f"{name} to be a number from {least}", repr(value))
    return float(value)


class ReLU(Layer):
    """y = max_value for x >= max_value, x for x >= threshold, negative_slope (x - threshold) otherwise. Source: Keras 3's ReLU."""

    supports_masking: ClassVar[bool] = True

    def __init__(self, max_value: float | None = None, negative_slope: float = 0.0, threshold: float = 0.0, **common: Any) -> None:
        super().__init__(**common)
        self.max_value = None if max_value is None else _number("ReLU", "max_value", max_value)
        self.slope, self.threshold = _number("ReLU", "negative_slope", negative_slope), _number("ReLU", "threshold", threshold)

    def forward(self, x: Any) -> Any:
        """Of the input's shape."""
        return each_element(lambda t: activations.relu(t, self.slope, self.max_value, self.threshold), x)


class LeakyReLU(Layer):
    """y = x for x > 0, negative_slope x otherwise. Source: Keras 3's LeakyReLU; `alpha` in Keras 1."""

    supports_masking: ClassVar[bool] = True
    spellings: ClassVar[Mapping[str, str]] = {"alpha": "negative_slope"}

    def __init__(self, negative_slope: float = 0.3, **common: Any) -> None:
        super().__init__(**common)
        self.slope = _number("LeakyReLU", "negative_slope", negative_slope)

    def forward(self, x: Any) -> Any:
        """Of the input's shape."""
        return each_element(lambda t: apply("leaky_relu", t, alpha=self.slope), x)


class ELU(Layer):
    """y = x for x > 0, alpha (exp(x) - 1) otherwise (Clevert et al. 2015)."""

    supports_masking: ClassVar[bool] = True

    def __init__(self, alpha: float = 1.0, **common: Any) -> None:
        super().__init__(**common)
        self.alpha = _number("ELU", "alpha", alpha)

    def forward(self, x: Any) -> Any:
        """Of the input's shape."""
        return each_element(lambda t: apply("elu", t, alpha=self.alpha), x)


class ThresholdedReLU(Layer):
    """y = x for x > theta, 0 otherwise (Konda et al. 2014)."""

    supports_masking: ClassVar[bool] = True

    def __init__(self, theta: float = 1.0, **common: Any) -> None:
        super().__init__(**common)
        self.theta = _number("ThresholdedReLU", "theta", theta)

    def forward(self, x: Any) -> Any:
        """Of the input's shape."""
        return each_element(lambda t: functions.where(t > self.theta, t, 0.0), x)


class Softmax(Layer):
    """exp(x) over its sum along `axis`, a number or several. Source: Keras 3's Softmax."""

    supports_masking: ClassVar[bool] = True

    def __init__(self, axis: Any = -1, **common: Any) -> None:
        super().__init__(**common)
        self.axis = int(axis) if is_integer(axis) else tuple(axis)

    def forward(self, x: Any) -> Any:
        """Probabilities, of the input's shape."""
        if isinstance(self.axis, int):
            return core.softmax(x, axis=self.axis)
        powers = functions.exp(x - x.max(axis=self.axis, keepdims=True))
        return powers / powers.sum(axis=self.axis, keepdims=True)


def sample_shape(x: Any, shared_axes: Any = None) -> tuple[int, ...]:
    """The shape of one parameter per element of a sample, 1 along axes (counted with the batch) that share it."""
    shared = (shared_axes,) if is_integer(shared_axes) else tuple(shared_axes or ())
    return tuple(1 if a in shared or a - x.ndim in shared else n for a, n in enumerate(x.shape))[1:]


class PReLU(Owning):
    """y = x for x > 0, alpha x otherwise, with a trained alpha per element of a sample (He et al. 2015).

    shared_axes: axes, the batch counted, along which there is one alpha: [1, 2] for images, channels last. Parameters: alpha.
    """

    supports_masking: ClassVar[bool] = True
    spellings: ClassVar[Mapping[str, str]] = {"init": "alpha_initializer", "weights": "initial_weights"}
    short_names: ClassVar[Mapping[str, str]] = {"W": "alpha", "alphas": "alpha"}

    def __init__(
        self, alpha_initializer: Any = "zeros", alpha_regularizer: Any = None, alpha_constraint: Any = None, shared_axes: Any = None, **common: Any,
    ) -> None:  # fmt: skip
        super().__init__(**merged("PReLU", common, regularizers={"alpha": alpha_regularizer}, constraints={"alpha": alpha_constraint}, aliases=self.short_names))
        self.init, self.shared_axes = alpha_initializer, shared_axes

    def forward(self, x: Any) -> Any:
        """Of the input's shape."""
        alpha = self.own("alpha", sample_shape(x, self.shared_axes), self.init)
        return apply("relu", x) - alpha * apply("relu", -x)


class ParametricSoftplus(Owning):
    """y = alpha log(1 + exp(beta x)), both trained, one per element of a sample. Parameters: alpha, beta. Source: Keras 1."""

    supports_masking: ClassVar[bool] = True
    spellings: ClassVar[Mapping[str, str]] = {"weights": "initial_weights"}
    short_names: ClassVar[Mapping[str, str]] = {"alphas": "alpha", "betas": "beta"}

    def __init__(self, alpha_init: float = 0.2, beta_init: float = 5.0, shared_axes: Any = None, **common: Any) -> None:
        super().__init__(**common)
        self.alpha_init, self.beta_init, self.shared_axes = alpha_init, beta_init, shared_axes

    def forward(self, x: Any) -> Any:
        """Of the input's shape."""
        shape = sample_shape(x, self.shared_axes)
        alpha, beta = self.own("alpha", shape, self.alpha_init), self.own("beta", shape, self.beta_init)
        return alpha * core.softplus(beta * x)


class SReLU(Owning):
    """An S-shaped unit of three lines, trained per element of a sample (Jin et al. 2015):

        y = t_left + a_left (x - t_left)  for x < t_left;  x in between;  t + a_right (x - t)  for x > t = t_left + |t_right|

    Parameters: t_left, a_left, t_right, a_right. Source: Keras 1's SReLU.
    """

    supports_masking: ClassVar[bool] = True
    spellings: ClassVar[Mapping[str, str]] = {"weights": "initial_weights"}

    def __init__(
        self, t_left_init: Any = "zero", a_left_init: Any = "glorot_uniform", t_right_init: Any = "glorot_uniform", a_right_init: Any = "one",
        shared_axes: Any = None, **common: Any,
    ) -> None:  # fmt: skip
        super().__init__(**common)
        self.inits = {"t_left": t_left_init, "a_left": a_left_init, "t_right": t_right_init, "a_right": a_right_init}
        self.shared_axes = shared_axes

    def forward(self, x: Any) -> Any:
        """Of the input's shape."""
        shape = sample_shape(x, self.shared_axes)
        left, slope_left, width, slope_right = (self.own(name, shape, init) for name, init in self.inits.items())
        right = left + apply("abs", width)
        middle = functions.minimum(functions.maximum(x, left), right)
        return middle - slope_left * apply("relu", left - x) + slope_right * apply("relu", x - right)
