"""The Keras face: functional models, symbolic tensors, compile and fit, on the same layers, graphs and engines.

>>> from pyphoton.keras import Dense, Input, Model
>>> x = Input(shape=(8,))
>>> model = Model(x, Dense(1)(Dense(16, activation="relu")(x)))

Names are today's Keras's; Keraflow's and Keras.jl's spellings (`output_dim`, `fit_`, `weights_`) are taken beside them.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from pyphoton.lazy import lazily

_NAMES = {
    "errors": ("KeraFlowError",),
    "keras.history": ("History",),
    "keras.layer": ("Layer",),
    "keras.objectives": ("metric", "objective"),
    "keras.verbs": ("compile_", "evaluate", "fit_", "predict", "predict_on_batch", "test_on_batch", "train_on_batch_"),
}  # fmt: skip
__all__, _named, __dir__ = lazily(__name__, _NAMES)
_MODULES = {"callbacks", "losses", "metrics", "objectives", "optimizers"}


def __getattr__(name: str) -> Any:
    return import_module(f"{__name__}.{name}") if name in _MODULES else _named(name)
