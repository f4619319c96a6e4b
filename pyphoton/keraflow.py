"""Keraflow's names for the Keras face: `from pyphoton.keraflow import Input, Dense, Model`.

What Keraflow calls as today's Keras does is the same object; its spellings of arguments (`output_dim`, `init`, `nb_epoch`) are taken by those.
"""

from __future__ import annotations

from typing import Any

from pyphoton import keras
from pyphoton.config import seed_
from pyphoton.lazy import lazily

_OWN = {
    "constraints": ("MaxNorm", "NonNeg", "UnitNorm"),
    "keras.activations": ("hard_sigmoid", "linear", "relu", "sigmoid", "softmax", "softplus", "softsign", "tanh"),
    "keras.callbacks": ("Callback", "EarlyStopping", "LearningRateScheduler", "ModelCheckpoint"),
    "keras.optimizers": ("SGD", "Adadelta", "Adagrad", "Adam", "Adamax", "RMSprop"),
    "keras.utils": ("pad_sequences", "to_categorical"),
    "regularisers": ("L1", "L2", "L1L2"),
}  # fmt: skip
_own, _get, _ = lazily(__name__, _OWN)
__all__ = sorted({*keras.__all__, *_own, "seed"}, key=str.lower)


def seed(number: int) -> None:
    """Models that are built from now on draw the same numbers whenever a script runs. Errors: ArgumentError below 0."""
    seed_(number)


def __getattr__(name: str) -> Any:
    return _get(name) if name in _own else getattr(keras, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
