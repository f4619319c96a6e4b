"""Epoch times of several engines on one case, in one process, epoch by epoch in rotating order; prints JSON.

Alternating means that a slow minute of a shared machine hits every engine alike, and that a ratio is one of
neighbours in time. Garbage is collected between the epochs, so that nobody pays for what another engine left.
"""

from __future__ import annotations

import json
import sys
from time import perf_counter
from typing import Any

from benchmarks.cases import CASES
from benchmarks.engines import ENGINES, Training
from benchmarks.others import watch
from benchmarks.threads import check_threads, limit_threads

WARM_UP = 2
LEARNT = 0.999  # of the first epoch's mean loss: rounding alone must not pass for learning


def _check_learning(name: str, *, before: float, after: float) -> None:
    """Raise if an engine's loss has not fallen: the time of an epoch that trains nothing is worth nothing."""
    if not after < LEARNT * before:
        raise RuntimeError(f"{name}: expected a falling loss, received {before:.4f}, then {after:.4f}")


def seconds_of_epoch(training: Training) -> float:
    """Return the wall time of one epoch, after garbage has been collected."""
    training.collect()
    return timed(training)


def timed(training: Training) -> float:
    """Return the wall time of one epoch, by the engine's own clock if it has one."""
    start = perf_counter()
    own = training.epoch()
    return perf_counter() - start if own is None else own


def measure(case: str, engines: list[str], *, repeats: int) -> dict[str, Any]:
    """Return per engine the epoch times by round and the first and last mean loss, and the cores that others used."""
    trainings = {name: ENGINES[name](CASES[case]) for name in engines}
    limit_threads()
    first = {}
    for name, training in trainings.items():
        training.epoch()
        first[name] = training.loss()
        for _ in range(WARM_UP - 1):
            training.epoch()
    limit_threads()  # again: an engine may have loaded torch as late as its first epoch
    times: dict[str, list[float]] = {name: [] for name in engines}
    others = watch([t.process for t in trainings.values() if t.process])
    for turn in range(repeats):
        shift = turn % len(engines)
        for name in engines[shift:] + engines[:shift]:
            times[name].append(seconds_of_epoch(trainings[name]))
    cores = others()
    check_threads()
    losses = {name: [first[name], training.loss()] for name, training in trainings.items()}
    for name, (before, after) in losses.items():
        _check_learning(name, before=before, after=after)
    return {"seconds": times, "losses": losses, "others": cores}


if __name__ == "__main__":
    sys.stdout.write("\n" + json.dumps(measure(sys.argv[1], sys.argv[2].split(","), repeats=int(sys.argv[3]))) + "\n")
