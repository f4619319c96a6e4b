"""Model: the layers between inputs and outputs; itself a layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pyphoton.errors import KeraFlowError
from pyphoton.keras.input import InputLayer
from pyphoton.keras.layer import Layer
from pyphoton.keras.saved import Saved
from pyphoton.keras.symbolic import Operation, Tensor, nodes_between, tensors_in
from pyphoton.keras.training import Trainable
from pyphoton.typing import show


class Model(Saved, Trainable, Layer):
    """The computation from `inputs` to `outputs`, each a Tensor, or a list or dictionary of them."""

    def __init__(self, inputs: Any, outputs: Any, **common: Any) -> None:
        self._inputs, self._input_keys = _listed("Model inputs", inputs)
        self._outputs, self._output_keys = _listed("Model outputs", outputs)
        self._many = isinstance(inputs, list | tuple | Mapping), isinstance(outputs, list | tuple | Mapping)
        self._order = nodes_between(self._inputs, self._outputs)
        _check_between(self._inputs, self._order, self._outputs)
        super().__init__(**common)

    @property
    def inputs(self) -> list[Tensor]:
        """The input tensors."""
        return list(self._inputs)

    @property
    def outputs(self) -> list[Tensor]:
        """The output tensors."""
        return list(self._outputs)

    @property
    def input_names(self) -> list[str]:
        """The names of the inputs."""
        return self._input_keys or [t.name for t in self._inputs]

    @property
    def output_names(self) -> list[str]:
        """The names of the outputs: those of the layers that make them."""
        return self._output_keys or _unique([_name_of(t) for t in self._outputs])

    @property
    def layers(self) -> list[Any]:
        """The layers, inputs included, in the order in which they were called."""
        found = {id(t.layer): t.layer for t in self._inputs}
        return list((found | self._owners()).values())

    def _owners(self) -> dict[int, Any]:
        return {id(n.owner): n.owner for n in self._order if not isinstance(n.owner, Operation)}

    def children(self) -> dict[str, Any]:
        """The layers by their names, or by kind and number."""
        found: dict[str, Any] = {}
        counts: dict[str, int] = {}
        for layer in self._owners().values():
            name = getattr(layer, "given_name", getattr(layer, "name", None))
            if not name:
                kind = type(layer).__name__.lower()
                counts[kind] = counts.get(kind, 0) + 1
                name = f"{kind}_{counts[kind]}"
            found[name] = layer
        return found

    def arranged(self, *inputs: Any) -> tuple[Any, ...]:
        """One input, or all of them as a tuple, whether they come one by one, as a list or as a dictionary."""
        given: Any = inputs[0] if len(inputs) == 1 else inputs
        if isinstance(given, Mapping):
            missing = [n for n in self.input_names if n not in given]
            if missing:
                raise KeraFlowError(self.name, f"inputs {', '.join(self.input_names)}", ", ".join(map(str, given)), f"Missing name: {', '.join(missing)}.")
            given = [given[n] for n in self.input_names]
        given = tuple(given) if isinstance(given, tuple | list) else (given,)
        if len(given) != len(self._inputs):
            raise KeraFlowError(self.name, f"{len(self._inputs)} inputs: {', '.join(self.input_names)}", str(len(given)))
        return given if len(given) == 1 else (given,)

    def on_arrays(self, *inputs: Any) -> Any:
        """The outputs for a batch, as NumPy arrays."""
        from pyphoton.data.forms import members
        from pyphoton.network import network_of

        arrays, many = members(inputs[0], "inputs")
        return self._shaped(network_of(self).run(arrays, many))

    def forward(self, *inputs: Any) -> Any:
        """The recorded calls on the tensors of a trace."""
        flat = inputs[0] if len(inputs) == 1 and isinstance(inputs[0], tuple) else inputs
        values: dict[int, Any] = {id(t): v for t, v in zip(self._inputs, flat, strict=True)}
        for node in self._order:
            node.replay(values)
        found = tuple(values[id(t)] for t in self._outputs)
        return found if self._many[1] and len(found) > 1 else found[0]

    def _shaped(self, result: Any) -> Any:
        """Outputs as the model was given them: one, a list, or a dictionary."""
        if not self._many[1]:
            return result
        flat = list(result) if isinstance(result, tuple) else [result]
        return dict(zip(self._output_keys, flat, strict=True)) if self._output_keys else flat

    def __repr__(self) -> str:
        into, out = (", ".join(show(t.shape) for t in ts) for ts in (self._inputs, self._outputs))
        return f"{type(self).__name__}({self.name}: {into} -> {out})"


def _listed(where: str, given: Any) -> tuple[tuple[Tensor, ...], list[str]]:
    """Tensors, and their names where they came as a dictionary. Errors: KeraFlowError."""
    names = list(given) if isinstance(given, Mapping) else []
    members = list(given.values()) if isinstance(given, Mapping) else list(given) if isinstance(given, list | tuple) else [given]
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
