"""`to_keras(model)`: a model of the Keras face as one of Keras 3, with copies of its numbers."""

from __future__ import annotations

import inspect
from typing import Any

from pyphoton import constraints, parameters, regularisers
from pyphoton.errors import Unsupported
from pyphoton.interop.keras_model import keras_module
from pyphoton.interop.keras_table import BINARY, REDUCTIONS, UNARY, carry
from pyphoton.keras import Model, Sequential, layers
from pyphoton.keras.layer import COMMON, Layer
from pyphoton.keras.saving.weights import arrays_of
from pyphoton.keras.saving.writing import serialize
from pyphoton.keras.symbolic import Operation, Tensor, mapped

_THEIR_NAMES = {"recurrent_kernel": "recurrent", "table": "embeddings", "scale": "gamma", "shift": "beta"}
"""What Keras's arguments call a parameter, where it has another name."""
_CARRIED = ("name", "trainable", "initial_weights", "regularizers", "constraints")
"""Arguments that are carried otherwise."""
_OPERATIONS = {ours: theirs for table in (UNARY, BINARY, REDUCTIONS) for theirs, ours in table.items()}
_FUNCTIONS = {"TrueDivide": "divide", "Abs": "absolute"}


def to_keras(model: Any) -> Any:
    """A Sequential or Model of `pyphoton.keras` as one of Keras 3, not compiled, with copies of the numbers.

    Shared layers stay shared, names and `trainable` stay. Errors: Unsupported, naming the layer, for one that Keras 3 has not, or whose arguments
    it has not; BackendMissing without Keras; NotBuilt for a model whose input is not known.
    """
    if not isinstance(model, Model) or not model.inputs:
        raise Unsupported("to_keras", "a Model, or a Sequential that begins with an Input", repr(model), "tf(model) takes models of pyphoton's own layers.")
    arrays_of(model, "to_keras")
    writer = _Writer(keras_module())
    made = writer.layer(model)
    for mine, theirs in writer.pairs:
        carry(mine, theirs, back=True)
    return made


