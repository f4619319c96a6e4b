"""Initial values of parameters: drawn once, in Python, from the seed, so that every backend starts from the same numbers."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from pyphoton.arguments import is_integer, spelled
from pyphoton.description import Description, description
from pyphoton.errors import ArgumentError, UnknownName, near

Fans = tuple[int, int]
Random = np.random.Generator


class Initialiser(Description):
    """Base: `draw(random, shape, fans)` gives the first values of a parameter; fans are (inputs, outputs) of one unit."""

    def draw(self, random: Random, shape: tuple[int, ...], fans: Fans) -> Any:
        """An array of `shape` (float64; cast later)."""
        raise NotImplementedError


def generator(owner: str, seed: int | None, random: Random) -> Random:
    """The random numbers of an initialiser's own seed, so that every parameter of one shape begins alike; those of the model where it is None."""
    if seed is None:
        return random
    if not is_integer(seed) or seed < 0:
        raise ArgumentError(f"{owner} seed=", "a whole number from 0, or None", repr(seed))
    return np.random.default_rng(seed)


@description
class Constant(Initialiser):
    """Every element is `value`."""

    value: float = 0.0

    def draw(self, random: Random, shape: tuple[int, ...], fans: Fans) -> Any:
        """All the same."""
        return np.full(shape, self.value)


@description
class Uniform(Initialiser):
    """Uniform in [-scale, scale)."""

    scale: float = 0.05

    def draw(self, random: Random, shape: tuple[int, ...], fans: Fans) -> Any:
        """Uniform numbers."""
        return random.uniform(-self.scale, self.scale, shape)


@description
class Gaussian(Initialiser):
    """Normal with `mean` and standard deviation `std` (Photon's `gaussian`)."""

    mean: float = 0.0
    std: float = 0.01

    def draw(self, random: Random, shape: tuple[int, ...], fans: Fans) -> Any:
        """Normal numbers."""
        return random.normal(self.mean, self.std, shape)


@description
class Scaled(Initialiser):
    """Variance `scale / fan`, where fan is "in", "out" or "mean" of both (Glorot and Bengio 2010, He et al. 2015).

    `uniform` draws from +-sqrt(3 scale / fan), otherwise from a normal with deviation sqrt(scale / fan).
    """

    scale: float = 1.0
    fan: str = "mean"
    uniform: bool = True
    _fans: ClassVar[dict[str, Callable[[Fans], float]]] = {
        "in": lambda f: f[0],
        "out": lambda f: f[1],
        "mean": lambda f: (f[0] + f[1]) / 2,
    }

    def __post_init__(self) -> None:
        if self.fan not in self._fans:
            raise UnknownName("Scaled fan=", received=repr(self.fan), hint=near(self.fan, self._fans))

    def draw(self, random: Random, shape: tuple[int, ...], fans: Fans) -> Any:
        """Uniform or normal numbers of that variance."""
        deviation = math.sqrt(self.scale / max(1.0, self._fans[self.fan](fans)))
        limit = deviation * math.sqrt(3)
        return random.uniform(-limit, limit, shape) if self.uniform else random.normal(0, deviation, shape)


@spelled(gain="scale")
@description
class Orthogonal(Initialiser):
    """Rows or columns orthonormal, times `scale` (or `gain`): (W.T @ W) = scale^2 I (Saxe et al. 2013)."""

    scale: float = 1.0
    seed: int | None = None

    def draw(self, random: Random, shape: tuple[int, ...], fans: Fans) -> Any:
        """The orthogonal factor of a normal matrix."""
        random = generator(type(self).__name__, self.seed, random)
        rows, columns = shape[0], math.prod(shape[1:])
        q, r = np.linalg.qr(random.normal(size=(max(rows, columns), min(rows, columns))))
        q = q * np.sign(np.diag(r))
        return self.scale * (q if rows >= columns else q.T).reshape(shape)


@description
class Bilinear(Initialiser):
    """Bilinear up-sampling kernels for transposed convolutions (Photon's `bilinear`); shape (in, out, kh, kw)."""

    def draw(self, random: Random, shape: tuple[int, ...], fans: Fans) -> Any:
        """A triangle along each kernel axis, on the diagonal of channels."""
        if len(shape) != 4:
            raise ArgumentError("Bilinear", "a kernel of 4 axes (in, out, height, width)", str(shape))
        taps = []
        for k in shape[2:]:
            factor = (k + 1) // 2
            centre = factor - 1 if k % 2 else factor - 0.5
            taps.append(1 - np.abs(np.arange(k) - centre) / factor)
        kernel = np.zeros(shape)
        for i in range(min(shape[:2])):
            kernel[i, i] = np.outer(*taps)
        return kernel


