"""What `fit` of the Keras face costs: epochs on the four models, in units of real Keras's own `fit` on torch.

`python -m benchmarks.keras` prints a line for each model and backend. Epochs alternate, garbage is collected between them, and the ratio is the
median of those of neighbours: whatever else the machine does hits both. Losses are compared, too: both have to learn.
"""

from __future__ import annotations

import argparse
import os
import sys
from statistics import median

from benchmarks.cases import CASES
from benchmarks.engines import Training
from benchmarks.threads import ENVIRONMENT, limit_threads

LIMITS = {("torch", name): 0.70 for name in CASES} | {("julia", "tiny"): 0.15}
"""Times real Keras's epoch, by backend and model."""


def main(argv: list[str] | None = None) -> int:
    """Measure, print a line for each model and backend, and return 0 if all that have a limit are within it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.keras", description=__doc__)
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--cases", nargs="+", default=list(CASES), choices=list(CASES))
    parser.add_argument("--backends", nargs="+", default=["torch"], choices=["torch", "julia"])
    options = parser.parse_args(argv)
    os.environ.update(ENVIRONMENT)
    ok = True
    for name in options.cases:
        for backend in options.backends:
            ours, theirs = epochs(name, backend, options.repeats)
            ratio, limit = median(a / b for a, b in zip(ours, theirs, strict=True)), LIMITS.get((backend, name))
            ok &= limit is None or ratio <= limit
            told = "" if limit is None else f" (<= {limit:.2f}: {'ok' if ratio <= limit else 'MISSED'})"
            sys.stdout.write(f"{backend} {name}: {1e3 * median(ours):.1f} ms, keras {1e3 * median(theirs):.1f} ms, {ratio:.3f} times{told}\n")
    return 0 if ok else 1


def epochs(name: str, backend: str, repeats: int) -> tuple[list[float], list[float]]:
    """Seconds of each epoch: of the face, and of real Keras."""
    from benchmarks.engines import keras_face, keras_fit
    from benchmarks.timing import seconds_of_epoch

    trainings: list[Training] = [keras_face.build(CASES[name], backend=backend), keras_fit.build(CASES[name])]
    limit_threads()
    for training in trainings:
        training.epoch()
    first = [training.loss() for training in trainings]
    limit_threads()
    times: tuple[list[float], list[float]] = ([], [])
    for turn in range(repeats):
        for i in (0, 1) if turn % 2 else (1, 0):
            times[i].append(seconds_of_epoch(trainings[i]))
    if any(training.loss() >= before for training, before in zip(trainings, first, strict=True)):
        raise RuntimeError(f"{name} on {backend}: expected falling losses, received {first}, then {[t.loss() for t in trainings]}")
    return times


if __name__ == "__main__":
    raise SystemExit(main())
