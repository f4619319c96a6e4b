"""Tensor, Node, Graph and trace(): every model, loss and metric becomes one of these graphs.

A layer or function is called once with symbolic tensors; each operation leaves a node, and the graph is what can be
reached from the outputs. The layers called on the way give the nodes their paths ("encoder.2"): a scope is opened for
each of them, and a layer that is met again keeps its first path, which is how weights are shared.
"""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from pyphoton import ops
from pyphoton.errors import PhotonError, ShapeError, TraceError
from pyphoton.typing import Shape, show

if TYPE_CHECKING:
    from pyphoton.layers.base import Layer

_clock = itertools.count()


@dataclass(eq=False)
class Node:
    """One step: a primitive (`layer` is None) or a layer. `inputs` are Tensors or constants."""

    op: str
    inputs: tuple[Any, ...]
    attrs: dict[str, Any]
    path: str = ""
    layer: Layer | None = None
    function: Callable[..., Any] | None = None
    outputs: tuple[Tensor, ...] = ()
    time: int = field(default_factory=lambda: next(_clock))


class Tensor:
    """A symbolic value: shape, dtype and the node that makes it (None for an input).

    Python's operators, NumPy's functions and the methods of this class build nodes. It holds no numbers.
    """

    __slots__ = ("__weakref__", "dtype", "name", "node", "shape")
    __hash__ = object.__hash__
    __array_priority__ = 1000

    def __init__(self, shape: Shape, dtype: str = "float32", node: Node | None = None, name: str = "") -> None:
        self.shape, self.dtype, self.node, self.name = tuple(shape), dtype, node, name

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
            raise TraceError("len(Tensor)", hint="The length of this axis is known only when numbers arrive.")
        return self.shape[0]

    def __iter__(self) -> Iterator[Tensor]:
        return (self[i] for i in range(len(self)))

    def __bool__(self) -> bool:
        raise TraceError(
            "if", "a Python condition that does not depend on the numbers", f"{self!r}",
            "A layer is traced once, before numbers arrive: use where(condition, a, b), or give the layer as Torch code.",
        )  # fmt: skip

    def __float__(self) -> float:
        raise TraceError("float(Tensor)", hint="A symbolic tensor holds no numbers; use the tensor operations instead.")

    __int__ = __index__ = __float__  # type: ignore[assignment]

    def __array__(self, *_: Any, **__: Any) -> Any:
        raise TraceError(
            "a function of NumPy or another library", "operations that PyPhoton knows", f"{self!r}",
            "Use pyphoton's functions or Python's operators, so that every backend can run it.",
        )  # fmt: skip

    @classmethod
    def __torch_function__(cls, function: Any, *_: Any, **__: Any) -> Any:
        raise TraceError(f"torch function {getattr(function, '__name__', function)}", hint="It is not traceable.")

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        name = _UFUNCS.get(ufunc.__name__)
        if name is None or method != "__call__" or kwargs:
            raise TraceError(f"numpy.{ufunc.__name__}", hint="Use pyphoton's functions or Python's operators.")
        return apply(name, *inputs)

    def __array_function__(self, function: Any, _: Any, args: Any, kwargs: Any) -> Any:
        method = getattr(Tensor, function.__name__, None)
        if function.__name__ not in _METHODS or method is None:
            raise TraceError(f"numpy.{function.__name__}", hint="Use pyphoton's functions or Python's operators.")
        return method(*args, **kwargs)

    def __getitem__(self, index: Any) -> Tensor:
        items = index if isinstance(index, tuple) else (index,)
        return apply("getitem", self, index=[_index_item(i) for i in items])

    def reshape(self, *shape: Any) -> Tensor:
        """The same numbers in another shape; -1 or None stands for one length that follows."""
        wanted = shape[0] if len(shape) == 1 and not isinstance(shape[0], int | None) else shape
        return apply("reshape", self, shape=list(wanted))

    def flatten(self, start: int = 1) -> Tensor:
        """All axes from `start` on as one."""
        return apply("flatten", self, start=start)

    def transpose(self, *axes: Any) -> Tensor:
        """Axes in another order; without arguments reversed."""
        wanted = axes[0] if len(axes) == 1 and not isinstance(axes[0], int) else axes
        return apply("transpose", self, axes=list(wanted or reversed(range(self.ndim))))

    def astype(self, dtype: Any) -> Tensor:
        """The same numbers as another dtype."""
        return apply("cast", self, dtype=np.dtype(dtype).name)

    def clip(self, low: float | None = None, high: float | None = None) -> Tensor:
        """Numbers below `low` or above `high` become those."""
        return apply("clip", self, low=low, high=high)

    def argmax(self, axis: int = -1) -> Tensor:
        """The position of the largest number along `axis`."""
        return apply("argmax", self, axis=axis)


