"""Steps to torch functions: the one place that knows how torch spells what a plan says.

Parameters stay in canonical layout; where torch wants another one it takes a transposed view here, which costs nothing
and through which gradients flow back.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
import torch.nn.functional as F

from pyphoton.ops import to_index
from pyphoton.plan import Step

Tensor = torch.Tensor
Params = Mapping[str, Tensor]
Function = Callable[..., Tensor]


class Mode:
    """Whether the program is training, and the random numbers of its dropout."""

    def __init__(self, device: torch.device, seed: int) -> None:
        self.training = False
        self.carry: dict[str, list[Tensor]] | None = None
        self.random = torch.Generator(device).manual_seed(seed)


# ---- memory layout ---------------------------------------------------------------------------------------------------

CHANNELS_LAST = torch.channels_last


class _ToChannelsLast(torch.autograd.Function):
    """The same numbers with channels innermost in memory, which is what the CPU's 2-D kernels are fastest with.

    The gradient goes back row by row, as the layer before made its output. Measured: 0.5 to 0.95 times the time.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.contiguous(memory_format=CHANNELS_LAST)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        return gradients[0].contiguous()


class _ToRowMajor(torch.autograd.Function):
    """The way back, where axes are joined; the gradient returns with channels innermost, as pooling is fast with."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.contiguous()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        return gradients[0].contiguous(memory_format=CHANNELS_LAST)


def _channels_last(x: Tensor) -> Tensor:
    if x.ndim != 4 or x.device.type != "cpu" or x.is_contiguous(memory_format=CHANNELS_LAST):
        return x
    return _ToChannelsLast.apply(x)  # type: ignore[no-any-return,no-untyped-call]


def _row_major(x: Tensor) -> Tensor:
    if x.ndim != 4 or x.is_contiguous() or not x.is_contiguous(memory_format=CHANNELS_LAST):
        return x
    return _ToRowMajor.apply(x)  # type: ignore[no-any-return,no-untyped-call]


def _reshape(x: Tensor, shape: Any) -> Tensor:
    return _row_major(x).reshape([-1 if n is None else n for n in shape])


def _flatten(x: Tensor, start: int = 1) -> Tensor:
    x = _row_major(x)
    return x.reshape(*x.shape[:start], -1) if x.numel() else x.flatten(start)


# ---- primitives ------------------------------------------------------------------------------------------------------


def _reduce(name: str) -> Function:
    whole, along = getattr(torch, name), getattr(torch, {"max": "amax", "min": "amin"}.get(name, name))

    def reduce(x: Tensor, axis: Any = None, keepdims: bool = False) -> Tensor:
        if name == "mean" and not x.is_floating_point():  # of truth values: a share
            x = x.to(torch.get_default_dtype())
        if axis is None and not keepdims:
            return whole(x)  # type: ignore[no-any-return]
        axes = tuple(range(x.ndim)) if axis is None else axis
        if name == "prod" and not isinstance(axes, int):
            for a in sorted((a % x.ndim for a in axes), reverse=True):
                x = torch.prod(x, dim=a, keepdim=keepdims)
            return x
        return along(x, dim=axes, keepdim=keepdims)  # type: ignore[no-any-return]

    return reduce


def _tensor(x: Any, like: Tensor) -> Tensor:
    return x if isinstance(x, Tensor) else torch.as_tensor(x, dtype=torch.result_type(like, x), device=like.device)


def _two(function: Function) -> Function:
    def binary(a: Any, b: Any) -> Tensor:
        like = a if isinstance(a, Tensor) else b
        return function(_tensor(a, like), _tensor(b, like))

    return binary


def _where(condition: Tensor, a: Any, b: Any) -> Tensor:
    return torch.where(condition.bool(), a, b)


def _getitem(x: Tensor, index: list[Any]) -> Tensor:
    backwards = [isinstance(part, list | tuple) and (part[2] or 1) < 0 for part in index]
    if any(backwards):  # torch has no negative strides
        axis, taken = 0, sum(not isinstance(part, str) for part in index)
        for part, turned in zip(index, backwards, strict=True):
            if turned:
                rows = range(x.shape[axis])[slice(*part)]
                x = x.index_select(axis, torch.as_tensor(list(rows), dtype=torch.int64, device=x.device))
            axis += x.ndim - taken if part == "..." else part != "new"
        index = [[None, None, None] if turned else part for part, turned in zip(index, backwards, strict=True)]
    return x[to_index(index)]


def _pow(a: Any, b: Any) -> Tensor:
    return torch.pow(a, b)


PRIMITIVES: dict[str, Function] = {
    "neg": torch.neg, "abs": torch.abs, "exp": torch.exp, "log": torch.log, "sqrt": torch.sqrt, "square": torch.square,
    "sin": torch.sin, "cos": torch.cos, "sign": torch.sign, "round": torch.round, "tanh": torch.tanh,
    "sigmoid": torch.sigmoid, "relu": torch.relu, "softplus": lambda x: F.softplus(x, threshold=30.0), "gelu": F.gelu,
    "swish": F.silu, "selu": F.selu, "elu": F.elu,
    "leaky_relu": lambda x, alpha=0.01: F.leaky_relu(x, alpha),
    "clip": lambda x, low=None, high=None: torch.clamp(x, low, high),
    "softmax": lambda x, axis=-1: torch.softmax(x, axis), "log_softmax": lambda x, axis=-1: torch.log_softmax(x, axis),
    "add": lambda a, b: a + b, "sub": lambda a, b: a - b, "mul": lambda a, b: a * b, "div": lambda a, b: a / b,
    "pow": _pow, "mod": _two(torch.remainder), "maximum": _two(torch.maximum), "minimum": _two(torch.minimum),
    "eq": lambda a, b: a == b, "ne": lambda a, b: a != b, "lt": lambda a, b: a < b, "le": lambda a, b: a <= b,
    "gt": lambda a, b: a > b, "ge": lambda a, b: a >= b, "logical_and": _two(torch.logical_and),
    "logical_or": _two(torch.logical_or), "logical_not": torch.logical_not, "where": _where,
    "matmul": _two(torch.matmul), "argmax": lambda x, axis=-1, keepdims=False: torch.argmax(x, axis, keepdims),
    **{name: _reduce(name) for name in ("sum", "mean", "max", "min", "prod")},
    "reshape": _reshape,
    "flatten": _flatten,
    "transpose": lambda x, axes: x.permute(axes), "concat": lambda *xs, axis=1: torch.cat(xs, axis),
    "getitem": _getitem, "cast": lambda x, dtype: x.to(getattr(torch, dtype)),
    "one_hot": lambda x, classes, dtype: F.one_hot(x, classes).to(getattr(torch, dtype)),
    "cross_entropy": lambda scores, labels: F.cross_entropy(scores, labels, reduction="none"),
}  # fmt: skip


# ---- layers: kind -> what makes a function of the input, from (attrs, params, mode) -------------------------------------


def _dense(a: Mapping[str, Any], p: Params, mode: Mode) -> Function:
    kernel, bias = p["kernel"], p.get("bias")

    def dense(x: Tensor) -> Tensor:
        if a["flatten"]:
            x = _flatten(x)
        if x.ndim == 2:
            return torch.mm(x, kernel) if bias is None else torch.addmm(bias, x, kernel)
        return F.linear(x, kernel.t(), bias)

    return dense


def _embedding(a: Mapping[str, Any], p: Params, mode: Mode) -> Function:
    return lambda x: F.embedding(x if x.dtype == torch.int64 else x.long(), p["table"])


def _drop(x: Tensor, rate: float, mode: Mode) -> Tensor:
    if not mode.training or rate == 0:
        return x
    if rate == 1:
        return x * 0
    return x * torch.empty_like(x).bernoulli_(1 - rate, generator=mode.random).div_(1 - rate)


def _dropout(a: Mapping[str, Any], p: Params, mode: Mode) -> Function:
    return lambda x: _drop(x, a["rate"], mode)


def _noise(a: Mapping[str, Any], p: Params, mode: Mode) -> Function:
    def noise(x: Tensor) -> Tensor:
        if not mode.training or a["std"] == 0:
            return x
        numbers = torch.empty_like(x).normal_(0, a["std"], generator=mode.random)
        return x * numbers.add_(1) if a["multiply"] else x + numbers

    return noise


def _around(x: Tensor, pairs: Any, fill: float) -> Tensor:
    return F.pad(x, [n for pair in reversed(pairs) for n in pair], value=fill)


def _padding(pairs: Any, fill: float = 0.0) -> tuple[Any, Callable[[Tensor], Tensor]]:
    """Padding that torch's function can do itself, and what has to be done before it when the two sides differ."""
    if all(a == b for a, b in pairs):
        return tuple(a for a, _ in pairs), lambda x: x
    return (0,) * len(pairs), lambda x: _around(x, pairs, fill)


