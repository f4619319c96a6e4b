"""The primitive operations: name -> shape rule and NumPy meaning. What an operation means stands here and nowhere else.

Every backend implements these names (and the layer kinds); the NumPy functions below are the reference that all of
them are held to. Python numbers among the arguments stay Python numbers, so that float32 stays float32.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from pyphoton.errors import ShapeError
from pyphoton.typing import Shape, show


@dataclass(frozen=True)
class Op:
    """A primitive: `infer(*shapes, **attrs)` gives the result's shape, `numpy(*arrays, **attrs)` the result.

    `dtype` is "same" (floats win over integers), "float" (whole numbers and truth values become floats first), or the name
    of the result's dtype; `index` names the argument
    positions that take integers (labels, row numbers) and must not be converted to floats.
    """

    name: str
    infer: Callable[..., Shape]
    numpy: Callable[..., Any]
    dtype: str = "same"
    index: frozenset[int] = frozenset()


OPS: dict[str, Op] = {}


def _op(name: str, infer: Callable[..., Shape], numpy: Callable[..., Any], dtype: str = "same", index: Any = ()) -> None:
    OPS[name] = Op(name, infer, numpy, dtype, frozenset(index))


# ---- shape rules -------------------------------------------------------------------------------------------------


def broadcast(*shapes: Shape, **_: Any) -> Shape:
    """NumPy's broadcasting, with unknown lengths. Errors: ShapeError."""
    rank = max(len(s) for s in shapes)
    padded = [(1,) * (rank - len(s)) + tuple(s) for s in shapes]
    result: list[int | None] = []
    for lengths in zip(*padded, strict=True):
        fixed = {n for n in lengths if n not in (1, None)}
        if len(fixed) > 1:
            shown = " and ".join(show(s) for s in shapes)
            raise ShapeError("element by element", "shapes that broadcast", shown)
        result.append(fixed.pop() if fixed else None if None in lengths else 1)
    return tuple(result)


def normal_axes(axis: int | tuple[int, ...] | None, rank: int) -> tuple[int, ...]:
    """Axis numbers from 0 to rank - 1. Errors: ShapeError."""
    axes = tuple(range(rank)) if axis is None else (axis,) if isinstance(axis, int) else tuple(axis)
    for a in axes:
        if not -rank <= a < rank:
            raise ShapeError("axis", f"a number from {-rank} to {rank - 1}", str(a))
    return tuple(a % rank for a in axes)


def _same(x: Shape, **_: Any) -> Shape:
    return x


def _reduced(x: Shape, axis: Any = None, keepdims: bool = False, **_: Any) -> Shape:
    axes = normal_axes(axis, len(x))
    return tuple(1 if i in axes else n for i, n in enumerate(x) if keepdims or i not in axes)


def _on_axis(x: Shape, axis: int = -1, **_: Any) -> Shape:
    normal_axes(axis, len(x))
    return x


def size(shape: Shape) -> int | None:
    """The number of elements, or None when a length is unknown."""
    return None if None in shape else math.prod(n for n in shape if n is not None)


