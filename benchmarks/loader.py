"""`python -m benchmarks.loader`: what worker threads gain, and whether training waits for them.

First: samples that take a millisecond of waiting each, as one from a disk or a network does, loaded by eight workers and
by one. Second: training of a model whose step takes longer than the loading of its minibatch; every moment that an epoch
waits for a minibatch is counted, and compared with what the same epoch waits without workers. PYPHOTON_BACKEND names the engine.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from statistics import median
from time import perf_counter
from typing import Any

from pyphoton import MSE, SGD, Dense, MiniBatch, Sequential, TestDataset, Workout, relu

FASTER, WAITING = 6.0, 0.02
WAIT = 0.001
BATCH = 32
UNITS = 3072
"""Of the two layers of the model: its step takes much longer than BATCH * WAIT / 4 = 8 ms, in which four workers load a minibatch."""


def main(argv: list[str] | None = None) -> int:
    """Measure both, print a line for each, and return 0 if both are within their limits."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.loader", description=__doc__)
    parser.add_argument("--samples", type=int, default=10_000, help="samples of the first part (default 10000)")
    parser.add_argument("--steps", type=int, default=100, help="steps of the second part (default 100)")
    options = parser.parse_args(argv)
    one, eight = (seconds(options.samples, workers) for workers in (1, 8))
    faster = one / eight
    _say(f"{options.samples} samples of 1 ms: 1 worker {one:.2f} s, 8 workers {eight:.2f} s, {faster:.2f} times", faster >= FASTER, f">= {FASTER:g}")
    ahead, without = (waiting(options.steps, workers) for workers in (4, 0))
    share = ahead.waited / ahead.epoch
    _say(
        f"{options.steps} steps of {1e3 * ahead.epoch / options.steps:.1f} ms: 4 workers wait {share:.2%} of the epoch "
        f"(median {1e6 * ahead.median:.0f} us, first minibatch {1e3 * ahead.first:.1f} ms), no workers {without.waited / without.epoch:.1%}",
        share <= WAITING, f"<= {WAITING:.0%}",
    )  # fmt: skip
    return 0 if faster >= FASTER and share <= WAITING else 1


def seconds(samples: int, workers: int) -> float:
    """How long one pass over the samples takes."""
    loader = TestDataset(8, 1, samples, sleep=WAIT) | MiniBatch(BATCH, workers=workers, drop_last=False)
    start = perf_counter()
    for _ in loader:
        pass
    return perf_counter() - start


class Waits:
    """What an epoch waited: in all after its first minibatch, at most times, for the first one; and how long it took."""

    def __init__(self) -> None:
        self.times: list[float] = []
        self.epoch = 0.0

    @property
    def first(self) -> float:
        """The wait for the first minibatch, which nothing can hide."""
        return self.times[0]

    @property
    def waited(self) -> float:
        """All waits after the first."""
        return sum(self.times[1:])

    @property
    def median(self) -> float:
        """The wait of a usual step."""
        return median(self.times[1:])

    def timed(self, batches: Iterator[Any]) -> Iterator[Any]:
        """The minibatches, with a clock that runs while the next one is waited for."""
        while True:
            start = perf_counter()
            item = next(batches, None)
            self.times.append(perf_counter() - start)
            if item is None:
                return
            yield item


def waiting(steps: int, workers: int) -> Waits:
    """Train one epoch of slow steps with fit_ and return what it waited."""
    loader = TestDataset(8, 1, steps * BATCH, sleep=WAIT) | MiniBatch(BATCH, workers=workers)
    model = Sequential(Dense(UNITS, relu), Dense(UNITS, relu), Dense(1))
    workout, waits = Workout(model, MSE(), SGD(0.001)), Waits()
    workout.step_(*next(iter(loader)))  # the engine is loaded and the model built before the clock runs

    start = perf_counter()
    workout.fit_(lambda: waits.timed(iter(loader)), verbose=False)
    waits.epoch = perf_counter() - start
    if workout.steps != steps + 1:
        raise RuntimeError(f"expected {steps} steps and one before, received {workout.steps}")
    return waits


def _say(text: str, reached: bool, limit: str) -> None:
    sys.stdout.write(f"{text}; target {limit}: {'yes' if reached else 'no'}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    raise SystemExit(main())
