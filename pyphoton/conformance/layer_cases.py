"""The cases of layers and models: every kind, with every argument that acts."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from pyphoton import layers as L
from pyphoton.activations import relu, sigmoid, tanh
from pyphoton.conformance.case import Table, floats, whole
from pyphoton.layers.noise import NormalNoise
from pyphoton.tensor import apply

_SPACE = {1: (7,), 2: (5, 6), 3: (4, 3, 5)}
LAYERS = Table()
"""The cases of layers and models."""
_add = LAYERS.add


def _simple() -> None:
    flat = floats(3, 5)
    _add("dense", lambda: L.Dense(4), flat, trained=True)
    for name in ("relu", "tanh", "sigmoid", "softplus", "gelu", "swish", "selu", "elu", "softmax"):
        _add(f"dense-{name}", partial(L.Dense, 4, name), flat)
    _add("dense-no-bias", lambda: L.Dense(4, use_bias=False), flat)
    _add("dense-flattens-4-axes", lambda: L.Dense(4, relu), floats(2, 3, 2, 2))
    _add("dense-last-axis", lambda: L.Dense(4, flatten=False), floats(2, 3, 5))
    _add("dense-last-axis-no-bias-relu", lambda: L.Dense(4, relu, use_bias=False, flatten=False), floats(2, 3, 2, 5))
    _add("dense-two-numbers", lambda: L.Dense(5, 4), flat)
    _add("embedding", lambda: L.Embedding(6, 3), whole(2, 4, below=6), trained=True)
    _add("embedding-one-axis", lambda: L.Embedding(6, 3), whole(5, below=6))
    _add("dropout", lambda: L.Dropout(0.4), flat, random=True)
    _add("dropout-none", lambda: L.Dropout(0.0), flat)
    _add("dropout-all", lambda: L.Dropout(1.0), flat)
    _add("noise", lambda: NormalNoise(0.4), flat, random=True)
    _add("noise-multiply", lambda: NormalNoise(0.4, multiply=True), flat, random=True)
    _add("noise-none", lambda: NormalNoise(0.0), flat)
    _add("flatten", L.Flatten, floats(2, 3, 2, 2))
    _add("reshape", lambda: L.Reshape((2, 6)), floats(2, 3, 4))
    _add("reshape-rest", lambda: L.Reshape((2, -1, 3)), floats(2, 3, 4))
    for name in ("identity", "relu", "elu", "selu", "sigmoid", "tanh", "softplus", "gelu", "swish", "leaky_relu", "softsign", "hard_sigmoid", "log_softmax"):
        _add(f"activation-{name}", partial(L.Activation, name), floats(3, 5, low=-4, high=4))
    for axis in (1, 2, -1):
        _add(f"softmax-axis{axis}", partial(L.Softmax, axis), floats(2, 3, 4))
        _add(f"log-softmax-axis{axis}", partial(L.LogSoftmax, axis), floats(2, 3, 4))
    _add("softmax-large", L.Softmax, floats(2, 4, low=-900, high=900), slope=False)
    _add("log-softmax-large", L.LogSoftmax, floats(2, 4, low=-900, high=900), slope=False)
    _add("input", lambda: L.Input(5), flat)


def _convolutions() -> None:
    for rank, conv in ((1, L.Conv1D), (2, L.Conv2D), (3, L.Conv3D)):
        space, name, uneven = _SPACE[rank], f"conv{rank}d", (2, 1, 2)[:rank]
        one, two = floats(2, 3, *space), floats(2, 4, *space)
        _add(name, partial(conv, 2, 3), one, trained=rank == 2)
        _add(f"{name}-padding-tanh", partial(conv, 2, 2, tanh, padding=uneven), one)
        _add(f"{name}-same-even", partial(conv, 2, 2, padding="same"), one)
        _add(f"{name}-same-strides", partial(conv, 2, 3, padding="same", strides=uneven), one)
        _add(f"{name}-same-even-strides-dilation", partial(conv, 2, 2, padding="same", strides=2, dilation=3), one)
        _add(f"{name}-strides", partial(conv, 2, 2, strides=uneven), one)
        _add(f"{name}-dilation", partial(conv, 2, 2, dilation=uneven), one)
        _add(f"{name}-groups", partial(conv, 6, 2, groups=2), two)
        _add(f"{name}-depthwise-no-bias", partial(conv, 8, 2, groups=4, use_bias=False), two)
        _add(f"{name}-everything", partial(conv, 4, 2, relu, padding=2, strides=uneven, dilation=uneven, groups=2), two)
    _add("conv2d-kernel-not-square", lambda: L.Conv2D(2, (1, 4), padding=(0, 2)), floats(2, 3, 5, 6))
    for rank, up in ((1, L.Conv1DTranspose), (2, L.Conv2DTranspose), (3, L.Conv3DTranspose)):
        space, name, uneven = (4,) if rank == 1 else (2, 3, 2)[:rank], f"conv{rank}d-transpose", (2, 1, 2)[:rank]
        one, two = floats(2, 3, *space), floats(2, 4, *space)
        _add(name, partial(up, 2, 3), one)
        _add(f"{name}-strides", partial(up, 2, 2, strides=uneven), one)
        _add(f"{name}-padding-no-bias", partial(up, 2, 3, padding=1, use_bias=False), one)
        _add(f"{name}-output-padding", partial(up, 2, 3, sigmoid, strides=3, padding=1, output_padding=2), one)
        _add(f"{name}-dilation", partial(up, 2, 2, dilation=uneven), one)
        _add(f"{name}-groups", partial(up, 6, 2, groups=2), two)
        _add(f"{name}-everything", partial(up, 4, 3, relu, padding=uneven, strides=3, dilation=2, groups=2, output_padding=uneven), two)


def _pools() -> None:
    for rank in (1, 2, 3):
        x, low = floats(2, 2, *_SPACE[rank]), floats(2, 2, *_SPACE[rank], low=-3, high=-1)
        for kind, pool in (("max", (L.MaxPool1D, L.MaxPool2D, L.MaxPool3D)[rank - 1]), ("avg", (L.AvgPool1D, L.AvgPool2D, L.AvgPool3D)[rank - 1])):
            name = f"{kind}-pool{rank}d"
            _add(name, pool, x)
            _add(f"{name}-strides", partial(pool, 3, strides=1), x)
            _add(f"{name}-padding", partial(pool, 3, padding=1, strides=2), low)
            _add(f"{name}-same", partial(pool, 2, padding="same", strides=1), low)
            _add(f"{name}-same-strides", partial(pool, 3, padding="same", strides=2), low)
        for padding in (1, "same"):
            _add(f"avg-pool{rank}d-{padding}-without-padding", partial(L.AvgPool, 2, padding=padding, strides=1, include_padding=False), x)
        sizes: tuple[tuple[str, Any], ...] = (("3", 3), ("uneven", (3, 2, 4)[:rank]), ("1", 1), ("more", 8))
        for text, size in sizes:
            _add(f"adaptive-avg-pool{rank}d-{text}", partial(L.AdaptiveAvgPool, size), x)
            _add(f"adaptive-max-pool{rank}d-{text}", partial(L.AdaptiveMaxPool, size), x)
        _add(f"global-avg-pool{rank}d", L.GlobalAvgPool, x)
        _add(f"global-max-pool{rank}d", L.GlobalMaxPool, x)
    _add("max-pool-per-axis", lambda: L.MaxPool((2, 3), padding=(1, 0), strides=(1, 2)), floats(2, 2, 5, 6))
    _add("avg-pool-per-axis", lambda: L.AvgPool((2, 3), padding=(1, 0), strides=(1, 2), include_padding=False), floats(2, 2, 5, 6))


def _recurrent() -> None:
    x = floats(3, 4, 2)
    kinds: tuple[tuple[str, Callable[..., Any]], ...] = (
        ("rnn", L.RNN), ("rnn-relu", partial(L.RNN, activation=relu)), ("lstm", L.LSTM), ("gru", L.GRU),
    )  # fmt: skip
    for name, layer in kinds:
        _add(name, partial(layer, 3), x, trained=name != "rnn-relu")
        _add(f"{name}-two-layers", partial(layer, 3, 2), x)
        _add(f"{name}-both-directions", partial(layer, 3, bidirectional=True), x)
        _add(f"{name}-sequence", partial(layer, 3, last_only=False), x)
        _add(f"{name}-two-layers-both-directions-sequence", partial(layer, 2, 2, bidirectional=True, return_sequences=True), x)
        _add(f"{name}-one-feature", partial(layer, 3), floats(3, 4))
        _add(f"{name}-dropout", partial(layer, 3, 2, dropout=0.4), x, random=True)
        _add(f"{name}-drops-all", partial(layer, 3, 2, dropout=1.0), x)
        _add(f"{name}-one-step", partial(layer, 3, bidirectional=True), floats(3, 1, 2))
    _add("lstm-activation-second", lambda: L.LSTM(3, relu), x)
    _add("gru-activation-second", lambda: L.GRU(3, "softsign", last_only=False), x)
    _add("rnn-activation-second", lambda: L.RNN(3, relu), x)


def _norms() -> None:
    batch: Any = partial(L.BatchNorm, epsilon=0.1, momentum=0.3)
    for text, x in (("", floats(5, 3)), ("-4-axes", floats(3, 2, 2, 3)), ("-3-axes", floats(3, 2, 4))):
        _add(f"batch-norm{text}", batch, x, trained=text == "")
        for scale, shift in ((False, True), (True, False), (False, False)):
            words = f"{'' if scale else '-no-scale'}{'' if shift else '-no-shift'}"
            _add(f"batch-norm{text}{words}", partial(batch, scale=scale, shift=shift), x)
            _add(f"layer-norm{text}{words}", partial(L.LayerNorm, scale=scale, shift=shift, epsilon=0.1), x)
        _add(f"batch-norm{text}-relu", partial(batch, relu), x)
        _add(f"layer-norm{text}", partial(L.LayerNorm, epsilon=0.1), x)
        _add(f"layer-norm{text}-tanh", partial(L.LayerNorm, tanh), x)
    _add("batch-norm-one-number-per-channel", L.BatchNorm, floats(1, 3))
    _add("batch-norm-momentum-1", lambda: L.BatchNorm(momentum=1.0), floats(4, 3))


class _Pair(L.Layer):
    """Two inputs, two outputs."""

    def __init__(self) -> None:
        self.left, self.right = L.Dense(3, tanh), L.Dense(3)

    def forward(self, a: Any, b: Any) -> Any:
        """A sum and a product."""
        x, y = self.left(a), self.right(b)
        return x + y, x * y[:, ::-1]


class _Unrolled(L.Layer):
    """A recurrence of one's own: the same layers at every step."""

    def __init__(self) -> None:
        self.first, self.again = L.Dense(3), L.Dense(3, use_bias=False)

    def forward(self, x: Any) -> Any:
        """The last state."""
        h = apply("tanh", self.first(x[:, 0]))
        for t in range(1, 3):
            h = apply("tanh", self.first(x[:, t]) + self.again(h))
        return h


