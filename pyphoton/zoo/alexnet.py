"""AlexNet, in the single-column form that torchvision has."""

from __future__ import annotations

from pyphoton.activations import relu
from pyphoton.arguments import checked
from pyphoton.layers import Activation, AdaptiveAvgPool, Conv2D, Dense, Dropout, MaxPool, Sequential
from pyphoton.zoo.head import fan_in_uniform, scores


@checked
def AlexNet(classes: int = 1000, *, dropout: float = 0.5) -> Sequential:
    """AlexNet: five convolutions and three dense layers, 61,100,840 parameters for 1000 classes.

    Input: (N, 3, 224, 224); at least 63 x 63. Output: scores (N, classes). `dropout` acts before the first two dense layers.
    Errors: ArgumentError. Source: Krizhevsky 2014, "One weird trick for parallelizing convolutional neural networks";
    torchvision.models.alexnet, whose weights fit by name.
    """
    init = fan_in_uniform
    features = Sequential(
        Conv2D(64, 11, strides=4, padding=2, initw=init), Activation(relu), MaxPool(3, strides=2),
        Conv2D(192, 5, padding=2, initw=init), Activation(relu), MaxPool(3, strides=2),
        Conv2D(384, 3, padding=1, initw=init), Activation(relu),
        Conv2D(256, 3, padding=1, initw=init), Activation(relu),
        Conv2D(256, 3, padding=1, initw=init), Activation(relu), MaxPool(3, strides=2),
        name="features",
    )  # fmt: skip
    classifier = Sequential(
        Dropout(dropout), Dense(4096, initw=init), Activation(relu),
        Dropout(dropout), Dense(4096, initw=init), Activation(relu), scores("AlexNet", classes),
        name="classifier",
    )  # fmt: skip
    return Sequential(features, AdaptiveAvgPool(6), classifier)
