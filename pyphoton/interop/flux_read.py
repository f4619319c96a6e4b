"""`from_flux`: a Flux model that lives in Julia as a PyPhoton model with the same weights. The other side is julia/ext/flux_read.jl."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from pyphoton import activations, parameters
from pyphoton import layers as l
from pyphoton.backends.julia import bridge
from pyphoton.backends.julia.runtime import start_with_flux
from pyphoton.errors import ArgumentError, Unsupported
from pyphoton.network import network_of

Spec = dict[str, Any]


def from_flux(model: Any) -> Any:
    """A Flux model, as juliacall shows it, as a PyPhoton model with copies of its weights.

    Chain, nested and named ones too; Dense, Conv (whose kernel is turned round: PyPhoton's are not flipped), CrossCor,
    ConvTranspose, MaxPool, MeanPool, the global pools, BatchNorm, LayerNorm, Dropout, Embedding (rows count from 0 here), RNN, LSTM, GRU
    and Recurrence of their cells (all steps), SkipConnection with +, Parallel with vcat of features, the activations, softmax and flatten.
    A layer that stands twice is one layer. Errors: Unsupported with name and place of what has no exact equivalent here, closures
    among them.
    """
    juliacall = sys.modules.get("juliacall")
    if juliacall is None or not isinstance(model, juliacall.ValueBase):
        raise ArgumentError("from_flux", "a model of Flux, as juliacall shows it", type(model).__name__)
    runtime = start_with_flux("from_flux")
    number = runtime.julia.PyPhoton.keep_b(model)
    try:
        found = _Reader().read(runtime.ask("flux_read", model=number), "", None)
    finally:
        runtime.ask("close", number=number)
    return found


class _Reader:
    """One reading: layers by Julia's identity, arrays by where they are."""

    def __init__(self) -> None:
        self.made: dict[str, Any] = {}
        self.holders: dict[int, tuple[str, str]] = {}
        self.dtypes: set[str] = set()

    def read(self, d: Spec, path: str, name: str | None) -> Any:
        """The whole model, with the dtype of its numbers."""
        found = self.layer(d, path, name)
        if not hasattr(found, "kind"):
            found = l.Sequential(found)
        if len(self.dtypes) > 1:
            raise Unsupported("from_flux", "weights of one type", " and ".join(sorted(self.dtypes)), "Flux.f32(model) casts them.")
        for dtype in self.dtypes:
            network_of(found).dtype = dtype
        return found

    def layer(self, d: Spec, path: str, name: str | None) -> Any:
        """The layer of a description. Errors: Unsupported."""
        kind = d["kind"]
        if kind == "unknown" or (kind not in _MAKERS and kind not in _CONTAINERS):
            why = f"{d.get('type', kind)}" + (f": {d['why']}" if d.get("why") else "")
            raise Unsupported(f"from_flux: layer {path or 'itself'}", "a layer that both libraries have", why, "Replace it in Flux, or write it as a PyPhoton layer.")
        if kind in _CONTAINERS:
            return self.container(d, path, name)
        if kind == "elementwise":
            return activations.NAMES[d["activation"]]
        if kind == "whole":
            return l.Flatten() if d["name"] == "flatten" else activations.NAMES[d["name"]]
        found = self.made.get(d.get("id", ""))
        if found is None:
            found = self.leaf(d, path, name)
            self.made[d.get("id", f"at {path}")] = found
        return found

    def container(self, d: Spec, path: str, name: str | None) -> Any:
        """A model of models."""
        names = d.get("names") or [None] * len(d["layers"])
        inside = _with_last_steps(d["layers"])
        members = [self.layer(m, f"{path}.{i}" if path else str(i), n) for i, (m, n) in enumerate(zip(inside, names, strict=False))]
        if d["kind"] == "vcat":  # for features only: it joins Julia's first axis, which is Python's last
            return l.Sequential(l.Input(None), l.Concurrent(members))
        if d["kind"] == "beside":
            return l.Concurrent(members, name=name)
        if d["kind"] == "chain":
            return l.Sequential(members, name=name)
        if len(members) == 1 and isinstance(members[0], l.Sequential):
            members = list(members[0].layers)
        return l.Residual(*members, combine="add" if d["kind"] == "add" else "concat", name=name)

    def leaf(self, d: Spec, path: str, name: str | None) -> Any:
        """A layer with its arrays, copied out of Julia."""
        arrays = {n: bridge.copied(shown) for n, shown in d.get("arrays", {}).items()}
        for n, shown in d.get("arrays", {}).items():
            self.check_own(shown["ptr"], d["id"], f"{path}.{n}")
        try:
            layer, shape, values = _MAKERS[d["kind"]](d, arrays)
        except Unsupported as error:
            raise Unsupported(f"from_flux: layer {path}", error.expected, error.received) from None
        if name is not None:
            layer.set(name=name)
        if values:
            dtype = next(iter(values.values())).dtype.name
            self.dtypes.add(dtype)
            missing = {n: p for n, p in layer.params(shape).items() if n not in values}
            zeros = {n: np.zeros(p.shape, dtype) for n, p in missing.items()}
            parameters.place(layer, {**values, **zeros}, (shape,), dtype, path)
            for n in missing:  # a cell without a bias: zeros that stay
                parameters.view(layer)[n].frozen = True
        return layer

    def check_own(self, pointer: int, owner: str, path: str) -> None:
        """Errors: Unsupported for an array that two layers hold."""
        first = self.holders.setdefault(pointer, (owner, path))
        if first[0] != owner:
            raise Unsupported(f"from_flux: {path}", "an array of its own", f"that of {first[1]}", "Let one layer stand twice instead.")


def _with_last_steps(members: list[Spec]) -> list[Spec]:
    """A recurrent layer and what takes its last step are one layer."""
    found: list[Spec] = []
    for m in members:
        if m["kind"] == "last_step" and found and found[-1]["kind"] in ("rnn", "lstm", "gru"):
            found[-1]["last_only"] = True
        else:
            found.append(m)
    return found


# ---- for each kind: the layer, the shape of its input, and its values ----------------------------------------------------------

Made = tuple[Any, tuple[Any, ...], dict[str, Any]]


def _activation(d: Spec) -> Any:
    return activations.NAMES[d["activation"]]


def _dense(d: Spec, arrays: Spec) -> Made:
    features, units = arrays["kernel"].shape
    layer = l.Dense(units, _activation(d), use_bias="bias" in arrays, flatten=False, features=features)
    return layer, (None, features), arrays


def _embedding(d: Spec, arrays: Spec) -> Made:
    return l.Embedding(*arrays["table"].shape), (None,), arrays


_CONV = {1: (l.Conv1D, l.Conv1DTranspose), 2: (l.Conv2D, l.Conv2DTranspose), 3: (l.Conv3D, l.Conv3DTranspose)}


def _conv(d: Spec, arrays: Spec) -> Made:
    kernel, o = arrays["kernel"], d["options"]
    if o["flipped"]:
        kernel = np.ascontiguousarray(kernel[(..., *(slice(None, None, -1),) * (kernel.ndim - 2))])
    turned = d["kind"] == "conv_transpose"
    padding = _padding(o["padding"], None if turned else _same(kernel.shape[2:], o))
    options: Spec = {
        "kernel_size": _short(kernel.shape[2:]), "strides": _short(o["strides"]), "padding": padding, "dilation": _short(o["dilation"]),
        "groups": o["groups"], "use_bias": "bias" in arrays,
    }  # fmt: skip
    if turned:
        options["output_padding"] = _short(o["output_padding"])
    inner, outer = (kernel.shape[0], kernel.shape[1] * o["groups"]) if turned else (kernel.shape[1] * o["groups"], kernel.shape[0])
    layer = _CONV[kernel.ndim - 2][turned](outer, activation=_activation(d), **options)
    return layer, (None, inner, *(None,) * (kernel.ndim - 2)), {**arrays, "kernel": kernel}


def _short(values: Any) -> Any:
    """One number for equal ones."""
    return values[0] if len(set(values)) == 1 else tuple(values)


def _same(taps: tuple[int, ...], o: Spec) -> list[list[int]] | None:
    """What PyPhoton's padding="same" means here, the odd zero at the end; None with strides, where it depends on the length."""
    totals = [d * (k - 1) for k, d in zip(taps, o["dilation"], strict=True)]
    return [[t // 2, t - t // 2] for t in totals] if set(o["strides"]) == {1} else None


def _padding(pairs: list[list[int]], same: list[list[int]] | None = None) -> Any:
    if any(a != b for a, b in pairs) and pairs == same:
        return "same"
    if any(a != b for a, b in pairs):
        raise Unsupported("", "as much padding before as after", str(pairs))
    return _short([a for a, _ in pairs])


def _pool(cls: Any) -> Any:
    def make(d: Spec, arrays: Spec) -> Made:
        o = d["options"]
        return cls(_short(o["pool_size"]), padding=_padding(o["padding"]), strides=_short(o["strides"])), (), {}

    return make


def _simple(cls: Any, option: str) -> Any:
    return lambda d, arrays: (cls(d["options"][option]), (), {})


def _batch_norm(d: Spec, arrays: Spec) -> Made:
    o, affine = d["options"], "scale" in arrays
    layer = l.BatchNorm(_activation(d), momentum=o["momentum"], epsilon=o["epsilon"], scale=affine, shift=affine)
    return layer, (None, len(arrays["mean"])), arrays


def _layer_norm(d: Spec, arrays: Spec) -> Made:
    o = d["options"]
    layer = l.LayerNorm(_activation(d), epsilon=o["epsilon"], scale="scale" in arrays, shift="shift" in arrays)
    return layer, (None, o["features"]), arrays


def _recurrent(cls: Any) -> Any:
    def make(d: Spec, arrays: Spec) -> Made:
        if cls is l.RNN and d["activation"] not in ("tanh", "relu"):
            raise Unsupported("", "tanh or relu inside an RNN", d["activation"])
        options = {"activation": d["activation"]} if cls is l.RNN else {}
        layer = cls(arrays["recurrent"].shape[0], last_only=d.get("last_only", False), **options)
        return layer, (None, None, arrays["kernel"].shape[0]), {f"{n}_0": a for n, a in arrays.items()}

    return make


_CONTAINERS = {"chain", "vcat", "beside", "add", "before"}
_MAKERS: dict[str, Any] = {
    "elementwise": None, "whole": None, "dense": _dense, "embedding": _embedding, "conv": _conv, "conv_transpose": _conv,
    "max_pool": _pool(l.MaxPool), "avg_pool": _pool(l.AvgPool), "adaptive_max_pool": _simple(l.AdaptiveMaxPool, "size"),
    "adaptive_avg_pool": _simple(l.AdaptiveAvgPool, "size"), "dropout": _simple(l.Dropout, "rate"), "batch_norm": _batch_norm,
    "layer_norm": _layer_norm, "rnn": _recurrent(l.RNN), "lstm": _recurrent(l.LSTM), "gru": _recurrent(l.GRU),
}  # fmt: skip
