"""Recording: what happens when a layer, a function or an operation meets a Tensor outside of a trace."""

from __future__ import annotations

from typing import Any

from pyphoton import graph, tensor
from pyphoton.errors import KeraFlowError
from pyphoton.keras.symbolic import Node, Nodes, Operation, Tensor, mapped, tensors_in
from pyphoton.scopes import tracing


def record(owner: Any, inputs: tuple[Any, ...]) -> Any:
    """The Tensor, or tuple of Tensors, that a layer, function or Operation makes of inputs. Errors: KeraFlowError, ShapeError, TraceError."""
    given = tensors_in(inputs)
    symbolic = any(t.symbolic for t in given)
    if tracing.get() is not None and any(not isinstance(t, Tensor) for t in _core(inputs)):
        return _inside(owner, inputs, given)
    if not isinstance(owner, Operation):
        if not hasattr(owner, "kind"):
            return owner(*inputs)
        if not symbolic:
            return computed(owner, inputs)
        _check(owner, inputs, given)
    return _added(owner, inputs)


def _core(inputs: Any) -> list[Any]:
    if isinstance(inputs, tuple | list):
        return [t for i in inputs for t in _core(i)]
    return [inputs] if isinstance(inputs, tensor.Tensor) else []


def _inside(owner: Any, inputs: tuple[Any, ...], given: list[Tensor]) -> Any:
    """In a trace: eager tensors are constants there. Errors: KeraFlowError for a symbolic one."""
    for t in given:
        if t.symbolic:
            raise KeraFlowError("a trace", "tensors that the layer is called with", repr(t), "Give it to the layer as an input.")
    inputs = mapped(inputs, Tensor.eval)
    return owner(*inputs) if isinstance(owner, Operation) else graph.call(owner, *inputs)


def computed(owner: Any, inputs: tuple[Any, ...]) -> Any:
    """A layer on eager tensors: computed at once."""
    from pyphoton.keras.symbolic import variable
    from pyphoton.network import network_of

    arrays = mapped(inputs[0] if len(inputs) == 1 else inputs, Tensor.eval)
    result = network_of(owner).run(arrays if isinstance(arrays, tuple) else (arrays,), isinstance(arrays, tuple))
    return tuple(map(variable, result)) if isinstance(result, tuple) else variable(result)


def _check(owner: Any, inputs: tuple[Any, ...], given: list[Tensor]) -> None:
    """Errors: KeraFlowError."""
    for t in given:
        if t.layer is owner:
            raise KeraFlowError(repr(owner), "a tensor that another layer made", "its own output", "Recursive feeding: make a second layer.")


def _added(owner: Any, inputs: tuple[Any, ...]) -> Any:
    """The outputs of a new node."""
    inputs = mapped(inputs, lambda t: t)
    node = Node(owner, inputs)
    fresh: dict[int, tensor.Tensor] = {id(t): tensor.Tensor(t.shape, t.dtype) for t in tensors_in(inputs)}
    arguments = tuple(mapped(i, lambda t: fresh[id(t)]) for i in inputs)
    traced = graph.trace(owner, *arguments)
    node.outputs = tuple(Tensor(t.shape, t.dtype, made_by=node) for t in traced.outputs)
    node.single = traced.single
    if not isinstance(owner, Operation):
        vars(owner).setdefault("_nodes", Nodes()).append(node)
    return node.outputs[0] if node.single else node.outputs
