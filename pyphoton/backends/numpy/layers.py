"""What each layer kind computes, in NumPy: plain, slow where it must be, and what all backends are held to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from pyphoton.data.arrays import outside
from pyphoton.ops import OPS


@dataclass(frozen=True)
class Call:
    """One call of a layer: its input, parameters by name, attributes, and whether it is training."""

    x: Any
    params: Mapping[str, Any]
    attrs: Mapping[str, Any]
    training: bool
    random: np.random.Generator


def dense(c: Call) -> Any:
    """x @ kernel + bias."""
    x = c.x.reshape(len(c.x), -1) if c.attrs["flatten"] else c.x
    y = x @ c.params["kernel"]
    return y + c.params["bias"] if "bias" in c.params else y


def embedding(c: Call) -> Any:
    """Rows of the table."""
    rows = np.asarray(c.x).astype("int64")
    if rows.size and (rows.min() < 0 or rows.max() >= len(c.params["table"])):
        raise outside("embedding", len(c.params["table"]), rows)
    return c.params["table"][rows]


def dropout(c: Call) -> Any:
    """Zeros at random, the rest scaled up."""
    rate = c.attrs["rate"]
    if not c.training or rate == 0:
        return c.x
    if rate == 1:
        return np.zeros_like(c.x)
    return c.x * (c.random.random(c.x.shape) >= rate) / (1 - rate)


def noise(c: Call) -> Any:
    """Normal numbers added, or 1 and normal numbers multiplied."""
    std = c.attrs["std"]
    if not c.training or std == 0:
        return c.x
    numbers = (std * c.random.normal(size=c.x.shape)).astype(c.x.dtype)
    return c.x * (1 + numbers) if c.attrs["multiply"] else c.x + numbers


def _pad(x: Any, pairs: Any, fill: float = 0.0) -> Any:
    return np.pad(x, [(0, 0), (0, 0), *map(tuple, pairs)], constant_values=fill)


def _windows(x: Any, window: Any, strides: Any, dilation: Any = None) -> Any:
    """(batch, channels, *out, *window) of (batch, channels, *space)."""
    rank = len(window)
    dilation = dilation or (1,) * rank
    reach = [d * (k - 1) + 1 for k, d in zip(window, dilation, strict=True)]
    seen: Any = sliding_window_view(x, reach, axis=tuple(range(2, 2 + rank)))
    steps: Any = (slice(None), slice(None), *(slice(None, None, s) for s in strides), *(slice(None, None, d) for d in dilation))
    return seen[steps]


def _shift(y: Any, c: Call) -> Any:
    return y + c.params["bias"].reshape(-1, *(1,) * (y.ndim - 2)) if "bias" in c.params else y


def conv(c: Call) -> Any:
    """Cross-correlation."""
    a, kernel = c.attrs, c.params["kernel"]
    rank, groups = kernel.ndim - 2, a["groups"]
    seen = _windows(_pad(c.x, a["padding"]), kernel.shape[2:], a["strides"], a["dilation"])
    parts = []
    for x, k in zip(np.split(seen, groups, axis=1), np.split(kernel, groups, axis=0), strict=True):
        taps = [1, *range(2 + rank, 2 + 2 * rank)]
        parts.append(np.moveaxis(np.tensordot(x, k, axes=(taps, list(range(1, 2 + rank)))), -1, 1))
    return _shift(np.concatenate(parts, axis=1), c)


def conv_transpose(c: Call) -> Any:
    """Every input number spread over the output through the kernel."""
    a, kernel = c.attrs, c.params["kernel"]
    groups, window = a["groups"], kernel.shape[2:]
    space = c.x.shape[2:]
    full = [s * (n - 1) + d * (k - 1) + 1 + o for n, k, s, d, o in zip(space, window, a["strides"], a["dilation"], a["output_padding"], strict=True)]
    out: Any = np.zeros((len(c.x), kernel.shape[1] * groups, *full), c.x.dtype)
    width = kernel.shape[1]
    pairs: Any = zip(np.split(c.x, groups, axis=1), np.split(kernel, groups, axis=0), strict=True)
    for g, (x, k) in enumerate(pairs):
        for tap in product(*map(range, window)):
            spread = np.moveaxis(np.tensordot(x, k[(slice(None), slice(None), *tap)], axes=(1, 0)), -1, 1)
            where = tuple(slice(t * d, t * d + s * (n - 1) + 1, s) for t, d, s, n in zip(tap, a["dilation"], a["strides"], space, strict=True))
            out[(slice(None), slice(g * width, (g + 1) * width), *where)] += spread
    trim = tuple(slice(p, n - p) for p, n in zip(a["padding"], full, strict=True))
    return _shift(out[(slice(None), slice(None), *trim)], c)


def max_pool(c: Call) -> Any:
    """The largest of each window."""
    a = c.attrs
    seen = _windows(_pad(c.x, a["padding"], -np.inf), a["pool_size"], a["strides"])
    return seen.max(axis=tuple(range(-len(a["pool_size"]), 0)))


def avg_pool(c: Call) -> Any:
    """The mean of each window."""
    a = c.attrs
    axes = tuple(range(-len(a["pool_size"]), 0))
    sums = _windows(_pad(c.x, a["padding"]), a["pool_size"], a["strides"]).sum(axis=axes)
    if a["include_padding"]:
        return sums / np.prod(a["pool_size"])
    inside = _windows(_pad(np.ones_like(c.x[:1, :1]), a["padding"]), a["pool_size"], a["strides"])
    return sums / inside.sum(axis=axes)


def _adaptive(reduce: Callable[..., Any]) -> Callable[[Call], Any]:
    def pool(c: Call) -> Any:
        size, space = c.attrs["size"], c.x.shape[2:]
        out: Any = np.empty((*c.x.shape[:2], *size), c.x.dtype)
        for place in product(*map(range, size)):
            bins = tuple(slice(i * n // s, -(-(i + 1) * n // s)) for i, n, s in zip(place, space, size, strict=True))
            out[(slice(None), slice(None), *place)] = reduce(c.x[(slice(None), slice(None), *bins)], axis=tuple(range(2, c.x.ndim)))
        return out

    return pool


def batch_norm(c: Call) -> Any:
    """Normalised by the batch while training (moving the running state), by the running state otherwise."""
    axes = (0, *range(2, c.x.ndim))
    shape = (1, -1, *(1,) * (c.x.ndim - 2))
    mean, variance = c.params["mean"], c.params["variance"]
    count = c.x.size // c.x.shape[1]
    if c.training:
        m, v = c.x.mean(axis=axes), c.x.var(axis=axes)
        if count > 1:
            weight = c.attrs["momentum"]
            mean[...] = (1 - weight) * mean + weight * m
            variance[...] = (1 - weight) * variance + weight * v * count / (count - 1)
        mean, variance = m, v
    y = (c.x - mean.reshape(shape)) / np.sqrt(variance.reshape(shape) + c.attrs["epsilon"])
    y = y * c.params["scale"].reshape(shape) if "scale" in c.params else y
    return y + c.params["shift"].reshape(shape) if "shift" in c.params else y


def layer_norm(c: Call) -> Any:
    """Normalised over the last axis."""
    mean, variance = c.x.mean(axis=-1, keepdims=True), c.x.var(axis=-1, keepdims=True)
    y = (c.x - mean) / np.sqrt(variance + c.attrs["epsilon"])
    y = y * c.params["scale"] if "scale" in c.params else y
    return y + c.params["shift"] if "shift" in c.params else y


_sigmoid = OPS["sigmoid"].numpy
State = tuple[Any, ...]


def _rnn_cell(x: Any, state: State, r: Any, h: int, a: Mapping[str, Any]) -> State:
    return (OPS[a["nonlinearity"]].numpy(x + state[0] @ r),)


def _lstm_cell(x: Any, state: State, r: Any, h: int, a: Mapping[str, Any]) -> State:
    gates = x + state[0] @ r
    i, f, o = (_sigmoid(gates[:, k * h : (k + 1) * h]) for k in (0, 1, 3))
    c = f * state[1] + i * np.tanh(gates[:, 2 * h : 3 * h])
    return o * np.tanh(c), c


def _gru_cell(x: Any, state: State, r: Any, h: int, a: Mapping[str, Any]) -> State:
    inner = state[0] @ r
    reset, keep = (_sigmoid(x[:, k * h : (k + 1) * h] + inner[:, k * h : (k + 1) * h]) for k in (0, 1))
    new = np.tanh(x[:, 2 * h :] + reset * inner[:, 2 * h :])
    return ((1 - keep) * new + keep * state[0],)


def _recurrent(cell: Callable[..., State], states: int) -> Callable[[Call], Any]:
    def direction(x: Any, c: Call, end: str) -> Any:
        h = c.attrs["hidden"]
        into = x @ c.params[f"kernel{end}"] + c.params[f"bias{end}"]
        state: State = tuple(np.zeros((len(x), h), x.dtype) for _ in range(states))
        out = np.empty((*x.shape[:2], h), x.dtype)
        steps = range(x.shape[1])
        for t in reversed(steps) if end.endswith("reverse") else steps:
            state = cell(into[:, t], state, c.params[f"recurrent{end}"], h, c.attrs)
            out[:, t] = state[0]
        return out

    def layer(c: Call) -> Any:
        x = c.x[..., None] if c.x.ndim == 2 else c.x
        both = c.attrs["bidirectional"]
        for n in range(c.attrs["num_layers"]):
            x = dropout(Call(x, {}, {"rate": c.attrs["dropout"]}, c.training, c.random))
            parts = [direction(x, c, f"_{n}")] + ([direction(x, c, f"_{n}_reverse")] if both else [])
            x = np.concatenate(parts, axis=-1)
        if not c.attrs["last_only"]:
            return x
        return np.concatenate([parts[0][:, -1]] + ([parts[1][:, 0]] if both else []), axis=-1)

    return layer


LAYERS: dict[str, Callable[[Call], Any]] = {
    "dense": dense, "embedding": embedding, "dropout": dropout, "noise": noise, "conv": conv, "conv_transpose": conv_transpose,
    "max_pool": max_pool, "avg_pool": avg_pool, "adaptive_avg_pool": _adaptive(np.mean),
    "adaptive_max_pool": _adaptive(np.max), "batch_norm": batch_norm, "layer_norm": layer_norm,
    "rnn": _recurrent(_rnn_cell, 1), "lstm": _recurrent(_lstm_cell, 2), "gru": _recurrent(_gru_cell, 1),
}  # fmt: skip
