"""Callbacks of this face, with the arguments of today's Keras."""

from __future__ import annotations

from pyphoton.callbacks.keras_form import LambdaCallback
from pyphoton.keras.callbacks.base import Callback
from pyphoton.keras.callbacks.files import CSVLogger, ModelCheckpoint, ProgbarLogger, RemoteMonitor, TensorBoard
from pyphoton.keras.callbacks.rates import LearningRateScheduler, ReduceLROnPlateau
from pyphoton.keras.callbacks.stopping import EarlyStopping, TerminateOnNaN
from pyphoton.keras.history import History

__all__ = [
    "CSVLogger", "Callback", "EarlyStopping", "History", "LambdaCallback", "LearningRateScheduler", "ModelCheckpoint", "ProgbarLogger",
    "ReduceLROnPlateau", "RemoteMonitor", "TensorBoard", "TerminateOnNaN",
]  # fmt: skip
