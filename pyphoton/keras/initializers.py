"""What parameters begin with, under Keras's names: `Dense(2, kernel_initializer=HeNormal(seed=1))`, or the name "he_normal".

A subclass of `Initializer` defines `__call__(shape, dtype=None)`, as in Keras.
"""

from __future__ import annotations

from typing import Any

from pyphoton import initialisers
from pyphoton.initialisers import Constant, Fans, Initialiser, Orthogonal, Random, get
from pyphoton.seeded_initialisers import (
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    HeUniform,
    Identity,
    LecunNormal,
    LecunUniform,
    Ones,
    RandomNormal,
    RandomUniform,
    TruncatedNormal,
    VarianceScaling,
    Zeros,
)


class Initializer(Initialiser):
    """Base of initialisers of one's own: `__call__(shape, dtype=None)` gives the first values of a parameter."""

    def __call__(self, shape: Any, dtype: Any = None) -> Any:
        """The first values."""
        raise NotImplementedError

    def draw(self, random: Random, shape: tuple[int, ...], fans: Fans) -> Any:
        """The first values. Errors: ArgumentError for another shape."""
        return initialisers.draw(self.__call__, random, shape, fans)


constant, identity, orthogonal, ones, zeros = Constant, Identity, Orthogonal, Ones, Zeros
glorot_normal, glorot_uniform, he_normal, he_uniform = GlorotNormal, GlorotUniform, HeNormal, HeUniform
lecun_normal, lecun_uniform, variance_scaling = LecunNormal, LecunUniform, VarianceScaling
random_normal, random_uniform, truncated_normal = RandomNormal, RandomUniform, TruncatedNormal

__all__ = [
    "Constant", "GlorotNormal", "GlorotUniform", "HeNormal", "HeUniform", "Identity", "Initializer", "LecunNormal", "LecunUniform",
    "Ones", "Orthogonal", "RandomNormal", "RandomUniform", "TruncatedNormal", "VarianceScaling", "Zeros", "constant", "get",
    "glorot_normal", "glorot_uniform", "he_normal", "he_uniform", "identity", "lecun_normal", "lecun_uniform", "ones", "orthogonal",
    "random_normal", "random_uniform", "truncated_normal", "variance_scaling", "zeros",
]  # fmt: skip
