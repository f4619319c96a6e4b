"""The layers, a file per family. Each is a description; what it computes stands in one file per backend."""

from pyphoton.layers.base import Layer, Param
from pyphoton.layers.containers import Concurrent, Residual, Sequential, SkipConnection, add, add_
from pyphoton.layers.conv import (
    Conv1D,
    Conv1DTranspose,
    Conv2D,
    Conv2DTranspose,
    Conv3D,
    Conv3DTranspose,
    output_size,
)
from pyphoton.layers.core import Activation, Dense, Dropout, Embedding, Flatten, Input, LogSoftmax, Reshape, Softmax
from pyphoton.layers.norm import BatchNorm, LayerNorm
from pyphoton.layers.pool import (
    AdaptiveAvgPool,
    AdaptiveMaxPool,
    AvgPool,
    AvgPool1D,
    AvgPool2D,
    AvgPool3D,
    GlobalAvgPool,
    GlobalMaxPool,
    MaxPool,
    MaxPool1D,
    MaxPool2D,
    MaxPool3D,
)
from pyphoton.layers.recurrent import GRU, LSTM, RNN

__all__ = [
    "GRU", "LSTM", "RNN", "Activation", "AdaptiveAvgPool", "AdaptiveMaxPool", "AvgPool", "AvgPool1D", "AvgPool2D",
    "AvgPool3D", "BatchNorm", "Concurrent", "Conv1D", "Conv1DTranspose", "Conv2D", "Conv2DTranspose", "Conv3D",
    "Conv3DTranspose", "Dense", "Dropout", "Embedding", "Flatten", "GlobalAvgPool", "GlobalMaxPool", "Input", "Layer",
    "LayerNorm", "LogSoftmax", "MaxPool", "MaxPool1D", "MaxPool2D", "MaxPool3D", "Param", "Reshape", "Residual",
    "Sequential", "SkipConnection", "Softmax", "add", "add_", "output_size",
]  # fmt: skip