def _shared() -> Any:
    dense = L.Dense(4, tanh)
    return L.Sequential(dense, dense, L.Dense(2), name="shared")


def _models() -> None:
    flat = floats(3, 4)
    _add("sequential-empty", L.Sequential, flat)
    _add("sequential", lambda: L.Sequential(L.Dense(5, relu), lambda x: x * 2.0 + 1.0, L.Dense(2)), flat, trained=True)
    _add("concurrent", lambda: L.Concurrent(L.Dense(2), L.Dense(3, relu), lambda x: x), flat)
    _add("concurrent-channels", lambda: L.Concurrent(L.Conv2D(2, 1), L.MaxPool2D(1)), floats(2, 3, 2, 3))
    _add("residual", lambda: L.Residual(L.Dense(5, relu), L.Dense(2)), flat)
    _add("residual-add", lambda: L.Residual(L.Dense(5, relu), L.Dense(4), combine="add"), flat)
    _add("skip-connection", lambda: L.SkipConnection(L.Dense(4)), flat)
    _add("skip-connection-order", lambda: L.SkipConnection(L.Dense(4), lambda y, x: y - 2.0 * x), flat)
    _add("shared-layer", _shared, flat, trained=True)
    _add("function", lambda: lambda x: (x.exp() + 1.0).log() / 2.0, flat)
    _add("function-with-constants", lambda: lambda x: x @ np.arange(8.0).reshape(4, 2) + np.array([0.5, -1.0]), flat)
    _add("two-inputs-two-outputs", _Pair, floats(3, 4), floats(3, 2))
    _add("unrolled", _Unrolled, floats(2, 3, 4), trained=True)
    _add("words", lambda: L.Sequential(L.Embedding(7, 3), L.GRU(3), L.Dense(2)), whole(2, 4, below=7))
    _add("image", lambda: L.Sequential(L.Conv2D(3, 3, relu), L.BatchNorm(), L.MaxPool2D(), L.Dense(2)), floats(3, 1, 6, 5))
    _add("image-relu-pool", lambda: L.Sequential(L.Conv2D(3, 2, relu), L.MaxPool2D(2, padding=1)), floats(2, 1, 5, 4))
    _add("activation-of-a-value-that-is-used-twice", _UsedTwice, flat)


class _UsedTwice(L.Layer):
    """Activations of a value that others read too, and that is an output itself."""

    def __init__(self) -> None:
        self.dense, self.other = L.Dense(3), L.Dense(3)

    def forward(self, x: Any) -> Any:
        """Sums and outputs that see the value before its activation."""
        y, z = self.dense(x), self.other(x)
        return apply("relu", y) + y, apply("tanh", z), z


for _fill in (_simple, _convolutions, _pools, _recurrent, _norms, _models):
    _fill()
