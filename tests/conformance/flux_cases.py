"""What PyPhoton builds for each case of tests/golden/flux, by the same names: layers, models, losses, optimisers."""

from __future__ import annotations

from functools import partial

import pyphoton as pp

ACTIVATIONS = ("relu", "tanh", "sigmoid", "softplus", "gelu", "swish", "selu", "elu", "leaky_relu", "softsign")
SIMPLE = {
    "dense": lambda: pp.Dense(4),
    **{f"dense-{name}": partial(pp.Dense, 4, name) for name in ACTIVATIONS},
    **{f"activation-{name}": partial(pp.Activation, name) for name in (*ACTIVATIONS, "hard_sigmoid")},
    "dense-no-bias": lambda: pp.Dense(4, use_bias=False), "dense-last-axis": lambda: pp.Dense(4, flatten=False),
    "dense-flattens": lambda: pp.Sequential(pp.Flatten(), pp.Dense(4, pp.relu)),
    "dense-tanh-float32": lambda: pp.Dense(4, pp.tanh), "dense-sigmoid-float32": lambda: pp.Dense(4, pp.sigmoid),
    "softmax": pp.Softmax, "softmax-axis1": lambda: pp.Softmax(1),
    "log-softmax": pp.LogSoftmax, "log-softmax-axis1": lambda: pp.LogSoftmax(1),
    "embedding": lambda: pp.Embedding(6, 3), "embedding-one-axis": lambda: pp.Embedding(6, 3),
    "dropout-of-prediction": lambda: pp.Dropout(0.4), "flatten": pp.Flatten,
}  # fmt: skip


def _convolutions():
    for rank, conv, up in (
        (1, pp.Conv1D, pp.Conv1DTranspose),
        (2, pp.Conv2D, pp.Conv2DTranspose),
        (3, pp.Conv3D, pp.Conv3DTranspose),
    ):
        name, uneven, padding = f"conv{rank}d", (2, 1, 2)[:rank], ((2,), (2, 1), (1, 0, 1))[rank - 1]
        yield name, partial(conv, 2, 3)
        yield f"{name}-padding-tanh", partial(conv, 2, 2, pp.tanh, padding=padding)
        yield f"{name}-same-even", partial(conv, 2, 2, padding="same")
        yield f"{name}-strides", partial(conv, 2, 2, strides=uneven)
        yield f"{name}-dilation", partial(conv, 2, 2, dilation=uneven)
        yield f"{name}-groups", partial(conv, 2, 2, groups=2)
        yield f"{name}-everything", partial(conv, 4, 2, pp.relu, padding=1, strides=uneven, dilation=uneven, groups=2)
        yield f"{name}-transpose", partial(up, 2, 3)
        yield f"{name}-transpose-strides", partial(up, 2, 2, strides=uneven)
        yield f"{name}-transpose-padding-no-bias", partial(up, 2, 3, padding=1, use_bias=False)
        yield f"{name}-transpose-output-padding", partial(up, 1, 3, pp.sigmoid, strides=2, padding=1, output_padding=1)
        yield f"{name}-transpose-dilation", partial(up, 2, 2, dilation=uneven)
        if rank < 3:
            yield f"{name}-same", partial(conv, 2, 3, padding="same")
            yield f"{name}-depthwise-no-bias", partial(conv, 4, 2, groups=4, use_bias=False)
            yield f"{name}-transpose-groups", partial(up, 2, 2, groups=2)
    yield "conv2d-kernel-not-square", partial(pp.Conv2D, 1, (1, 4), padding=(0, 2))
    yield "conv2d-float32", partial(pp.Conv2D, 2, 3, pp.relu, padding=1)
    yield "conv2d-transpose-float32", partial(pp.Conv2DTranspose, 1, 3, strides=2)


def _pools():
    for rank in (1, 2, 3):
        kinds = (
            ("max", pp.MaxPool, pp.AdaptiveMaxPool, pp.GlobalMaxPool),
            ("avg", pp.AvgPool, pp.AdaptiveAvgPool, pp.GlobalAvgPool),
        )
        for kind, pool, adaptive, everywhere in kinds:
            name = f"{kind}-pool{rank}d"
            yield name, partial(pool, 2)
            yield f"{name}-strides", partial(pool, 3, strides=1)
            yield f"{name}-padding", partial(pool, 3, padding=1, strides=2)
            yield f"{name}-same", partial(pool, 3, padding="same", strides=1)
            yield f"adaptive-{name}", partial(adaptive, 2)
            yield f"global-{name}", everywhere
    yield "max-pool-per-axis", partial(pp.MaxPool, (2, 3), padding=(1, 0), strides=(1, 2))


