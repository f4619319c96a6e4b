"""The Keras face: functional models, symbolic tensors, compile and fit, on the same layers, graphs and engines.

>>> from pyphoton.keras import Dense, Input, Model
>>> x = Input(shape=(8,))
>>> model = Model(x, Dense(1)(Dense(16, activation="relu")(x)))

Names are today's Keras's; Keraflow's and Keras.jl's spellings (`output_dim`, `fit_`, `weights_`) are taken beside them.
"""

from __future__ import annotations

from pyphoton.keras.layers import NAMES as _LAYERS
from pyphoton.lazy import lazily

_NAMES = {
    "errors": ("KeraFlowError",),
    "keras.data_format": ("image_data_format", "set_image_data_format"),
    "keras.layer": ("Layer",),
    **_LAYERS,
}  # fmt: skip
__all__, __getattr__, __dir__ = lazily(__name__, _NAMES)
