"""What PyPhoton builds for each case of tests/golden/knet, by the same names, and how Knet's arrays are said in its words."""

from __future__ import annotations

from functools import partial

import numpy as np
from knet_golden import batch_norm, convolution, dense, knet, rearranged, recurrent, unpooled, whole

import pyphoton as pp

same = partial(rearranged, arrange=dict)
ACTIVATIONS = {
    "relu": pp.relu, "tanh": pp.tanh, "sigm": pp.sigm, "elu": pp.elu, "selu": pp.selu, "gelu": pp.gelu, "swish": pp.swish,
    "hardsigmoid": lambda x: pp.hard_sigmoid(x / 1.2),  # Knet's is clip(x / 6 + 0.5, 0, 1), PyPhoton's is Keras's, clip(0.2 x + 0.5, 0, 1)
    "hardswish": lambda x: x * pp.hard_sigmoid(x / 1.2),
    "leaky-relu": partial(pp.leaky_relu, alpha=0.2), "relu-6": lambda x: np.minimum(pp.relu(x), 3.0),
}  # fmt: skip
LAYERS = {
    "dense": (partial(pp.Dense, 4), dense), "dense-no-bias": (partial(pp.Dense, 4, use_bias=False), dense),
    "dense-mat": (partial(pp.Dense, 4, pp.relu), dense), "dense-mat-dims-1": (partial(pp.Dense, 4, flatten=False), dense),
    "mat": (pp.Flatten, same), "embedding": (partial(pp.Embedding, 6, 3), dense),
    **{f"activation-{name}": (lambda f=f: f, same) for name, f in ACTIVATIONS.items()},
    "softmax": (pp.Softmax, same), "softmax-dims-2": (partial(pp.Softmax, 1), same), "softmax-all": (pp.Softmax, whole),
    "logsoftmax": (pp.LogSoftmax, same), "logsoftmax-dims-2": (partial(pp.LogSoftmax, 1), same), "logsoftmax-all": (pp.LogSoftmax, whole),
    "dropout": (partial(pp.Dropout, 0.4), same),
}  # fmt: skip


def halved(layer):
    """A convolution whose result is multiplied by alpha = 0.5."""
    return pp.Sequential(layer, lambda x: x * 0.5)


def _convolutions():
    conv, plain = partial(pp.Conv2D, 3, (2, 3)), partial(pp.Conv2D, 3, (2, 3), use_bias=False)
    yield "conv", (plain, partial(convolution, flipped=True))
    yield "conv-bias-relu", (partial(conv, pp.relu), partial(convolution, flipped=True))
    yield "conv-mode-1", (plain, partial(convolution, flipped=False))
    yield "conv-mode-1-bias", (conv, partial(convolution, flipped=False))
    for mode in (0, 1):
        words, up = partial(convolution, flipped=mode == 0), partial(pp.Conv2DTranspose, 3, (2, 3), use_bias=False)
        yield f"conv-padding-{mode}", (partial(plain, padding=(2, 1)), words)
        yield f"conv-stride-{mode}", (partial(plain, strides=(1, 2)), words)
        yield f"conv-dilation-{mode}", (partial(pp.Conv2D, 2, (2, 3), dilation=2, use_bias=False), words)
        yield f"conv-everything-{mode}", (partial(conv, padding=1, strides=2, dilation=(2, 1)), words)
        yield f"conv-alpha-{mode}", (lambda: halved(plain()), partial(words, prefix="0."))
        yield f"conv1d-{mode}", (partial(pp.Conv1D, 2, 3, padding=1, use_bias=False), words)
        yield f"conv3d-{mode}", (partial(pp.Conv3D, 2, 2, strides=(1, 2, 1), use_bias=False), words)
        yield f"deconv-{mode}", (up, words)
        yield f"deconv-bias-{mode}", (partial(pp.Conv2DTranspose, 3, (2, 3)), words)
        yield f"deconv-stride-{mode}", (partial(up, strides=2), words)
        yield f"deconv-padding-{mode}", (partial(up, padding=(0, 1)), words)
        yield f"deconv1d-{mode}", (partial(pp.Conv1DTranspose, 2, 3, strides=2, padding=1, use_bias=False), words)


