"""First values of parameters by the names and arguments of today's `keras.initializers`.

Numbers are drawn from the model's seed (`pyphoton.seed_`) and the parameter's path. So `seed=` is taken, and changes nothing.
"""

from __future__ import annotations

from typing import Any

from pyphoton import initialisers
from pyphoton.errors import ArgumentError
from pyphoton.initialisers import Constant, Gaussian, Initialiser, Scaled, Uniform, get

Initializer = Initialiser


def Zeros() -> Initialiser:
    """Every element is 0."""
    return initialisers.zeros


def Ones() -> Initialiser:
    """Every element is 1."""
    return initialisers.ones


def RandomNormal(mean: float = 0.0, stddev: float = 0.05, seed: Any = None) -> Initialiser:
    """Normal numbers of this mean and standard deviation."""
    return Gaussian(mean, stddev)


def RandomUniform(minval: float = -0.05, maxval: float = 0.05, seed: Any = None) -> Initialiser:
    """Uniform numbers from -maxval up to maxval. Errors: ArgumentError unless minval is -maxval."""
    if minval != -maxval:
        raise ArgumentError("RandomUniform", f"minval={-maxval}, as far from 0 as maxval", repr(minval), "Write a function of the shape instead.")
    return Uniform(maxval)


def VarianceScaling(scale: float = 1.0, mode: str = "fan_in", distribution: str = "normal", seed: Any = None) -> Initialiser:
    """Numbers of variance scale / fan; mode is "fan_in", "fan_out" or "fan_avg", distribution "normal" or "uniform". Errors: ArgumentError."""
    fans = {"fan_in": "in", "fan_out": "out", "fan_avg": "mean"}
    if mode not in fans or distribution not in ("normal", "untruncated_normal", "uniform"):
        raise ArgumentError("VarianceScaling", f"mode of {', '.join(fans)}, distribution normal or uniform", f"{mode!r}, {distribution!r}")
    return Scaled(scale, fans[mode], uniform=distribution == "uniform")


def GlorotUniform(seed: Any = None) -> Initialiser:
    """Uniform within sqrt(6 / (fan in + fan out)) (Glorot and Bengio 2010)."""
    return initialisers.glorot_uniform


def GlorotNormal(seed: Any = None) -> Initialiser:
    """Normal with deviation sqrt(2 / (fan in + fan out)) (Glorot and Bengio 2010)."""
    return initialisers.glorot_normal


def HeUniform(seed: Any = None) -> Initialiser:
    """Uniform within sqrt(6 / fan in) (He et al. 2015)."""
    return initialisers.he_uniform


def HeNormal(seed: Any = None) -> Initialiser:
    """Normal with deviation sqrt(2 / fan in) (He et al. 2015)."""
    return initialisers.he_normal


def LecunUniform(seed: Any = None) -> Initialiser:
    """Uniform within sqrt(3 / fan in) (LeCun et al. 1998)."""
    return initialisers.lecun_uniform


def LecunNormal(seed: Any = None) -> Initialiser:
    """Normal with deviation sqrt(1 / fan in) (LeCun et al. 1998)."""
    return initialisers.lecun_normal


def Orthogonal(gain: float = 1.0, seed: Any = None) -> Initialiser:
    """Rows or columns orthonormal, times gain (Saxe et al. 2013)."""
    return initialisers.Orthogonal(gain)


__all__ = [
    "Constant", "GlorotNormal", "GlorotUniform", "HeNormal", "HeUniform", "Initializer", "LecunNormal", "LecunUniform", "Ones", "Orthogonal",
    "RandomNormal", "RandomUniform", "VarianceScaling", "Zeros", "get",
]  # fmt: skip
