"""Tensor: what layers of this face are called with outside of a trace: symbolic (made by `Input`) or eager (made by `variable`).

A call of a layer or an operation leaves a `Node`. A node of symbolic tensors is what a Model replays; operations on eager tensors are
computed when their numbers are asked for.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pyphoton import config, graph, tensor
from pyphoton.errors import KeraFlowError
from pyphoton.tensor import Deferred
from pyphoton.typing import Shape, show

_clock = itertools.count()


@dataclass(frozen=True)
class Operation:
    """A primitive operation and its options, as the owner of a node."""

    op: str
    attrs: Mapping[str, Any]

    def __call__(self, *inputs: Any) -> Any:
        """The operation on tensors of a trace, or on arrays."""
        return tensor.apply(self.op, *inputs, **self.attrs)


@dataclass(eq=False)
class Node:
    """One call: `owner` (a layer, or an Operation) with `inputs` (tensors, tuples of tensors, numbers and arrays)."""

    owner: Any
    inputs: tuple[Any, ...]
    outputs: tuple[Tensor, ...] = ()
    single: bool = True
    time: int = field(default_factory=lambda: next(_clock))

    def replay(self, values: dict[int, Any]) -> None:
        """Call the owner with the values of the inputs, by the identity of tensors, and add the outputs' values."""
        inputs = [mapped(i, lambda t: values[id(t)]) for i in self.inputs]
        result = self.owner(*inputs) if isinstance(self.owner, Operation) else graph.call(self.owner, *inputs)
        for made, value in zip(self.outputs, (result,) if self.single else result, strict=True):
            values[id(made)] = value


class Nodes(list[Node]):
    """The calls of one layer in order. A copy of the layer has none."""

    def __deepcopy__(self, _: Any) -> Nodes:
        return Nodes()


class Tensor(Deferred):
    """A symbolic tensor (shape and dtype, the batch first; no numbers), or an eager one, which has or will have numbers.

    Python's operators, NumPy's functions and `pyphoton.keras.ops` give Tensors again. `eval()` gives the numbers of an eager one.
    Whether it is `symbolic`, standing for numbers that only come with data, is known when it is made.
    """

    __slots__ = ("made_by", "symbolic", "value")

    def __init__(self, shape: Shape, dtype: str = "float32", *, made_by: Node | None = None, value: Any = None, symbolic: bool = False, name: str = "") -> None:
        super().__init__(shape, dtype, None, name)
        self.made_by, self.value, self.symbolic = made_by, value, symbolic

    def __repr__(self) -> str:
        named = f", name={self.name}" if self.name else ""
        return f"<Tensor shape={show(self.shape)}, dtype={self.dtype}{named}>"

    def __call__(self, *_: Any, **__: Any) -> Any:
        """A tensor is no layer. Errors: KeraFlowError."""
        raise KeraFlowError(repr(self), "a layer to be called", "a tensor", "Call the layer with the tensor: Dense(2)(x).")

    @property
    def layer(self) -> Any:
        """The layer that made it; None for an operation and a variable."""
        owner = self.made_by.owner if self.made_by else None
        return None if isinstance(owner, Operation) else owner

    def recorded(self, function: Any, inputs: tuple[Any, ...], attrs: Mapping[str, Any]) -> Any:
        """What a layer, a function or a primitive operation makes of the inputs."""
        from pyphoton.keras import recording

        return recording.record(Operation(function, attrs) if isinstance(function, str) else function, inputs)

    def eval(self) -> Any:
        """The numbers as a NumPy array. Errors: KeraFlowError for a tensor that depends on an Input."""
        from pyphoton.keras.eager import eval_

        return eval_(self)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return super().__array__() if self.symbolic else self.eval().astype(dtype or self.dtype)

    def __float__(self) -> float:
        return super().__float__() if self.symbolic else float(self.eval())

    def __int__(self) -> int:
        return int(super().__float__() if self.symbolic else self.eval())

    def __bool__(self) -> bool:
        return super().__bool__() if self.symbolic else bool(self.eval())

    def traced(self) -> Any:
        """The tensor in a running trace: a constant."""
        return self.eval()

    def numpy(self) -> Any:
        """The numbers as a NumPy array. Errors: KeraFlowError for a tensor that depends on an Input."""
        return self.eval()


def mapped(inputs: Any, function: Callable[[Tensor], Any]) -> Any:
    """Inputs with `function` of each Tensor in place of it."""
    if isinstance(inputs, tuple | list):
        return tuple(mapped(i, function) for i in inputs)
    return function(inputs) if isinstance(inputs, Tensor) else inputs


def tensors_in(inputs: Any) -> list[Tensor]:
    """The Tensors among inputs and the members of inputs."""
    found: list[Tensor] = []
    mapped(inputs, found.append)
    return found


def nodes_between(inputs: Iterable[Tensor], outputs: Sequence[Tensor]) -> list[Node]:
    """The nodes that make the outputs of the inputs, in the order in which they were made."""
    stop, found = {id(t) for t in inputs}, dict[int, Node]()
    todo = list(outputs)
    while todo:
        t = todo.pop()
        if t.made_by is not None and id(t) not in stop and id(t.made_by) not in found:
            found[id(t.made_by)] = t.made_by
            todo += tensors_in(t.made_by.inputs)
    return sorted(found.values(), key=lambda n: n.time)


def variable(value: Any, name: str | None = None, dtype: Any = None) -> Tensor:
    """An eager Tensor of an array, a list or a number. Floats become those of the context (float32), whole numbers and truth values stay."""
    array = np.array(value)
    if array.dtype.kind not in "biuf":
        raise KeraFlowError("variable", "numbers", repr(value))
    wanted = dtype or (config.get_context().dtype if array.dtype.kind == "f" else array.dtype)
    array = array.astype(wanted)
    return Tensor(array.shape, array.dtype.name, value=array, name=name or "")