def _method(name: str) -> Callable[..., Tensor]:
    def method(self: Tensor) -> Tensor:
        return apply(name, self)

    method.__doc__ = f"Element by element: {name}."
    return method


def _reduction(name: str) -> Callable[..., Tensor]:
    def method(self: Tensor, axis: Any = None, keepdims: bool = False, dim: Any = None) -> Tensor:
        return apply(name, self, axis=dim if axis is None else axis, keepdims=keepdims)

    method.__doc__ = f"The {name} over `axis` (all axes when None)."
    return method


def _binary(name: str, swapped: bool = False) -> Callable[..., Tensor]:
    def method(self: Tensor, other: Any) -> Tensor:
        return apply(name, other, self) if swapped else apply(name, self, other)

    return method


_UNARY = ("abs", "exp", "log", "sqrt", "square", "sin", "cos", "sign", "round", "tanh", "sigmoid", "relu")
_REDUCTIONS = ("sum", "mean", "max", "min", "prod")
_METHODS = {"reshape", "transpose", "clip", "argmax", *_UNARY, *_REDUCTIONS}
_UFUNCS = {
    "add": "add", "subtract": "sub", "multiply": "mul", "divide": "div", "power": "pow", "remainder": "mod",
    "maximum": "maximum", "minimum": "minimum", "matmul": "matmul", "negative": "neg", "absolute": "abs", "equal": "eq",
    "not_equal": "ne", "less": "lt", "less_equal": "le", "greater": "gt", "greater_equal": "ge", "exp": "exp",
    "log": "log", "sqrt": "sqrt", "square": "square", "sin": "sin", "cos": "cos", "sign": "sign", "tanh": "tanh",
    "logical_and": "logical_and", "logical_or": "logical_or", "logical_not": "logical_not",
}  # fmt: skip

for _name in _UNARY:
    setattr(Tensor, _name, _method(_name))
for _name in _REDUCTIONS:
    setattr(Tensor, _name, _reduction(_name))
Tensor.__neg__, Tensor.__abs__, Tensor.__invert__ = _method("neg"), _method("abs"), _method("logical_not")  # type: ignore[attr-defined]
for _name, _word in {
    "add": "add", "sub": "sub", "mul": "mul", "truediv": "div", "pow": "pow", "mod": "mod", "matmul": "matmul",
}.items():  # fmt: skip
    setattr(Tensor, f"__{_name}__", _binary(_word))
    setattr(Tensor, f"__r{_name}__", _binary(_word, swapped=True))
for _name, _word in {
    "eq": "eq", "ne": "ne", "lt": "lt", "le": "le", "gt": "gt", "ge": "ge", "and": "logical_and", "or": "logical_or",
}.items():  # fmt: skip
    setattr(Tensor, f"__{_name}__", _binary(_word))


def _index_item(item: Any) -> Any:
    if isinstance(item, slice):
        return [item.start, item.stop, item.step]
    if item is Ellipsis or item is None:
        return "..." if item is Ellipsis else "new"
    if isinstance(item, int | np.integer):
        return int(item)
    raise TraceError("index", "whole numbers and slices", repr(item))


# ---- scopes: which layer a node belongs to -------------------------------------------------------------------------


@dataclass
class _Scope:
    path: str
    owner: Any
    names: dict[int, str]
    used: dict[str, int] = field(default_factory=dict)


@dataclass
class _Tracing:
    scopes: list[_Scope]
    paths: dict[int, str] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)
    alive: list[Any] = field(default_factory=list)

    def name(self, owner: Any, path: str) -> None:
        """Give a layer or function its path; it is kept alive, so that its identity is not reused."""
        self.paths[id(owner)] = path
        self.taken.add(path)
        self.alive.append(owner)


_tracing: ContextVar[_Tracing | None] = ContextVar("tracing", default=None)


