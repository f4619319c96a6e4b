"""The initialisers of today's Keras, under its names and with its arguments: drawn from a seed of their own, or from the model's.

Normal numbers of GlorotNormal, HeNormal, LecunNormal and VarianceScaling are cut off at two deviations, as Keras's are, and have the
variance of the definition.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np

from pyphoton.arguments import spelled
from pyphoton.description import description
from pyphoton.errors import ArgumentError, UnknownName, near
from pyphoton.initialisers import Constant, Fans, Initialiser, Orthogonal, Random, Scaled, generator

NARROWER = 0.87962566103423978
"""The standard deviation of a normal distribution of deviation 1 that is cut off at -2 and 2."""


def truncated(random: Random, shape: tuple[int, ...], deviation: float) -> Any:
    """Normal numbers, drawn again where they are beyond two deviations."""
    found = random.normal(size=shape)
    while (beyond := abs(found) > 2).any():
        found[beyond] = random.normal(size=int(beyond.sum()))
    return found * deviation


class Seeded(Initialiser):
    """Base of those that may have a `seed` of their own: then every parameter of one shape begins with the same numbers."""

    seed: int | None = None

    def draw(self, random: Random, shape: tuple[int, ...], fans: Fans) -> Any:
        """What `numbers` gives with the seed's random numbers, or with those of the model."""
        return self.numbers(generator(type(self).__name__, self.seed, random), shape, fans)

    def numbers(self, random: Random, shape: tuple[int, ...], fans: Fans) -> Any:
        """An array of `shape`."""
        raise NotImplementedError


@spelled(gain="scale")
@description
class Identity(Initialiser):
    """The unit matrix times `scale` (or `gain`)."""

    scale: float = 1.0

    def draw(self, random: Random, shape: tuple[int, ...], fans: Fans) -> Any:
        """A diagonal. Errors: ArgumentError for what is no square matrix."""
        if len(shape) != 2 or shape[0] != shape[1]:
            raise ArgumentError("Identity", "a square matrix", str(shape))
        return self.scale * np.eye(shape[0])


@description
class Zeros(Initialiser):
    """Every element is 0."""

    def draw(self, random: Random, shape: tuple[int, ...], fans: Fans) -> Any:
        """All the same."""
        return np.zeros(shape)


@description
class Ones(Initialiser):
    """Every element is 1."""

    def draw(self, random: Random, shape: tuple[int, ...], fans: Fans) -> Any:
        """All the same."""
        return np.ones(shape)


@description
class RandomNormal(Seeded):
    """Normal with `mean` and standard deviation `stddev`."""

    mean: float = 0.0
    stddev: float = 0.05
    seed: int | None = None

    def numbers(self, random: Random, shape: tuple[int, ...], fans: Fans) -> Any:
        """Normal numbers."""
        return random.normal(self.mean, self.stddev, shape)


@description
class TruncatedNormal(Seeded):
    """Normal with `mean` and `stddev`, drawn again beyond two of these: the deviation of what is left is 0.88 stddev."""

    mean: float = 0.0
    stddev: float = 0.05
    seed: int | None = None

    def numbers(self, random: Random, shape: tuple[int, ...], fans: Fans) -> Any:
        """Normal numbers without tails."""
        return self.mean + truncated(random, shape, self.stddev)


@description
class RandomUniform(Seeded):
    """Uniform in [minval, maxval)."""

    minval: float = -0.05
    maxval: float = 0.05
    seed: int | None = None

    def numbers(self, random: Random, shape: tuple[int, ...], fans: Fans) -> Any:
        """Uniform numbers."""
        return random.uniform(self.minval, self.maxval, shape)


