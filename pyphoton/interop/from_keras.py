"""`from_keras(model)`: a model of Keras 3 as one of the Keras face, with copies of its weights."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from pyphoton.errors import PhotonError, Unsupported, near
from pyphoton.interop.keras_model import keras_module
from pyphoton.interop.keras_table import BINARY, REDUCTIONS, UNARY, carry
from pyphoton.keras import Model, Sequential, constraints, initializers, layers, regularizers
from pyphoton.keras.entry import Input
from pyphoton.keras.layer import COMMON
from pyphoton.keras.saving.weights import arrays_of, met_by
from pyphoton.tensor import apply

OF_NO_USE = frozenset({"dtype", "name", "trainable", "seed", "build_config", "use_cudnn", "unroll", "implementation", "synchronized", "sparse", "ragged", "optional"})
"""Arguments that change no number here, or that are carried otherwise."""


def from_keras(model: Any) -> Any:
    """A Sequential or functional model of Keras 3 as one of `pyphoton.keras`, not compiled, with copies of the weights.

    Shared layers stay shared, names and `trainable` stay. Errors: Unsupported, naming the layer, for one that this face has not, or whose
    arguments it has not; BackendMissing without Keras.
    """
    keras = keras_module()
    if not isinstance(model, keras.Model):
        raise Unsupported("from_keras", "a keras.Model", repr(model), "from_torch takes torch's modules.")
    if not model.built:
        raise Unsupported("from_keras", "a built model", f"{model.name}, which knows no input yet", "Call it once, or begin with keras.Input.")
    reader = _Reader(keras)
    made = reader.layer(model)
    if met_by(made) is not None:
        arrays_of(made, "from_keras")
    for mine, theirs in reader.pairs:
        carry(mine, theirs)
    return made


class _Reader:
    """One model: layers by the identity of what they were made of."""

    def __init__(self, keras: Any) -> None:
        self.keras = keras
        self.made: dict[int, Any] = {}
        self.pairs: list[tuple[Any, Any]] = []

    def layer(self, theirs: Any) -> Any:
        """The layer that stands for one of Keras's: the same one when it is met again."""
        if id(theirs) not in self.made:
            self.made[id(theirs)] = self._made(theirs)
        return self.made[id(theirs)]

    def _made(self, theirs: Any) -> Any:
        if isinstance(theirs, self.keras.Sequential):
            first = [self.input(t) for t in theirs.inputs]
            made = Sequential([*first, *map(self.layer, theirs.layers)], name=theirs.name)
        elif isinstance(theirs, self.keras.Model):
            made = self.functional(theirs)
        elif type(theirs).__name__ == "TimeDistributed":
            made = layers.TimeDistributed(self.layer(theirs.layer), name=theirs.name)
        elif type(theirs).__name__ == "Bidirectional":
            ahead, back = self.layer(theirs.forward_layer), self.layer(theirs.backward_layer)
            made = layers.Bidirectional(ahead, merge_mode=theirs.merge_mode, backward_layer=back, name=theirs.name)
        else:
            made = self.stock(theirs)
            self.pairs.append((made, theirs))
        if not theirs.trainable and theirs.weights:
            made.trainable = False
        return made

    def stock(self, theirs: Any) -> Any:
        """A layer by its class's name and its arguments. Errors: Unsupported."""
        name = type(theirs).__name__
        cls = getattr(layers, name) if name in layers.__all__ else None
        if not isinstance(cls, type) or getattr(self.keras.layers, name, None) is not type(theirs):
            raise Unsupported(f"from_keras: {theirs.name}", "a layer that both have", name, near(name, layers.__all__))
        known = {*inspect.signature(cls).parameters, *cls.options, *COMMON}  # type: ignore[attr-defined]
        usual = {n: p.default for n, p in inspect.signature(type(theirs).__init__).parameters.items()}
        given: dict[str, Any] = {"name": theirs.name}
        for key, value in theirs.get_config().items():
            if key in OF_NO_USE or (key not in known and (value is None or value is False or value == usual.get(key, value))):
                continue
            if key not in known:
                raise Unsupported(f"from_keras: {theirs.name}", f"arguments that {name} has here", f"{key}={value!r}")
            given[key] = self.argument(theirs, key, value)
        given = {k: v for k, v in given.items() if v is not None or not k.endswith(("_initializer", "_regularizer", "_constraint"))}
        try:
            return cls(**given)
        except PhotonError as error:
            raise Unsupported(f"from_keras: {theirs.name}", f"arguments that {name} can have here", str(error)[:300]) from error

    def argument(self, theirs: Any, key: str, value: Any) -> Any:
        """One argument of a layer. Errors: Unsupported."""
        if key.endswith("_initializer"):  # the numbers are there; only what can be said by a name is kept
            return _object(initializers, value)
        if key.endswith(("_regularizer", "_constraint")) and value is not None:
            made = _object(regularizers if key.endswith("_regularizer") else constraints, value)
            turned = "Conv" in type(theirs).__name__ and hasattr(made, "axis")
            if made is None or turned:
                raise Unsupported(f"from_keras: {theirs.name}", f"a {key} that both have, over the same axes", str(value)[:200])
            return made
        return value

    def input(self, theirs: Any) -> Any:
        """An Input for one of Keras's."""
        layer = theirs._keras_history.operation
        return Input(batch_shape=tuple(theirs.shape), dtype=_dtype(str(theirs.dtype)), name=layer.name)

    def functional(self, theirs: Any) -> Any:
        """The calls of a functional model, one by one. Errors: Unsupported for a model that is a class of its own."""
        if not getattr(theirs, "_nodes", None) or not theirs.inputs:
            raise Unsupported(f"from_keras: {theirs.name}", "a Sequential or a functional model", type(theirs).__name__)
        values = {id(t): self.input(t) for t in theirs.inputs}
        inputs = list(values.values())
        for depth in sorted(theirs._nodes_by_depth, reverse=True):
            for node in theirs._nodes_by_depth[depth]:
                if not node.is_input:
                    self.call(node, values)
        into, out = (self.keras.tree.map_structure(lambda t: values[id(t)], s) for s in (theirs._inputs_struct, theirs._outputs_struct))
        flat = inputs if isinstance(into, list | tuple) and len(inputs) > 1 else into
        return Model(list(flat) if isinstance(flat, tuple) else flat, list(out) if isinstance(out, tuple) else out, name=theirs.name)

    def call(self, node: Any, values: dict[int, Any]) -> None:
        """One call: the values of its outputs."""
        args = [self._mapped(a, values) for a in node.arguments.args]
        named = {k: self._mapped(v, values) for k, v in node.arguments.kwargs.items() if v is not None and k not in ("training", "mask")}
        theirs = node.operation
        if isinstance(theirs, self.keras.Layer):
            states = named.pop("initial_state", None)
            if named:
                raise Unsupported(f"from_keras: {theirs.name}", "tensors by their places", ", ".join(named))
            function: Callable[..., Any] = self.layer(theirs)
            result = function(*args) if states is None else function((args[0], *states) if isinstance(states, list | tuple) else (args[0], states))
        else:
            result = _operation(theirs, args, named)
        made = list(result) if isinstance(result, tuple | list) else [result]
        values.update({id(t): v for t, v in zip(node.outputs, made, strict=True)})

    def _mapped(self, argument: Any, values: dict[int, Any]) -> Any:
        if isinstance(argument, list | tuple):
            return [self._mapped(a, values) for a in argument]
        return values.get(id(argument), argument)