def children(owner: Any) -> dict[str, Any]:
    """The layers and functions that `owner` holds, by the names that their paths are made of."""
    own = getattr(owner, "children", None)
    if callable(own):
        return dict(own())
    found: dict[str, Any] = {}
    for name, value in getattr(owner, "__dict__", {}).items():
        members = enumerate(value) if isinstance(value, list | tuple) else value.items() if isinstance(value, dict) else ()
        found |= {f"{name}.{k}": v for k, v in members if callable(v)} if members else {}
        if callable(value):
            found[name] = value
    return found


def flattened(arguments: Sequence[Any]) -> tuple[tuple[Any, ...], list[int | None]]:
    """Arguments one after the other, and how they nest: None for one, n for a tuple of n."""
    flat = tuple(t for a in arguments for t in (a if isinstance(a, tuple) else (a,)))
    return flat, [len(a) if isinstance(a, tuple) else None for a in arguments]


def opaque(function: Callable[..., Any], inputs: Sequence[Any], structure: Sequence[Any], shape: Shape) -> Tensor:
    """A Python function that only a Python engine can run, as one node; `structure` says how its arguments nest."""
    node = Node("python", tuple(inputs), {"name": getattr(function, "__name__", repr(function)), "structure": structure})
    node.function, node.path = function, where_path()
    node.outputs = (Tensor(shape, "float32", node),)
    return node.outputs[0]


@contextmanager
def _scope(owner: Any) -> Iterator[str]:
    """Open the scope of a layer or function; gives its path. Errors raised inside carry the innermost path."""
    state = _tracing.get()
    if state is None:
        yield getattr(owner, "name", None) or ""
        return
    path = state.paths.get(id(owner))
    if path is None:
        path = _new_path(state, owner)
        state.name(owner, path)
    state.scopes.append(_Scope(path, owner, {id(v): k for k, v in reversed(children(owner).items())}))
    try:
        yield path
    finally:
        state.scopes.pop()


def _new_path(state: _Tracing, owner: Any) -> str:
    scope = state.scopes[-1]
    own = getattr(owner, "name", None)
    name = (own if isinstance(own, str) else None) or scope.names.get(id(owner))
    if name is None:
        name = getattr(owner, "kind", None) or getattr(owner, "__name__", None) or type(owner).__name__
        name = "function" if not isinstance(name, str) or not name.isidentifier() else name.lower()
        scope.used[name] = scope.used.get(name, 0) + 1
        name = f"{name}_{scope.used[name]}"
    path = f"{scope.path}.{name}" if scope.path else name
    return next(p for p in itertools.chain([path], (f"{path}_{i}" for i in itertools.count(2))) if p not in state.taken)


def where(subject: str = "") -> str:
    """The innermost layer as users know it, e.g. `encoder.2 Dense(10)`, for the first word of an error."""
    state = _tracing.get()
    if state is None or len(state.scopes) < 2:
        return subject or "layer"
    scope = state.scopes[-1]
    owner = subject or (repr(scope.owner) if hasattr(scope.owner, "kind") else f"{getattr(scope.owner, '__name__', 'function')}()")
    return f"{scope.path} {owner}".strip()


# ---- building nodes -------------------------------------------------------------------------------------------------


def apply(op: str, *inputs: Any, **attrs: Any) -> Any:
    """One primitive on Tensors (makes a node) or on arrays and numbers (computes with NumPy)."""
    rule = ops.OPS[op]
    if not any(isinstance(i, Tensor) for i in inputs):
        return rule.numpy(*inputs, **attrs)
    known = tuple(i if isinstance(i, Tensor | bool | int | float) else _constant(i) for i in inputs)
    try:
        shape = rule.infer(*(i.shape if isinstance(i, Tensor | np.ndarray) else () for i in known), **attrs)
    except ShapeError as error:
        raise ShapeError(where() if where() != "layer" else error.where, error.expected, error.received, error.hint) from None
    node = Node(op, known, attrs, path=where_path())
    node.outputs = (Tensor(shape, _dtype(rule, known, attrs), node),)
    return node.outputs[0]


def where_path() -> str:
    """The path of the innermost scope."""
    state = _tracing.get()
    return state.scopes[-1].path if state else ""


