"""Functions of tensors: on symbolic ones they add to the model, on eager ones they are computed when asked for, on arrays at once.

`axis` (Keras.jl: `dims`) is a number, several, or None for all axes. `var` and `std` divide by the number of elements.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable
from typing import Any

import numpy as np

from pyphoton.errors import KeraFlowError
from pyphoton.keras.symbolic import Tensor
from pyphoton.keras.symbolic import variable as _variable
from pyphoton.tensor import Tensor as Traced
from pyphoton.tensor import apply


def _unary(name: str, sentence: str) -> Callable[[Any], Any]:
    def function(x: Any) -> Any:
        return apply(name, _known(x))

    function.__name__ = function.__qualname__ = name
    function.__doc__ = sentence
    return function


def _known(x: Any) -> Any:
    """Tensors as they are; numbers and lists as arrays."""
    return x if isinstance(x, Traced | np.ndarray) else np.asarray(x)


def _reduction(name: str, sentence: str) -> Callable[..., Any]:
    def function(x: Any, axis: Any = None, keepdims: bool = False, dims: Any = None) -> Any:
        return apply(name, _known(x), axis=_axes(axis, dims), keepdims=keepdims)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = sentence
    return function


def _axes(axis: Any, dims: Any) -> Any:
    """The axes by either name. Errors: KeraFlowError for both."""
    if axis is not None and dims is not None:
        raise KeraFlowError("a reduction", "axis or dims", "both")
    found = dims if axis is None else axis
    return list(found) if isinstance(found, tuple | list) else found


abs, exp, log = _unary("abs", "The absolute value, element by element."), _unary("exp", "The exponential."), _unary("log", "The natural logarithm.")
sqrt, sin, cos = _unary("sqrt", "The square root, element by element."), _unary("sin", "The sine."), _unary("cos", "The cosine.")
round, square = _unary("round", "The nearest whole number; halves go to the even one."), _unary("square", "The square, element by element.")
tanh, sigmoid, relu = _unary("tanh", "The hyperbolic tangent."), _unary("sigmoid", "1 / (1 + exp(-x))."), _unary("relu", "max(x, 0).")
sum, mean, prod = _reduction("sum", "The sum over `axis`."), _reduction("mean", "The mean over `axis`."), _reduction("prod", "The product over `axis`.")
max, min = _reduction("max", "The largest number over `axis`."), _reduction("min", "The smallest number over `axis`.")


def maximum(x: Any, y: Any = None, dims: Any = None) -> Any:
    """The larger of two, element by element; of one tensor the largest number over `dims` (Keras.jl)."""
    return max(x, dims) if y is None else apply("maximum", _known(x), y)


def minimum(x: Any, y: Any = None, dims: Any = None) -> Any:
    """The smaller of two, element by element; of one tensor the smallest number over `dims` (Keras.jl)."""
    return min(x, dims) if y is None else apply("minimum", _known(x), y)


def var(x: Any, axis: Any = None, keepdims: bool = False, dims: Any = None) -> Any:
    """The variance over `axis`: the mean of squared distances from the mean, divided by n and not n - 1."""
    axes = _axes(axis, dims)
    return mean(square(_known(x) - mean(x, axes, keepdims=True)), axes, keepdims)


def std(x: Any, axis: Any = None, keepdims: bool = False, dims: Any = None) -> Any:
    """The standard deviation over `axis`: the square root of `var`."""
    return sqrt(var(x, axis, keepdims, dims))


def any(x: Any, axis: Any = None, keepdims: bool = False, dims: Any = None) -> Any:
    """Whether something over `axis` is true (not 0)."""
    return max(cast(_known(x) != 0, "float32"), axis, keepdims, dims) > 0


def all(x: Any, axis: Any = None, keepdims: bool = False, dims: Any = None) -> Any:
    """Whether everything over `axis` is true (not 0)."""
    return min(cast(_known(x) != 0, "float32"), axis, keepdims, dims) > 0


def clip(x: Any, low: float | None = None, high: float | None = None) -> Any:
    """Numbers below `low` or above `high` become those."""
    return apply("clip", _known(x), low=low, high=high)


def transpose(x: Any, axes: Any = None) -> Any:
    """Axes in another order; reversed by default."""
    x = _known(x)
    return apply("transpose", x, axes=list(reversed(range(len(x.shape))) if axes is None else axes))


def cast(x: Any, dtype: Any) -> Any:
    """The same numbers as another dtype."""
    return apply("cast", _known(x), dtype=np.dtype(dtype).name)


def matmul(a: Any, b: Any) -> Any:
    """The matrix product, as `a @ b`."""
    return apply("matmul", _known(a), _known(b))


dot = matmul


def concatenate(tensors: Any, axis: int = -1) -> Any:
    """Several tensors side by side on `axis`."""
    return apply("concat", *builtins.map(_known, tensors), axis=axis)


def stack(tensors: Any, axis: int = 0) -> Any:
    """Several tensors of one shape on a new axis."""
    return concatenate([expand_dims(t, axis) for t in tensors], axis=axis)


def reshape(x: Any, newshape: Any) -> Any:
    """The same numbers in another shape, the batch included; -1 stands for one length that follows."""
    return apply("reshape", _known(x), shape=list(newshape))


def expand_dims(x: Any, axis: int) -> Any:
    """The tensor with an axis of length 1 more."""
    x = _known(x)
    at = axis if axis >= 0 else axis + len(x.shape) + 1
    return apply("getitem", x, index=[[None, None, None]] * at + ["new"])


def squeeze(x: Any, axis: int) -> Any:
    """The tensor without an axis of length 1."""
    x = _known(x)
    at = axis % len(x.shape)
    if x.shape[at] != 1:
        raise KeraFlowError("squeeze", f"an axis {axis} of length 1", str(x.shape[at]))
    return apply("getitem", x, index=[[None, None, None]] * at + [0])


def where(condition: Any, a: Any, b: Any) -> Any:
    """`a` where the condition is true, `b` elsewhere."""
    return apply("where", _known(condition), a, b)


def argmax(x: Any, axis: int = -1) -> Any:
    """The position of the largest number along `axis`."""
    return apply("argmax", _known(x), axis=axis)


def softmax(x: Any, axis: int = -1) -> Any:
    """exp(x) / sum(exp(x)) along `axis`."""
    return apply("softmax", _known(x), axis=axis)


def convert_to_tensor(x: Any, dtype: Any = None) -> Any:
    """An eager Tensor of numbers; a Tensor as it is."""
    return x if isinstance(x, Tensor) else _variable(x, dtype=dtype)


def convert_to_numpy(x: Any) -> Any:
    """The numbers of an eager Tensor, or of anything that NumPy takes."""
    return x.eval() if isinstance(x, Tensor) else np.asarray(x)


def shape(x: Any) -> tuple[int | None, ...]:
    """The lengths of the axes; None where only data tell."""
    return tuple(_known(x).shape)
