"""What `torch_function` costs over Julia's own pullback, and that it keeps nothing. Prints JSON.

Microseconds forward and backward together on 1 MiB, alternating with the pure pullback of the same function in Julia: medians, and the least;
torch has one thread. And the MiB that the process grows by over 10 000 passes, while both languages collect their garbage now and then.
"""

from __future__ import annotations

import gc
import json
import os
import sys
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch

from pyphoton.backends.julia import pulling
from pyphoton.backends.julia.exchange import to_julia
from pyphoton.interop import torch_function

SOURCE = "x -> 2 .* x"
SHAPE = (256, 1024)  # of float32: 1 MiB
ROUNDS, CALLS = 40, 20
PASSES = 10_000
PURE = """
(f, x, dy, n) -> begin
    began = time_ns()
    for _ in 1:n
        y, back = Flux.Zygote.pullback(f, x)
        back(dy)
    end
    (time_ns() - began) / 1000n
end
"""
_PAGES = Path("/proc/self/statm")


def extra() -> dict[str, float]:
    """Return the median microseconds of a pass by torch, of one in Julia alone, and of the difference round by round."""
    torch.set_num_threads(1)
    julia = pulling.julia_module()
    julia.seval("using Flux")
    pure, function = julia.seval(PURE), torch_function(SOURCE)
    x, slope = torch.randn(SHAPE, requires_grad=True), torch.randn(SHAPE)
    own, held = julia.seval(SOURCE), [to_julia(t) for t in (x, slope)]
    ours, alone = [], []
    for _ in range(ROUNDS):
        alone.append(float(pure(own, held[0].julia, held[1].julia, CALLS)))
        begun = perf_counter()
        for _ in range(CALLS):
            torch.autograd.grad(function(x), x, slope)
        ours.append((perf_counter() - begun) / CALLS * 1e6)
    found = {"torch": ours[5:], "julia": alone[5:], "extra": list(np.subtract(ours, alone)[5:])}
    return {name: float(np.median(times)) for name, times in found.items()} | {f"least, {name}": min(times) for name, times in found.items()}


def grown(passes: int = PASSES) -> float | None:
    """Return the MiB that the process grows by over so many passes on new tensors; None where Linux is not."""
    if not _PAGES.exists():
        return None
    collect, function = pulling.julia_module().seval("() -> GC.gc(false)"), torch_function(SOURCE)

    def run(count: int) -> None:
        for k in range(count):
            x = torch.randn(64, 1024, requires_grad=True)
            function(x).sum().backward()
            if k % 500 == 0:
                gc.collect()
                collect()

    run(passes // 5)
    before = _resident()
    run(passes)
    return _resident() - before


def _resident() -> float:
    """Return the memory that this process has, in MiB."""
    return int(_PAGES.read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def measure() -> dict[str, Any]:
    """Return both."""
    return {"microseconds": extra(), "grown": grown()}


if __name__ == "__main__":
    sys.stdout.write("\n" + json.dumps(measure()) + "\n")
