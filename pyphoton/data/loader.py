"""MiniBatch: the end of a pipeline. Samples are loaded, in order or shuffled, and stacked into minibatches."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pyphoton.arguments import checked, is_integer
from pyphoton.data.dataset import Dataset, as_dataset
from pyphoton.data.passes import Pass
from pyphoton.data.prefetch import load_ahead, load_here
from pyphoton.data.transformers import Transformer
from pyphoton.description import description
from pyphoton.errors import ArgumentError

WORKERS = 4
"""Threads that load samples which are not in memory, unless told."""


@description
class MiniBatch(Transformer):
    """Stack samples into minibatches of `batch_size`: `dataset | MiniBatch(8)`, to be iterated or given to `fit_`.

    Input: samples (X, Y) of shapes (...). Output: minibatches (N, ...); tuples in X or Y are stacked member by member.
    `shuffle` draws a new order for each pass. `drop_last` leaves out what is too little for a whole minibatch, as Photon
    does: there are n // batch_size of them. `workers` threads load samples ahead and keep `prefetch` minibatches ready;
    workers=0 loads in the caller's thread, None takes 4, or 0 where all samples lie in memory. Order and numbers
    do not depend on it.
    `seed`: of order and random transformers; None takes the workout's in `fit_`, and 0 elsewhere.
    Errors: ArgumentError; while iterating DataError, and whatever a sample raises, with its number.
    """

    batch_size: int = 8
    shuffle: bool = True
    drop_last: bool = True
    workers: int | None = None
    prefetch: int = 2
    seed: int | None = None

    def __post_init__(self) -> None:
        for name, least in (("batch_size", 1), ("workers", 0), ("prefetch", 1), ("seed", 0)):
            value = getattr(self, name)
            if value is None and name in ("workers", "seed"):
                continue
            if not is_integer(value) or value < least:
                raise ArgumentError("MiniBatch", f"{name}: a whole number from {least}", repr(value))
        for name in ("shuffle", "drop_last"):
            if getattr(self, name) not in (True, False):
                raise ArgumentError("MiniBatch", f"{name}: True or False", repr(getattr(self, name)))

    def apply(self, source: Dataset) -> Minibatches:
        """The minibatches of a data set."""
        return Minibatches(source, self)


class Minibatches:
    """The minibatches of a data set, as often as one likes: each iteration is another pass. Made by MiniBatch.

    `len(...)` is the number of minibatches. Several iterations may run at once.
    """

    def __init__(self, source: Dataset, options: MiniBatch) -> None:
        self.source, self.options = source, options
        self.passes = 0

    def __repr__(self) -> str:
        return f"{type(self.source).__name__} of {len(self.source)} samples | {self.options!r}"

    def __len__(self) -> int:
        samples, size = len(self.source), self.options.batch_size
        return samples // size if self.options.drop_last else -(-samples // size)

    def __iter__(self) -> Iterator[Any]:
        self.passes += 1
        return self.minibatches(Pass(epoch=self.passes - 1))

    def minibatches(self, now: Pass) -> Iterator[Any]:
        """The minibatches of the pass `now`: always the same ones for the same seed and number. `close()` ends its threads."""
        given, samples = self.options, len(self.source)
        now = now if given.seed is None else Pass(given.seed, now.epoch)
        order = now.order(samples).tolist() if given.shuffle else range(samples)
        size = given.batch_size
        cut = (list(order[i * size : (i + 1) * size]) for i in range(len(self)))
        workers = (0 if self.source.in_memory else WORKERS) if given.workers is None else given.workers

        def load(index: int) -> Any:
            return self.source.sample(index, now)

        return load_ahead(load, cut, workers=workers, prefetch=given.prefetch) if workers else load_here(load, cut)


@checked
def Dataloader(dataset: Any, batch_size: int = 8, *, shuffle: bool = True, **options: Any) -> Minibatches:
    """`dataset | MiniBatch(batch_size, shuffle=shuffle, ...)` under Photon's name."""
    return MiniBatch(batch_size, shuffle=shuffle, **options).apply(as_dataset(dataset))
