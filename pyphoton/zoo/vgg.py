"""VGG with 11, 13, 16 and 19 layers."""

from __future__ import annotations

from typing import Any

from pyphoton.activations import relu
from pyphoton.arguments import checked
from pyphoton.layers import Activation, AdaptiveAvgPool, BatchNorm, Conv2D, Dense, Dropout, MaxPool, Sequential
from pyphoton.zoo.head import he_normal_out, scores, small_normal

CHANNELS = (64, 128, 256, 512, 512)


def _vgg(model: str, repeats: tuple[int, ...], classes: int, batch_norm: bool, dropout: float) -> Sequential:
    """Five groups of convolutions with a pooling after each; `repeats` says how many convolutions each group has."""
    features: list[Any] = []
    for channels, count in zip(CHANNELS, repeats, strict=True):
        for _ in range(count):
            features.append(Conv2D(channels, 3, padding=1, initw=he_normal_out))
            features += [BatchNorm(), Activation(relu)] if batch_norm else [Activation(relu)]
        features.append(MaxPool(2))
    classifier = Sequential(
        Dense(4096, initw=small_normal), Activation(relu), Dropout(dropout),
        Dense(4096, initw=small_normal), Activation(relu), Dropout(dropout), scores(model, classes, initw=small_normal),
        name="classifier",
    )  # fmt: skip
    return Sequential(Sequential(*features, name="features"), AdaptiveAvgPool(7), classifier)


@checked
def VGG11(classes: int = 1000, batch_norm: bool = True, *, dropout: float = 0.5) -> Sequential:
    """VGG with 11 layers of weights: 132,868,840 parameters for 1000 classes (132,863,336 without normalisation).

    Input: (N, 3, 224, 224); at least 32 x 32. Output: scores (N, classes). `batch_norm=False` leaves the normalisations out
    (torchvision's vgg11 instead of vgg11_bn); `dropout` acts after the first two dense layers.
    Errors: ArgumentError. Source: Simonyan and Zisserman 2014; torchvision.models, whose weights fit by name.
    """
    return _vgg("VGG11", (1, 1, 2, 2, 2), classes, batch_norm, dropout)


@checked
def VGG13(classes: int = 1000, batch_norm: bool = True, *, dropout: float = 0.5) -> Sequential:
    """VGG with 13 layers of weights: 133,053,736 parameters for 1000 classes (133,047,848 without normalisation).

    Input: (N, 3, 224, 224); at least 32 x 32. Output: scores (N, classes). `batch_norm=False` leaves the normalisations out
    (torchvision's vgg13 instead of vgg13_bn); `dropout` acts after the first two dense layers.
    Errors: ArgumentError. Source: Simonyan and Zisserman 2014; torchvision.models, whose weights fit by name.
    """
    return _vgg("VGG13", (2, 2, 2, 2, 2), classes, batch_norm, dropout)


@checked
def VGG16(classes: int = 1000, batch_norm: bool = True, *, dropout: float = 0.5) -> Sequential:
    """VGG with 16 layers of weights: 138,365,992 parameters for 1000 classes (138,357,544 without normalisation).

    Input: (N, 3, 224, 224); at least 32 x 32. Output: scores (N, classes). `batch_norm=False` leaves the normalisations out
    (torchvision's vgg16 instead of vgg16_bn); `dropout` acts after the first two dense layers.
    Errors: ArgumentError. Source: Simonyan and Zisserman 2014; torchvision.models, whose weights fit by name.
    """
    return _vgg("VGG16", (2, 2, 3, 3, 3), classes, batch_norm, dropout)


@checked
def VGG19(classes: int = 1000, batch_norm: bool = True, *, dropout: float = 0.5) -> Sequential:
    """VGG with 19 layers of weights: 143,678,248 parameters for 1000 classes (143,667,240 without normalisation).

    Input: (N, 3, 224, 224); at least 32 x 32. Output: scores (N, classes). `batch_norm=False` leaves the normalisations out
    (torchvision's vgg19 instead of vgg19_bn); `dropout` acts after the first two dense layers.
    Errors: ArgumentError. Source: Simonyan and Zisserman 2014; torchvision.models, whose weights fit by name.
    """
    return _vgg("VGG19", (2, 2, 4, 4, 4), classes, batch_norm, dropout)