@description
class VarianceScaling(Seeded):
    """Variance scale / fan, where `mode` is "fan_in", "fan_out" or "fan_avg".

    `distribution` is "truncated_normal", "untruncated_normal" or "uniform".
    """

    scale: float = 1.0
    mode: str = "fan_in"
    distribution: str = "truncated_normal"
    seed: int | None = None
    _fans: ClassVar[dict[str, str]] = {"fan_in": "in", "fan_out": "out", "fan_avg": "mean"}
    _distributions: ClassVar[tuple[str, ...]] = ("truncated_normal", "untruncated_normal", "uniform")

    def __post_init__(self) -> None:
        if isinstance(self.scale, bool) or not isinstance(self.scale, int | float) or not 0 < self.scale < math.inf:
            raise ArgumentError("VarianceScaling scale=", "a number above 0", repr(self.scale))
        for name, value, known in (("mode", self.mode, tuple(self._fans)), ("distribution", self.distribution, self._distributions)):
            if value not in known:
                raise UnknownName(f"VarianceScaling {name}=", received=repr(value), hint=near(str(value), known))

    def numbers(self, random: Random, shape: tuple[int, ...], fans: Fans) -> Any:
        """Numbers of that variance."""
        fan = self._fans[self.mode]
        if self.distribution != "truncated_normal":
            return Scaled(float(self.scale), fan, self.distribution == "uniform").draw(random, shape, fans)
        by_fan = {"in": fans[0], "out": fans[1], "mean": (fans[0] + fans[1]) / 2}[fan]
        return truncated(random, shape, math.sqrt(self.scale / max(1.0, by_fan)) / NARROWER)


class _Scaling(Seeded):
    """Base of those with a scale, a fan and a distribution of their own."""

    scaling: ClassVar[tuple[float, str, str]]
    in_files = False

    def numbers(self, random: Random, shape: tuple[int, ...], fans: Fans) -> Any:
        """Numbers of that variance."""
        return VarianceScaling(*self.scaling).numbers(random, shape, fans)


def _scaling(name: str, scale: float, mode: str, distribution: str, text: str) -> Any:
    """A class with a seed and nothing else to choose."""
    members = {
        "__doc__": text, "__module__": __name__, "__qualname__": name, "__annotations__": {"seed": "int | None"}, "seed": None,
        "scaling": (scale, mode, distribution), "in_files": True,
    }  # fmt: skip
    return description(type(name, (_Scaling,), members))


GlorotUniform = _scaling("GlorotUniform", 1.0, "fan_avg", "uniform", "Uniform with variance 2 / (in + out) (Glorot and Bengio 2010).")
GlorotNormal = _scaling("GlorotNormal", 1.0, "fan_avg", "truncated_normal", "Normal, cut off, with variance 2 / (in + out) (Glorot and Bengio 2010).")
HeUniform = _scaling("HeUniform", 2.0, "fan_in", "uniform", "Uniform with variance 2 / in (He et al. 2015).")
HeNormal = _scaling("HeNormal", 2.0, "fan_in", "truncated_normal", "Normal, cut off, with variance 2 / in (He et al. 2015).")
LecunUniform = _scaling("LecunUniform", 1.0, "fan_in", "uniform", "Uniform with variance 1 / in (LeCun et al. 1998).")
LecunNormal = _scaling("LecunNormal", 1.0, "fan_in", "truncated_normal", "Normal, cut off, with variance 1 / in (LeCun et al. 1998).")

_CLASSES = (
    Zeros, Ones, RandomNormal, TruncatedNormal, RandomUniform, VarianceScaling, Constant, Orthogonal, Identity,
    GlorotUniform, GlorotNormal, HeUniform, HeNormal, LecunUniform, LecunNormal,
)  # fmt: skip
NAMES: dict[str, Initialiser] = {
    "constant": Constant(), "identity": Identity(), "random_normal": RandomNormal(), "random_uniform": RandomUniform(),
    "truncated_normal": TruncatedNormal(), "variance_scaling": VarianceScaling(), **{c.__name__: c() for c in _CLASSES},
}  # fmt: skip
"""Keras's names that are not among those of `initialisers.NAMES`."""
