"""The stock layers of the Keras face, a file per family."""

from __future__ import annotations

from pyphoton.lazy import lazily

NAMES = {
    "keras.layers.cells": ("GRUCell", "LSTMCell", "RNN", "SimpleRNNCell"),
    "keras.layers.masking": ("Masking",),
    "keras.layers.recurrent": ("GRU", "LSTM", "SimpleRNN"),
    "keras.layers.wrappers": ("Bidirectional", "TimeDistributed"),
}  # fmt: skip
"""The module of each layer's class."""
__all__, __getattr__, __dir__ = lazily(__name__, NAMES)
