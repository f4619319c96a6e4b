"""The cases of primitives, losses and metrics."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pyphoton import layers as L
from pyphoton import losses, metrics
from pyphoton.conformance.case import Numbers, Table, floats, whole
from pyphoton.graph import call
from pyphoton.tensor import apply

PRIMITIVES = Table()
"""The cases of primitives, losses and metrics."""


def _add(name: str, function: Any, *inputs: Numbers, **options: Any) -> None:
    PRIMITIVES.add(name, lambda: function, *inputs, **options)


def _op(name: str, *inputs: Any, tag: str = "", slope: bool = True, **attrs: Any) -> None:
    """A case of one primitive; Python numbers among the inputs stay numbers."""
    places = [i for i, x in enumerate(inputs) if isinstance(x, Numbers)]

    def run(*tensors: Any) -> Any:
        values = list(inputs)
        for place, tensor in zip(places, tensors, strict=True):
            values[place] = tensor
        return apply(name, *values, **attrs)

    _add(f"op-{name}{f'-{tag}' if tag else ''}", run, *(inputs[i] for i in places), slope=slope)


def _elementwise() -> None:
    x, above = floats(2, 3, 2, low=-3, high=3), floats(2, 3, low=0.2, high=3)
    for name in ("neg", "abs", "exp", "square", "sin", "cos", "tanh", "sigmoid", "relu", "softplus", "gelu", "swish", "selu", "elu", "leaky_relu"):
        _op(name, x)
    for name in ("sign", "round"):
        _op(name, x)
    _add("op-round-halves", lambda x: apply("round", apply("round", x) * 0.5), floats(4, 6, low=-5, high=5))
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
        _add(f"op-{name}", lambda x, y, n=name: apply(n, apply("round", x), apply("round", y)), floats(3, 8), floats(3, 8), slope=False)
        _op(name, x, 0.5, tag="number", slope=False)
    for name in ("logical_and", "logical_or"):
        _add(f"op-{name}", lambda x, y, n=name: apply(n, x > 0.0, y > 0.0), floats(3, 4), floats(3, 4), slope=False)
    _add("op-logical_not", lambda x: apply("logical_not", x > 0.0), floats(3, 4), slope=False)
    _add("op-where", lambda x, y: apply("where", x > y, x, y * 2.0), floats(3, 4), floats(3, 4))
    _add("op-where-number", lambda x: apply("where", x < 0.25, -1.0, x), floats(3, 4))
    _add("op-where-two-numbers", lambda x: apply("where", x < 0.25, 0.1, 0.7), floats(3, 4), slope=False)
    _add("op-mul-truth-value", lambda x: (x > 0.25) * 0.1 + x, floats(3, 4))
    _add("op-mul-truth-value-alone", lambda x: (x > 0.25) * 0.1, floats(3, 4), slope=False)
    _add("op-maximum-whole-number", lambda x: apply("maximum", x.argmax(axis=1), 0.3), floats(5, 2), slope=False)
    _add("op-div-whole-numbers", lambda x: x.argmax(axis=1) / 3, floats(5, 4), slope=False)
    _add("op-add-whole-number", lambda x: x.argmax(axis=1) + 1, floats(5, 4), slope=False)
    _add("op-where-broadcast", lambda x, y: apply("where", x[:, :1] > 0.0, y, x), floats(3, 4), floats(1, 4))


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
        _add(f"op-getitem-{text}", lambda x, i=index: x[i], x)
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
        "sum": losses.MSE() + 0.3 * losses.MAE(),
    }.items():  # fmt: skip
        _add(f"loss-{name}", loss, p, y)
    _add("loss-mse-other-axes", losses.MSE(), floats(2, 1, 3), floats(2, 3, 1))
    for name, loss in {"bce": losses.BCELoss(), "focal": losses.FocalLoss(), "focal-weighted": losses.FocalLoss(1.5, 0.25)}.items():
        _add(f"loss-{name}", loss, odds, truth)
    _add("loss-bce-scores", losses.BCELoss(use_sigmoid=True), floats(4, 3, low=-30, high=30), truth)
    for name, loss in {
        "hinge": losses.HingeLoss(), "hinge-margin": losses.HingeLoss(0.4), "hinge-as-given": losses.HingeLoss(autofix=False),
        "squared-hinge": losses.SquaredHingeLoss(),
    }.items():  # fmt: skip
        _add(f"loss-{name}", loss, p, y)
        _add(f"loss-{name}-truth-values", loss, p, truth, slope=False)
    for name, loss in {
        "": losses.CrossEntropyLoss(), "-weight": losses.CrossEntropyLoss(0.7), "-weights": losses.CrossEntropyLoss([0.5, 1.0, 3.0]),
        "-none": losses.CrossEntropyLoss(reduction="none"),
    }.items():  # fmt: skip
        _add(f"loss-cross-entropy{name}", loss, odds, odds)
        _add(f"loss-cross-entropy{name}-labels", loss, odds, whole(4, below=3))
        scores = replace(loss, use_softmax=True)
        _add(f"loss-cross-entropy{name}-scores", scores, p, odds)
        _add(f"loss-cross-entropy{name}-scores-labels", scores, p, whole(4, below=3))
    _add("loss-cross-entropy-labels-column", losses.CrossEntropyLoss(use_softmax=True), p, whole(4, 1, below=3))
    _add("loss-nll", losses.nll, p, whole(4, below=3))
    for name, metric, x, target in (
        ("accuracy", metrics.Accuracy(), p, odds), ("accuracy-labels", metrics.Accuracy(), p, whole(4, below=3)),
        ("accuracy-labels-column", metrics.Accuracy(), p, whole(4, 1, below=3)), ("accuracy-sequences", metrics.Accuracy(), floats(2, 4, 3), whole(2, 4, below=3)),
        ("accuracy-one-score", metrics.Accuracy(), one, whole(4, 1, below=2)), ("accuracy-threshold", metrics.Accuracy(-0.3), floats(8), whole(8, below=2)),
        ("binary-accuracy", metrics.BinaryAccuracy(0.4), odds, truth), ("one-hot-binary-accuracy", metrics.OneHotBinaryAccuracy(), p, whole(4, below=3)),
    ):  # fmt: skip
        _add(f"metric-{name}", metric, x, target, slope=False)
    _add("metric-function", lambda p, y: (p.argmax(axis=1) == y).mean(), p, whole(4, below=3), slope=False)
    _add("metric-inside-a-model", lambda x, y: call(metrics.Accuracy(), L.Dense(3, name="inside")(x), y), p, whole(4, below=3), slope=False)


for _fill in (_elementwise, _reductions_and_shapes, _errors):
    _fill()
