"""Each module of torch that has an exact equivalent here: which layer it is, and which of its options it must not have."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from pyphoton import activations as a
from pyphoton import layers as l
from pyphoton.errors import Unsupported

Part = tuple[Any, Any, tuple[Any, ...], Mapping[str, str]]
"""A layer with parameters, the module that has them, the shapes of its input, and other names of the tensors in the module."""


@dataclass(frozen=True)
class Read:
    """A layer or function, and the layers in it whose parameters are to be filled."""

    layer: Any
    parts: tuple[Part, ...] = ()


def readers(nn: Any) -> dict[Any, Callable[[Any], Read]]:
    """The reader of each class of torch.nn. Classes are matched exactly: a subclass may compute something else."""
    found: dict[Any, Callable[[Any], Read]] = {nn.Linear: _linear, nn.Flatten: _flatten, nn.Embedding: _embedding, nn.LayerNorm: _layer_norm}
    for rank in (1, 2, 3):
        end = f"{rank}d"
        found[getattr(nn, f"Conv{end}")] = partial(_conv, rank)
        found[getattr(nn, f"ConvTranspose{end}")] = partial(_conv_transpose, rank)
        found[getattr(nn, f"MaxPool{end}")] = partial(_max_pool, rank)
        found[getattr(nn, f"AvgPool{end}")] = partial(_avg_pool, rank)
        found[getattr(nn, f"AdaptiveAvgPool{end}")] = partial(_adaptive, l.AdaptiveAvgPool, rank)
        found[getattr(nn, f"AdaptiveMaxPool{end}")] = partial(_adaptive, l.AdaptiveMaxPool, rank)
        found[getattr(nn, f"BatchNorm{end}")] = _batch_norm
    found |= {nn.RNN: partial(_recurrent, l.RNN), nn.LSTM: partial(_recurrent, l.LSTM), nn.GRU: partial(_recurrent, l.GRU)}
    plain = {
        nn.Identity: a.identity, nn.ReLU: a.relu, nn.SELU: a.selu, nn.Sigmoid: a.sigmoid, nn.Tanh: a.tanh, nn.SiLU: a.swish, nn.Softsign: a.softsign,
    }  # fmt: skip
    found |= {cls: partial(_same, function) for cls, function in plain.items()}
    found |= {nn.ELU: _elu, nn.LeakyReLU: _leaky_relu, nn.GELU: _gelu, nn.Softplus: _softplus, nn.Dropout: _dropout}
    return found | {nn.Softmax: partial(_softmax, l.Softmax), nn.LogSoftmax: partial(_softmax, l.LogSoftmax)}


def _need(module: Any, **options: Any) -> None:
    """Errors: Unsupported unless each option has this value; the label is added by the caller."""
    for name, wanted in options.items():
        if getattr(module, name) != wanted:
            raise Unsupported(type(module).__name__, f"{name}={wanted!r}", repr(getattr(module, name)))


def _same(function: Any, module: Any) -> Read:
    return Read(function)


def _elu(module: Any) -> Read:
    return Read(a.elu if module.alpha == 1 else partial(a.elu, alpha=float(module.alpha)))


def _leaky_relu(module: Any) -> Read:
    return Read(a.leaky_relu if module.negative_slope == 0.01 else partial(a.leaky_relu, alpha=float(module.negative_slope)))


def _gelu(module: Any) -> Read:
    _need(module, approximate="none")
    return Read(a.gelu)


def _softplus(module: Any) -> Read:
    _need(module, beta=1)
    if module.threshold < 20:
        raise Unsupported("Softplus", "threshold of at least 20", repr(module.threshold))
    return Read(a.softplus)


def _dropout(module: Any) -> Read:
    return Read(l.Dropout(float(module.p)))


def _softmax(cls: Any, module: Any) -> Read:
    if module.dim is None or module.dim == 0:
        raise Unsupported(type(module).__name__, "dim= of another axis than the batch", repr(module.dim))
    return Read(cls(axis=module.dim))


def _flatten(module: Any) -> Read:
    _need(module, start_dim=1, end_dim=-1)
    return Read(l.Flatten())


def _linear(module: Any) -> Read:
    layer = l.Dense(module.out_features, use_bias=module.bias is not None, flatten=False, features=module.in_features)
    return _one(layer, module, (None, module.in_features))


def _one(layer: Any, module: Any, shape: tuple[Any, ...]) -> Read:
    return Read(layer, ((layer, module, (shape,), {}),))


def _embedding(module: Any) -> Read:
    _need(module, padding_idx=None, max_norm=None, scale_grad_by_freq=False)
    return _one(l.Embedding(module.num_embeddings, module.embedding_dim), module, (None,))


def _layer_norm(module: Any) -> Read:
    if len(module.normalized_shape) != 1:
        raise Unsupported("LayerNorm", "normalized_shape of one axis", str(tuple(module.normalized_shape)))
    layer = l.LayerNorm(epsilon=module.eps, scale=module.weight is not None, shift=module.bias is not None)
    return _one(layer, module, (None, *module.normalized_shape))


def _batch_norm(module: Any) -> Read:
    _need(module, track_running_stats=True)
    if module.momentum is None:
        raise Unsupported(type(module).__name__, "momentum as a number", "None, the mean over all minibatches")
    layer = l.BatchNorm(momentum=module.momentum, epsilon=module.eps, scale=module.affine, shift=module.affine)
    return _one(layer, module, (None, module.num_features))


_CONV = {1: (l.Conv1D, l.Conv1DTranspose), 2: (l.Conv2D, l.Conv2DTranspose), 3: (l.Conv3D, l.Conv3DTranspose)}
_POOL = {1: (l.MaxPool1D, l.AvgPool1D), 2: (l.MaxPool2D, l.AvgPool2D), 3: (l.MaxPool3D, l.AvgPool3D)}


def _window(module: Any) -> dict[str, Any]:
    _need(module, padding_mode="zeros")
    return {
        "channels": module.out_channels, "kernel_size": _short(module.kernel_size), "strides": _short(module.stride),
        "padding": _short(module.padding), "dilation": _short(module.dilation), "groups": module.groups, "use_bias": module.bias is not None,
    }  # fmt: skip


def _conv(rank: int, module: Any) -> Read:
    return _one(_CONV[rank][0](**_window(module)), module, (None, module.in_channels, *(None,) * rank))


def _conv_transpose(rank: int, module: Any) -> Read:
    layer = _CONV[rank][1](**_window(module), output_padding=_short(module.output_padding))
    return _one(layer, module, (None, module.in_channels, *(None,) * rank))


def _max_pool(rank: int, module: Any) -> Read:
    _need(module, ceil_mode=False, return_indices=False)
    if set(_each(module.dilation)) != {1}:
        raise Unsupported(type(module).__name__, "dilation=1", repr(module.dilation))
    return Read(_POOL[rank][0](module.kernel_size, padding=module.padding, strides=module.stride))


def _avg_pool(rank: int, module: Any) -> Read:
    _need(module, ceil_mode=False, **({"divisor_override": None} if hasattr(module, "divisor_override") else {}))
    return Read(_POOL[rank][1](module.kernel_size, padding=module.padding, strides=module.stride, include_padding=module.count_include_pad))


def _adaptive(cls: Any, rank: int, module: Any) -> Read:
    if hasattr(module, "return_indices"):
        _need(module, return_indices=False)
    size = _each(module.output_size)
    if None in size:
        raise Unsupported(type(module).__name__, "a length for each axis", repr(module.output_size))
    return Read(cls(size if len(size) == rank else size * rank))


def _short(value: Any) -> Any:
    """One number for equal ones."""
    return value[0] if isinstance(value, tuple) and len(set(value)) == 1 else value


def _each(value: Any) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, tuple | list) else (value,)


def _recurrent(cls: Any, module: Any) -> Read:
    """Dropout of torch acts between its layers: with some, each of them is a layer here, with a Dropout between."""
    _need(module, batch_first=True, proj_size=0)
    options: dict[str, Any] = {"bidirectional": module.bidirectional, "last_only": False}
    if cls is l.RNN:
        options["activation"] = module.nonlinearity
    width = module.hidden_size * (2 if module.bidirectional else 1)
    if not module.dropout or module.num_layers == 1:
        return _one(cls(module.hidden_size, module.num_layers, **options), module, (None, None, module.input_size))
    members: list[Any] = []
    parts: list[Part] = []
    for n in range(module.num_layers):
        layer = cls(module.hidden_size, **options)
        names = {f"{t}_l0{end}": f"{t}_l{n}{end}" for t in ("weight_ih", "weight_hh", "bias_ih", "bias_hh") for end in ("", "_reverse")}
        parts.append((layer, module, ((None, None, width if n else module.input_size),), names))
        members += [l.Dropout(float(module.dropout)), layer] if n else [layer]
    return Read(l.Sequential(members), tuple(parts))
