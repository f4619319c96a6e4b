"""How long a model of many layers takes: to be built, traced and planned, and the whole way to its first output.

`python -m benchmarks.chain` prints a table for 1000 layers; `--layers` and `--backend` choose others. `--save` adds saving and loading.
Times are the least of `--rounds`.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import numpy as np

import pyphoton as pp
from pyphoton.flux import Affine, Chain, Input, relu
from pyphoton.graph import trace
from pyphoton.plan import plan
from pyphoton.tensor import Tensor

WIDTH = 8


def chain(layers: int) -> Chain:
    """That many layers: dense ones and relus in turns."""
    return Chain(Input(WIDTH), *(Affine(WIDTH, WIDTH) if i % 2 else relu for i in range(layers - 1)))


def seconds(layers: int, backend: str | None = None, save: bool = False) -> dict[str, float]:
    """Seconds by what is done: `trace and plan` is what the target is about; with a backend also its first and second output."""
    times = {}
    at = perf_counter()

    def lap(name: str) -> None:
        nonlocal at
        now = perf_counter()
        times[name] = now - at
        at = now

    model = chain(layers)
    lap("build and check")
    plan(trace(model, Tensor((None, WIDTH))))
    lap("trace and plan")
    if backend is None:
        return times
    x = np.ones((4, WIDTH))
    pp.predict(chain(3), x)
    lap("")
    model(x)
    lap("first output")
    model(x)
    lap("second output")
    if save:
        with TemporaryDirectory() as folder:
            pp.save(model, Path(folder) / "model")
            lap("save")
            pp.load(Path(folder) / "model")
            lap("load")
    return times


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--layers", type=int, default=1000)
    parser.add_argument("--backend", action="append")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--save", action="store_true")
    options = parser.parse_args()
    for backend in options.backend or ["numpy", "torch"]:
        pp.set_context(backend=backend)
        rounds = [seconds(options.layers, backend, options.save) for _ in range(options.rounds)]
        print(f"{options.layers} layers on {backend}")
        for name in filter(None, rounds[0]):
            print(f"  {name:16} {min(r[name] for r in rounds):8.3f} s")


if __name__ == "__main__":
    main()
