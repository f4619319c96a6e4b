"""Nodes: which tensors a layer was called with, and what of a layer follows from them: inputs, outputs, shapes, weights.

The free functions take any layer, one of pyphoton's own too.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import numpy as np

from pyphoton import parameters, tensor
from pyphoton.errors import KeraFlowError
from pyphoton.keras.symbolic import Node, Tensor
from pyphoton.layers import base
from pyphoton.parameters import Parameter

Shapes = Any


def first_shape(owner: str, input_dim: Any, input_shape: Any, batch_input_shape: Any) -> tuple[int | None, ...] | None:
    """The shape, with the batch, that a first layer was given. Errors: KeraFlowError for two at once."""
    given = {"input_dim": input_dim, "input_shape": input_shape, "batch_input_shape": batch_input_shape}
    named = [k for k, v in given.items() if v is not None]
    if not named:
        return None
    if len(named) > 1:
        raise KeraFlowError(owner, "one of input_dim, input_shape and batch_input_shape", " and ".join(named))
    if batch_input_shape is not None:
        return tuple(batch_input_shape)
    return (None, input_dim) if input_dim is not None else (None, *(input_shape if isinstance(input_shape, tuple | list) else (input_shape,)))


def nodes(layer: Any) -> Sequence[Node]:
    """The calls of a layer with symbolic tensors, the first one first."""
    found: Sequence[Node] = vars(layer).get("_nodes", ())
    return found


def _name(layer: Any) -> str:
    return getattr(layer, "name", None) or type(layer).__name__.lower()


def _one(tensors: Sequence[Any]) -> Any:
    return tensors[0] if len(tensors) == 1 else list(tensors)


def _flat(inputs: Any) -> list[Tensor]:
    if isinstance(inputs, tuple | list):
        return [t for i in inputs for t in _flat(i)]
    return [inputs] if isinstance(inputs, Tensor) else []


def _at(layer: Any, index: int | None, side: str) -> Node:
    """The only node, or number `index`. Errors: KeraFlowError."""
    found, name = nodes(layer), _name(layer)
    if not found:
        raise KeraFlowError(f"{side}({name})", "a layer that was called with a tensor", "one that was not", f"Layer {name} is not connected, no {side} to return.")
    if index is None and len(found) > 1:
        raise KeraFlowError(
            f"{side}({name})", "a layer that was called once, or the number of the call", f"{len(found)} calls",
            f'Layer {name} has multiple inbound nodes, hence the notion of "layer {side}" is ill-defined. Use `get_{side}_at(node_index)` instead.',
        )  # fmt: skip
    index = index or 0
    if not -len(found) <= index < len(found):
        raise KeraFlowError(f"{side}({name}, {index})", f"a number below {len(found)}", str(index), f"Asked to get {side} at node {index}, but the layer has only {len(found)} inbound nodes.")
    return found[index]


def _inputs_of(node: Node) -> Any:
    return _one(_flat(node.inputs) or list(node.outputs))


def input(layer: Any, index: int | None = None) -> Any:
    """The tensor, or the list of tensors, that a layer was called with; in call number `index`, from 0. Errors: KeraFlowError when that is ambiguous."""
    if index is None and hasattr(layer, "input_names") and layer.inputs:
        return _one(layer.inputs)
    return _inputs_of(_at(layer, index, "input"))


def output(layer: Any, index: int | None = None) -> Any:
    """The tensor, or the list of tensors, that a layer made; in call number `index`, from 0. Errors: KeraFlowError when that is ambiguous."""
    if index is None and hasattr(layer, "output_names") and layer.outputs:
        return _one(layer.outputs)
    return _one(_at(layer, index, "output").outputs)


def _shape(found: Any) -> Shapes:
    return [t.shape for t in found] if isinstance(found, list) else found.shape


def _shape_at(layer: Any, index: int | None, side: str) -> Shapes:
    of = input if side == "input" else output
    if index is None and nodes(layer) and not hasattr(layer, "input_names"):
        shapes = [_shape(of(layer, i)) for i in range(len(nodes(layer)))]
        if all(s == shapes[0] for s in shapes):
            return shapes[0]
        raise KeraFlowError(
            f"{side}_shape({_name(layer)})", "calls with tensors of one shape, or the number of the call", " and ".join(map(str, shapes)),
            f'The layer "{_name(layer)}" has multiple inbound nodes with different {side} shapes, hence the notion of "{side} shape" is ill-defined.',
        )  # fmt: skip
    return _shape(of(layer, index))


def input_shape(layer: Any, index: int | None = None) -> Shapes:
    """The shape of `input(layer, index)`, the batch first; a list for several. Fine without index where all calls agree. Errors: KeraFlowError."""
    return _shape_at(layer, index, "input")


def output_shape(layer: Any, index: int | None = None) -> Shapes:
    """The shape of `output(layer, index)`, the batch first; a list for several. Fine without index where all calls agree. Errors: KeraFlowError."""
    return _shape_at(layer, index, "output")


def inputs(model: Any) -> list[Tensor]:
    """The input tensors of a model. Errors: KeraFlowError for one that is not built on an Input."""
    return _ends(model, "inputs")


def outputs(model: Any) -> list[Tensor]:
    """The output tensors of a model. Errors: KeraFlowError for one that is not built on an Input."""
    return _ends(model, "outputs")


def _ends(model: Any, word: str) -> list[Tensor]:
    found = getattr(model, word, None)
    if not found:
        raise KeraFlowError(f"{word}({_name(model)})", "a model that begins with an Input", repr(model), f"{word}(::{type(model).__name__}) not implemented.")
    return list(found)


def layers(model: Any) -> list[Any]:
    """The layers of a model in order. Errors: KeraFlowError for something that has none."""
    found = getattr(model, "layers", None)
    if found is None or not isinstance(found, list | tuple):
        raise KeraFlowError("layers", "a model", repr(model), f"layers(::{type(model).__name__}) not implemented.")
    return list(found)


# ---- weights -----------------------------------------------------------------------------------------------------------


def built_parameters(layer: Any) -> list[Parameter]:
    """The parameters of a layer or model, layer by layer, in each one trained ones first; made now where the input's shape is known."""
    from pyphoton.network import network_of

    symbols = getattr(layer, "inputs", None) or (_flat(nodes(layer)[0].inputs) if nodes(layer) else [])
    if symbols:
        many = len(symbols) > 1
        network_of(layer).build(tuple(tensor.Tensor(t.shape, t.dtype) for t in symbols), many)
    for name in getattr(layer, "_registered", ()):
        from pyphoton.keras.weight import Weight

        _ = Weight(layer, name, (), "float32").held
    found: list[Parameter] = []
    for _, _, members in parameters.built_layers(layer):
        found += [p for role in ("weight", "state") for p in members.values() if p.role == role]
    return found


