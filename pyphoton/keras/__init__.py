"""The Keras face: functional models, symbolic tensors, compile and fit, on the same layers, graphs and engines.

>>> from pyphoton.keras import Dense, Input, Model
>>> x = Input(shape=(8,))
>>> model = Model(x, Dense(1)(Dense(16, activation="relu")(x)))

Names are today's Keras's; Keraflow's and Keras.jl's spellings (`output_dim`, `fit_`, `weights_`) are taken beside them.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from pyphoton.keras.layers import NAMES as _LAYERS
from pyphoton.lazy import lazily

_NAMES = {
    "errors": ("KeraFlowError",),
    "interop.from_keras": ("from_keras",),
    "interop.to_keras": ("to_keras",),
    "keras.custom": ("get_tensor_shape",),
    "keras.eager": ("eval_", "rand_norm", "rand_uni"),
    "keras.entry": ("Input", "InputLayer"),
    "keras.help": ("doc",),
    "keras.history": ("History",),
    "keras.data_format": ("image_data_format", "set_image_data_format"),
    "keras.layer": ("Layer",),
    "keras.model": ("Model",),
    "keras.nodes": ("input", "input_shape", "inputs", "output", "output_shape", "outputs", "weights", "weights_"),
    "keras.objectives": ("metric", "objective"),
    "keras.ops": ("cast", "clip", "cos", "exp", "log", "mean", "prod", "sin", "sqrt", "square", "std", "transpose", "var"),
    "keras.saving.files": ("load_model", "model_from_json", "model_from_yaml", "save_model"),
    "keras.saving.reading": ("unserialize",),
    "keras.saving.writing": ("serialize",),
    "keras.sequential": ("Sequential",),
    "keras.states": ("reset_states_",),
    "keras.symbolic": ("Tensor", "variable"),
    "keras.verbs": ("compile_", "evaluate", "fit_", "predict", "predict_on_batch", "test_on_batch", "train_on_batch_"),
    "layers": ("add_",),
    **_LAYERS,
}  # fmt: skip
_names, _named, __dir__ = lazily(__name__, _NAMES)
__all__ = [name for name in _names if name != "input"]  # `import *` leaves Python's own input alone
MODULES = frozenset({
    "activations", "callbacks", "config", "constraints", "initializers", "layers", "losses", "metrics", "models", "objectives", "ops", "optimizers",
    "preprocessing", "regularizers", "saving", "utils",
})  # fmt: skip
"""Modules of today's Keras, loaded when they are first used; `layers` and `config` are Keras.jl's functions, too."""


def __getattr__(name: str) -> Any:
    return import_module(f"{__name__}.{name}") if name in MODULES and name not in _names else _named(name)
