"""What it costs to convert a model of 100 million parameters: `python -m benchmarks.convert [parameters in millions]`. Prints JSON.

A conversion copies nothing: resident memory does not grow by the model's size, and the addresses of the engine's own arrays are those
of PyPhoton's. Engines that are not installed are left out. Julia and Flux are loaded before the clock runs.
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

from pyphoton import BackendMissing, Dense, Sequential
from pyphoton.flux import Converted, flux, torch_
from pyphoton.interop.torch_files import torch_module

LAYERS, REPEATS = 4, 5
_PAGES = Path("/proc/self/statm")


def measure(millions: float = 100.0, engines: tuple[str, ...] = ("torch_", "flux")) -> dict[str, Any]:
    """Return by engine: seconds of the conversion and of `.native` (best of some), MiB grown, and whether all addresses are the same."""
    torch_module("benchmarks.convert")
    width = max(2, round((millions * 1e6 / LAYERS) ** 0.5))
    model = Sequential(*[Dense(width, initw="zeros", use_bias=False) for _ in range(LAYERS)])
    small = Sequential(Dense(2))
    for one, x in ((model, np.zeros((1, width), "float32")), (small, np.zeros((1, 2), "float32"))):
        torch_(one)(x)
    found: dict[str, Any] = {"parameters": sum(p.value.size for p in model.parameters.values())}
    conversions: dict[str, Callable[[Any], Converted]] = {"torch_": torch_, "flux": flux}
    for name in engines:
        try:
            _warm_up(conversions[name], small)
        except BackendMissing:
            continue
        found[name] = _measured(conversions[name], model)
    return found


def _warm_up(convert: Callable[[Any], Converted], small: Any) -> None:
    for _ in range(2):
        assert convert(small).native is not None


def _measured(convert: Callable[[Any], Converted], model: Any) -> dict[str, Any]:
    gc.collect()
    before = _resident()
    conversions, natives, kept = [], [], []
    for _ in range(REPEATS):
        begun = perf_counter()
        made = convert(model)
        conversions.append(perf_counter() - begun)
        begun = perf_counter()
        native = made.native
        natives.append(perf_counter() - begun)
        kept.append(made)
    after = _resident()
    own = sorted(p.value.ctypes.data for p in model.parameters.values())
    grown = None if before is None or after is None else round(after - before, 1)
    return {"conversion": min(conversions), "native": min(natives), "grown": grown, "same": _addresses(native) == own}


def _addresses(native: Any) -> list[int]:
    """Return where the arrays of a torch module, or of a Flux model, lie."""
    if hasattr(native, "named_parameters"):
        return sorted(p.data_ptr() for p in native.parameters())
    from pyphoton.backends.julia.runtime import start

    julia = start().julia.seval("using Flux; m -> [Int(UInt(pointer(a))) for a in Flux.trainables(m)]")
    return sorted(map(int, julia(native)))


def _resident() -> float | None:
    """Return the memory that this process has now, in MiB."""
    if not _PAGES.exists():
        return None
    return int(_PAGES.read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


if __name__ == "__main__":
    sys.stdout.write("\n" + json.dumps(measure(float(sys.argv[1]) if len(sys.argv) > 1 else 100.0)) + "\n")