def _reshaped(x: Shape, shape: Shape) -> Shape:
    known, wanted = size(x), [n for n in shape if n not in (-1, None)]
    free = len(shape) - len(wanted)
    product = math.prod(n for n in wanted if n is not None)
    bad = free > 1 or (known is not None and (known != product if not free else product == 0 or known % product))
    if known is None and not free and len(x) and x[0] is None:
        bad = True
    rest_x, rest_s = size(x[1:]), size(shape[1:]) if -1 not in shape[1:] else None
    if x and x[0] is None and shape and shape[0] in (None, -1) and None not in (rest_x, rest_s):
        bad = rest_x != rest_s and (shape[0] is None or not rest_s)
    if bad:
        raise ShapeError("reshape", f"as many numbers as {show(x)} has", show(shape))
    if known is not None and free:
        return tuple(known // product if n in (-1, None) else n for n in shape)
    return tuple(None if n == -1 else n for n in shape)


def _flat(x: Shape, start: int = 1) -> Shape:
    return (*x[:start], size(x[start:]))


def _transposed(x: Shape, axes: tuple[int, ...]) -> Shape:
    if sorted(a % len(x) for a in axes) != list(range(len(x))):
        raise ShapeError("transpose", f"every axis of {show(x)} once", str(tuple(axes)))
    return tuple(x[a] for a in axes)


def _joined(*shapes: Shape, axis: int = 1) -> Shape:
    rank = len(shapes[0])
    (a,) = normal_axes(axis, rank)
    for s in shapes[1:]:
        same = len(s) == rank and all(i == a or None in (m, n) or m == n for i, (m, n) in enumerate(zip(shapes[0], s, strict=True)))
        if not same:
            shown = " and ".join(show(s) for s in shapes)
            raise ShapeError("concatenate", f"shapes that are equal except on axis {a}", shown)
    total = None if any(s[a] is None for s in shapes) else sum(s[a] or 0 for s in shapes)
    return tuple(total if i == a else next((s[i] for s in shapes if s[i] is not None), None) for i in range(rank))


def _matmul(a: Shape, b: Shape) -> Shape:
    if not a or not b:
        raise ShapeError("matrix product", "at least one axis each", f"{show(a)} and {show(b)}")
    left, right = (a if len(a) > 1 else (1, *a)), (b if len(b) > 1 else (*b, 1))
    if None not in (left[-1], right[-2]) and left[-1] != right[-2]:
        raise ShapeError("matrix product", "the last axis of the left to equal the last but one of the right", f"{show(a)} and {show(b)}")
    result = (*broadcast(left[:-2] or (1,), right[:-2] or (1,)), left[-2], right[-1])
    result = result[1:] if max(len(left), len(right)) == 2 else result
    if len(b) == 1:
        result = result[:-1]
    return result[:-2] + result[-1:] if len(a) == 1 and len(b) > 1 else result[:-1] if len(a) == 1 else result


def _indexed(x: Shape, index: list[Any]) -> Shape:
    found = []
    for fill in (83, 89, 1):  # where the answers differ, the length is unknown
        lengths = tuple(fill if n is None else n for n in x)
        try:
            found.append(np.broadcast_to(np.int8(0), lengths)[to_index(index)].shape)
        except IndexError as error:
            if fill > 1:
                raise ShapeError("index", f"an index into {show(x)}", str(error)) from None
    return tuple(lengths[0] if len(set(lengths)) == 1 else None for lengths in zip(*found, strict=True))


def to_index(index: list[Any]) -> tuple[Any, ...]:
    """The Python index that a plan's JSON form of it stands for."""
    words = {"...": Ellipsis, "new": None}
    return tuple(slice(*i) if isinstance(i, list | tuple) else words[i] if isinstance(i, str) else i for i in index)


def _picked(scores: Shape, labels: Shape) -> Shape:
    if len(scores) != 2 or len(labels) != 1:
        raise ShapeError("labels", "scores (batch, classes) and one integer label per sample (batch,)", f"{show(scores)} and {show(labels)}")
    return labels


# ---- meanings ----------------------------------------------------------------------------------------------------


def _like(y: Any, x: Any) -> Any:
    """The result in the dtype of the argument, unless that holds whole numbers."""
    dtype = np.asarray(x).dtype
    return y.astype(dtype) if dtype.kind == "f" else y


def _sigmoid(x: Any) -> Any:
    return _like(np.exp(-np.logaddexp(0, -x)), x)


def _log_softmax(x: Any, axis: int = -1) -> Any:
    shifted = x - np.max(x, axis=axis, keepdims=True)
    return shifted - np.log(np.sum(np.exp(shifted), axis=axis, keepdims=True))


def _erf(x: Any) -> Any:
    return np.vectorize(math.erf, otypes=[np.float64])(x) if np.size(x) else x


def _gelu(x: Any) -> Any:
    return _like(0.5 * x * (1 + _erf(x / math.sqrt(2))), x)


def _one_hot(labels: Any, classes: int, dtype: str) -> Any:
    return (np.asarray(labels)[..., None] == np.arange(classes)).astype(dtype)


def _cross_entropy(scores: Any, labels: Any) -> Any:
    return -np.take_along_axis(_log_softmax(scores), np.asarray(labels)[:, None].astype(np.int64), axis=1)[:, 0]


def _along(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function` with several axes as a tuple, which is what NumPy asks for; JSON has lists."""
    return lambda x, axis=None, keepdims=False: function(x, axis=tuple(axis) if isinstance(axis, list) else axis, keepdims=keepdims)


_SELU_SCALE, _SELU_ALPHA = 1.0507009873554805, 1.6732632423543772

_ELEMENTWISE: dict[str, Callable[..., Any]] = {
    "neg": np.negative,
    "abs": np.abs,
    "exp": np.exp,
    "log": np.log,
    "sqrt": np.sqrt,
    "square": np.square,
    "sin": np.sin,
    "cos": np.cos,
    "sign": np.sign,
    "round": np.round,
    "tanh": np.tanh,
    "sigmoid": _sigmoid,
    "relu": lambda x: np.maximum(x, 0),
    "softplus": lambda x: _like(np.logaddexp(0, x), x),
    "gelu": _gelu,
    "swish": lambda x: x * _sigmoid(x),
    "selu": lambda x: _SELU_SCALE * np.where(x > 0, x, _SELU_ALPHA * np.expm1(np.minimum(x, 0))),
}
for _name, _meaning in _ELEMENTWISE.items():
    _op(_name, _same, _meaning, dtype="same" if _name in ("neg", "abs", "square", "sign", "round", "relu") else "float")
_op("elu", _same, lambda x, alpha=1.0: np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0))))
_op("leaky_relu", _same, lambda x, alpha=0.01: np.where(x > 0, x, alpha * x))
_op("clip", _same, lambda x, low=None, high=None: np.clip(x, low, high))
_op("softmax", _on_axis, lambda x, axis=-1: np.exp(_log_softmax(x, axis)), dtype="float")
_op("log_softmax", _on_axis, _log_softmax, dtype="float")

for _name, _meaning in {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "div": np.true_divide,
    "pow": np.power,
    "mod": np.mod,
    "maximum": np.maximum,
    "minimum": np.minimum,
}.items():
    _op(_name, broadcast, _meaning, dtype="float" if _name == "div" else "same")
for _name, _meaning in {
    "eq": np.equal,
    "ne": np.not_equal,
    "lt": np.less,
    "le": np.less_equal,
    "gt": np.greater,
    "ge": np.greater_equal,
    "logical_and": np.logical_and,
    "logical_or": np.logical_or,
}.items():
    _op(_name, broadcast, _meaning, dtype="bool")
_op("logical_not", _same, np.logical_not, dtype="bool")
_op("where", broadcast, np.where)
_op("matmul", _matmul, np.matmul)

_REDUCTIONS: dict[str, Callable[..., Any]] = {"sum": np.sum, "mean": np.mean, "max": np.max, "min": np.min, "prod": np.prod}
for _name, _meaning in _REDUCTIONS.items():
    _op(_name, _reduced, _along(_meaning), dtype="float" if _name == "mean" else "same")
_op("argmax", lambda x, axis=-1, keepdims=False: _reduced(x, axis, keepdims), lambda x, axis=-1, keepdims=False: np.argmax(x, axis=axis, keepdims=keepdims), dtype="int64")

_op("reshape", _reshaped, lambda x, shape: np.reshape(x, [-1 if n is None else n for n in shape]))
_op("flatten", _flat, lambda x, start=1: np.reshape(x, (*x.shape[:start], math.prod(x.shape[start:]))))
_op("transpose", _transposed, lambda x, axes: np.transpose(x, axes))
_op("concat", _joined, lambda *xs, axis=1: np.concatenate(xs, axis=axis))
_op("getitem", _indexed, lambda x, index: x[to_index(index)])
_op("cast", _same, lambda x, dtype: np.asarray(x).astype(dtype), dtype="dtype")
_op("one_hot", lambda x, classes, dtype: (*x, classes), _one_hot, dtype="dtype", index=[0])
_op("cross_entropy", _picked, _cross_entropy, index=[1])
