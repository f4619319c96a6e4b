"""Callbacks and meters: what `fit_` calls while it trains. See `hooks.py` for the one form that all others become."""

from pyphoton.callbacks.console import ConsoleMeter, SilentMeter
from pyphoton.callbacks.early_stop import EarlyStop
from pyphoton.callbacks.file_meter import FileMeter
from pyphoton.callbacks.functions import throttle
from pyphoton.callbacks.keras_form import LambdaCallback
from pyphoton.callbacks.plot_meter import PlotMeter
from pyphoton.callbacks.save import AutoSave, EpochSave
from pyphoton.callbacks.tensorboard_meter import TensorBoardMeter

__all__ = [
    "AutoSave", "ConsoleMeter", "EarlyStop", "EpochSave", "FileMeter", "LambdaCallback", "PlotMeter", "SilentMeter",
    "TensorBoardMeter", "throttle",
]  # fmt: skip
