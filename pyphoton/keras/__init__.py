"""The Keras face: functional models, symbolic tensors, compile and fit, on the same layers, graphs and engines.

>>> from pyphoton.keras import Dense, Input, Model
>>> x = Input(shape=(8,))
>>> model = Model(x, Dense(1)(Dense(16, activation="relu")(x)))

Names are today's Keras's; Keraflow's and Keras.jl's spellings (`output_dim`, `fit_`, `weights_`) are taken beside them.
"""

from __future__ import annotations

from pyphoton.lazy import lazily

_NAMES = {
    "errors": ("KeraFlowError",),
    "keras.custom": ("get_tensor_shape",),
    "keras.eager": ("eval_", "rand_norm", "rand_uni"),
    "keras.entry": ("Input", "InputLayer"),
    "keras.layer": ("Layer",),
    "keras.model": ("Model",),
    "keras.nodes": ("input", "input_shape", "inputs", "output", "output_shape", "outputs", "weights", "weights_"),
    "keras.ops": ("cast", "clip", "cos", "exp", "log", "mean", "prod", "sin", "sqrt", "square", "std", "transpose", "var"),
    "keras.sequential": ("Sequential",),
    "keras.symbolic": ("Tensor", "variable"),
}  # fmt: skip
_names, __getattr__, __dir__ = lazily(__name__, _NAMES)
__all__ = [name for name in _names if name != "input"]  # `import *` leaves Python's own input alone
