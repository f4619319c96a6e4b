"""A model as a Flux.Chain over the same memory. The other side is julia/ext/flux_build.jl, for nets and unrolled models flux_plan.jl.

Layers cross as plain data, arrays as Julia arrays over NumPy's memory, which keep it alive for as long as Julia uses it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pyphoton import activations, graph, parameters
from pyphoton.backends.julia.exchange import to_julia
from pyphoton.backends.julia.runtime import start_with_flux
from pyphoton.converted import Converted
from pyphoton.errors import NotBuilt, Unsupported
from pyphoton.flux.nets import Equations, Net
from pyphoton.flux.unrolled import Unrolled
from pyphoton.interop.one_operation import named
from pyphoton.layers import (
    Activation,
    Concurrent,
    Flatten,
    GlobalAvgPool,
    GlobalMaxPool,
    Input,
    LogSoftmax,
    Residual,
    Sequential,
    SkipConnection,
    Softmax,
)
from pyphoton.network import network_of
from pyphoton.plan import owners, plan
from pyphoton.tensor import Tensor
from pyphoton.typing import Shape

Spec = dict[str, Any]
ELEMENTWISE = {n for n in activations.NAMES if n in "identity relu tanh sigmoid softplus gelu swish selu elu leaky_relu softsign".split()}


_SAME: Spec = {"kind": "elementwise", "activation": "identity"}
"""An empty Flux.Chain gives nothing at all."""


def native(converted: Converted) -> Any:
    """The Flux.Chain, as juliacall shows it. It counts embedding's rows from 1, as Flux does. Errors: NotBuilt, Unsupported by name."""
    network = network_of(converted)
    if network.met is None:
        raise NotBuilt(".native", hint="The model has met no data yet: call it on an array, or fit_ it, first.")
    if len(network.met.shapes) != 1:
        raise Unsupported(".native", "a model of one input", f"one of {len(network.met.shapes)}", "torch_(model).native takes several.")
    dtype = "int64" if network.met.whole[0] else network.dtype
    runtime = start_with_flux(".native", "torch_(model).native is a torch.nn.Module over the same memory.")
    writer = _Writer(runtime.julia.PyPhoton.keep_b, network.dtype)
    try:
        members = writer.layer(network.model, Tensor((None, *network.met.shapes[0]), dtype), "")
        model = members[0] if len(members) == 1 and members[0]["kind"] == "chain" else {"kind": "chain", "layers": members or [_SAME]}
        number = runtime.ask("flux_build", model=model)
        writer.kept.append(number)
        return runtime.julia.PyPhoton.OPEN[number]
    finally:
        for number in writer.kept:
            runtime.ask("close", number=number)


