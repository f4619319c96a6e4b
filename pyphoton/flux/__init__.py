"""The Flux face: models in the manner of early Flux (2016), on the same layers, graphs and engines.

>>> from pyphoton.flux import *
>>> m = Chain(Input(784), Dense(128), relu, Dense(64), relu, Dense(10), softmax)
>>> m(np.random.randn(784)).shape
(10,)

A name may mean something else here than in pyphoton itself, where the two differ: MaxPool's stride is (1, 1), `mse` is half the sum of
squares, and a label that is absent makes `onehot` zeros.
"""

from __future__ import annotations

from pyphoton.lazy import lazily

_NAMES = {
    "activations": (
        "elu", "gelu", "identity", "leaky_relu", "log_softmax", "relu", "selu", "sigm", "sigmoid", "softmax", "softplus",
        "tanh", "σ",
    ),
    "callbacks.functions": ("throttle",),
    "converted": ("Converted",),
    "flux.chain": ("Chain", "first", "last"),
    "flux.convert": ("flux", "is_cyclic", "knet", "mxnet", "tf", "torch_"),
    "flux.inference": ("Shapes", "graph", "infer", "shapes"),
    "flux.labels": ("onecold", "onehot"),
    "flux.layers": (
        "Affine", "AvgPool", "Conv2D", "Dense", "Dropout", "MaxPool", "Reshape", "flatten", "hcat", "initn", "vcat",
    ),
    "flux.losses": ("logloss", "mse"),
    "flux.nets": ("Net", "net", "randn", "zeros"),
    "flux.params": ("Param", "back_", "param", "update_"),
    "flux.parts": ("Batched", "batches", "chunk", "partition", "seqs", "sequences"),
    "flux.recurrent": ("GatedRecurrent", "LSTM", "Recurrent"),
    "flux.scores": ("accuracy",),
    "flux.stacks": ("Batch", "Seq", "batchone", "rawbatch", "rpad", "tobatch"),
    "flux.states": ("prev",),
    "flux.train": ("train_",),
    "flux.unrolled": ("flip", "reset_", "stateless", "unroll", "unroll1"),
    "functions": ("exp", "log", "maximum", "minimum", "sqrt", "square", "where"),
    "interop.flux_read": ("from_flux",),
    "interop.keras_model": ("KerasModel", "storeparams_"),
    "interop.torch_read": ("from_torch",),
    "layers": ("Input", "Layer"),
    "saving": ("load", "save"),
}  # fmt: skip
__all__, __getattr__, __dir__ = lazily(__name__, _NAMES)
