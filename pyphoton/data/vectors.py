"""Data sets of arrays, and one of random numbers for trying a pipeline."""

from __future__ import annotations

from time import sleep as wait
from typing import Any

import numpy as np

from pyphoton.arguments import checked, is_integer
from pyphoton.data.dataset import Numbered
from pyphoton.data.disk import Pages, on_disk
from pyphoton.data.passes import Pass
from pyphoton.errors import ArgumentError


class VectorDataset(Numbered):
    """Sample i is (x[i], y[i]). Photon's older name is ArrayDataset.

    `x` and `y` are arrays (N, ...), lists of N samples, or tuples of these for several inputs or targets. They may lie
    on disk (numpy.memmap, an HDF5 or zarr array): only the samples that are asked for are read.
    Errors: ArgumentError (an AssertionError, too) when they have not all the same length.
    """

    @checked
    def __init__(self, x: Any, y: Any) -> None:
        self.x, self.y = x, y
        lengths = [_length(name, a) for name, part in (("x", x), ("y", y)) for a in _members(part)]
        if len(set(lengths)) != 1:
            raise ArgumentError("VectorDataset", "as many samples in x as in y", " and ".join(map(str, lengths)) or "no array")
        self.samples = lengths[0]
        self._on_disk = any(on_disk(a) for a in (*_members(x), *_members(y)))
        self._pages = Pages((*_members(x), *_members(y)))

    def __len__(self) -> int:
        return self.samples

    @property
    def in_memory(self) -> bool:
        """Whether no array lies on disk."""
        return not self._on_disk

    def sample(self, index: int, now: Pass) -> Any:
        """(x[index], y[index]), copied from the disk where it lies there."""
        found = _at(self.x, index, self._on_disk), _at(self.y, index, self._on_disk)
        self._pages.read()
        return found


ArrayDataset = VectorDataset


def _members(part: Any) -> tuple[Any, ...]:
    return part if isinstance(part, tuple) else (part,)


def _at(part: Any, index: int, copy: bool) -> Any:
    if isinstance(part, tuple):
        return tuple(_at(a, index, copy) for a in part)
    return np.array(part[index]) if copy else part[index]


def _length(name: str, array: Any) -> int:
    if not hasattr(array, "__getitem__") or not hasattr(array, "__len__") or getattr(array, "shape", None) == ():
        raise ArgumentError("VectorDataset", f"{name}: an array or list of samples", type(array).__name__)
    if hasattr(array, "iloc"):
        raise ArgumentError("VectorDataset", f"{name}: an array", type(array).__name__, "Use DFDataset(df, x, y), or .to_numpy().")
    return len(array)


class TestDataset(Numbered):
    """`samples` samples of random numbers, normally distributed: x of `shape_x`, y of `shape_y`; always the same for a seed.

    `sleep` is how many seconds each sample takes, as one from a disk or a network would. Errors: ArgumentError.
    """

    __test__ = False  # pytest takes classes of such names for tests

    @checked
    def __init__(
        self, shape_x: Any, shape_y: Any, samples: int, *, sleep: float = 0, dtype: str = "float32", seed: int = 0
    ) -> None:
        for name, value in (("samples", samples), ("seed", seed)):
            if not is_integer(value) or value < 0:
                raise ArgumentError("TestDataset", f"{name}: a whole number from 0", repr(value))
        self.shape_x, self.shape_y = (tuple(s) if isinstance(s, tuple | list) else (s,) for s in (shape_x, shape_y))
        self.samples, self.sleep, self.dtype, self.seed = samples, sleep, dtype, seed

    def __len__(self) -> int:
        return self.samples

    @property
    def in_memory(self) -> bool:
        """Whether a sample takes no time."""
        return not self.sleep

    def sample(self, index: int, now: Pass) -> Any:
        """The random numbers of one sample: the same in every pass."""
        if self.sleep:
            wait(self.sleep)
        generator = np.random.default_rng([self.seed, index])
        return tuple(generator.standard_normal(s).astype(self.dtype) for s in (self.shape_x, self.shape_y))
