"""What it costs to show Julia an array: `to_julia` of a small and of a large one. Prints JSON.

An array that is shared costs the same whatever its size, and no memory. One that is copied does not.
"""

from __future__ import annotations

import gc
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyphoton.backends.julia.exchange import to_julia
from pyphoton.backends.julia.runtime import start

SIZES = {"1 KiB": 2**10, "1 GiB": 2**30}
CALLS = 2000
WARM_UP = 3  # rounds, until the heap of Julia, which its first collections rearrange, is as large as it will be
_PAGES = Path("/proc/self/statm")


def measure() -> dict[str, Any]:
    """Return the seconds of a call by size, medians, and the MiB that the process grew by, None where Linux is not."""
    collect = start().julia.seval("GC.gc")
    arrays = {name: np.ones(size // 4, "float32") for name, size in SIZES.items()}
    before = None
    for _ in range(WARM_UP):
        for array in arrays.values():
            _times(array)
        before = _settled(collect)
    times = {name: _times(array) for name, array in arrays.items()}
    after = _settled(collect)
    seconds = {name: float(np.median(calls)) for name, calls in times.items()}
    return {"seconds": seconds, "grown": None if before is None or after is None else max(0.0, after - before)}


def _settled(collect: Callable[[], object]) -> float | None:
    """Return the memory that this process has, in MiB, when both languages have thrown away what they do not need."""
    gc.collect()
    collect()
    return _resident()


def _times(array: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the seconds of each call; one array at a time is alive in Julia."""
    times = np.empty(CALLS)
    for i in range(CALLS):
        begun = perf_counter()
        shared = to_julia(array)
        times[i] = perf_counter() - begun
    del shared
    return times


def _resident() -> float | None:
    """Return the memory that this process has now, in MiB."""
    if not _PAGES.exists():
        return None
    return int(_PAGES.read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


if __name__ == "__main__":
    sys.stdout.write("\n" + json.dumps(measure()) + "\n")
