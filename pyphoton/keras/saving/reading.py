"""`unserialize`: what `serialize` wrote, made again. Sizes are bounded before anything is made, and only known constructors are called."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from pyphoton.description import DEEPEST, Description, bounded
from pyphoton.errors import FileError, PhotonError
from pyphoton.keras.layer import Layer
from pyphoton.keras.model import Model
from pyphoton.keras.saving.classes import class_named, function_named
from pyphoton.keras.symbolic import Operation, Tensor
from pyphoton.saving.model import understood

DTYPES = ("float32", "float64", "float16", "int64", "int32", "int16", "int8", "uint8", "bool")
LONGEST = 200
"""Characters of a name."""


def unserialize(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """The layer or model that `serialize` wrote, with numbers of its own.

    custom_objects: classes and functions of your own by their names. Errors: FileError.
    """
    with understood("architecture"):
        bounded(config, _layers, "architecture", 3 * DEEPEST)
        return _Reader(custom_objects or {}).read(config)


def _layers(part: dict[str, Any], count: Callable[[Any], int]) -> int:
    """For how many layers an object stands."""
    params = part.get("params")
    if "class_name" not in part or not isinstance(params, dict):
        return sum(count(part[k]) for k in sorted(part, key=str))
    path, layers = params.get("path"), params.get("layers")
    if isinstance(path, list) and isinstance(layers, list):
        each = [count(layer) for layer in layers]
        numbers = [call.get("layer") for call in path if isinstance(call, dict)]
        return len(path) + sum(each) + sum(each[n] for n in numbers if isinstance(n, int) and 0 <= n < len(each)) + sum(map(count, path))
    times = params.get("num_layers", 1)
    return (max(times, 1) if isinstance(times, int) else 1) + sum(count(params[k]) for k in sorted(params, key=str))


class _Reader:
    """One text."""

    def __init__(self, custom: Mapping[str, Any]) -> None:
        self.custom = custom
        self.made: dict[int, Any] = {}

    def read(self, config: Any) -> Any:
        """Any value."""
        if isinstance(config, list):
            return [self.read(v) for v in config]
        if not isinstance(config, dict):
            return config
        if "same" in config:
            if type(config["same"]) is not int or config["same"] not in self.made:
                raise FileError("reference", "a layer that stands before it", repr(config["same"])[:80])
            return self.made[config["same"]]
        if "function" in config:
            return function_named(config["function"], config.get("module_name"), self.custom)
        if "array" in config:
            return _array(config)
        if "class_name" in config:
            return self.described(config)
        found = config["mapping"] if isinstance(config.get("mapping"), dict) else config
        return {k: self.read(found[k]) for k in sorted(found)}

    def described(self, config: dict[str, Any]) -> Any:
        """A layer, or another description."""
        params = config.get("params")
        cls = class_named(config["class_name"], config.get("module_name"), self.custom)
        if not isinstance(params, dict):
            raise FileError(f"{cls.__name__} params", "the constructor's arguments", repr(params)[:80])
        made = self.functional(params) if cls is Model else _constructed(cls, {k: self.read(params[k]) for k in sorted(params)})
        if isinstance(made, Layer):
            self._called(made, config)
        if type(config.get("id")) is int:
            self.made[config["id"]] = made
        return made

    def _called(self, made: Layer, config: dict[str, Any]) -> None:
        called = config.get("called")
        if called is not None:
            made._name = _name(called, "name")
            for node in getattr(made, "_nodes", ()):  # an Input's tensor is called as the layer
                for tensor in node.outputs:
                    tensor.name = made._name
        if config.get("trainable") is False:
            made.trainable = False

    def functional(self, params: dict[str, Any]) -> Model:
        """A Model: its layers, then its calls in order."""
        from pyphoton.keras.recording import record

        if not isinstance(params.get("layers"), list) or not isinstance(params.get("path"), list):
            raise FileError("Model params", "layers and path", ", ".join(map(str, params))[:80])
        layers = [self.read(layer) for layer in params["layers"]]
        names, inputs = _names(params, "inputs"), {}
        for name, layer in zip(names, layers, strict=False):
            inputs[name] = _first_tensor(layer)
        if len(inputs) != len(names):
            raise FileError("Model inputs", "an Input in front for each", f"{len(names)} inputs")
        tensors: dict[str, Tensor] = dict(inputs)
        for call in params["path"]:
            if not isinstance(call, dict):
                raise FileError("Model path", "calls", repr(call)[:80])
            owner = self.owner(call, layers)
            result = record(owner, tuple(self.argument(i, tensors) for i in _list(call, "inputs")))
            outputs = result if isinstance(result, tuple | list) else (result,)
            for name, tensor in zip(_names(call, "outputs"), outputs, strict=True):
                tensors[name] = tensor
        ends = [[_found(tensors, n) for n in _names(params, side)] for side in ("inputs", "outputs")]
        into, out = (_keyed(params, side, end) for side, end in zip(("inputs", "outputs"), ends, strict=True))
        single = params.get("single") and isinstance(out, list) and len(out) == 1
        label = params.get("name")
        return Model(into, out[0] if single else out, name=None if label is None else _name(label, "name"))

    def owner(self, call: dict[str, Any], layers: list[Any]) -> Any:
        """What is called: a layer by its number, or an operation."""
        if "operation" in call:
            return Operation(_name(call["operation"], "operation"), self.read(call.get("attrs") or {}))
        number = call.get("layer")
        if type(number) is not int or not 0 <= number < len(layers) or not callable(layers[number]):
            raise FileError("Model path", f"the number of a layer below {len(layers)}", repr(number)[:80])
        return layers[number]

    def argument(self, config: Any, tensors: Mapping[str, Tensor]) -> Any:
        """What is called with: tensors by name, and values."""
        if isinstance(config, list):
            return tuple(self.argument(c, tensors) for c in config)
        if isinstance(config, dict) and "tensor" in config:
            return _found(tensors, config["tensor"])
        return self.read(config)


def _constructed(cls: Any, args: dict[str, Any]) -> Any:
    """An object of the class. Errors: FileError with what the constructor refused."""
    if "name" in args and args["name"] is not None:
        _name(args["name"], "name")
    own = vars(cls).get("from_config")
    if own is not None and not cls.__module__.startswith("pyphoton."):
        return cls.from_config(args)
    several = _variadic(cls)
    rest = args.pop(several, ()) if several else ()
    if issubclass(cls, Description) and not issubclass(cls, Layer):
        args = {k: tuple(v) if isinstance(v, list) else v for k, v in args.items()}
    try:
        return getattr(cls, "restored", cls)(*rest, **args)
    except PhotonError:
        raise
    except Exception as error:
        raise FileError(cls.__name__, "arguments that it can have", f"{type(error).__name__}: {str(error)[:200]}") from error


@functools.cache
def _variadic(cls: Any) -> str | None:
    """The argument that takes any number of layers."""
    return next((n for n, p in inspect.signature(cls).parameters.items() if p.kind is p.VAR_POSITIONAL), getattr(cls, "variadic", None))


def _array(config: dict[str, Any]) -> Any:
    if config.get("dtype") not in DTYPES:
        raise FileError("array", f"a dtype of {', '.join(DTYPES)}", repr(config.get("dtype"))[:80])
    return np.array(config["array"], config["dtype"])


def _first_tensor(layer: Any) -> Tensor:
    nodes = getattr(layer, "_nodes", None)
    if not nodes or nodes[0].inputs:
        raise FileError("Model inputs", "an Input", repr(layer)[:80])
    return nodes[0].outputs[0]  # type: ignore[no-any-return]


def _keyed(params: dict[str, Any], side: str, tensors: list[Tensor]) -> Any:
    """Tensors as a dictionary, where the model was made with one."""
    return dict(zip(_names(params, f"{side}_keys"), tensors, strict=True)) if f"{side}_keys" in params else tensors


def _list(config: dict[str, Any], key: str) -> list[Any]:
    found = config.get(key)
    if not isinstance(found, list):
        raise FileError(key, "a list", repr(found)[:80])
    return found


def _names(config: dict[str, Any], key: str) -> list[str]:
    return [_name(n, key) for n in _list(config, key)]


def _name(value: Any, what: str) -> str:
    if not isinstance(value, str) or len(value) > LONGEST:
        raise FileError(what, f"a text of at most {LONGEST} characters", repr(value)[:80])
    return value


def _found(tensors: Mapping[str, Tensor], name: Any) -> Tensor:
    if not isinstance(name, str) or name not in tensors:
        raise FileError("Model path", "the name of a tensor that was made before", repr(name)[:80])
    return tensors[name]