class _Writer:
    """A model as data; `kept` are the numbers of what Julia holds for us meanwhile."""

    def __init__(self, keep: Callable[[Any], int], dtype: str) -> None:
        self.keep, self.dtype = keep, dtype
        self.kept: list[int] = []
        self.numbers: dict[int, int] = {}

    def layer(self, layer: Any, x: Tensor, path: str) -> list[Spec]:
        """What stands in a Flux.Chain for a layer. Errors: Unsupported, naming it."""
        if isinstance(layer, Input) or layer is activations.identity:
            return []
        if isinstance(layer, Sequential):
            return [self.chain(layer, x, path)]
        if isinstance(layer, Concurrent):
            return [{"kind": "parallel", "layers": [self.one(m, x, f"{path}.{i}") for i, m in enumerate(layer)]}]
        if isinstance(layer, Residual):
            return [{"kind": "add" if layer.combine == "add" else "before", "layers": [self.chain(layer, x, path)]}]
        if isinstance(layer, SkipConnection) and layer.combine is type(layer).combine:
            return [{"kind": "add", "layers": [self.one(layer.layer, x, f"{path}.layer")]}]
        plain = _plain(layer, x.shape)
        if plain is not None:
            return plain
        if isinstance(layer, Net | Equations | Unrolled):
            return [self.plan(layer, x, path)]
        if hasattr(type(layer), "julia"):  # a module of torch
            layer.infer(x.shape)
            self.kept.append(self.keep(layer.julia))
            return [{"kind": "held", "number": self.kept[-1]}]
        kind = getattr(layer, "kind", "")
        if kind not in _KINDS:
            raise _refused(layer, path, "a layer that Flux has, too", f"torch_(model).native has all layers, and {path or 'the model'} runs in Julia without it.")
        return self.leaf(layer, x.shape, path, kind)

    def chain(self, layer: Any, x: Tensor, path: str) -> Spec:
        """Members one after the other."""
        found: list[Spec] = []
        for i, member in enumerate(layer.layers):
            found += self.layer(member, x, f"{path}.{i}" if path else str(i))
            x = graph.trace(member, x).outputs[0]
            x = Tensor(x.shape, x.dtype)
        return {"kind": "chain", "layers": found or [_SAME]}

    def one(self, layer: Any, x: Tensor, path: str) -> Spec:
        """One member, as Parallel and SkipConnection want it."""
        found = self.layer(layer, x, path) or [_SAME]
        return found[0] if len(found) == 1 else {"kind": "chain", "layers": found}

    def leaf(self, layer: Any, shape: Shape, path: str, kind: str) -> list[Spec]:
        """A layer with a step of its own."""
        attrs = layer.attrs(shape)
        reason = _KINDS[kind](layer, attrs, shape)
        if reason:
            raise _refused(layer, path, *reason)
        if kind in ("rnn", "lstm", "gru"):
            found = self.recurrent(layer, attrs, kind)
        else:
            arrays = {name: self.number(p) for name, p in parameters.view(layer).items()} if layer.params(shape) else {}
            if kind == "layer_norm":
                attrs["features"] = shape[-1]
            found = [{"kind": kind, "id": f"{id(layer)} {attrs}", "arrays": arrays, "activation": "identity", "options": attrs}]
            if kind == "dense" and attrs["flatten"]:
                found.insert(0, {"kind": "whole", "name": "flatten"})
        return found if kind == "rnn" else self.activated(layer, found, shape, path)

    def plan(self, layer: Any, x: Tensor, path: str) -> Spec:
        """A net or an unrolled model: its plan, which PyPhoton runs in Julia over Flux's arrays. Errors: Unsupported for several outputs."""
        traced = graph.trace(layer, x)
        if not traced.single:
            raise _refused(layer, path, "a net of one output")
        made = plan(traced, self.dtype)
        arrays = {
            name: self.number(parameters.obtain(owner, own, name, param, shapes, self.dtype, 0))
            for name, (owner, own, param, shapes) in owners(traced).items()
        }
        return {"kind": "plan", "id": f"{id(layer)} {x.shape}", "plan": made.to_json(), "arrays": arrays}

    def activated(self, layer: Any, found: list[Spec], shape: Shape, path: str) -> list[Spec]:
        """With the layer's activation, inside of it where Flux has it there."""
        function = getattr(layer, "activation", None)
        if function is None or function is activations.identity:
            return found
        after = _function(function, layer.infer(shape))
        if after is None:
            raise _refused(layer, path, "an activation that Flux has, too")
        inside = found[-1]["kind"] in ("dense", "conv", "batch_norm", "layer_norm") and after[0]["kind"] == "elementwise"
        if not inside:
            return found + after
        found[-1]["activation"] = after[0]["activation"]
        return found

    def recurrent(self, layer: Any, attrs: Spec, kind: str) -> list[Spec]:
        """A cell for each layer, with its dropout before it; at the end the last step, where only that is wanted."""
        view = parameters.view(layer)
        found: list[Spec] = []
        for n in range(attrs["num_layers"]):
            if attrs["dropout"]:
                found.append({"kind": "dropout", "options": {"rate": attrs["dropout"]}})
            arrays = {name: self.number(view[f"{name}_{n}"]) for name in ("kernel", "recurrent", "bias")}
            found.append({"kind": kind, "id": f"{id(layer)} {n}", "arrays": arrays, "activation": attrs.get("nonlinearity", "identity")})
        return found + ([{"kind": "last_step"}] if attrs["last_only"] else [])

    def number(self, parameter: parameters.Parameter) -> int:
        """Under what Julia holds the array over a parameter's memory."""
        if id(parameter) not in self.numbers:
            self.numbers[id(parameter)] = self.keep(to_julia(parameter.value).julia)
            self.kept.append(self.numbers[id(parameter)])
        return self.numbers[id(parameter)]


