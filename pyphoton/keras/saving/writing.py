"""`serialize`: layers, models and what they are made of, as JSON-able data.

A layer is `{"class_name", "module_name", "params"}`, the constructor's arguments by name. A Model has its layers and its `path` instead:
one line per call, with the names of tensors. What is met again is `{"same": number}`, so that shared layers stay shared.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from pyphoton.description import Description
from pyphoton.errors import KeraFlowError
from pyphoton.keras.layer import Layer
from pyphoton.keras.model import Model
from pyphoton.keras.saving.classes import name_of, place_of
from pyphoton.keras.symbolic import Operation, Tensor

RESERVED = frozenset({"class_name", "same", "function", "array", "mapping", "tensor"})
"""Keys that say what a dictionary of the text stands for."""
LEFT_OUT = ("initial_weights", "weights", "trainable")
"""Arguments that are not written: numbers stand in the weights' file, and `trainable` is written as it is now."""


def serialize(value: Any) -> Any:
    """A layer, a model or an argument of one as JSON-able data. Errors: KeraFlowError for what no file can name, as a lambda."""
    return _Writer().write(value)


class _Writer:
    """One text: what has been written is met again by its identity."""

    def __init__(self) -> None:
        self.seen: dict[int, dict[str, Any]] = {}
        self.kept: list[Any] = []
        self.ids = 0

    def write(self, value: Any) -> Any:
        """Any value."""
        if value is None or isinstance(value, bool | int | float | str):
            return value
        if isinstance(value, np.generic):
            return value.item()
        if isinstance(value, np.ndarray):
            return {"array": value.tolist(), "dtype": value.dtype.name}
        if isinstance(value, list | tuple):
            return [self.write(v) for v in value]
        if isinstance(value, Mapping):
            if not all(isinstance(k, str) for k in value):
                raise KeraFlowError("serialize", "dictionaries with texts as keys", repr(value)[:80])
            made = {k: self.write(value[k]) for k in sorted(value)}
            return {"mapping": made} if RESERVED & set(made) else made
        if isinstance(value, Tensor):
            return self.tensor(value)
        if isinstance(value, Description):
            return self.described(value)
        named = name_of(value) if callable(value) else None
        if named is None:
            raise KeraFlowError("serialize", "layers, plain values, and functions that have a name", repr(value)[:80], "Write a function with def, or a layer of its own.")
        return {"function": named[0], "module_name": named[1]}

    def tensor(self, value: Tensor) -> Any:
        """A tensor outside of a path: numbers. Errors: KeraFlowError for a symbolic one."""
        if value.symbolic:
            raise KeraFlowError("serialize", "layers and values", repr(value), "Make a Model of the tensors, and save that.")
        return self.write(value.eval())

    def described(self, value: Any) -> dict[str, Any]:
        """A layer, or another description."""
        if id(value) in self.seen:
            first = self.seen[id(value)]
            if "id" not in first:
                first["id"], self.ids = self.ids, self.ids + 1
            return {"same": first["id"]}
        cls = type(value)
        config: dict[str, Any] = {"class_name": cls.__name__, "module_name": place_of(cls)}
        if value.by_identity:
            self.seen[id(value)] = config
            self.kept.append(value)
        if cls is Model:
            config["params"] = self.functional(value)
        else:
            given = _arguments(value)
            config["params"] = {k: self.write(given[k]) for k in sorted(given) if not (k in LEFT_OUT and isinstance(value, Layer))}
        if isinstance(value, Layer):
            if value.given_name is None:
                config["called"] = value.name
            if not value.trainable:
                config["trainable"] = False
        return config

    def functional(self, model: Any) -> dict[str, Any]:
        """The layers of a Model, each once, and its calls in order."""
        layers: dict[int, int] = {}
        names: dict[int, str] = {}
        written: list[Any] = []

        def number(layer: Any) -> int:
            if id(layer) not in layers:
                layers[id(layer)] = len(written)
                written.append(self.write(layer))
            return layers[id(layer)]

        def argument(value: Any) -> Any:
            if isinstance(value, Tensor) and id(value) in names:
                return {"tensor": names[id(value)]}
            return [argument(v) for v in value] if isinstance(value, list | tuple) else self.write(value)

        taken: dict[str, int] = {}
        for t in model.inputs:
            number(t.layer)
            names[id(t)] = _free(t.name, taken)
        path = []
        for node in model._order:
            inputs = [argument(i) for i in node.inputs]
            if isinstance(node.owner, Operation):
                call = {"operation": node.owner.op, "attrs": self.write(dict(node.owner.attrs))}
            else:
                call = {"layer": number(node.owner)}
            label = str(getattr(node.owner, "name", None) or getattr(node.owner, "op", None) or type(node.owner).__name__.lower())
            for t in node.outputs:
                names[id(t)] = _free(label, taken)
            path.append({"inputs": inputs, **call, "outputs": [names[id(t)] for t in node.outputs]})
        ends = {"inputs": [names[id(t)] for t in model.inputs], "outputs": [names[id(t)] for t in model.outputs]}
        single = not isinstance(model.given.get("outputs"), list | tuple | Mapping)
        keys = {f"{side}_keys": list(given) for side in ends if isinstance(given := model.given.get(side), Mapping)}
        return {"name": model.given_name, "layers": written, "path": path, **ends, **keys, "single": single}


def _arguments(value: Any) -> Mapping[str, Any]:
    """The constructor's arguments: as the class packs them itself (`get_config`, Keraflow's `pack_init_param`), or as they were given."""
    for name in ("pack_init_param", "get_config"):
        own = next((c for c in type(value).__mro__ if name in vars(c)), None)
        if own is not None and not own.__module__.startswith("pyphoton."):
            found: Mapping[str, Any] = getattr(value, name)()
            return found
    return value.arguments()  # type: ignore[no-any-return]


def _free(name: str, taken: dict[str, int]) -> str:
    """The name, with a number where it was given before."""
    taken[name] = count = taken.get(name, 0) + 1
    return name if count == 1 else _free(f"{name}:{count}", taken)