_CONV = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
_CONV_TRANSPOSE = {1: F.conv_transpose1d, 2: F.conv_transpose2d, 3: F.conv_transpose3d}
_MAX_POOL = {1: F.max_pool1d, 2: F.max_pool2d, 3: F.max_pool3d}
_AVG_POOL = {1: F.avg_pool1d, 2: F.avg_pool2d, 3: F.avg_pool3d}
_ADAPTIVE: dict[str, Any] = {
    "avg": {1: F.adaptive_avg_pool1d, 2: F.adaptive_avg_pool2d, 3: F.adaptive_avg_pool3d},
    "max": {1: F.adaptive_max_pool1d, 2: F.adaptive_max_pool2d, 3: F.adaptive_max_pool3d},
}


def _conv(a: Mapping[str, Any], p: Params, mode: Mode) -> Function:
    kernel, bias = p["kernel"], p.get("bias")
    function = _CONV[kernel.ndim - 2]
    padding, before = _padding(a["padding"])
    strides, dilation, groups = tuple(a["strides"]), tuple(a["dilation"]), a["groups"]
    return lambda x: function(_channels_last(before(x)), kernel, bias, strides, padding, dilation, groups)


def _conv_transpose(a: Mapping[str, Any], p: Params, mode: Mode) -> Function:
    kernel, bias = p["kernel"], p.get("bias")
    function = _CONV_TRANSPOSE[kernel.ndim - 2]
    args = (tuple(a["strides"]), tuple(a["padding"]), tuple(a["output_padding"]), a["groups"], tuple(a["dilation"]))
    return lambda x: function(x, kernel, bias, *args)


