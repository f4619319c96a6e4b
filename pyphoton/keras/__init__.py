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
    "keras.layer": ("Layer",),
    "keras.layers.cells": ("GRUCell", "LSTMCell", "RNN", "SimpleRNNCell"),
    "keras.layers.masking": ("Masking",),
    "keras.layers.recurrent": ("GRU", "LSTM", "SimpleRNN"),
    "keras.layers.wrappers": ("Bidirectional", "TimeDistributed"),
    "keras.states": ("reset_states_",),
}  # fmt: skip
__all__, __getattr__, __dir__ = lazily(__name__, _NAMES)
