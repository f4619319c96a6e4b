"""The last layer of every model of the zoo, and the initial values that torchvision's models start from."""

from __future__ import annotations

from pyphoton.arguments import is_integer
from pyphoton.errors import ArgumentError
from pyphoton.initialisers import Gaussian, Scaled
from pyphoton.layers import Dense

fan_in_uniform = Scaled(1 / 3, "in")
"""Uniform in +-1 / sqrt(inputs): torch's own default for convolutions and dense layers."""

he_normal_out = Scaled(2.0, "out", uniform=False)
"""He et al. 2015 with the outputs of a unit, as torchvision starts VGG and ResNet."""

small_normal = Gaussian(std=0.01)


def scores(model: str, classes: int, *, name: str | None = None, initw: Scaled | Gaussian = fan_in_uniform) -> Dense:
    """The layer that gives one number per class. Errors: ArgumentError unless `classes` is a whole number above 0."""
    if not is_integer(classes) or classes < 1:
        raise ArgumentError(model, "classes: a whole number above 0", repr(classes))
    return Dense(int(classes), initw=initw, name=name)
