"""Model: the layers between inputs and outputs; itself a layer."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from typing import Any

from pyphoton.errors import KeraFlowError, near
from pyphoton.keras.custom import Custom
from pyphoton.keras.entry import InputLayer
from pyphoton.keras.layer import Layer
from pyphoton.keras.saved import Saved
from pyphoton.keras.symbolic import Node, Nodes, Operation, Tensor, mapped, nodes_between, tensors_in
from pyphoton.keras.training import Trainable
from pyphoton.typing import show


class Listed(list[Any]):
    """A list that may be called, and gives itself: `model.layers` and `model.layers()` are the same."""

    def __call__(self) -> Listed:
        """The list itself."""
        return self


def named(layers: Sequence[Any]) -> dict[str, Any]:
    """Layers by their names, or by kind and number: the same script gives the same names. Errors: KeraFlowError for one name of two layers."""
    each = list({id(m): m for m in layers}.values())
    own = [getattr(m, "given_name", getattr(m, "name", None)) for m in each]
    found: dict[str, Any] = {}
    counts: dict[str, Any] = {}
    for layer, name in zip(each, own, strict=True):
        if name in found:
            raise KeraFlowError("Model", "a name for each layer", f"{name!r} for two", f"Call one of them differently: {found[name]!r}, {layer!r}.")
        if not name:
            kind = (type(layer) if hasattr(layer, "kind") else layer).__name__.lower()
            kind = kind if kind.isidentifier() else "function"
            numbers = counts.setdefault(kind, itertools.count(1))
            name = next(n for n in (f"{kind}_{i}" for i in numbers) if n not in own)
        found[name] = layer
    return found


class Model(Saved, Trainable, Layer):
    """The computation from `inputs` to `outputs`, each a Tensor, or a list or dictionary of them; a layer to other models.

    `inputs` come from `Input`; every layer on the way to `outputs` belongs to the model. A subclass without inputs defines `call(x)` instead.
    Called with tensors it is one more layer; called with arrays it computes; `compile`, `fit` train it. Errors: KeraFlowError for outputs that
    need other inputs.
    """

    def __init__(self, inputs: Any = None, outputs: Any = None, **common: Any) -> None:
        if (inputs is None) != (outputs is None):
            raise KeraFlowError("Model", "inputs and outputs, or neither in a subclass with call(x)", "outputs only" if inputs is None else "inputs only")
        self._inputs, self._input_keys = _listed("Model inputs", inputs, "inputs")
        self._outputs, self._output_keys = _listed("Model outputs", outputs, "outputs")
        self._many = isinstance(outputs, list | tuple | Mapping)
        self._order = nodes_between(self._inputs, self._outputs)
        _check_between(self._inputs, self._order, self._outputs)
        self._members = named([n.owner for n in self._order if not isinstance(n.owner, Operation)])
        super().__init__(**common)

    # ---- what it is made of ----------------------------------------------------------------------------------------------

    @property
    def inputs(self) -> Listed:
        """The input tensors."""
        return Listed(self._inputs)

    @property
    def outputs(self) -> Listed:
        """The output tensors."""
        return Listed(self._outputs)

    @property
    def input_names(self) -> list[str]:  # type: ignore[override]
        """The names of the inputs."""
        return self._input_keys or [t.name for t in self._inputs] or ["input1"]

    @property
    def output_names(self) -> list[str]:  # type: ignore[override]
        """The names of the outputs: those of the layers that make them."""
        return self._output_keys or _unique([_name_of(t) for t in self._outputs]) or ["output1"]

    @property
    def layers(self) -> Listed:
        """The layers, inputs included, in the order in which they were called."""
        if not self._inputs:
            return Listed(v for v in self.children().values() if hasattr(v, "kind"))
        return Listed([*(t.layer for t in self._inputs), *self._members.values()])

    def get_layer(self, name: str | None = None, index: int | None = None) -> Any:
        """The layer of this name, or number in `layers`. Errors: KeraFlowError."""
        if (name is None) == (index is None):
            raise KeraFlowError(f"{self.name} get_layer", "a name or an index", "both" if name else "neither")
        found: dict[Any, Any] = {**self.children(), **{getattr(m, "name", None): m for m in self.layers}}
        if name is not None and name not in found:
            raise KeraFlowError(f"{self.name} get_layer", "the name of a layer", repr(name), f"No such layer: {name}. {near(name, [k for k in found if k])}")
        if index is not None and not -len(self.layers) <= index < len(self.layers):
            raise KeraFlowError(f"{self.name} get_layer", f"an index below {len(self.layers)}", str(index), "Was asked to retrieve a layer that is not there.")
        return self.layers[index] if index is not None else found[name]

    def children(self) -> dict[str, Any]:
        """The layers by the names that paths of parameters begin with."""
        return dict(self._members) if self._inputs else Custom.children(self)

    def summary(self, print_fn: Callable[[str], Any] | None = None, **_: Any) -> None:
        """Write the model as a table: layers, shapes, parameters. `pyphoton.summary(model)` gives the table itself."""
        from pyphoton.table import summary

        (print_fn or _write)(str(summary(self, _sample_shapes(self._inputs) if self._inputs else None)))

    # ---- computing -------------------------------------------------------------------------------------------------------

    def arranged(self, *inputs: Any) -> tuple[Any, ...]:
        """One input, or all of them as a tuple, whether they come one by one, as a list or as a dictionary. Errors: KeraFlowError."""
        if not self._inputs:
            return super().arranged(*inputs)
        given: Any = inputs[0] if len(inputs) == 1 else inputs
        if isinstance(given, Mapping):
            missing = [n for n in self.input_names if n not in given]
            if missing:
                raise KeraFlowError(self.name, f"inputs {', '.join(self.input_names)}", ", ".join(map(str, given)), f"Missing name: {', '.join(missing)}.")
            given = [given[n] for n in self.input_names]
        (given,) = super().arranged(given)
        count = len(given) if isinstance(given, tuple) else 1
        if count != len(self._inputs):
            raise KeraFlowError(self.name, f"{len(self._inputs)} inputs: {', '.join(self.input_names)}", str(count))
        return given if isinstance(given, tuple) and count == 1 else (given,)

    def computed(self, *inputs: Any, training: bool = False) -> Any:
        """The outputs for a batch: an array, a list, or a dictionary where the outputs were one."""
        result = super().computed(*inputs, training=training)
        if self._output_keys:
            return dict(zip(self._output_keys, result if isinstance(result, tuple) else (result,), strict=True))
        return list(result) if isinstance(result, tuple) and self._inputs else result

    def forward(self, *inputs: Any) -> Any:
        """The recorded calls on the tensors of a trace."""
        if not self._inputs:
            return super().forward(*inputs)
        flat = inputs[0] if len(inputs) == 1 and isinstance(inputs[0], tuple) else inputs
        values: dict[int, Any] = {id(t): t.layer.forward(v) for t, v in zip(self._inputs, flat, strict=True)}
        for node in self._order:
            node.replay(values)
        found = tuple(values[id(t)] for t in self._outputs)
        return found if len(found) > 1 else found[0]

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        """A model of its own: copies of the layers and their numbers, called in the same way."""
        from pyphoton import network

        made = memo[id(self)] = object.__new__(type(self))
        fresh: dict[int, Tensor] = {}
        for t in self._inputs:
            fresh[id(t)] = InputLayer(t.layer.batch_shape, t.layer.dtype, t.layer.mask_value, name=t.name).tensor
        for node in self._order:
            _again(node, fresh, memo)
        own = ("_inputs", "_outputs", "_order", "_members", "_nodes", "given")
        for name, value in vars(self).items():
            vars(made)[name] = value if name in own else deepcopy(value, memo)
        made._inputs, made._outputs = (tuple(fresh[id(t)] for t in ts) for ts in (self._inputs, self._outputs))
        made._order = nodes_between(made._inputs, made._outputs)
        vars(made)["_nodes"] = Nodes()
        made._members = {name: deepcopy(m, memo) for name, m in self._members.items()}
        vars(made)["given"] = {**self.given, "inputs": list(made._inputs), "outputs": list(made._outputs)}
        network.copy(self, made)
        return made

    def __repr__(self) -> str:
        if not self._inputs:
            return super().__repr__()
        into, out = (", ".join(show(t.shape) for t in ts) for ts in (self._inputs, self._outputs))
        return f"{type(self).__name__}({self.name}: {into} -> {out})"


def _again(node: Node, fresh: dict[int, Tensor], memo: dict[int, Any]) -> None:
    """The same call of the copied layer, with copied tensors."""
    owner = node.owner if isinstance(node.owner, Operation) else deepcopy(node.owner, memo)
    made = Node(owner, tuple(mapped(i, lambda t: fresh[id(t)]) for i in node.inputs), single=node.single)
    made.outputs = tuple(Tensor(t.shape, t.dtype, made_by=made, symbolic=True, name=t.name) for t in node.outputs)
    fresh.update({id(t): new for t, new in zip(node.outputs, made.outputs, strict=True)})
    if not isinstance(owner, Operation):
        vars(owner).setdefault("_nodes", Nodes()).append(made)


def _write(text: str) -> None:
    sys.stdout.write(f"{text}\n")


def _sample_shapes(inputs: Sequence[Tensor]) -> Any:
    """The shapes of samples; an unknown length as 1."""
    shapes = tuple(tuple(1 if n is None else n for n in t.shape[1:]) for t in inputs)
    return shapes if len(shapes) > 1 else shapes[0]


def _listed(where: str, given: Any, side: str) -> tuple[tuple[Tensor, ...], list[str]]:
    """Tensors, and their names where they came as a dictionary; a Sequential stands for its own. Errors: KeraFlowError."""
    if given is None:
        return (), []
    names = list(given) if isinstance(given, Mapping) else []
    members = list(given.values()) if isinstance(given, Mapping) else list(given) if isinstance(given, list | tuple) else [given]
    members = [t for m in members for t in (getattr(m, side) if hasattr(m, "as_tensor") else [m])]
    if not members:
        raise KeraFlowError(where, "at least one tensor", "none")
    for member in members:
        if not isinstance(member, Tensor) or not member.symbolic:
            raise KeraFlowError(where, "symbolic tensors", repr(member), "Begin with x = Input(shape) and call layers with it.")
    return tuple(members), names


def _check_between(inputs: Sequence[Tensor], order: Sequence[Any], outputs: Sequence[Tensor]) -> None:
    """Errors: KeraFlowError unless inputs are Inputs of one batch size that are all that the outputs need."""
    for t in inputs:
        if not isinstance(t.layer, InputLayer):
            raise KeraFlowError("Model inputs", "tensors that Input made", repr(t))
    if len({id(t) for t in inputs}) < len(inputs):
        raise KeraFlowError("Model inputs", "each Input once", ", ".join(t.name for t in inputs))
    sizes = {t.shape[0] for t in inputs} - {None}
    if len(sizes) > 1:
        raise KeraFlowError("Model inputs", "inputs of one batch_size", f"batch sizes {sorted(s for s in sizes if s)}")
    known = {id(t) for t in inputs}
    for t in (*tensors_in([n.inputs for n in order]), *outputs):
        if isinstance(t.layer, InputLayer) and id(t) not in known:
            raise KeraFlowError("Model inputs", f"all that the outputs need: {t.name} too", ", ".join(i.name for i in inputs), f"Add {t.name} to the inputs.")


def _name_of(t: Tensor) -> str:
    """What an output is called: as the layer or the operation that made it."""
    owner = t.made_by.owner if t.made_by else None
    return owner.op if isinstance(owner, Operation) else getattr(owner, "name", None) or type(owner).__name__.lower()


def _unique(names: list[str]) -> list[str]:
    found: list[str] = []
    for name in names:
        n = sum(1 for f in found if f == name or f.startswith(f"{name}_"))
        found.append(f"{name}_{n + 1}" if name in found else name)
    return found
