"""Activation functions by the names and with the arguments that today's Keras has.

`hard_sigmoid` is Keras 3's, relu6(x + 3) / 6; Keraflow's and Keras 1's, clip(0.2 x + 0.5, 0, 1), is `pyphoton.activations.hard_sigmoid`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pyphoton import activations as core
from pyphoton.activations import elu, log_softmax, selu, sigmoid, softmax, softplus, softsign, tanh
from pyphoton.errors import ArgumentError, UnknownName, near
from pyphoton.functions import where
from pyphoton.tensor import apply

silu = core.swish


def linear(x: Any) -> Any:
    """The argument itself."""
    return x


def relu(x: Any, negative_slope: float = 0.0, max_value: float | None = None, threshold: float = 0.0) -> Any:
    """y = max_value for x >= max_value, x for x >= threshold, negative_slope (x - threshold) otherwise."""
    if threshold:
        y = where(x > threshold, x, (x - threshold) * negative_slope)
    else:
        y = apply("leaky_relu", x, alpha=negative_slope) if negative_slope else apply("relu", x)
    return y if max_value is None else apply("minimum", y, float(max_value))


def leaky_relu(x: Any, negative_slope: float = 0.2) -> Any:
    """y = x for x > 0, negative_slope x otherwise."""
    return apply("leaky_relu", x, alpha=negative_slope)


def relu6(x: Any) -> Any:
    """y = min(max(x, 0), 6)."""
    return apply("clip", x, low=0.0, high=6.0)


def hard_sigmoid(x: Any) -> Any:
    """y = relu6(x + 3) / 6."""
    return apply("clip", x * (1 / 6) + 0.5, low=0.0, high=1.0)


def hard_silu(x: Any) -> Any:
    """y = x hard_sigmoid(x) (Howard et al. 2019)."""
    return x * hard_sigmoid(x)


def gelu(x: Any, approximate: bool = False) -> Any:
    """y = x Phi(x) with the normal distribution function Phi; `approximate` takes the tanh form (Hendrycks and Gimpel 2016)."""
    if not approximate:
        return core.gelu(x)
    return 0.5 * x * (1 + core.tanh((x + 0.044715 * x * x * x) * float(np.sqrt(2 / np.pi))))


def exponential(x: Any) -> Any:
    """y = exp(x)."""
    return apply("exp", x)


def mish(x: Any) -> Any:
    """y = x tanh(softplus(x)) (Misra 2019)."""
    return x * core.tanh(core.softplus(x))


def celu(x: Any, alpha: float = 1.0) -> Any:
    """y = max(x, 0) + min(alpha (exp(x / alpha) - 1), 0) (Barron 2017)."""
    return elu(x * (1 / alpha)) * alpha


def log_sigmoid(x: Any) -> Any:
    """y = log(1 / (1 + exp(-x)))."""
    return -core.softplus(-x)


def tanh_shrink(x: Any) -> Any:
    """y = x - tanh(x)."""
    return x - core.tanh(x)


def hard_tanh(x: Any) -> Any:
    """y = clip(x, -1, 1)."""
    return apply("clip", x, low=-1.0, high=1.0)


def squareplus(x: Any, b: float = 4.0) -> Any:
    """y = (x + sqrt(x^2 + b)) / 2."""
    return (x + apply("sqrt", x * x + b)) * 0.5


def hard_shrink(x: Any, threshold: float = 0.5) -> Any:
    """y = x where |x| > threshold, 0 elsewhere."""
    return where(apply("abs", x) > threshold, x, 0.0)


def soft_shrink(x: Any, threshold: float = 0.5) -> Any:
    """y = sign(x) max(|x| - threshold, 0)."""
    return apply("relu", x - threshold) - apply("relu", -x - threshold)


def threshold(x: Any, threshold: float, default_value: float) -> Any:
    """y = x where x > threshold, default_value elsewhere."""
    return where(x > threshold, x, float(default_value))


def sparse_plus(x: Any) -> Any:
    """y = 0 for x <= -1, (x + 1)^2 / 4 for x < 1, x otherwise."""
    return where(x >= 1.0, x, apply("square", apply("clip", x + 1.0, low=0.0, high=2.0)) * 0.25)


def sparse_sigmoid(x: Any) -> Any:
    """y = clip((x + 1) / 2, 0, 1)."""
    return apply("clip", x * 0.5 + 0.5, low=0.0, high=1.0)


_OWN = (relu, leaky_relu, relu6, hard_sigmoid, hard_silu, gelu, exponential, mish, celu, log_sigmoid, tanh_shrink, hard_tanh, squareplus, hard_shrink, soft_shrink, sparse_plus, sparse_sigmoid)
NAMES: dict[str, Any] = {
    **{f.__name__: f for f in _OWN}, "linear": core.identity, "identity": core.identity, "sigmoid": sigmoid, "tanh": tanh, "softmax": softmax,
    "log_softmax": log_softmax, "softplus": softplus, "softsign": softsign, "elu": elu, "selu": selu, "silu": silu, "swish": silu,
    "hard_swish": hard_silu, "relu": core.relu, "gelu": core.gelu,
}  # fmt: skip
"""The functions that have a name. Without arguments relu and gelu are the core's, which engines join with the layer before."""
_ACROSS = (softmax, log_softmax)


def get(what: Any, owner: str = "activation") -> Any:
    """An activation by name, or a function; None is the identity. Errors: UnknownName with the nearest names."""
    if what is None or what is linear:
        return core.identity
    if isinstance(what, str):
        if what not in NAMES:
            raise UnknownName(owner, "an activation", repr(what), near(what, NAMES))
        return NAMES[what]
    if callable(what):
        return {relu: core.relu, gelu: core.gelu}.get(what, what) if not hasattr(what, "kind") else what
    raise ArgumentError(owner, "an activation function or its name", repr(what))


def is_elementwise(function: Any) -> bool:
    """Whether a function is known to treat every element alike, so that the order of axes is nothing to it."""
    return any(function is known for known in NAMES.values()) and not any(function is known for known in _ACROSS)
