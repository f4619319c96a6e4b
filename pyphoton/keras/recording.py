"""Recording: what happens when a layer, a function or an operation meets a Tensor outside of a trace."""

from __future__ import annotations

from typing import Any

import numpy as np

from pyphoton import graph, tensor
from pyphoton.errors import KeraFlowError, ShapeError
from pyphoton.keras.symbolic import Node, Nodes, Operation, Tensor, mapped, tensors_in, variable
from pyphoton.scopes import tracing
from pyphoton.typing import show

COUNTED = frozenset({"sum", "prod"})
"""Operations that count truth values."""


def record(owner: Any, inputs: tuple[Any, ...]) -> Any:
    """The Tensor, or tuple of Tensors, that a layer, function or Operation makes of inputs. Errors: KeraFlowError, ShapeError, TraceError."""
    given = tensors_in(inputs)
    symbolic = any(t.symbolic for t in given)
    if tracing.get() is not None and (not symbolic or _has_traced(inputs)):
        return _inside(owner, inputs, given)
    if isinstance(owner, Operation):
        return _operation(owner, inputs, symbolic)
    if not hasattr(owner, "kind"):
        return owner(*inputs)
    if not symbolic:
        return _computed(owner, inputs)
    inputs = tuple(mapped(i, lambda t: t) for i in inputs)
    _check(owner, inputs, given)
    return _layer(owner, inputs)


def _has_traced(inputs: Any) -> bool:
    """Whether there are tensors of a trace among inputs."""
    if isinstance(inputs, tuple | list):
        return any(map(_has_traced, inputs))
    return isinstance(inputs, tensor.Tensor) and not isinstance(inputs, Tensor)


def _inside(owner: Any, inputs: tuple[Any, ...], given: list[Tensor]) -> Any:
    """In a trace eager tensors are constants, and weights the layer's parameters. Errors: KeraFlowError for a symbolic one."""
    for t in given:
        if t.symbolic:
            raise KeraFlowError("a layer", "tensors that it is called with", f"{t!r} from outside", "Give it to the layer as a further input.")
    inputs = tuple(mapped(i, lambda t: t.traced()) for i in inputs)
    return owner(*inputs) if isinstance(owner, Operation) else graph.call(owner, *inputs)


def _computed(owner: Any, inputs: tuple[Any, ...]) -> Any:
    """A layer on eager tensors: computed at once."""
    arrays = tuple(mapped(i, Tensor.eval) for i in inputs)
    result = owner(*arrays)
    return tuple(map(variable, result)) if isinstance(result, tuple | list) else variable(result)


def _check(owner: Any, inputs: tuple[Any, ...], given: list[Tensor]) -> None:
    """Errors: KeraFlowError for a layer with its own output, several inputs for a layer of one, and something that is no tensor."""
    if owner.kind and (len(inputs) > 1 or isinstance(inputs[0], tuple)):
        raise KeraFlowError(repr(owner), "one tensor", f"{len(given)} of them", "Join them first, e.g. by Concatenate()([a, b]).")
    for t in given:
        if t.layer is owner:
            raise KeraFlowError(repr(owner), "a tensor that another layer made", "its own output", "Recursive feeding: make a second layer.")
        if not t.symbolic:
            raise KeraFlowError(repr(owner), "symbolic tensors, or arrays", "both", f"{t!r} holds numbers: give them to the layer when it is made.")
    sizes = {t.shape[0] for t in given if t.shape} - {None}
    if len(sizes) > 1 and all(_is_first(t) for t in given):
        raise KeraFlowError(repr(owner), "inputs of one batch_size", " and ".join(show(t.shape) for t in given))


def _is_first(t: Tensor) -> bool:
    return t.made_by is not None and not t.made_by.inputs


def _layer(owner: Any, inputs: tuple[Any, ...]) -> Any:
    """The outputs of a new node of a layer."""
    fresh = {id(t): tensor.Tensor(t.shape, t.dtype) for t in tensors_in(inputs)}
    traced = graph.trace(owner, *(mapped(i, lambda t: fresh[id(t)]) for i in inputs))
    _check_width(owner, inputs)
    node = Node(owner, inputs, single=traced.single)
    node.outputs = tuple(Tensor(t.shape, t.dtype, made_by=node, symbolic=True) for t in traced.outputs)
    vars(owner).setdefault("_nodes", Nodes()).append(node)
    return node.outputs[0] if node.single else node.outputs


def _check_width(owner: Any, inputs: tuple[Any, ...]) -> None:
    """Errors: ShapeError for a layer that was called before with an input that needs other parameters."""
    earlier = vars(owner).get("_nodes")
    if not owner.kind or not earlier:
        return
    before, now = ([t.shape for t in tensors_in(i)] for i in (earlier[0].inputs, inputs))
    if not before or [s[1:] for s in before] == [s[1:] for s in now]:
        return
    params = owner.params(*now)
    for name, param in owner.params(*before).items():
        if params[name].shape != param.shape:
            raise ShapeError(
                repr(owner), f"an input like {' and '.join(map(show, before))}, as in its first call", " and ".join(map(show, now)),
                f"It has one {name} {param.shape}; make a new layer.",
            )  # fmt: skip


def _operation(owner: Operation, inputs: tuple[Any, ...], symbolic: bool) -> Tensor:
    """The output of a new node of an operation."""
    inputs = tuple(_operand(i, symbolic) for i in inputs)
    if owner.op in COUNTED and inputs[0].dtype == "bool":
        inputs = (Operation("cast", {"dtype": "int64"})(inputs[0]),)
    fresh = tuple(mapped(i, lambda t: tensor.Tensor(t.shape, t.dtype)) for i in inputs)
    made = owner(*fresh)
    node = Node(owner, inputs)
    node.outputs = (Tensor(made.shape, made.dtype, made_by=node, symbolic=symbolic),)
    return node.outputs[0]


def _operand(given: Any, symbolic: bool) -> Any:
    """One operand: a tensor, a number, or an array, which beside eager tensors is an eager one."""
    if isinstance(given, Tensor):
        return given.eval() if symbolic and not given.symbolic else given
    if hasattr(given, "as_tensor"):
        return given.as_tensor()
    if isinstance(given, bool | int | float):
        return given
    return np.asarray(given) if symbolic else variable(given)
