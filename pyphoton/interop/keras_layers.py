"""What PyPhoton's layers are in Keras, and how their weights lie there. Everything stands channels first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from pyphoton import activations, graph, parameters
from pyphoton import layers as l
from pyphoton.errors import Unsupported
from pyphoton.flux.nets import Equations, Net
from pyphoton.flux.unrolled import Unrolled
from pyphoton.interop.keras_plan import plan_layer
from pyphoton.interop.one_operation import named
from pyphoton.parameters import Parameter
from pyphoton.plan import owners, plan
from pyphoton.tensor import Tensor

FIRST = "channels_first"
_NAMED = {"relu": "relu", "tanh": "tanh", "sigmoid": "sigmoid", "softplus": "softplus", "selu": "selu", "elu": "elu", "softsign": "softsign",
          "softmax": "softmax", "log_softmax": "log_softmax", "swish": "silu", "gelu": "gelu"}  # fmt: skip
"""Activations by PyPhoton's name. Left out: hard_sigmoid, which is another function in Keras 3."""


@dataclass(frozen=True)
class Held:
    """A layer of Keras and the parameters whose copies it holds, in Keras's order."""

    layer: Any
    parameters: tuple[Parameter, ...]
    own: bool = False
    """Whether the layer is PyPhoton's own, and holds arrays as they are."""

    def load(self) -> None:
        """From the parameters to Keras."""
        self.layer.set_weights([_turned(p.value) if self._is_kernel(p) else p.value for p in self.parameters])

    def store(self) -> None:
        """From Keras to the parameters."""
        for parameter, value in zip(self.parameters, self.layer.get_weights(), strict=True):
            parameter.set_(_back(value) if self._is_kernel(parameter) else value)

    def _is_kernel(self, parameter: Parameter) -> bool:
        return len(parameter.shape) > 2 and not self.own


def _turned(kernel: Any) -> Any:
    """(out, in, *lengths) to Keras's (*lengths, in, out)."""
    return np.transpose(kernel, (*range(2, kernel.ndim), 1, 0))


def _back(kernel: Any) -> Any:
    """And back."""
    return np.transpose(kernel, (kernel.ndim - 1, kernel.ndim - 2, *range(kernel.ndim - 2)))