class _Writer:
    """One model: layers of Keras by the identity of what they were made of."""

    def __init__(self, keras: Any) -> None:
        self.keras = keras
        self.made: dict[int, Any] = {}
        self.pairs: list[tuple[Any, Any]] = []

    def layer(self, mine: Any) -> Any:
        """The layer of Keras that stands for ours: the same one when it is met again."""
        if id(mine) not in self.made:
            self.made[id(mine)] = self._made(mine)
        return self.made[id(mine)]

    def _made(self, mine: Any) -> Any:
        if isinstance(mine, Sequential):
            made = self.keras.Sequential([*(self.input(t) for t in mine.inputs), *map(self.layer, mine.layers)], name=mine.name)
        elif isinstance(mine, Model):
            made = self.functional(mine)
        elif type(mine) is layers.TimeDistributed:
            made = self.keras.layers.TimeDistributed(self.layer(mine.layer), name=mine.name)
        elif type(mine) is layers.Bidirectional:
            made = self.bidirectional(mine)
        else:
            made = self.stock(mine)
            self.pairs.append((mine, made))
        if isinstance(mine, Layer) and not mine.trainable:
            made.trainable = False
        return made

    def bidirectional(self, mine: Any) -> Any:
        """Both directions. Keras copies the layers that it is given: those copies are what holds the numbers."""
        ahead, back = self.stock(mine.forward_layer), self.stock(mine.backward_layer)
        made = self.keras.layers.Bidirectional(ahead, merge_mode=mine.merge_mode, backward_layer=back, name=mine.name)
        self.pairs += [(mine.forward_layer, made.forward_layer), (mine.backward_layer, made.backward_layer)]
        return made

    def stock(self, mine: Any) -> Any:
        """A layer by its class's name and its arguments. Errors: Unsupported."""
        name = type(mine).__name__
        cls = getattr(self.keras.layers, name, None)
        if not isinstance(mine, Layer) or name not in layers.__all__ or getattr(layers, name) is not type(mine) or cls is None:
            raise Unsupported(f"to_keras: {mine!r}", "a layer that both have", name, "tf(model) takes models of pyphoton's own layers.")
        known = set(inspect.signature(cls.__init__).parameters)
        for base in cls.__mro__:
            known |= set(inspect.signature(base.__init__).parameters) if "__init__" in vars(base) and base is not object else set()
        given, own = {}, inspect.signature(type(mine)).parameters
        for key, value in mine.arguments().items():
            ruled = key.endswith(("_regularizer", "_constraint")) and key != "activity_regularizer"
            if key in _CARRIED or (key in COMMON and key not in own) or ruled or (key.endswith("_initializer") and not isinstance(value, str)):
                continue
            if key not in known:
                raise Unsupported(f"to_keras: {mine.name}", f"arguments that Keras's {name} has", f"{key}={value!r}")
            given[key] = self.argument(mine, key, value)
        return cls(**given, **self.rules(mine), name=mine.name)

    def argument(self, mine: Any, key: str, value: Any) -> Any:
        """One argument of a layer: plain values, and functions by name. Errors: Unsupported."""
        if key == "activity_regularizer":
            return self.rule(mine, "regularizer", value)
        written = serialize(value)
        if isinstance(written, dict) and "function" in written:
            return {"identity": "linear"}.get(written["function"], written["function"])
        return value

    def rules(self, mine: Any) -> dict[str, Any]:
        """Penalties and limits as Keras's arguments."""
        names = {n.rpartition(".")[2]: p for n, p in parameters.collect(mine).items()}
        found = {}
        for word, given in (("regularizer", mine.penalties(names)), ("constraint", mine.limits(names))):
            for name, what in given.items():
                if word == "constraint" and hasattr(what, "axis") and len(names[name].shape) > 2:
                    raise Unsupported(f"to_keras: {mine.name}", "a constraint of a matrix or a vector", repr(what), "Axes of kernels stand in another order there.")
                found[f"{_THEIR_NAMES.get(name, name)}_{word}"] = self.rule(mine, word, what)
        return found

    def rule(self, mine: Any, word: str, what: Any) -> Any:
        """One penalty or limit. Errors: Unsupported for a function of the user's own."""
        known, theirs = (regularisers, self.keras.regularizers) if word == "regularizer" else (constraints, self.keras.constraints)
        what = known.get(what)
        if what is None:
            return None
        cls = getattr(theirs, type(what).__name__, None)
        if cls is None:
            raise Unsupported(f"to_keras: {mine.name}", f"a {word} that both have", repr(what))
        args = {"max_value" if k == "m" else k: list(v) if isinstance(v, tuple) else v for k, v in what.arguments().items()}
        return cls(**args)

    def input(self, t: Tensor) -> Any:
        """An Input of Keras. Errors: Unsupported for one that masks."""
        if t.layer.mask_value is not None:
            raise Unsupported(f"to_keras: {t.name}", "an Input without mask_value", repr(t.layer.mask_value), "Use Embedding(mask_zero=True), or Masking.")
        return self.keras.Input(batch_shape=t.shape, dtype=t.dtype, name=t.name)

    def functional(self, mine: Model) -> Any:
        """The calls of a Model, one by one."""
        values = {id(t): self.input(t) for t in mine.inputs}
        for node in mine._order:
            inputs = [_listed(mapped(i, lambda t: values[id(t)])) for i in node.inputs]
            function = self.operation(node.owner) if isinstance(node.owner, Operation) else self.layer(node.owner)
            result = function(*inputs)
            for t, value in zip(node.outputs, [result] if node.single else result, strict=True):
                values[id(t)] = value
        into, out = ([values[id(t)] for t in ts] for ts in (mine.inputs, mine.outputs))
        return self.keras.Model(into[0] if len(into) == 1 else into, out[0] if len(out) == 1 else out, name=mine.name)

    def operation(self, operation: Operation) -> Any:
        """A function of Keras's tensors. Errors: Unsupported."""
        cls = _OPERATIONS.get(operation.op)
        if cls is None:
            raise Unsupported("to_keras", f"an operation of {', '.join(sorted(_OPERATIONS))}", operation.op)
        function = getattr(self.keras.ops, _FUNCTIONS.get(cls, cls.lower()))
        options = {k: tuple(v) if isinstance(v, list) else v for k, v in operation.attrs.items()}
        return lambda *tensors: function(*tensors, **options)


def _listed(value: Any) -> Any:
    return [_listed(v) for v in value] if isinstance(value, tuple) else value