def _plain(layer: Any, shape: Shape) -> list[Spec] | None:
    """Layers without parameters and plain functions; None for everything else."""
    rank = len(shape)
    if isinstance(layer, Activation):
        return _function(layer.function, shape)
    if isinstance(layer, Softmax | LogSoftmax):
        name = "softmax" if isinstance(layer, Softmax) else "log_softmax"
        return [{"kind": "whole", "name": name}] if layer.axis in (-1, rank - 1) else None
    if isinstance(layer, Flatten):
        return [{"kind": "whole", "name": "flatten"}]
    if isinstance(layer, GlobalAvgPool | GlobalMaxPool):
        kind = "adaptive_avg_pool" if isinstance(layer, GlobalAvgPool) else "adaptive_max_pool"
        return [{"kind": kind, "options": {"size": [1] * (rank - 2)}}, {"kind": "whole", "name": "flatten"}]
    return _function(layer, shape)


def _function(function: Any, shape: Shape) -> list[Spec] | None:
    name = named(function, shape)
    if name in ("softmax", "log_softmax", "flatten"):
        return [{"kind": "whole", "name": name}]
    return [{"kind": "elementwise", "activation": name}] if name in ELEMENTWISE else None


def _refused(layer: Any, path: str, expected: str, hint: str = "torch_(model).native has all layers.") -> Unsupported:
    return Unsupported(f".native: {path} {layer!r}".replace(":  ", ": "), expected, "one without an exact equivalent", hint)


# ---- for each kind: what Flux's layer cannot do --------------------------------------------------------------------------------

Reason = tuple[str, ...] | None


def _always(layer: Any, a: Spec, shape: Shape) -> Reason:
    return None


def _conv(layer: Any, a: Spec, shape: Shape) -> Reason:
    return ("groups=1: Flux.CrossCor has no groups",) if a["groups"] != 1 else None


def _avg_pool(layer: Any, a: Spec, shape: Shape) -> Reason:
    return ("padding that counts",) if not a["include_padding"] and any(map(any, a["padding"])) else None


def _adaptive(layer: Any, a: Spec, shape: Shape) -> Reason:
    divides = all(n is not None and n % size == 0 for n, size in zip(shape[2:], a["size"], strict=True))
    return None if divides else ("sizes that divide the lengths: there the bins of both are the same",)


def _batch_norm(layer: Any, a: Spec, shape: Shape) -> Reason:
    return ("scale and shift, or neither",) if layer.scale != layer.shift else None


def _layer_norm(layer: Any, a: Spec, shape: Shape) -> Reason:
    return ("a scale where there is a shift",) if layer.shift and not layer.scale else None


def _recurrent(layer: Any, a: Spec, shape: Shape) -> Reason:
    if len(shape) != 3:
        return ("(batch, steps, features)",)
    return ("one direction",) if a["bidirectional"] else None


_KINDS: dict[str, Callable[[Any, Spec, Shape], Reason]] = {
    "dense": _always, "embedding": _always, "dropout": _always, "max_pool": _always, "conv": _conv, "avg_pool": _avg_pool,
    "adaptive_avg_pool": _adaptive, "adaptive_max_pool": _adaptive, "batch_norm": _batch_norm, "layer_norm": _layer_norm,
    "rnn": _recurrent, "lstm": _recurrent, "gru": _recurrent,
}  # fmt: skip