class Builder:
    """One model: layers of Keras by the identity of the layer that they were made of, so that one that stands twice is one."""

    def __init__(self, keras: Any, dtype: str) -> None:
        self.keras, self.layers, self.dtype = keras, keras.layers, dtype
        self.made: dict[tuple[Any, ...], Any] = {}
        self.held: list[Held] = []

    def build(self, layer: Any, x: Any, path: str) -> Any:
        """A layer, model or function on a symbolic tensor of Keras. Errors: Unsupported, naming it."""
        if isinstance(layer, l.Input) or layer is activations.identity:
            return x
        if isinstance(layer, l.Sequential | l.Concurrent | l.Residual | l.SkipConnection):
            return self.container(layer, x, path)
        if isinstance(layer, l.Activation):
            return self.build(layer.function, x, path)
        if isinstance(layer, l.Softmax | l.LogSoftmax) and layer.axis in (-1, len(x.shape) - 1):
            return self.function(activations.softmax if isinstance(layer, l.Softmax) else activations.log_softmax, x, path)
        if isinstance(layer, l.Flatten):
            return self.new("Flatten", data_format="channels_last")(x)
        if isinstance(layer, l.GlobalAvgPool | l.GlobalMaxPool):
            return self.new(f"Global{'Average' if isinstance(layer, l.GlobalAvgPool) else 'Max'}Pooling{len(x.shape) - 2}D", data_format=FIRST)(x)
        if isinstance(layer, Net | Equations | Unrolled):
            return self.planned(layer, x, path)
        kind = getattr(layer, "kind", "")
        if kind in _KINDS:
            y = _KINDS[kind](self, layer, x, path)
            after = getattr(layer, "activation", None)
            return y if after in (None, activations.identity) or kind == "rnn" else self.function(after, y, path)
        return self.function(layer, x, path)

    def planned(self, layer: Any, x: Any, path: str) -> Any:
        """A net or an unrolled model: its plan as a layer. Errors: Unsupported for several outputs."""
        key = (id(layer), 0, repr(x.shape))
        if key not in self.made:
            traced = graph.trace(layer, Tensor(tuple(x.shape), str(x.dtype)))
            if not traced.single:
                raise refused(layer, path, "a net of one output")
            found = {name: parameters.obtain(*each[:2], name, *each[2:], self.dtype, 0) for name, each in owners(traced).items()}
            ordered = dict(sorted(found.items(), key=lambda item: item[1].role == "state" or item[1].frozen))
            self.made[key] = plan_layer(self.keras, plan(traced, self.dtype), ordered, self.dtype)
            self.held.append(Held(self.made[key], tuple(ordered.values()), own=True))
        return self.made[key](x)

    def check(self) -> None:
        """Errors: Unsupported where two layers of Keras would hold one parameter, each a copy of its own."""
        seen: set[int] = set()
        for held in self.held:
            for p in held.parameters:
                if id(p) in seen:
                    raise Unsupported(f"tf: {p.path}", "each parameter in one place of the model", "one in two", "torch_(model) and flux(model) share it.")
                seen.add(id(p))

    def container(self, layer: Any, x: Any, path: str) -> Any:
        """A model of models."""
        join = self.new("Concatenate", axis=1)
        at = f"{path}." if path else ""
        if isinstance(layer, l.Concurrent):
            return join([self.build(m, x, f"{at}{i}") for i, m in enumerate(layer)])
        if isinstance(layer, l.SkipConnection):
            if layer.combine is not type(layer).combine:
                raise refused(layer, path, "one that adds")
            return self.new("Add")([self.build(layer.layer, x, f"{at}layer"), x])
        y = x
        for i, member in enumerate(layer):
            y = self.build(member, y, f"{at}{i}")
        if isinstance(layer, l.Sequential):
            return y
        return self.new("Add")([x, y]) if layer.combine == "add" else join([x, y])

    def function(self, function: Any, x: Any, path: str) -> Any:
        """An activation."""
        name = named(function, tuple(x.shape)) or ""
        if name == "flatten":
            return self.new("Flatten", data_format="channels_last")(x)
        if name == "leaky_relu":
            return self.new("LeakyReLU", negative_slope=0.01)(x)
        if name not in _NAMED:
            raise refused(function, path, "a layer or activation that Keras has, too")
        return self.new("Activation", activation=_NAMED[name])(x)

    def new(self, cls: str, **options: Any) -> Any:
        """A layer of Keras."""
        return getattr(self.layers, cls)(dtype=self.dtype, **options)

    def shared(self, layer: Any, x: Any, cls: str, names: tuple[str, ...], at: int = 0, **options: Any) -> Any:
        """A layer with weights on x: the one that was made of `layer` before, or a new one that holds these parameters."""
        key = (id(layer), at, repr(sorted(options.items())))
        if key in self.made:
            return self.made[key](x)
        made = self.made[key] = self.new(cls, **options)
        y = made(x)
        view = parameters.view(layer)
        own = tuple(view[n] for n in names if n in view)
        made.trainable = not all(p.frozen for p in own if p.role == "weight")
        self.held.append(Held(made, own))
        return y


def refused(layer: Any, path: str, expected: str) -> Unsupported:
    """The error for what Keras has no exact equivalent for."""
    return Unsupported(f"tf: {path} {layer!r}", expected, "one without an exact equivalent", "torch_(model) and flux(model) run every model.")


def _shape(x: Any) -> tuple[Any, ...]:
    return tuple(x.shape)


def _dense(b: Builder, layer: Any, x: Any, path: str) -> Any:
    if layer.attrs(_shape(x))["flatten"]:
        x = b.new("Flatten", data_format="channels_last")(x)
    return b.shared(layer, x, "Dense", ("kernel", "bias"), units=layer.units, use_bias=layer.use_bias)


def _embedding(b: Builder, layer: Any, x: Any, path: str) -> Any:
    return b.shared(layer, x, "Embedding", ("table",), input_dim=layer.vocabulary, output_dim=layer.dim)


def _padded(b: Builder, x: Any, pairs: Any) -> Any:
    """Zeros around x, written out, as Keras knows only "same" and "valid"."""
    if not any(map(any, pairs)):
        return x
    rank = len(pairs)
    return b.new(f"ZeroPadding{rank}D", padding=pairs[0] if rank == 1 else tuple(pairs), data_format=FIRST)(x)


