"""Feed: data of any form as batches of any structure: a whole data set in memory, or minibatches as they come."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from pyphoton.data.arrays import samples
from pyphoton.data.disk import on_disk
from pyphoton.data.forms import Epochs
from pyphoton.data.passes import Pass
from pyphoton.errors import DataError
from pyphoton.systems.batches import Structure, flattened, is_whole, rebuilt


@dataclass(frozen=True)
class Arrays:
    """A batch, or a whole data set, made flat. `count`: samples."""

    arrays: tuple[Any, ...]
    names: tuple[str, ...]
    structure: Structure
    count: int


def arrays_of(batch: Any, word: str = "batch") -> Arrays:
    """A batch made flat and checked. Errors: DataError with the place of what is no array."""
    arrays, names, structure = flattened(batch, word)
    return Arrays(arrays, names, structure, samples(arrays, names))


class Feed:
    """The data of each pass. An array, or a tuple or dictionary of arrays, is a whole data set; everything else gives minibatches.

    A function is called for each pass. Errors: DataError.
    """

    def __init__(self, data: Any, word: str) -> None:
        if data is None or isinstance(data, str | bytes | int | float):
            raise DataError(word, "arrays, minibatches, a data set, or a function that returns them", repr(data)[:80])
        self.data, self.word = data, word
        self.epochs: Epochs | None = None
        self._made_of: Any = None

    def next(self, now: Pass, batch_size: int | None, shuffle: bool) -> Any:
        """A whole data set, or an iterable of minibatches, for the pass `now`."""
        data = self.data() if callable(self.data) and not hasattr(self.data, "__iter__") else self.data
        if _in_memory(data):
            return data
        if self.epochs is None or self._made_of is not data:
            self.epochs, self._made_of = Epochs(data), data
        return self.epochs.next(now, batch_size, shuffle)

    def length(self, batch_size: int | None) -> int | None:
        """The number of minibatches of a pass, where it is known before it begins."""
        if callable(self.data) and not hasattr(self.data, "__iter__"):
            return None
        if _in_memory(self.data):
            count = arrays_of(self.data, self.word).count
            return 1 if batch_size is None else -(-count // batch_size)
        return Epochs(self.data).expected(batch_size)

    def close(self) -> None:
        """End what still loads minibatches."""
        if self.epochs is not None:
            self.epochs.close()

    def first(self) -> Arrays:
        """One batch, or the whole data set, to build parameters from; the data are not used up. Errors: DataError when there is none."""
        found = self.next(Pass(0, 0), 32, shuffle=False)
        if _in_memory(found):
            return arrays_of(found, self.word)
        once = hasattr(self.data, "__next__")
        if once:  # a generator: what is read now is read again by the first pass
            found = self.data = list(found)
            self.epochs = None
        for item in found:
            self.close()
            return arrays_of(item, f"{self.word}: batch")
        raise DataError(self.word, "at least one minibatch", "none", "An iterator that is used up gives nothing; pass a list or a function.")


def _in_memory(data: Any) -> bool:
    if not is_whole(data):
        return False
    members = data if isinstance(data, tuple) else ()
    flat = [a for part in members for a in (part if isinstance(part, tuple) else (part,))]
    return not any(map(on_disk, flat))


def cut(whole: Arrays, order: Any, size: int) -> Iterator[Any]:
    """The minibatches of a whole data set, one by one."""
    rows = np.arange(whole.count) if order is None else order
    for begin in range(0, whole.count, size):
        yield rebuilt(whole.structure, [np.asarray(a)[rows[begin : begin + size]] for a in whole.arrays])