def _max_pool(a: Mapping[str, Any], p: Params, mode: Mode) -> Function:
    function, window, strides = _MAX_POOL[len(a["pool_size"])], tuple(a["pool_size"]), tuple(a["strides"])
    padding, before = _padding(a["padding"], float("-inf"))
    return lambda x: function(before(x), window, strides, padding)


def _avg_pool(a: Mapping[str, Any], p: Params, mode: Mode) -> Function:
    function, window, strides = _AVG_POOL[len(a["pool_size"])], tuple(a["pool_size"]), tuple(a["strides"])
    padding, before = _padding(a["padding"])
    inside = a["include_padding"]
    if not any(map(any, a["padding"])) or inside or any(padding):
        return lambda x: function(before(x), window, strides, padding, count_include_pad=inside)
    return lambda x: function(before(x), window, strides) / function(before(torch.ones_like(x[:1, :1])), window, strides)


def _adaptive(kind: str) -> Callable[..., Function]:
    def build(a: Mapping[str, Any], p: Params, mode: Mode) -> Function:
        function, size = _ADAPTIVE[kind][len(a["size"])], tuple(a["size"])
        return lambda x: function(x, size)

    return build


def _batch_norm(a: Mapping[str, Any], p: Params, mode: Mode) -> Function:
    scale, shift, mean, variance = p.get("scale"), p.get("shift"), p["mean"], p["variance"]

    def batch_norm(x: Tensor) -> Tensor:
        if mode.training and x.numel() == x.shape[1]:  # one number per channel: it is its own mean
            like = (1, -1, *(1,) * (x.ndim - 2))
            y = x - x if scale is None else (x - x) * scale.view(like)
            return y if shift is None else y + shift.view(like)
        return F.batch_norm(x, mean, variance, scale, shift, mode.training, a["momentum"], a["epsilon"])

    return batch_norm


