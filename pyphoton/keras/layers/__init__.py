"""The stock layers of the Keras face, a file per family."""

from __future__ import annotations

from pyphoton.keras.called import callable_module
from pyphoton.lazy import lazily

NAMES = {
    "keras.layers.activation": ("ELU", "LeakyReLU", "PReLU", "ParametricSoftplus", "ReLU", "SReLU", "Softmax", "ThresholdedReLU"),
    "keras.layers.conv": ("Conv1D", "Conv2D", "Conv3D"),
    "keras.layers.conv_more": (
        "Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose", "DepthwiseConv1D", "DepthwiseConv2D",
        "LocallyConnected1D", "LocallyConnected2D", "SeparableConv1D", "SeparableConv2D",
    ),
    "keras.layers.core": ("Activation", "Dense", "Dropout"),
    "keras.layers.embedding": ("Embedding",),
    "keras.layers.keraflow_conv": ("AtrousConvolution1D", "AtrousConvolution2D", "Convolution1D", "Convolution2D"),
    "keras.layers.merge": (
        "Add", "Average", "Concatenate", "Dot", "ElementWiseMult", "ElementWiseSum", "Maximum", "Minimum", "Multiply", "Subtract", "add",
        "average", "concatenate", "dot", "maximum", "minimum", "multiply", "subtract",
    ),
    "keras.layers.more": ("ActivityRegularization", "Highway", "Identity", "Lambda", "MaxoutDense"),
    "keras.layers.noise": ("AlphaDropout", "GaussianDropout", "GaussianNoise", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D"),
    "keras.layers.norm": (
        "BatchNormalization", "GroupNormalization", "LayerNormalization", "Normalization", "RMSNormalization", "Rescaling",
        "UnitNormalization",
    ),
    "keras.layers.pool": (
        "AveragePooling1D", "AveragePooling2D", "AveragePooling3D", "AvgPool1D", "AvgPool2D", "AvgPool3D", "GlobalAveragePooling1D",
        "GlobalAveragePooling2D", "GlobalAveragePooling3D", "GlobalAvgPool1D", "GlobalAvgPool2D", "GlobalAvgPool3D", "GlobalMaxPool1D",
        "GlobalMaxPool2D", "GlobalMaxPool3D", "GlobalMaxPooling1D", "GlobalMaxPooling2D", "GlobalMaxPooling3D", "MaxPool1D", "MaxPool2D",
        "MaxPool3D", "MaxPooling1D", "MaxPooling2D", "MaxPooling3D", "Pooling1D", "Pooling2D", "Pooling3D",
    ),
    "keras.layers.shape": ("ExpandDims", "Flatten", "Permute", "PermuteDims", "Repeat", "RepeatVector", "Reshape"),
    "keras.layers.space": (
        "Cropping1D", "Cropping2D", "Cropping3D", "UnSampling1D", "UnSampling2D", "UnSampling3D", "UpSampling1D", "UpSampling2D",
        "UpSampling3D", "ZeroPadding1D", "ZeroPadding2D", "ZeroPadding3D",
    ),
    "keras.layers.cells": ("GRUCell", "LSTMCell", "RNN", "SimpleRNNCell"),
    "keras.layers.masking": ("Masking",),
    "keras.layers.recurrent": ("GRU", "LSTM", "SimpleRNN"),
    "keras.layers.wrappers": ("Bidirectional", "TimeDistributed"),
}  # fmt: skip
"""The module of each layer's class."""
__all__, __getattr__, __dir__ = lazily(__name__, NAMES | {"keras.layer": ("Layer",)})
callable_module(__name__)