def _norms():
    batch, layer = partial(pp.BatchNorm, epsilon=0.1, momentum=0.3), partial(pp.LayerNorm, epsilon=0.1)
    for axes in ("", "-4-axes", "-3-axes"):
        yield f"batch-norm{axes}", batch
        yield f"batch-norm{axes}-relu", partial(batch, pp.relu)
        yield f"batch-norm{axes}-no-scale-no-shift", partial(batch, scale=False, shift=False)
        yield f"layer-norm{axes}", layer
        yield f"layer-norm{axes}-tanh", partial(pp.LayerNorm, pp.tanh)
        yield f"layer-norm{axes}-no-scale-no-shift", partial(layer, scale=False, shift=False)
    yield "batch-norm-as-it-is", pp.BatchNorm
    yield "batch-norm-float32", batch


def _recurrent():
    for name, layer in (
        ("rnn", pp.RNN),
        ("rnn-relu", partial(pp.RNN, activation=pp.relu)),
        ("lstm", pp.LSTM),
        ("gru", pp.GRU),
    ):
        yield name, partial(layer, 2)
        yield f"{name}-sequence", partial(layer, 2, last_only=False)
        yield f"{name}-two-layers", partial(layer, 2, 2)
        yield f"{name}-float32", partial(layer, 2)
        if name != "rnn-relu":
            yield f"{name}-both-directions", partial(layer, 2, bidirectional=True)
            yield f"{name}-both-directions-sequence", partial(layer, 2, bidirectional=True, last_only=False)


def image():
    """An image model."""
    return pp.Sequential(pp.Conv2D(3, 3, pp.relu), pp.BatchNorm(), pp.MaxPool(2), pp.Dense(2))


MODELS = {
    "sequential": lambda: pp.Sequential(pp.Dense(5, pp.relu), pp.Dense(2)),
    "concurrent": lambda: pp.Concurrent(pp.Dense(2), pp.Dense(3, pp.relu), lambda x: x),
    "concurrent-channels": lambda: pp.Concurrent(pp.Conv2D(2, 1), pp.MaxPool2D(1)),
    "residual": lambda: pp.Residual(pp.Dense(2, pp.tanh)),
    "residual-add": lambda: pp.Residual(pp.Dense(4, pp.tanh), combine="add"),
    "skip-connection": lambda: pp.SkipConnection(pp.Dense(4), lambda y, x: y - 2.0 * x),
    "image": image,
    "words": lambda: pp.Sequential(pp.Embedding(7, 3), pp.GRU(3), pp.Dense(2)),
}  # fmt: skip

FILES = {
    "simple": SIMPLE, "convolutions": dict(_convolutions()), "pools": dict(_pools()), "norms": dict(_norms()),
    "recurrent": dict(_recurrent()), "models": MODELS,
}  # fmt: skip
"""The models of each file."""

LOSSES = {
    "mse": pp.MSE(), "mae": pp.MAE(), "mse-sum": pp.MSE(reduction="sum"), "mae-none": pp.MAE(reduction="none"),
    "binary-cross-entropy": pp.BCELoss(), "binary-cross-entropy-of-scores": pp.BCELoss(use_sigmoid=True),
    "hinge": pp.HingeLoss(), "squared-hinge": pp.SquaredHingeLoss(),
    "focal": pp.FocalLoss(), "focal-gamma-1": pp.FocalLoss(gamma=1.0),
    **{f"cross-entropy{targets}": pp.CrossEntropyLoss() for targets in ("", "-soft", "-labels")},
    **{f"cross-entropy-of-scores{targets}": pp.CrossEntropyLoss(use_softmax=True) for targets in ("", "-labels")},
    "cross-entropy-of-scores-sum": pp.CrossEntropyLoss(use_softmax=True, reduction="sum"),
}  # fmt: skip

OPTIMISERS = {
    "sgd": pp.SGD(0.1), "momentum": pp.Momentum(0.03, 0.8), "nesterov": pp.Nesterov(0.03, 0.8),
    "adagrad": pp.Adagrad(0.1, eps=0.01), "adagrad-without-eps": pp.Adagrad(0.1, eps=0),
    "rmsprop-without-eps": pp.Rmsprop(0.02, 0.8, eps=0), "adadelta": pp.Adadelta(1.0, 0.8, eps=0.01),
    "adam": pp.Adam(0.02, 0.8, 0.9, eps=0.01), "adamw": pp.AdamW(0.02, 0.8, 0.9, eps=0.01, weight_decay=0.3),
    "adamax": pp.Adamax(0.02, 0.8, 0.9, eps=0.01), "sgd-clipped": pp.SGD(0.1, gclip=0.05),
    "adam-clipped": pp.Adam(0.02, 0.8, 0.9, eps=0.01, gclip=0.05), "adam-float32": pp.Adam(0.02, 0.8, 0.9, eps=0.01),
    "image-adam": pp.Adam(0.02, 0.8, 0.9, eps=0.01),
    "sgd-as-it-is": pp.SGD(), "momentum-as-it-is": pp.Momentum(), "nesterov-as-it-is": pp.Nesterov(),
    "adadelta-as-it-is": pp.Adadelta(), "adam-as-it-is": pp.Adam(), "adamw-as-it-is": pp.AdamW(),
    "adamax-as-it-is": pp.Adamax(),
}  # fmt: skip
