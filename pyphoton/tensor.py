"""Tensor: a symbolic value, and `apply`, which makes the node of a primitive operation.

Python's operators, NumPy's functions and the methods of Tensor all end in `apply`. On arrays `apply` just computes.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from pyphoton import ops
from pyphoton.errors import ShapeError, TraceError
from pyphoton.scopes import followed, where, where_path
from pyphoton.typing import Shape, show

if TYPE_CHECKING:
    from pyphoton.graph import Graph
    from pyphoton.layers.base import Layer

_clock = itertools.count()
MIXING = frozenset({"add", "sub", "mul", "pow", "mod", "maximum", "minimum", "where"})
KNOWN = "Use Python's operators, the methods of the tensor, or pyphoton's functions, so that every backend can run it."


@dataclass(eq=False)
class Node:
    """One step: a primitive (`layer` is None) or a layer. `inputs` are Tensors or constants.

    `into` are the shapes that a layer's parameters follow from, where they are not those of `inputs`.
    """

    op: str
    inputs: tuple[Any, ...]
    attrs: dict[str, Any]
    path: str = ""
    layer: Layer | None = None
    function: Callable[..., Any] | None = None
    body: Graph | None = None
    into: tuple[Shape, ...] | None = None
    outputs: tuple[Tensor, ...] = ()
    time: int = field(default_factory=lambda: next(_clock))


def _made(op: str, *inputs: Any, **attrs: Any) -> Tensor:
    made: Tensor = apply(op, *inputs, **attrs)
    return made


def _method(name: str) -> Callable[..., Tensor]:
    def method(self: Tensor) -> Tensor:
        return _made(name, self)

    method.__doc__ = f"Element by element: {name}."
    return method


def _reduction(name: str) -> Callable[..., Tensor]:
    def method(self: Tensor, axis: Any = None, keepdims: bool = False, dim: Any = None) -> Tensor:
        return _made(name, self, axis=dim if axis is None else axis, keepdims=keepdims)

    method.__doc__ = f"The {name} over `axis` (all axes when None)."
    return method


def _binary(name: str, swapped: bool = False) -> Callable[..., Tensor]:
    def method(self: Tensor, other: Any) -> Tensor:
        return _made(name, other, self) if swapped else _made(name, self, other)

    return method


class Tensor:
    """A symbolic value: shape, dtype and the node that makes it (None for an input).

    Python's operators, NumPy's functions and the methods of this class build nodes. It holds no numbers.
    `mask` tells which steps of a sequence count, where a layer has said so: truth values (batch, steps).
    """

    __slots__ = ("__weakref__", "dtype", "mask", "name", "node", "shape")
    __hash__ = object.__hash__
    __array_priority__ = 1000

    def __init__(self, shape: Shape, dtype: str = "float32", node: Node | None = None, name: str = "") -> None:
        self.shape, self.dtype, self.node, self.name = tuple(shape), dtype, node, name
        self.mask: Tensor | None = None

    def __repr__(self) -> str:
        return f"Tensor({show(self.shape)}, {self.dtype})"

    @property
    def ndim(self) -> int:
        """The number of axes, the batch included."""
        return len(self.shape)

    @property
    def T(self) -> Tensor:
        """The tensor with its axes reversed."""
        return self.transpose()

    def __len__(self) -> int:
        if not self.shape or self.shape[0] is None:
            raise TraceError("len(Tensor)", hint="The length of this axis is known only when numbers arrive: operations work on all samples at once; unroll(model, n) goes through steps.")
        return self.shape[0]

    def __iter__(self) -> Iterator[Tensor]:
        return (self[i] for i in range(len(self)))

    def __bool__(self) -> bool:
        raise TraceError(
            where(), "Python conditions (if, while, and) that do not depend on the numbers", f"one on {self!r}",
            "A layer is traced once, before numbers arrive: use where(condition, a, b).",
        )  # fmt: skip

    def __float__(self) -> float:
        raise TraceError(where("float(Tensor)"), hint="A symbolic tensor holds no numbers; use the tensor operations instead.")

    __int__ = __index__ = __float__

    def __array__(self, *_: Any, **__: Any) -> Any:
        raise TraceError(
            where("array(Tensor)"), "operations that PyPhoton knows", f"a conversion of {self!r} to a NumPy array", KNOWN,
        )  # fmt: skip

    @classmethod
    def __torch_function__(cls, function: Any, *_: Any, **__: Any) -> Any:
        name = f"torch.{getattr(function, '__name__', function)}"
        raise TraceError(where(name), "operations that PyPhoton knows", name, KNOWN)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        name = _UFUNCS.get(ufunc.__name__)
        if name is None or method != "__call__" or kwargs:
            raise TraceError(where(), "operations that PyPhoton knows", f"numpy.{ufunc.__name__}", KNOWN)
        return _made(name, *inputs)

    def __array_function__(self, function: Any, _: Any, args: Any, kwargs: Any) -> Any:
        name = function.__name__
        if name == "where" and len(args) == 3:
            return apply("where", *args)
        if name == "concatenate":
            return apply("concat", *args[0], axis=kwargs.get("axis", args[1] if len(args) > 1 else 0))
        if name not in _METHODS:
            raise TraceError(where(), "operations that PyPhoton knows", f"numpy.{name}", KNOWN)
        return getattr(Tensor, name)(*args, **kwargs)

    def __getitem__(self, index: Any) -> Tensor:
        items = index if isinstance(index, tuple) else (index,)
        return _made("getitem", self, index=[_index_item(i) for i in items])

    def reshape(self, *shape: Any) -> Tensor:
        """The same numbers in another shape; -1 or None stands for one length that follows."""
        wanted = shape[0] if len(shape) == 1 and not isinstance(shape[0], int | None) else shape
        return _made("reshape", self, shape=list(wanted))

    def flatten(self, start: int = 1) -> Tensor:
        """All axes from `start` on as one."""
        return _made("flatten", self, start=start)

    def transpose(self, *axes: Any) -> Tensor:
        """Axes in another order; without arguments reversed."""
        wanted = axes[0] if len(axes) == 1 and not isinstance(axes[0], int) else axes
        return _made("transpose", self, axes=list(wanted or reversed(range(self.ndim))))

    def astype(self, dtype: Any) -> Tensor:
        """The same numbers as another dtype."""
        return _made("cast", self, dtype=np.dtype(dtype).name)

    def clip(self, low: float | None = None, high: float | None = None) -> Tensor:
        """Numbers below `low` or above `high` become those."""
        return _made("clip", self, low=low, high=high)

    def argmax(self, axis: int = -1) -> Tensor:
        """The position of the largest number along `axis`."""
        return _made("argmax", self, axis=axis)

    def detach(self) -> Tensor:
        """The same numbers as a constant to whatever is differentiated around it: no gradient goes back through it."""
        from pyphoton.graph import gradient_of

        if not self.dtype.startswith("float"):
            return self
        return gradient_of(lambda z, same: (z * same).sum(), self, self)  # d/dz sum(z x) = x

    abs, exp, log, sqrt, square = _method("abs"), _method("exp"), _method("log"), _method("sqrt"), _method("square")
    sin, cos, sign, round = _method("sin"), _method("cos"), _method("sign"), _method("round")
    tanh, sigmoid, relu = _method("tanh"), _method("sigmoid"), _method("relu")
    sum, mean, prod = _reduction("sum"), _reduction("mean"), _reduction("prod")
    max, min = _reduction("max"), _reduction("min")

    __neg__, __abs__, __invert__ = _method("neg"), _method("abs"), _method("logical_not")
    __add__, __radd__ = _binary("add"), _binary("add", swapped=True)
    __sub__, __rsub__ = _binary("sub"), _binary("sub", swapped=True)
    __mul__, __rmul__ = _binary("mul"), _binary("mul", swapped=True)
    __truediv__, __rtruediv__ = _binary("div"), _binary("div", swapped=True)
    __pow__, __rpow__ = _binary("pow"), _binary("pow", swapped=True)
    __mod__, __rmod__ = _binary("mod"), _binary("mod", swapped=True)
    __matmul__, __rmatmul__ = _binary("matmul"), _binary("matmul", swapped=True)
    __eq__, __ne__ = _binary("eq"), _binary("ne")  # type: ignore[assignment]
    __lt__, __le__, __gt__, __ge__ = _binary("lt"), _binary("le"), _binary("gt"), _binary("ge")
    __and__, __or__ = _binary("logical_and"), _binary("logical_or")
    __rand__, __ror__ = _binary("logical_and", swapped=True), _binary("logical_or", swapped=True)


class Deferred(Tensor):
    """A tensor outside of any trace: what is called with it, it records (`recorded`) to be done later."""

    __slots__ = ()

    def recorded(self, function: Any, inputs: tuple[Any, ...], attrs: Mapping[str, Any]) -> Any:
        """What a layer, or a primitive operation (text), makes of these inputs, of which one is deferred."""
        raise NotImplementedError


def deferred(inputs: Sequence[Any]) -> Deferred | None:
    """The first deferred tensor among inputs and the members of inputs."""
    for i in inputs:
        if isinstance(i, Deferred):
            return i
        if isinstance(i, tuple | list):
            found = deferred(i)
            if found is not None:
                return found
    return None


_METHODS = frozenset(
    "reshape transpose clip argmax abs exp log sqrt square sin cos sign round tanh sum mean max min prod".split()
)
_UFUNCS = {
    "add": "add", "subtract": "sub", "multiply": "mul", "divide": "div", "power": "pow", "remainder": "mod",
    "maximum": "maximum", "minimum": "minimum", "matmul": "matmul", "negative": "neg", "absolute": "abs", "equal": "eq",
    "not_equal": "ne", "less": "lt", "less_equal": "le", "greater": "gt", "greater_equal": "ge", "exp": "exp",
    "log": "log", "sqrt": "sqrt", "square": "square", "sin": "sin", "cos": "cos", "sign": "sign", "tanh": "tanh",
    "logical_and": "logical_and", "logical_or": "logical_or", "logical_not": "logical_not", "bitwise_and": "logical_and",
    "bitwise_or": "logical_or", "invert": "logical_not",
}  # fmt: skip


def _index_item(item: Any) -> Any:
    if isinstance(item, slice):
        return [item.start, item.stop, item.step]
    if item is Ellipsis or item is None:
        return "..." if item is Ellipsis else "new"
    if isinstance(item, int | np.integer):
        return int(item)
    raise TraceError("index", "whole numbers and slices", repr(item))


def apply(op: str, *inputs: Any, **attrs: Any) -> Any:
    """One primitive on Tensors (makes a node) or on arrays and numbers (computes with NumPy)."""
    rule = ops.OPS[op]
    if not any(isinstance(i, Tensor) for i in inputs):
        try:
            return rule.numpy(*inputs, **attrs)
        except ValueError:
            rule.infer(*map(np.shape, inputs), **attrs)  # where shapes are the reason, it says so
            raise
    recorder = deferred(inputs)
    if recorder is not None:
        return recorder.recorded(op, inputs, attrs)
    known = tuple(i if isinstance(i, Tensor | bool | int | float) else _constant(i) for i in inputs)
    known = _promoted(rule, known)
    entry = followed(op, known)
    try:
        shape = rule.infer(*(i.shape if isinstance(i, Tensor | np.ndarray) else () for i in known), **attrs)
    except ShapeError as error:
        place = where("")
        raise ShapeError(f"{place} {error.where}".strip(), error.expected, error.received, error.hint) from None
    node = Node(op, known, attrs, path=where_path())
    node.outputs = (Tensor(shape, _dtype(rule, known, attrs), node),)
    if entry is not None:
        entry.outputs = node.outputs[0]
    return node.outputs[0]


def _promoted(rule: ops.Op, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    """Whole numbers and truth values as floats, where the result is a float: engines differ in what they would do."""
    first = 1 if rule.name == "where" else 0
    values = inputs[first:]
    mixed = rule.name in MIXING and any(isinstance(i, float) or (isinstance(i, Tensor) and i.dtype.startswith("float")) for i in values)
    if rule.dtype != "float" and not mixed:
        return inputs
    whole = tuple(isinstance(i, Tensor) and not i.dtype.startswith("float") for i in values)
    values = tuple(apply("cast", i, dtype="float32") if w else i for i, w in zip(values, whole, strict=True))
    if rule.name == "where" and not any(isinstance(i, Tensor) for i in values):
        values = (np.asarray(values[0], dtype="float32"), values[1])
    return (*inputs[:first], *values)


def _constant(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    array = np.asarray(value)
    if array.dtype.kind not in "biuf":
        raise TraceError(where(), "numbers", repr(value))
    return array if array.ndim else array.item()


def _dtype(rule: ops.Op, inputs: Sequence[Any], attrs: Mapping[str, Any]) -> str:
    if rule.dtype not in ("same", "float"):
        return str(attrs["dtype"]) if rule.dtype == "dtype" else rule.dtype
    dtypes = [i.dtype for k, i in enumerate(inputs) if isinstance(i, Tensor) and k not in rule.index]
    floats = [d for d in dtypes if str(d).startswith("float")]
    return str(floats[0] if floats else dtypes[0] if dtypes else "float32")