def _operation(theirs: Any, args: list[Any], named: dict[str, Any]) -> Any:
    """An operation of Keras's on tensors. Errors: Unsupported."""
    name = type(theirs).__name__
    options = {k: getattr(theirs, k) for k in ("axis", "keepdims") if hasattr(theirs, k)}
    if named:
        raise Unsupported(f"from_keras: {name}", "tensors by their places", ", ".join(named))
    if name in UNARY:
        return apply(UNARY[name], args[0])
    if name in BINARY:
        return apply(BINARY[name], args[0], args[1])
    if name in REDUCTIONS:
        axis = options.get("axis")
        return apply(REDUCTIONS[name], args[0], axis=list(axis) if isinstance(axis, tuple) else axis, keepdims=bool(options.get("keepdims")))
    if name == "GetItem":
        return args[0][args[1] if not isinstance(args[1], list) else tuple(args[1])]
    raise Unsupported("from_keras", f"an operation of {', '.join(sorted({*UNARY, *BINARY, *REDUCTIONS}))}", name)


def _object(module: Any, config: Any) -> Any:
    """An initialiser, penalty or limit by Keras's description of it; None for one that is not here."""
    if not isinstance(config, dict):
        return config if isinstance(config, str) else None
    made = getattr(module, str(config.get("class_name")), None)
    args = {k: v for k, v in (config.get("config") or {}).items() if v is not None}
    try:
        return None if made is None else made(**args)
    except (PhotonError, TypeError):
        return None


def _dtype(dtype: str) -> str:
    return "int64" if dtype.startswith(("int", "uint")) else dtype