def _layer_norm(a: Mapping[str, Any], p: Params, mode: Mode) -> Function:
    return lambda x: F.layer_norm(x, x.shape[-1:], p.get("scale"), p.get("shift"), a["epsilon"])


def _recurrent(kind: str) -> Callable[..., Function]:
    """torch's own kernels, a layer at a time; its second bias is a constant zero."""

    def build(a: Mapping[str, Any], p: Params, mode: Mode) -> Function:
        name = {"rnn": f"rnn_{a.get('nonlinearity')}"}.get(kind, kind)
        function = getattr(torch._VF, name)
        both, hidden = a["bidirectional"], a["hidden"]
        ends = ("", "_reverse") if both else ("",)
        zero = torch.zeros_like(p["bias_0"])

        def layer(x: Tensor) -> Tensor:
            x = x.unsqueeze(-1) if x.ndim == 2 else x
            start = x.new_zeros(len(ends), x.shape[0], hidden)
            state = (start, start) if kind == "lstm" else start
            for n in range(a["num_layers"]):
                flat = [t for e in ends for t in (p[f"kernel_{n}{e}"].t(), p[f"recurrent_{n}{e}"].t(), p[f"bias_{n}{e}"], zero)]
                x, last = function(_drop(x, a["dropout"], mode), state, flat, True, 1, 0.0, mode.training, both, True)[:2]
            if not a["last_only"]:
                return x
            return last[0] if not both else torch.cat((last[0], last[1]), 1)

        return layer

    return build


LAYERS: dict[str, Callable[[Mapping[str, Any], Params, Mode], Function]] = {
    "dense": _dense, "embedding": _embedding, "dropout": _dropout, "noise": _noise, "conv": _conv, "conv_transpose": _conv_transpose,
    "max_pool": _max_pool, "avg_pool": _avg_pool, "adaptive_avg_pool": _adaptive("avg"),
    "adaptive_max_pool": _adaptive("max"), "batch_norm": _batch_norm, "layer_norm": _layer_norm,
    "rnn": _recurrent("rnn"), "lstm": _recurrent("lstm"), "gru": _recurrent("gru"),
}  # fmt: skip

SUPPORTED = frozenset(PRIMITIVES) | frozenset(LAYERS) | {"python", "julia", "parameter", "scan", "gradient"}

_OVERWRITES = frozenset({"dense", "conv", "conv_transpose"})
"""Layers whose gradient does not look at their own output, so that relu may overwrite it."""


def lower(step: Step, parameters: Params, mode: Mode) -> Function:
    """The torch function of a step's inputs."""
    if step.op in PRIMITIVES:
        function, attrs = PRIMITIVES[step.op], dict(step.attrs)
        return (lambda *xs: function(*xs, **attrs)) if attrs else function
    own = {name: parameters[path] for name, path in step.params.items()}
    if step.op == "parameter":
        return lambda: own[step.attrs["name"]]
    if step.op == "julia":
        from pyphoton.interop.julia_step import on_torch

        return on_torch(step, own, mode)
    layer = LAYERS[step.op](step.attrs, own, mode)
    if step.activation == "identity":
        return layer
    activate = torch.relu_ if step.activation == "relu" and step.op in _OVERWRITES else PRIMITIVES[step.activation]
    return lambda x: activate(layer(x))
