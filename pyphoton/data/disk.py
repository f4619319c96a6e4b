"""Arrays that lie on disk: which they are, and giving back the memory that reading them has taken."""

from __future__ import annotations

import mmap
from typing import Any

import numpy as np

KEPT = 32 << 20
"""Bytes of a memory-mapped array that may stay resident after they were read."""


def on_disk(array: Any) -> bool:
    """Whether an array is read from a file when it is indexed: numpy.memmap, h5py, zarr."""
    return isinstance(array, np.memmap) or type(array).__module__.split(".")[0] in ("h5py", "zarr")


def _mapping(array: Any) -> Any:
    """The mapping of the file that an array, or the array that it is a view of, lies in."""
    while isinstance(array, np.ndarray):
        array = array.base
    return array


class Pages:
    """Counts what is read of memory-mapped arrays and gives the pages back to the system now and then.

    Such pages count as resident memory of the process until the system needs them for something else; giving them back loses
    nothing, because the file keeps them. Copy-on-write mappings are left alone, for they hold changes.
    """

    def __init__(self, arrays: tuple[Any, ...]) -> None:
        mapped = [a for a in arrays if isinstance(a, np.memmap) and a.mode != "c"]
        self.maps = [m for m in map(_mapping, mapped) if hasattr(m, "madvise")]
        self.per_sample = sum(a.nbytes // max(len(a), 1) for a in mapped)
        self.bytes = 0

    def read(self) -> None:
        """A sample was read and copied."""
        if not self.maps:
            return
        self.bytes += max(self.per_sample, mmap.PAGESIZE)
        if self.bytes > KEPT:
            self.bytes = 0
            for mapping in self.maps:
                mapping.madvise(mmap.MADV_DONTNEED)
