"""What recurrence written as equations costs: epochs of `flux.LSTM` and of the other definitions, unrolled, in units of the native layer's.

`python -m benchmarks.nets` prints a line for each; PYPHOTON_BACKEND names the engine. Both have the same weights in number and size, the
same data, loss and optimiser. Epochs alternate, and the ratio is the median of those of neighbours: whatever else the machine does hits both.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np

from pyphoton import GRU, LSTM, MSE, RNN, SGD, Workout, fit_, get_backend
from pyphoton.flux import recurrent, unroll

LIMIT = 1.5
"""Times the native layer's epoch, for the LSTM."""

PAIRS: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "LSTM": (recurrent.LSTM, lambda h: LSTM(h, last_only=False)),
    "GatedRecurrent": (recurrent.GatedRecurrent, lambda h: GRU(h, last_only=False)),
    "Recurrent": (recurrent.Recurrent, lambda h: RNN(h, "tanh", last_only=False)),
}
"""A definition of equations, and the native layer that computes the same (GRU: with its reset gate after the product)."""


def main(argv: list[str] | None = None) -> int:
    """Measure, print a line for each kind, and return 0 if the LSTM is within its limit."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.nets", description=__doc__)
    parser.add_argument("--samples", type=int, default=1024)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--features", type=int, default=16)
    parser.add_argument("--hidden", type=int, default=64)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--kinds", nargs="+", default=list(PAIRS), choices=list(PAIRS))
    options = parser.parse_args(argv)
    ok = True
    for kind in options.kinds:
        times = epochs(kind, options)
        ratio = median(n / o for n, o in zip(*times, strict=True))
        good = kind != "LSTM" or ratio <= LIMIT
        ok &= good
        shown = "ms, ".join(f"{name} {1e3 * median(t):.1f} " for name, t in zip(("equations", "native"), times, strict=True))
        limit = f" (<= {LIMIT:g}: {'ok' if good else 'MISSED'})" if kind == "LSTM" else ""
        sys.stdout.write(f"{get_backend().name} {kind}: {shown}ms, {ratio:.2f} times{limit}\n")
    return 0 if ok else 1


def epochs(kind: str, options: argparse.Namespace) -> tuple[list[float], list[float]]:
    """Seconds of each epoch: of the equations, and of the native layer."""
    definition, native = PAIRS[kind]
    random = np.random.default_rng(1)
    x = random.normal(size=(options.samples, options.steps, options.features)).astype("float32")
    y = random.uniform(-0.5, 0.5, size=(options.samples, options.steps, options.hidden)).astype("float32")
    models = unroll(definition(options.features, options.hidden), options.steps), native(options.hidden)
    workouts = [Workout(m, MSE(), SGD(0.01)) for m in models]
    for workout in workouts:
        fit_(workout, (x, y), epochs=2, batch_size=options.batch, verbose=False)
    times: tuple[list[float], list[float]] = ([], [])
    for turn in range(options.repeats):
        for i in (0, 1) if turn % 2 else (1, 0):
            start = perf_counter()
            fit_(workouts[i], (x, y), epochs=1, batch_size=options.batch, verbose=False)
            times[i].append(perf_counter() - start)
    return times


if __name__ == "__main__":
    raise SystemExit(main())
