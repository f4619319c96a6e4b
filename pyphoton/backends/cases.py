"""The one table of cases that every backend is held to: layers and models, primitives, losses, metrics, optimisers.

A case is something that can be traced and the inputs that it is traced for. Epsilons, biases and windows are larger and
odder here than in real models, so that putting one in the wrong place shows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from pyphoton import layers as L
from pyphoton import losses, metrics
from pyphoton.activations import relu, sigmoid, tanh
from pyphoton.graph import call
from pyphoton.optimisers import SGD, Adadelta, Adagrad, Adam, Adamax, AdamW, Momentum, Nesterov, Optimiser, Rmsprop
from pyphoton.tensor import apply


@dataclass(frozen=True)
class Numbers:
    """One input, batch included: floats from `low` to `high`, or whole numbers from 0 to `below` - 1."""

    shape: tuple[int, ...]
    low: float = -1.5
    high: float = 1.5
    below: int | None = None


@dataclass(frozen=True)
class Case:
    """`build()` makes the layer, model or function; `inputs` are its arguments.

    `tolerance` is the relative error allowed in float32. `slope` tells whether gradients are compared: not for whole
    numbers and truth values. `random` layers are compared in evaluation only. `trained` adds ten steps of SGD.
    """

    name: str
    build: Callable[[], Any]
    inputs: tuple[Numbers, ...]
    tolerance: float = 1e-5
    slope: bool = True
    random: bool = False
    trained: bool = False


def floats(*shape: int, low: float = -1.5, high: float = 1.5) -> Numbers:
    """An input of floats."""
    return Numbers(shape, low, high)


def whole(*shape: int, below: int) -> Numbers:
    """An input of whole numbers below a bound."""
    return Numbers(shape, below=below)


# ---- layers ------------------------------------------------------------------------------------------------------------

_SPACE = {1: (7,), 2: (5, 6), 3: (4, 3, 5)}
_TABLE: list[Case] = []


def _add(name: str, build: Callable[[], Any], *inputs: Numbers, **options: Any) -> None:
    _TABLE.append(Case(name, build, inputs, **options))


def _simple() -> None:
    flat = floats(3, 5)
    _add("dense", lambda: L.Dense(4), flat, trained=True)
    for name in ("relu", "tanh", "sigmoid", "softplus", "gelu", "swish", "selu", "elu", "softmax"):
        _add(f"dense-{name}", lambda name=name: L.Dense(4, name), flat)
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
    _add("flatten", lambda: L.Flatten(), floats(2, 3, 2, 2))
    _add("reshape", lambda: L.Reshape((2, 6)), floats(2, 3, 4))
    _add("reshape-rest", lambda: L.Reshape((2, -1, 3)), floats(2, 3, 4))
    for name in ("identity", "relu", "elu", "selu", "sigmoid", "tanh", "softplus", "gelu", "swish", "leaky_relu", "softsign", "hard_sigmoid", "log_softmax"):
        _add(f"activation-{name}", lambda name=name: L.Activation(name), floats(3, 5, low=-4, high=4))
    for axis in (1, 2, -1):
        _add(f"softmax-axis{axis}", lambda axis=axis: L.Softmax(axis), floats(2, 3, 4))
        _add(f"log-softmax-axis{axis}", lambda axis=axis: L.LogSoftmax(axis), floats(2, 3, 4))
    _add("softmax-large", lambda: L.Softmax(), floats(2, 4, low=-900, high=900), slope=False)
    _add("log-softmax-large", lambda: L.LogSoftmax(), floats(2, 4, low=-900, high=900), slope=False)
    _add("input", lambda: L.Input(5), flat)


def _convolutions() -> None:
    for rank, conv in ((1, L.Conv1D), (2, L.Conv2D), (3, L.Conv3D)):
        space, name, uneven = _SPACE[rank], f"conv{rank}d", (2, 1, 2)[:rank]
        one, two = floats(2, 3, *space), floats(2, 4, *space)
        _add(name, lambda c=conv: c(2, 3), one, trained=rank == 2)
        _add(f"{name}-padding-tanh", lambda c=conv, u=uneven: c(2, 2, tanh, padding=u), one)
        _add(f"{name}-same-even", lambda c=conv: c(2, 2, padding="same"), one)
        _add(f"{name}-same-strides", lambda c=conv, u=uneven: c(2, 3, padding="same", strides=u), one)
        _add(f"{name}-same-even-strides-dilation", lambda c=conv: c(2, 2, padding="same", strides=2, dilation=3), one)
        _add(f"{name}-strides", lambda c=conv, u=uneven: c(2, 2, strides=u), one)
        _add(f"{name}-dilation", lambda c=conv, u=uneven: c(2, 2, dilation=u), one)
        _add(f"{name}-groups", lambda c=conv: c(6, 2, groups=2), two)
        _add(f"{name}-depthwise-no-bias", lambda c=conv: c(8, 2, groups=4, use_bias=False), two)
        _add(f"{name}-everything", lambda c=conv, u=uneven: c(4, 2, relu, padding=2, strides=u, dilation=u, groups=2), two)
    _add("conv2d-kernel-not-square", lambda: L.Conv2D(2, (1, 4), padding=(0, 2)), floats(2, 3, 5, 6))
    for rank, up in ((1, L.Conv1DTranspose), (2, L.Conv2DTranspose), (3, L.Conv3DTranspose)):
        space, name, uneven = (4,) if rank == 1 else (2, 3, 2)[:rank], f"conv{rank}d-transpose", (2, 1, 2)[:rank]
        one, two = floats(2, 3, *space), floats(2, 4, *space)
        _add(name, lambda c=up: c(2, 3), one)
        _add(f"{name}-strides", lambda c=up, u=uneven: c(2, 2, strides=u), one)
        _add(f"{name}-padding-no-bias", lambda c=up: c(2, 3, padding=1, use_bias=False), one)
        _add(f"{name}-output-padding", lambda c=up: c(2, 3, sigmoid, strides=3, padding=1, output_padding=2), one)
        _add(f"{name}-dilation", lambda c=up, u=uneven: c(2, 2, dilation=u), one)
        _add(f"{name}-groups", lambda c=up: c(6, 2, groups=2), two)
        _add(f"{name}-everything", lambda c=up, u=uneven: c(4, 3, relu, padding=u, strides=3, dilation=2, groups=2, output_padding=u), two)


def _pools() -> None:
    for rank in (1, 2, 3):
        x, low = floats(2, 2, *_SPACE[rank]), floats(2, 2, *_SPACE[rank], low=-3, high=-1)
        for kind, pool in (("max", (L.MaxPool1D, L.MaxPool2D, L.MaxPool3D)[rank - 1]), ("avg", (L.AvgPool1D, L.AvgPool2D, L.AvgPool3D)[rank - 1])):
            name = f"{kind}-pool{rank}d"
            _add(name, lambda p=pool: p(), x)
            _add(f"{name}-strides", lambda p=pool: p(3, strides=1), x)
            _add(f"{name}-padding", lambda p=pool: p(3, padding=1, strides=2), low)
            _add(f"{name}-same", lambda p=pool: p(2, padding="same", strides=1), low)
            _add(f"{name}-same-strides", lambda p=pool: p(3, padding="same", strides=2), low)
        for padding in (1, "same"):
            _add(f"avg-pool{rank}d-{padding}-without-padding", lambda p=padding: L.AvgPool(2, padding=p, strides=1, include_padding=False), x)
        sizes: tuple[tuple[str, Any], ...] = (("3", 3), ("uneven", (3, 2, 4)[:rank]), ("1", 1), ("more", 8))
        for text, size in sizes:
            _add(f"adaptive-avg-pool{rank}d-{text}", lambda s=size: L.AdaptiveAvgPool(s), x)
            _add(f"adaptive-max-pool{rank}d-{text}", lambda s=size: L.AdaptiveMaxPool(s), x)
        _add(f"global-avg-pool{rank}d", lambda: L.GlobalAvgPool(), x)
        _add(f"global-max-pool{rank}d", lambda: L.GlobalMaxPool(), x)
    _add("max-pool-per-axis", lambda: L.MaxPool((2, 3), padding=(1, 0), strides=(1, 2)), floats(2, 2, 5, 6))
    _add("avg-pool-per-axis", lambda: L.AvgPool((2, 3), padding=(1, 0), strides=(1, 2), include_padding=False), floats(2, 2, 5, 6))


def _recurrent() -> None:
    x = floats(3, 4, 2)
    kinds: tuple[tuple[str, Callable[..., Any]], ...] = (
        ("rnn", L.RNN), ("rnn-relu", lambda *a, **k: L.RNN(*a, activation=relu, **k)), ("lstm", L.LSTM), ("gru", L.GRU),
    )  # fmt: skip
    for name, layer in kinds:
        _add(name, lambda c=layer: c(3), x, trained=name != "rnn-relu")
        _add(f"{name}-two-layers", lambda c=layer: c(3, 2), x)
        _add(f"{name}-both-directions", lambda c=layer: c(3, bidirectional=True), x)
        _add(f"{name}-sequence", lambda c=layer: c(3, last_only=False), x)
        _add(f"{name}-two-layers-both-directions-sequence", lambda c=layer: c(2, 2, bidirectional=True, return_sequences=True), x)
        _add(f"{name}-one-feature", lambda c=layer: c(3), floats(3, 4))
        _add(f"{name}-dropout", lambda c=layer: c(3, 2, dropout=0.4), x, random=True)
        _add(f"{name}-drops-all", lambda c=layer: c(3, 2, dropout=1.0), x)
        _add(f"{name}-one-step", lambda c=layer: c(3, bidirectional=True), floats(3, 1, 2))
    _add("lstm-activation-second", lambda: L.LSTM(3, relu), x)
    _add("gru-activation-second", lambda: L.GRU(3, "softsign", last_only=False), x)
    _add("rnn-activation-second", lambda: L.RNN(3, relu), x)


def _norms() -> None:
    batch = {"epsilon": 0.1, "momentum": 0.3}
    for text, x in (("", floats(5, 3)), ("-4-axes", floats(3, 2, 2, 3)), ("-3-axes", floats(3, 2, 4))):
        _add(f"batch-norm{text}", lambda: L.BatchNorm(**batch), x, trained=text == "")
        for scale, shift in ((False, True), (True, False), (False, False)):
            words = f"{'' if scale else '-no-scale'}{'' if shift else '-no-shift'}"
            _add(f"batch-norm{text}{words}", lambda a=scale, b=shift: L.BatchNorm(scale=a, shift=b, **batch), x)
            _add(f"layer-norm{text}{words}", lambda a=scale, b=shift: L.LayerNorm(scale=a, shift=b, epsilon=0.1), x)
        _add(f"batch-norm{text}-relu", lambda: L.BatchNorm(relu, **batch), x)
        _add(f"layer-norm{text}", lambda: L.LayerNorm(epsilon=0.1), x)
        _add(f"layer-norm{text}-tanh", lambda: L.LayerNorm(tanh), x)
    _add("batch-norm-one-number-per-channel", lambda: L.BatchNorm(), floats(1, 3))
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
    _add("sequential-empty", lambda: L.Sequential(), flat)
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
    _add("relu-of-a-value-that-is-used-twice", lambda: _used_twice, flat)


def _used_twice(x: Any) -> Any:
    return apply("relu", x) + x, apply("tanh", x)


# ---- primitives ------------------------------------------------------------------------------------------------------


def _op(name: str, *inputs: Any, tag: str = "", slope: bool = True, **attrs: Any) -> None:
    """A case of one primitive; Python numbers among the inputs stay numbers."""
    places = [i for i, x in enumerate(inputs) if isinstance(x, Numbers)]

    def run(*tensors: Any) -> Any:
        values = list(inputs)
        for place, tensor in zip(places, tensors, strict=True):
            values[place] = tensor
        return apply(name, *values, **attrs)

    function: Any = (lambda x: run(x), lambda x, y: run(x, y), lambda x, y, z: run(x, y, z))[len(places) - 1]
    given = tuple(inputs[i] for i in places)
    _add(f"op-{name}{f'-{tag}' if tag else ''}", lambda: function, *given, slope=slope)


def _elementwise() -> None:
    x, above = floats(2, 3, 2, low=-3, high=3), floats(2, 3, low=0.2, high=3)
    for name in ("neg", "abs", "exp", "square", "sin", "cos", "tanh", "sigmoid", "relu", "softplus", "gelu", "swish", "selu", "elu", "leaky_relu"):
        _op(name, x)
    for name in ("sign", "round"):
        _op(name, x)
    for name in ("log", "sqrt"):
        _op(name, above)
    for name in ("sigmoid", "softplus", "tanh", "swish"):
        _op(name, floats(3, 4, low=-200, high=200), tag="large", slope=False)
    _op("elu", x, tag="alpha", alpha=0.3)
    _op("leaky_relu", x, tag="alpha", alpha=0.3)
    _op("clip", x, tag="both", low=-0.5, high=1.0)
    _op("clip", x, tag="low", low=-0.5)
    _op("clip", x, tag="high", high=0.5)
    for name in ("add", "sub", "mul", "div", "maximum", "minimum", "pow", "mod"):
        a, b = (above, floats(2, 3, low=0.3, high=2)) if name in ("pow", "mod", "div") else (floats(2, 3), floats(2, 3))
        _op(name, a, b)
        _op(name, a, replace(b, shape=(1, 3)), tag="broadcast-right")
        _op(name, replace(a, shape=(3,)), replace(b, shape=(2, 1, 3)), tag="broadcast-left")
        _op(name, a, 1.7, tag="number-right")
        _op(name, 1.7, a, tag="number-left")
    _op("mod", floats(2, 5, low=-4, high=4), 1.3, tag="negative")
    _op("mod", floats(2, 5, low=-4, high=4), -1.3, tag="negative-divisor")
    _op("pow", floats(2, 5), 3, tag="whole-power")
    for name in ("eq", "ne", "lt", "le", "gt", "ge"):
        _add(f"op-{name}", lambda n=name: lambda x, y: apply(n, apply("round", x), apply("round", y)), floats(3, 8), floats(3, 8), slope=False)
        _op(name, x, 0.5, tag="number", slope=False)
    for name in ("logical_and", "logical_or"):
        _add(f"op-{name}", lambda n=name: lambda x, y: apply(n, x > 0.0, y > 0.0), floats(3, 4), floats(3, 4), slope=False)
    _add("op-logical_not", lambda: lambda x: apply("logical_not", x > 0.0), floats(3, 4), slope=False)
    _add("op-where", lambda: lambda x, y: apply("where", x > y, x, y * 2.0), floats(3, 4), floats(3, 4))
    _add("op-where-number", lambda: lambda x: apply("where", x < 0.25, -1.0, x), floats(3, 4))
    _add("op-where-broadcast", lambda: lambda x, y: apply("where", x[:, :1] > 0.0, y, x), floats(3, 4), floats(1, 4))


def _reductions_and_shapes() -> None:
    x = floats(2, 3, 4)
    for name in ("sum", "mean", "max", "min", "prod"):
        _op(name, x)
        _op(name, x, tag="axis", axis=1)
        _op(name, x, tag="negative-axis", axis=-1, keepdims=True)
        _op(name, x, tag="axes", axis=(0, -1))
        _op(name, x, tag="all-kept", keepdims=True)
        _op(name, x, tag="axes-kept", axis=(1, 2), keepdims=True)
    for axis in (0, 1, -1):
        _op("argmax", x, tag=f"axis{axis}", axis=axis, slope=False)
        _op("softmax", x, tag=f"axis{axis}", axis=axis)
        _op("log_softmax", x, tag=f"axis{axis}", axis=axis)
    _op("argmax", x, tag="kept", axis=1, keepdims=True, slope=False)
    _op("matmul", floats(2, 3), floats(3, 4))
    _op("matmul", floats(2, 3, 4), floats(4, 2), tag="batch-left")
    _op("matmul", floats(2, 3, 4), floats(2, 4, 2), tag="batch-both")
    _op("matmul", floats(2, 3), floats(3), tag="vector-right")
    _op("matmul", floats(3), floats(3, 2), tag="vector-left")
    _op("matmul", floats(3), floats(3), tag="vectors")
    _op("reshape", x, shape=[None, 4, 3])
    _op("reshape", x, tag="rest", shape=[-1, 6])
    _op("flatten", x)
    _op("flatten", x, tag="start", start=2)
    _op("flatten", floats(4), tag="one-axis")
    _op("transpose", x, axes=[0, 2, 1])
    _op("transpose", x, tag="all", axes=[2, 0, 1])
    _op("transpose", x, tag="negative", axes=[0, -1, 1])
    _op("concat", floats(2, 3), floats(2, 1))
    _op("concat", x, floats(2, 3, 1), tag="last", axis=-1)
    _op("concat", floats(2, 3), floats(1, 3), floats(3, 3), tag="first-of-three", axis=0)
    for text, index in {
        "row": (1,), "last-row": (-1,), "slice": (slice(None), slice(1, 3)), "step": (slice(None), slice(None), slice(None, None, 2)),
        "reversed": (slice(None), slice(None, None, -1)), "reversed-batch": (slice(None, None, -1),), "reversed-step": (slice(None), slice(None), slice(3, None, -2)),
        "reversed-after-number": (slice(None), 1, slice(None, None, -1)), "dots-reversed": (..., slice(None, None, -1)), "dots-number": (..., -1),
        "new": (slice(None), None), "new-reversed": (slice(None), None, slice(None, None, -1)), "two-reversed": (slice(None), slice(None, None, -1), slice(None, None, -1)),
        "from-the-end": (slice(None), slice(-2, None)), "number-last-axis": (slice(None), slice(0, 1), 2),
    }.items():  # fmt: skip
        _add(f"op-getitem-{text}", lambda i=index: lambda x: x[i], x)
    for dtype in ("int64", "bool", "float32"):
        _op("cast", floats(3, 4, low=-3, high=3), tag=dtype, dtype=dtype, slope=dtype == "float32")
    _op("one_hot", whole(5, below=4), classes=4, dtype="float32", slope=False)
    _op("one_hot", whole(2, 3, below=4), tag="two-axes", classes=4, dtype="float32", slope=False)
    _op("cross_entropy", floats(4, 3), whole(4, below=3))


# ---- losses and metrics ----------------------------------------------------------------------------------------------


def _errors() -> None:
    p, y, odds, truth, one = floats(4, 3), floats(4, 3), floats(4, 3, low=0.05, high=0.95), whole(4, 3, below=2), floats(4, 1)
    for name, loss in {
        "mse": losses.MSE(), "mae": losses.MAE(), "ln-3": losses.LNLoss(3), "pseudo-huber": losses.PseudoHuberLoss(),
        "pseudo-huber-delta": losses.PseudoHuberLoss(0.3), "mse-sum": losses.MSE(reduction="sum"), "mse-none": losses.MSE(reduction="none"),
        "mae-function": losses.MAE(reduction=lambda e: apply("max", e)),
    }.items():  # fmt: skip
        _add(f"loss-{name}", lambda f=loss: f, p, y)
    _add("loss-mse-other-axes", lambda: losses.MSE(), floats(2, 1, 3), floats(2, 3, 1))
    for name, loss in {"bce": losses.BCELoss(), "focal": losses.FocalLoss(), "focal-weighted": losses.FocalLoss(1.5, 0.25)}.items():
        _add(f"loss-{name}", lambda f=loss: f, odds, truth)
    _add("loss-bce-scores", lambda: losses.BCELoss(use_sigmoid=True), floats(4, 3, low=-30, high=30), truth)
    for name, loss in {
        "hinge": losses.HingeLoss(), "hinge-margin": losses.HingeLoss(0.4), "hinge-as-given": losses.HingeLoss(autofix=False),
        "squared-hinge": losses.SquaredHingeLoss(),
    }.items():  # fmt: skip
        _add(f"loss-{name}", lambda f=loss: f, p, y)
        _add(f"loss-{name}-truth-values", lambda f=loss: f, p, truth, slope=False)
    for name, loss in {
        "": losses.CrossEntropyLoss(), "-weight": losses.CrossEntropyLoss(0.7), "-weights": losses.CrossEntropyLoss([0.5, 1.0, 3.0]),
        "-none": losses.CrossEntropyLoss(reduction="none"),
    }.items():  # fmt: skip
        _add(f"loss-cross-entropy{name}", lambda f=loss: f, odds, odds)
        _add(f"loss-cross-entropy{name}-labels", lambda f=loss: f, odds, whole(4, below=3))
        scores = replace(loss, use_softmax=True)
        _add(f"loss-cross-entropy{name}-scores", lambda f=scores: f, p, odds)
        _add(f"loss-cross-entropy{name}-scores-labels", lambda f=scores: f, p, whole(4, below=3))
    _add("loss-cross-entropy-labels-column", lambda: losses.CrossEntropyLoss(use_softmax=True), p, whole(4, 1, below=3))
    _add("loss-nll", lambda: losses.nll, p, whole(4, below=3))
    for name, metric, x, target in (
        ("accuracy", metrics.Accuracy(), p, odds), ("accuracy-labels", metrics.Accuracy(), p, whole(4, below=3)),
        ("accuracy-labels-column", metrics.Accuracy(), p, whole(4, 1, below=3)), ("accuracy-sequences", metrics.Accuracy(), floats(2, 4, 3), whole(2, 4, below=3)),
        ("accuracy-one-score", metrics.Accuracy(), one, whole(4, 1, below=2)), ("accuracy-threshold", metrics.Accuracy(-0.3), floats(8), whole(8, below=2)),
        ("binary-accuracy", metrics.BinaryAccuracy(0.4), odds, truth), ("one-hot-binary-accuracy", metrics.OneHotBinaryAccuracy(), p, whole(4, below=3)),
    ):  # fmt: skip
        _add(f"metric-{name}", lambda f=metric: f, x, target, slope=False)
    _add("metric-function", lambda: lambda p, y: (p.argmax(axis=1) == y).mean(), p, whole(4, below=3), slope=False)
    _add("metric-inside-a-model", lambda: lambda x, y: call(metrics.Accuracy(), L.Dense(3, name="inside")(x), y), p, whole(4, below=3), slope=False)


for _fill in (_simple, _convolutions, _pools, _recurrent, _norms, _models, _elementwise, _reductions_and_shapes, _errors):
    _fill()
CASES: dict[str, Case] = {case.name: case for case in _TABLE}
"""All cases by name."""

OPTIMISERS: dict[str, Optimiser] = {
    "sgd": SGD(0.1), "sgd-clipped": SGD(0.1, gclip=0.05), "momentum": Momentum(0.03, 0.8), "nesterov": Nesterov(0.03, 0.8),
    "adagrad": Adagrad(0.1, eps=0.01), "rmsprop": Rmsprop(0.02, 0.8, eps=0.01), "adadelta": Adadelta(0.7, 0.8, eps=0.01),
    "adam": Adam(0.02, 0.8, 0.9, eps=0.01), "adam-clipped": Adam(0.02, 0.8, 0.9, eps=0.01, gclip=0.05),
    "adamw": AdamW(0.02, 0.8, 0.9, eps=0.01, weight_decay=0.3), "adamax": Adamax(0.02, 0.8, 0.9, eps=0.01),
    **{f"{c.__name__.lower()}-as-it-is": c() for c in (SGD, Momentum, Nesterov, Adagrad, Rmsprop, Adadelta, Adam, AdamW, Adamax)},
}  # fmt: skip
"""Optimisers that are compared over ten steps: with arguments that show, and with their defaults."""
