"""The arrays of a layer: where each came from in Photon, and how the same turn brings its optimiser's arrays along."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from pyphoton.errors import FileError, Unsupported
from pyphoton.interop.photon.kinds import Struct

DTYPES = ("float32", "float64")


@dataclass(frozen=True)
class Weight:
    """An array as Photon has it, and the function that makes PyPhoton's of it and of arrays like it; its Param, where it is trained."""

    array: Any
    turn: Callable[[Any], Any]
    param: Struct | None = None

    @property
    def value(self) -> Any:
        """The numbers as PyPhoton has them."""
        return np.ascontiguousarray(self.turn(self.array))


def as_is(array: Any) -> Any:
    """The same memory."""
    return array


def flat(array: Any) -> Any:
    """One axis: a bias of Photon's has the axes of what it is added to."""
    return array.reshape(-1)


def flipped(array: Any) -> Any:
    """A kernel with its spatial axes turned round: Knet's convolutions flip it, PyPhoton's do not."""
    return array[(..., *(slice(None, None, -1),) * (array.ndim - 2))]


def floats(array: Any, at: str, axes: tuple[int, ...]) -> Any:
    """An array of float32 or float64 with so many axes. Errors: FileError, Unsupported for another type of number."""
    if not isinstance(array, np.ndarray) or array.ndim not in axes or not array.size:
        raise FileError(at, "an array of numbers", _shown(array))
    if array.dtype.name not in DTYPES:
        raise Unsupported(f"from_photon: {at}", f"numbers of {' or '.join(DTYPES)}", array.dtype.name)
    return array


def trained(param: Any, at: str, turn: Callable[[Any], Any], axes: tuple[int, ...]) -> Weight:
    """The array of a Param. Errors: FileError, Unsupported."""
    if not isinstance(param, Struct) or not param.is_a("Param"):
        raise FileError(at, "a Param of Knet's", _shown(param))
    return Weight(floats(param["value"], at, axes), turn, param)


def _shown(value: Any) -> str:
    if isinstance(value, Struct):
        return f"a {value.type}"
    return f"{value.dtype} {value.shape}" if isinstance(value, np.ndarray) else repr(value)[:80]