def weights(layer: Any) -> list[Any]:
    """Copies of a layer's or model's arrays, layer by layer, in each one trained ones first. None before the input's shape is known."""
    return [p.value.copy() for p in built_parameters(layer)]


def weights_(layer: Any, values: Any) -> None:
    """Set the arrays of a layer or model, in the order of `weights(layer)`. Errors: KeraFlowError; nothing is changed then."""
    found, arrays, name = built_parameters(layer), [np.asarray(v) for v in values], _name(layer)
    if len(arrays) != len(found):
        raise KeraFlowError(
            name, f"{len(found)} arrays", str(len(arrays)),
            f'You called `set_weights(weights)` on layer "{name}" with a weight list of length {len(arrays)}, but the layer was expecting {len(found)} weights.',
        )  # fmt: skip
    for p, array in zip(found, arrays, strict=True):
        if p.shape != array.shape:
            raise KeraFlowError(p.path, f"an array of shape {p.shape}", str(array.shape), f"Layer weight shape {p.shape} not compatible with provided weight shape {array.shape}.")
        p.check(array)
    for p, array in zip(found, arrays, strict=True):
        p.set_(array)


def config(layer: Any) -> dict[str, Any]:
    """What `type(layer).from_config` makes an equal layer of: the constructor's arguments by name."""
    found = getattr(layer, "get_config", layer.arguments)()
    return dict(found)


def get_config(layer: base.Layer) -> dict[str, Any]:
    """The arguments that a layer of this face was given, its name among them."""
    known = inspect.signature(type(layer).__init__).parameters
    takes_name = "name" in known or any(p.kind is p.VAR_KEYWORD for p in known.values())
    return {**({"name": layer.name} if takes_name else {}), **layer.arguments()}