def unpool(window):
    """Each number over its window."""
    return partial(pp.Conv2DTranspose, 1, window, strides=window, use_bias=False), partial(unpooled, window=window)


POOLS = {
    "pool": (pp.MaxPool, same), "pool-mode-3": (pp.MaxPool, same), "pool-padding": (partial(pp.MaxPool, 3, padding=1, strides=2), same),
    "pool-window": (partial(pp.MaxPool, (2, 3), strides=(2, 1)), same), "pool-window-alone": (partial(pp.MaxPool, (4, 2)), same),
    "pool-alpha": (lambda: halved(pp.MaxPool(2)), same), "pool1d": (partial(pp.MaxPool, 3), same), "pool3d": (partial(pp.MaxPool, 2, strides=1), same),
    "mean": (pp.AvgPool, same), "mean-padding": (partial(pp.AvgPool, 3, padding=1, strides=1), same),
    "mean-window": (partial(pp.AvgPool, (2, 3), strides=(2, 1)), same), "mean1d": (partial(pp.AvgPool, 3, strides=2), same),
    "mean3d": (partial(pp.AvgPool, 2, strides=1), same), "mode-2": (pp.AvgPool, same),
    "mode-2-padding": (partial(pp.AvgPool, 3, padding=1, strides=1), same),  # Knet takes mode 1 for it on the processor, without an error
    "unpool": unpool((2, 2)), "unpool-window": unpool((1, 3)),
}  # fmt: skip


def _norms():
    for name, found in knet("norms").items():
        affine = "params" in found["weights"]
        given = {} if "as-it-is" in name else {"epsilon": found["eps"], "momentum": found["momentum"]}
        yield name, (partial(pp.BatchNorm, scale=affine, shift=affine, **given), batch_norm)


def _recurrent():
    layers = {"relu": partial(pp.RNN, activation=pp.relu), "tanh": pp.RNN, "lstm": pp.LSTM, "gru": pp.GRU}
    for name, found in knet("recurrent").items():
        if name not in SEPARATE:
            layer = partial(layers[found["kind"]], found["hidden"], found["layers"])
            yield name, (partial(layer, bidirectional=found["directions"] == 2, last_only="last" in name), recurrent)


SEPARATE = {"bmm", "bmm-transposed", "dropout-in-training", "gru-two-biases", "forget-biases"}
"""Cases with tests of their own."""
FILES = {"layers": LAYERS, "convolutions": dict(_convolutions()), "pools": POOLS, "norms": dict(_norms()), "recurrent": dict(_recurrent())}
"""For each case a function that builds the model, and one that says Knet's case in PyPhoton's words."""

SCORES = pp.CrossEntropyLoss(use_softmax=True)
LOSSES = {
    **{f"nll{kind}": SCORES for kind in ("", "-skipping", "-dims-2")},
    **{f"nll-total{kind}": pp.CrossEntropyLoss(use_softmax=True, reduction="sum") for kind in ("", "-skipping")},
    **{f"accuracy{kind}": pp.accuracy() for kind in ("", "-skipping", "-dims-2")},
    "bce": pp.BCELoss(use_sigmoid=True), "bce-total": pp.BCELoss(use_sigmoid=True, reduction="sum"), "logistic": pp.BCELoss(use_sigmoid=True),
}  # fmt: skip
MODELS = {
    "perceptron-sgd": lambda: pp.Sequential(pp.Dense(5, pp.relu), pp.Dense(3)),
    "image-adam": lambda: pp.Sequential(pp.Conv2D(2, 3, pp.relu), pp.MaxPool(2), pp.Dense(4, pp.tanh), pp.Dense(3)),
}
