"""Activation functions and the other elementwise functions that people call by name.

They work on symbolic tensors inside a model and directly on NumPy arrays and numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from pyphoton.description import stock_function
from pyphoton.errors import ArgumentError, UnknownName, near
from pyphoton.tensor import apply

NAMES: dict[str, Any] = {}


F = TypeVar("F", bound=Callable[..., Any])


def _stock(*names: str) -> Callable[[F], F]:
    def register(function: F) -> F:
        for name in (function.__name__, *names):
            NAMES[name] = function
        stock_function(function, *names)
        return function

    return register


@_stock("linear")
def identity(x: Any) -> Any:
    """The argument itself: y = x."""
    return x


@_stock()
def relu(x: Any) -> Any:
    """y = max(x, 0)."""
    return apply("relu", x)


@_stock()
def elu(x: Any, alpha: float = 1.0) -> Any:
    """y = x for x > 0, alpha (exp(x) - 1) otherwise (Clevert et al. 2015)."""
    return apply("elu", x, alpha=alpha)


@_stock()
def selu(x: Any) -> Any:
    """y = 1.0507 elu(x, 1.6733) (Klambauer et al. 2017)."""
    return apply("selu", x)


@_stock("sigm", "σ")
def sigmoid(x: Any) -> Any:
    """y = 1 / (1 + exp(-x))."""
    return apply("sigmoid", x)


@_stock()
def tanh(x: Any) -> Any:
    """y = (exp(x) - exp(-x)) / (exp(x) + exp(-x))."""
    return apply("tanh", x)


@_stock()
def softplus(x: Any) -> Any:
    """y = log(1 + exp(x))."""
    return apply("softplus", x)


@_stock()
def gelu(x: Any) -> Any:
    """y = x Phi(x) with the normal distribution function Phi, exact (Hendrycks and Gimpel 2016)."""
    return apply("gelu", x)


@_stock("silu")
def swish(x: Any) -> Any:
    """y = x sigmoid(x) (Ramachandran et al. 2017)."""
    return apply("swish", x)


@_stock()
def leaky_relu(x: Any, alpha: float = 0.01) -> Any:
    """y = x for x > 0, alpha x otherwise."""
    return apply("leaky_relu", x, alpha=alpha)


@_stock()
def softsign(x: Any) -> Any:
    """y = x / (1 + |x|)."""
    return apply("div", x, apply("add", 1.0, apply("abs", x)))


@_stock()
def hard_sigmoid(x: Any) -> Any:
    """y = clip(0.2 x + 0.5, 0, 1) (Keras's form)."""
    return apply("clip", apply("add", apply("mul", x, 0.2), 0.5), low=0.0, high=1.0)


@_stock()
def softmax(x: Any, axis: int = -1) -> Any:
    """exp(x) divided by its sum along `axis`: per sample, over the features."""
    return apply("softmax", x, axis=axis)


@_stock("logsoftmax")
def log_softmax(x: Any, axis: int = -1) -> Any:
    """log(softmax(x)), without overflow."""
    return apply("log_softmax", x, axis=axis)


sigm = σ = sigmoid


def get(what: Any, owner: str = "activation") -> Any:
    """An activation by name or as a function; None is the identity. Errors: UnknownName with the nearest names."""
    if what is None:
        return identity
    if isinstance(what, str):
        name = what.lstrip(":")
        if name not in NAMES:
            raise UnknownName(owner, "an activation", repr(what), near(name, NAMES))
        return NAMES[name]
    if callable(what):
        return what
    raise ArgumentError(owner, "an activation function or its name", repr(what))
