"""DenseNet: every layer of a block sees the outputs of all layers before it."""

from __future__ import annotations

from typing import Any

from pyphoton.activations import relu
from pyphoton.arguments import checked, is_integer
from pyphoton.errors import ArgumentError
from pyphoton.initialisers import he_normal
from pyphoton.layers import AvgPool, BatchNorm, Conv2D, Dropout, GlobalAvgPool, MaxPool, Residual, Sequential
from pyphoton.zoo.head import scores


def _convolution(channels: int, size: int, name: str, **options: Any) -> Conv2D:
    return Conv2D(channels, size, use_bias=False, initw=he_normal, name=name, **options)


def _layer(number: int, growth: int, bn_size: int, dropout: float) -> Residual:
    """Norm, relu, 1x1 convolution, norm, relu, 3x3 convolution; the result is appended to the channels of the input."""
    return Residual(
        BatchNorm(relu, name="norm1"), _convolution(bn_size * growth, 1, "conv1"),
        BatchNorm(relu, name="norm2"), _convolution(growth, 3, "conv2", padding=1),
        *([Dropout(dropout)] if dropout else []),
        name=f"denselayer{number}",
    )  # fmt: skip


def _transition(number: int, channels: int) -> Sequential:
    """Half of the channels, half of the height and width."""
    return Sequential(BatchNorm(relu, name="norm"), _convolution(channels, 1, "conv"), AvgPool(2), name=f"transition{number}")


def _densenet(
    model: str, blocks: tuple[int, ...], classes: int, bn_size: int, dropout: float, *, growth: int = 32, channels: int = 64
) -> Sequential:
    if not is_integer(bn_size) or bn_size < 1:
        raise ArgumentError(model, "bn_size: a whole number above 0", repr(bn_size))
    features: list[Any] = [
        _convolution(channels, 7, "conv0", strides=2, padding=3), BatchNorm(relu, name="norm0"), MaxPool(3, strides=2, padding=1),
    ]  # fmt: skip
    for block, count in enumerate(blocks, 1):
        layers = [_layer(n, growth, bn_size, dropout) for n in range(1, count + 1)]
        features.append(Sequential(*layers, name=f"denseblock{block}"))
        channels += count * growth
        if block < len(blocks):
            channels //= 2
            features.append(_transition(block, channels))
    features.append(BatchNorm(relu, name="norm5"))
    return Sequential(Sequential(*features, name="features"), GlobalAvgPool(), scores(model, classes, name="classifier"))


@checked
def DenseNet121(classes: int = 1000, bn_size: int = 4, dropout: float = 0) -> Sequential:
    """DenseNet with 121 layers of weights: 7,978,856 parameters for 1000 classes.

    Input: (N, 3, 224, 224); at least 29 x 29. Output: scores (N, classes). `bn_size`: how many times as many channels the 1x1
    convolutions have as a layer adds; `dropout` acts at the end of each layer.
    Errors: ArgumentError. Source: Huang et al. 2016 (DenseNet-BC); torchvision.models, whose weights fit by name.
    """
    return _densenet("DenseNet121", (6, 12, 24, 16), classes, bn_size, dropout)


@checked
def DenseNet161(classes: int = 1000, bn_size: int = 4, dropout: float = 0) -> Sequential:
    """DenseNet with 161 layers of weights: 28,681,000 parameters for 1000 classes.

    Input: (N, 3, 224, 224); at least 29 x 29. Output: scores (N, classes). `bn_size`: how many times as many channels the 1x1
    convolutions have as a layer adds; `dropout` acts at the end of each layer.
    Errors: ArgumentError. Source: Huang et al. 2016 (DenseNet-BC); torchvision.models, whose weights fit by name.
    """
    return _densenet("DenseNet161", (6, 12, 36, 24), classes, bn_size, dropout, growth=48, channels=96)


@checked
def DenseNet169(classes: int = 1000, bn_size: int = 4, dropout: float = 0) -> Sequential:
    """DenseNet with 169 layers of weights: 14,149,480 parameters for 1000 classes.

    Input: (N, 3, 224, 224); at least 29 x 29. Output: scores (N, classes). `bn_size`: how many times as many channels the 1x1
    convolutions have as a layer adds; `dropout` acts at the end of each layer.
    Errors: ArgumentError. Source: Huang et al. 2016 (DenseNet-BC); torchvision.models, whose weights fit by name.
    """
    return _densenet("DenseNet169", (6, 12, 32, 32), classes, bn_size, dropout)


@checked
def DenseNet201(classes: int = 1000, bn_size: int = 4, dropout: float = 0) -> Sequential:
    """DenseNet with 201 layers of weights: 20,013,928 parameters for 1000 classes.

    Input: (N, 3, 224, 224); at least 29 x 29. Output: scores (N, classes). `bn_size`: how many times as many channels the 1x1
    convolutions have as a layer adds; `dropout` acts at the end of each layer.
    Errors: ArgumentError. Source: Huang et al. 2016 (DenseNet-BC); torchvision.models, whose weights fit by name.
    """
    return _densenet("DenseNet201", (6, 12, 48, 32), classes, bn_size, dropout)
