"""Photon's layers as PyPhoton's: for each the layer, the shape of its input, and its arrays. They are translated by what they compute.

Where Photon 0.9 computes something else than its names say, the numbers decide: it calls Knet's pooling with the modes exchanged, so that its
MaxPool takes means and its AvgPool the largest number. Photon's axes stand in reverse here: (W, H, C, N) is (N, C, H, W).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pyphoton import activations
from pyphoton import layers as l
from pyphoton.errors import FileError, Unsupported
from pyphoton.interop.photon.kinds import Function, Struct
from pyphoton.interop.photon.weights import Weight, as_is, flat, flipped, floats, trained

Made = tuple[Any, tuple[Any, ...], dict[str, Weight]]
Maker = Callable[[Struct, str], Made]

ACTIVATIONS = {
    "identity": "identity", "relu": "relu", "elu": "elu", "selu": "selu", "sigm": "sigmoid", "tanh": "tanh", "gelu": "gelu", "swish": "swish",
}  # fmt: skip
"""Functions of Knet's and Base's by their names, and what they are called here."""
_HOMES = ("Knet", "Base")
_CONV = {1: (l.Conv1D, l.Conv1DTranspose), 2: (l.Conv2D, l.Conv2DTranspose), 3: (l.Conv3D, l.Conv3DTranspose)}


def activation(value: Any, at: str) -> Any:
    """A function that acts on each number. Errors: Unsupported for one of the user's own."""
    if isinstance(value, Function) and value.module[0] in _HOMES and value.name in ACTIVATIONS:
        return activations.NAMES[ACTIVATIONS[value.name]]
    hint = "In Julia, set the field to one of these, and save the workout again."
    raise Unsupported(f"from_photon: {at}.activation", f"one of {', '.join(ACTIVATIONS)}", str(value)[:80], hint)


def lengths(value: Any, at: str, least: int = 0) -> Any:
    """A number for all axes, or one for each in PyPhoton's order. Errors: FileError."""
    many = value if isinstance(value, tuple) else (value,)
    if not many or any(type(n) is not int or not least <= n < 2**31 for n in many):
        raise FileError(at, f"whole numbers from {least}", repr(value)[:80])
    return many[0] if len(set(many)) == 1 else many[::-1]


def whole(value: Any, at: str) -> int:
    """A number above 0. Errors: FileError."""
    if type(value) is not int or not 0 < value < 2**31:
        raise FileError(at, "a whole number above 0", repr(value)[:80])
    return value


def flag(value: Any, at: str) -> bool:
    """Yes or no. Errors: FileError."""
    if not isinstance(value, bool):
        raise FileError(at, "true or false", repr(value)[:80])
    return value


def check_built(d: Struct, at: str) -> Any:
    """The parameters of a layer that has met data. Errors: Unsupported."""
    if d["built"] is not True:
        hint = "In Julia, call the model on a minibatch before you save the workout."
        raise Unsupported(f"from_photon: {at} {d.type.name}", "a layer that knows its input's size", "one that has met no data", hint)
    return d.fields.get("params", {})


def _weights(d: Struct, at: str, turn: Callable[[Any], Any], axes: tuple[int, ...]) -> dict[str, Weight]:
    given = check_built(d, at)
    if not isinstance(given, Struct) or set(given.fields) != {"w", "b"}:
        raise FileError(f"{at}.params", "w and b", str(type(given).__name__))
    found = {"kernel": trained(given["w"], f"{at}.params.w", turn, axes)}
    if flag(d["use_bias"], f"{at}.use_bias"):
        found["bias"] = trained(given["b"], f"{at}.params.b", flat, (1, 3, 4, 5))
    return found


def _dense(d: Struct, at: str) -> Made:
    weights = _weights(d, at, as_is, (2,))
    features, units = weights["kernel"].array.shape
    return l.Dense(units, activation(d["activation"], at), use_bias="bias" in weights), (None, features), weights


def _convolution(d: Struct, at: str) -> Made:
    weights = _weights(d, at, flipped, (3, 4, 5))
    shape = weights["kernel"].array.shape
    rank, turned = len(shape) - 2, d.is_a("ConvTranspose")
    inner, outer = (shape[0], shape[1]) if turned else (shape[1], shape[0])
    layer = _CONV[rank][turned](
        outer, kernel_size=shape[2] if len(set(shape[2:])) == 1 else shape[2:], activation=activation(d["activation"], at),
        padding=lengths(d["padding"], f"{at}.padding"), strides=lengths(d["strides"], f"{at}.strides", 1),
        dilation=lengths(d["dilation"], f"{at}.dilation", 1), use_bias="bias" in weights,
    )  # fmt: skip
    return layer, (None, inner, *(None,) * rank), weights