def _conv(b: Builder, layer: Any, x: Any, path: str) -> Any:
    a, rank = layer.attrs(_shape(x)), len(x.shape) - 2
    if max(a["strides"]) > 1 and max(a["dilation"]) > 1:
        raise refused(layer, path, "strides or dilation")
    # On TensorFlow Keras 3.15 adds the bias along the last axis where that is as long as there are channels.
    last = b.keras.backend.backend() == "tensorflow" and layer.use_bias
    x = _padded(b, x, a["padding"])
    y = b.shared(
        layer, b.new("Permute", dims=(*range(2, rank + 2), 1))(x) if last else x, f"Conv{rank}D", ("kernel", "bias"), filters=layer.channels,
        kernel_size=layer.taps, strides=a["strides"], dilation_rate=a["dilation"], groups=a["groups"], use_bias=layer.use_bias,
        data_format="channels_last" if last else FIRST,
    )  # fmt: skip
    return b.new("Permute", dims=(rank + 1, *range(1, rank + 1)))(y) if last else y


def _pool(name: str) -> Callable[..., Any]:
    def build(b: Builder, layer: Any, x: Any, path: str) -> Any:
        a, rank = layer.attrs(_shape(x)), len(x.shape) - 2
        if any(map(any, a["padding"])) and not a.get("include_padding"):
            raise refused(layer, path, "no padding, or zeros that count")
        pool = b.new(f"{name}Pooling{rank}D", pool_size=a["pool_size"], strides=a["strides"], data_format=FIRST)
        return pool(_padded(b, x, a["padding"]))

    return build


def _adaptive(name: str) -> Callable[..., Any]:
    def build(b: Builder, layer: Any, x: Any, path: str) -> Any:
        if set(layer.attrs(_shape(x))["size"]) != {1}:
            raise refused(layer, path, "size 1")
        return b.new(f"Global{name}Pooling{len(x.shape) - 2}D", data_format=FIRST, keepdims=True)(x)

    return build


def _batch_norm(b: Builder, layer: Any, x: Any, path: str) -> Any:
    names = ("scale", "shift", "mean", "variance")
    options = {"axis": 1, "momentum": 1 - layer.momentum, "epsilon": layer.epsilon, "scale": layer.scale, "center": layer.shift}
    return b.shared(layer, x, "BatchNormalization", names, **options)


def _layer_norm(b: Builder, layer: Any, x: Any, path: str) -> Any:
    return b.shared(layer, x, "LayerNormalization", ("scale", "shift"), axis=-1, epsilon=layer.epsilon, scale=layer.scale, center=layer.shift)


def _dropout(b: Builder, layer: Any, x: Any, path: str) -> Any:
    return b.new("Dropout", rate=float(layer.rate))(x)


def _recurrent(cls: str) -> Callable[..., Any]:
    """Layer by layer; Keras's gates of an LSTM stand in the same order."""

    def build(b: Builder, layer: Any, x: Any, path: str) -> Any:
        if layer.bidirectional or len(x.shape) != 3:
            raise refused(layer, path, "one direction, over (batch, steps, features)")
        function = {"activation": layer.activation.__name__} if cls == "SimpleRNN" else {}
        for n in range(layer.num_layers):
            x = b.new("Dropout", rate=float(layer.dropout))(x) if layer.dropout else x
            more = n < layer.num_layers - 1 or not layer.last_only
            x = b.shared(layer, x, cls, (f"kernel_{n}", f"recurrent_{n}", f"bias_{n}"), n, units=layer.hidden, return_sequences=more, **function)
        return x

    return build


_KINDS: dict[str, Callable[..., Any]] = {
    "dense": _dense, "embedding": _embedding, "conv": _conv, "max_pool": _pool("Max"), "avg_pool": _pool("Average"), "dropout": _dropout,
    "adaptive_avg_pool": _adaptive("Average"), "adaptive_max_pool": _adaptive("Max"), "batch_norm": _batch_norm, "layer_norm": _layer_norm,
    "lstm": _recurrent("LSTM"), "rnn": _recurrent("SimpleRNN"),
}  # fmt: skip