@description
class Gates(Initialiser):
    """One initialiser per gate of a recurrent layer, side by side on the last axis."""

    gates: tuple[Any, ...] = ()

    def draw(self, random: Random, shape: tuple[int, ...], fans: Fans) -> Any:
        """The gates' blocks, concatenated."""
        part = (*shape[:-1], shape[-1] // len(self.gates))
        return np.concatenate([draw(g, random, part, fans) for g in self.gates], axis=-1)


@description
class Given(Initialiser):
    """These numbers, an array; they are no part of the description, which may go into a file without them."""

    values: Any = None

    def draw(self, random: Random, shape: tuple[int, ...], fans: Fans) -> Any:
        """The numbers. Errors: ArgumentError when they have another shape, or were left out."""
        found = np.asarray(self.values, dtype="float64")
        if self.values is None or found.shape != tuple(shape):
            raise ArgumentError("Given", f"values of shape {tuple(shape)}", "none" if self.values is None else str(found.shape))
        return found

    def arguments(self) -> dict[str, Any]:
        """None: the numbers stay here."""
        return {}


zeros, ones = Constant(0.0), Constant(1.0)
xavier = glorot_uniform = Scaled()
glorot_normal = Scaled(uniform=False)
he_uniform, he_normal = Scaled(2.0, "in"), Scaled(2.0, "in", uniform=False)
lecun_uniform, lecun_normal = Scaled(1.0, "in"), Scaled(1.0, "in", uniform=False)
gaussian, bilinear = Gaussian, Bilinear()

NAMES: dict[str, Initialiser] = {
    "zeros": zeros, "zero": zeros, "ones": ones, "one": ones, "xavier": xavier, "glorot_uniform": xavier,
    "glorot_normal": glorot_normal, "he_uniform": he_uniform, "he_normal": he_normal, "lecun_uniform": lecun_uniform,
    "lecun_normal": lecun_normal, "orthogonal": Orthogonal(), "uniform": Uniform(), "normal": Gaussian(std=0.05),
    "gaussian": Gaussian(), "bilinear": bilinear,
}  # fmt: skip


def get(what: Any, owner: str = "init") -> Any:
    """An initialiser by name, number, description, class or function `f(shape)` / `f(random, shape)`. Errors: UnknownName, ArgumentError."""
    if isinstance(what, str):
        known = NAMES if what in NAMES else {**NAMES, **_seeded()}
        if what not in known:
            raise UnknownName(owner, "an initialiser", repr(what), near(what, known))
        return known[what]
    if isinstance(what, bool | int | float):
        return Constant(float(what))
    if isinstance(what, type) and issubclass(what, Initialiser):
        return what()
    if isinstance(what, Initialiser) or callable(what):
        return what
    raise ArgumentError(owner, "an initialiser, its name or a function of the shape", repr(what))


def _seeded() -> dict[str, Initialiser]:
    from pyphoton.seeded_initialisers import NAMES as more

    return more


def _called(init: Any, random: Random, shape: tuple[int, ...]) -> Any:
    """f(shape) or f(random, shape); Keras's f(shape, dtype=None) and Keraflow's f(shape, name), which get None there."""
    takes = [p for p in inspect.signature(init).parameters.values() if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    if takes and takes[0].name == "shape":
        return init(shape, *(None for p in takes[1:] if p.default is p.empty))
    return init(random, shape) if len(takes) > 1 else init(shape)


def draw(init: Any, random: Random, shape: tuple[int, ...], fans: Fans) -> Any:
    """Values from an initialiser or from a user's function. Errors: ArgumentError when the shape is wrong."""
    if isinstance(init, Initialiser):
        return init.draw(random, shape, fans)
    values = np.asarray(_called(init, random, shape))
    if values.shape != shape:
        raise ArgumentError(f"initialiser {getattr(init, '__name__', init)}", f"shape {shape}", str(values.shape))
    return values