def _pool(cls: Any) -> Maker:
    def make(d: Struct, at: str) -> Made:
        window, strides = (lengths(d[name], f"{at}.{name}", 1) for name in ("pool_size", "strides"))
        return cls(window, padding=lengths(d["padding"], f"{at}.padding"), strides=None if strides == window else strides), (), {}

    return make


def _adaptive(cls: Any, name: str) -> Maker:
    def make(d: Struct, at: str) -> Made:
        size = d["output_size"]
        if not isinstance(size, tuple) or set(size) != {1}:
            hint = f"In Julia, put {name}(n - size + 1; strides=1) in its place, with the image's length n, which is what Photon computes, and save again."
            raise Unsupported(f"from_photon: {at} {d.type.name}", "an output size of 1, the whole image", str(size)[:80], hint)
        return cls(size), (), {}

    return make


def _softmax(cls: Any) -> Maker:
    def make(d: Struct, at: str) -> Made:
        dims = d["dims"]
        if type(dims) is not int or not 0 < dims < 6:
            hint = f"{d.type.name}(1) in Julia is over the features of each sample; per_sample=True reads it so."
            raise Unsupported(f"from_photon: {at} {d.type.name}", "dims=1, or one other axis", "one over the whole minibatch, Photon's default", hint)
        return cls(-dims), (), {}

    return make


def _flatten(d: Struct, at: str) -> Made:
    if d["dims"] is not None:
        raise Unsupported(f"from_photon: {at} Flatten", "Flatten()", f"dims={d['dims']!r}", "Write Reshape for another shape of the samples.")
    return l.Flatten(), (), {}


def _reshape(d: Struct, at: str) -> Made:
    dims = [-1 if isinstance(n, Struct) and n.is_a("Colon") else n for n in d["dims"]] if isinstance(d["dims"], tuple) else [0]
    if any(type(n) is not int or (n < 1 and n != -1) for n in dims):
        raise FileError(f"{at}.dims", "lengths", str(d["dims"])[:80])
    return l.Reshape(tuple(dims[::-1])), (), {}


def _dropout(d: Struct, at: str) -> Made:
    if not isinstance(d["rate"], float) or not 0 <= d["rate"] <= 1:
        raise FileError(f"{at}.rate", "a number from 0 to 1", repr(d["rate"])[:80])
    return l.Dropout(d["rate"]), (), {}


def _batch_norm(d: Struct, at: str) -> Made:
    moments = d["moments"]
    if not isinstance(moments, Struct) or not moments.is_a("BNMoments") or not isinstance(moments["momentum"], float):
        raise FileError(f"{at}.moments", "Knet's BNMoments", str(moments)[:80])
    if moments["mean"] is None or moments["var"] is None:
        hint = "In Julia, call the model on a minibatch before you save the workout."
        raise Unsupported(f"from_photon: {at} BatchNorm", "a layer that knows its input's size", "one that has met no data", hint)
    found = {n: Weight(floats(moments[m], f"{at}.moments.{m}", (2, 4, 5)), flat) for n, m in (("mean", "mean"), ("variance", "var"))}
    layer = l.BatchNorm(activation(d["activation"], at), momentum=moments["momentum"], scale=False, shift=False)
    return layer, (None, found["mean"].array.size), found


MAKERS: dict[str, Maker] = {
    "Dense": _dense, "Conv": _convolution, "ConvTranspose": _convolution, "MaxPool": _pool(l.AvgPool), "AvgPool": _pool(l.MaxPool),
    "AdaptiveMaxPool": _adaptive(l.AdaptiveAvgPool, "MaxPool2D"), "AdaptiveAvgPool": _adaptive(l.AdaptiveMaxPool, "AvgPool2D"),
    "Softmax": _softmax(l.Softmax), "LogSoftmax": _softmax(l.LogSoftmax), "Flatten": _flatten, "Reshape": _reshape,
    "Activation": lambda d, at: (l.Activation(activation(d["activation"], at)), (), {}), "Dropout": _dropout, "BatchNorm": _batch_norm,
}  # fmt: skip