def _constant(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    array = np.asarray(value)
    if array.dtype.kind not in "biuf":
        raise TraceError(where(), "numbers", repr(value))
    return array if array.ndim else array.item()


def _dtype(rule: ops.Op, inputs: Sequence[Any], attrs: Mapping[str, Any]) -> str:
    if rule.dtype != "same":
        return str(attrs["dtype"]) if rule.dtype == "dtype" else rule.dtype
    dtypes = [i.dtype for k, i in enumerate(inputs) if isinstance(i, Tensor) and k not in rule.index]
    floats = [d for d in dtypes if str(d).startswith("float")]
    return str(floats[0] if floats else dtypes[0] if dtypes else "float32")


def apply_leaf(layer: Layer, inputs: tuple[Any, ...]) -> Any:
    """One layer with a kind of its own as one node. Errors: ShapeError with the layer's path."""
    from pyphoton import parameters

    for i in inputs:
        if not isinstance(i, Tensor):
            raise ShapeError(where(repr(layer)), "one tensor", f"{len(i)} of them" if isinstance(i, tuple) else repr(i))
    into = tuple(i.shape for i in inputs)
    if len(into) != 1:
        raise ShapeError(where(repr(layer)), "one tensor", f"{len(into)} of them")
    shapes = layer.infer(*into)
    parameters.check(layer, into)
    many = bool(shapes) and isinstance(shapes[0], tuple)
    node = Node(layer.kind, inputs, {}, path=where_path(), layer=layer)
    dtype = next((i.dtype for i in inputs if i.dtype.startswith("float")), "float32")
    node.outputs = tuple(Tensor(s, dtype, node) for s in (shapes if many else (shapes,)))  # type: ignore[arg-type]
    return node.outputs if many else node.outputs[0]


def call(function: Any, *inputs: Any) -> Any:
    """Call a layer or a plain function inside a model: the one place where scopes are opened."""
    if not callable(function):
        raise TraceError(where(), "a layer or a function", repr(function), "Everything in a model is called with a tensor.")
    with _scope(function):
        run = getattr(function, "trace", function) if hasattr(function, "kind") else function
        inputs = spread(run, inputs)
        try:
            return run(*inputs)
        except PhotonError:
            raise
        except Exception as error:
            shown = ", ".join(map(repr, inputs))
            raise TraceError(where(), "a function of tensors", f"{type(error).__name__}: {error}", f"It was called with {shown}.") from error


def spread(function: Any, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    """`((a, b),)` becomes `(a, b)` for a function that asks for two arguments."""
    if len(inputs) != 1 or not isinstance(inputs[0], tuple):
        return inputs
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return inputs
    needed = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) and p.default is p.empty]
    return inputs[0] if len(needed) == len(inputs[0]) > 1 else inputs


@dataclass(frozen=True)
class Graph:
    """Inputs, outputs and the nodes between them in the order in which they were made.

    `single` tells that the traced function returned one tensor and not a tuple.
    """

    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    nodes: tuple[Node, ...]
    single: bool = True


def trace(function: Any, *inputs: Any, paths: Mapping[str, Any] | None = None) -> Graph:
    """Call `function` (a layer, model, loss or plain function) with Tensors, or tuples of them, and keep what it did.

    `paths` gives layers and functions that are met on the way their paths. Errors: ShapeError where shapes do not fit,
    TraceError where Python code cannot be followed.
    """
    state = _Tracing([_Scope("", None, {})])
    token = _tracing.set(state)
    try:
        for path, owner in (paths or {}).items():
            state.name(owner, path)
        if id(function) not in state.paths:
            state.name(function, root_path(function))
        result = call(function, *inputs)
    finally:
        _tracing.reset(token)
    single = isinstance(result, Tensor)
    outputs = (result,) if single else tuple(result) if isinstance(result, tuple | list) else (result,)
    for output in outputs:
        if not isinstance(output, Tensor):
            raise TraceError("result", "a tensor or a tuple of tensors", repr(output))
    flat = tuple(t for i in inputs for t in (i if isinstance(i, tuple) else (i,)))
    return Graph(flat, outputs, _reachable(outputs), single)


def root_path(function: Any) -> str:
    """The path of a whole model: its name, its kind when it is a single layer, else nothing."""
    return getattr(function, "name", None) or getattr(function, "kind", "") or ""


def _reachable(outputs: Sequence[Tensor]) -> tuple[Node, ...]:
    seen: dict[int, Node] = {}
    todo = [t.node for t in outputs if t.node is not None]
    while todo:
        node = todo.pop()
        if id(node) not in seen:
            seen[id(node)] = node
            todo += [i.node for i in node.inputs if isinstance(i, Tensor) and i.node is not None]
    return tuple(sorted(seen.values(), key=lambda n: n.time))
