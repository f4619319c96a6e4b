"""The four models of the table in the design, as data: what every engine has to build and train."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Case:
    """One model and its data set: `shape` is one sample without the batch axis."""

    name: str
    title: str
    shape: tuple[int, ...]
    classes: int
    samples: int
    batch: int
    seed: int = 0


CASES = {
    case.name: case
    for case in (
        Case("mlp", "MLP 784-256-10", (784,), 10, samples=8192, batch=128),
        Case("conv", "two convolutions, 16 and 32 channels", (1, 28, 28), 10, samples=1024, batch=64),
        Case("lstm", "LSTM(64) over 20 steps of 32 features", (20, 32), 10, samples=1024, batch=64),
        Case("tiny", "MLP 8-16-3", (8,), 3, samples=4096, batch=8),
    )
}


def data(case: Case) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return seeded samples and integer labels that a random linear teacher gave them, so that a model can learn."""
    rng = np.random.default_rng(case.seed)
    x = rng.standard_normal((case.samples, *case.shape), dtype=np.float32)
    teacher = rng.standard_normal((math.prod(case.shape), case.classes), dtype=np.float32)
    return x, (x.reshape(case.samples, -1) @ teacher).argmax(axis=1).astype(np.int64)
