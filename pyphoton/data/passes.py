"""One pass over the data: what the order of samples and all random transformers are drawn from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

ORDER, SAMPLE = 7, 11
"""What random numbers are for: two streams of one pass never meet."""


@dataclass(frozen=True)
class Pass:
    """A pass over the data, by its seed and its number. Equal passes see the same samples in the same order."""

    seed: int = 0
    epoch: int = 0

    def order(self, samples: int) -> Any:
        """A permutation of 0 .. samples - 1."""
        return np.random.default_rng([self.seed, self.epoch, ORDER]).permutation(samples)

    def generator(self, index: int, depth: int) -> Any:
        """The random numbers of one sample in one transformer, which stands at `depth` in its pipeline."""
        return np.random.default_rng([self.seed, self.epoch, SAMPLE, depth, index])
