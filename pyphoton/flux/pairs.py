"""The forms of data that the Flux face trains on and measures, told apart by the first item.

- pairs (x, y) of samples, as in 2016: they are stacked into two arrays;
- pairs (x, y) of Batch, as in 2017: each is a minibatch;
- two arrays (X, Y): the whole data set, which PyPhoton's fit_ takes, too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Any

from pyphoton.data.stack import parts_of, stacked
from pyphoton.errors import DataError
from pyphoton.flux.stacks import Batch, rawbatch


@dataclass(frozen=True)
class Samples:
    """All samples as arrays (N, ...): X and Y are arrays, or tuples of arrays."""

    x: Any
    y: Any


@dataclass(frozen=True)
class Minibatches:
    """Minibatches (X, Y) of arrays, for fit_: a function for each epoch, or an iterator that can be read once."""

    data: Callable[[], Iterator[Any]] | Iterator[Any]

    def __iter__(self) -> Iterator[Any]:
        return self.data() if callable(self.data) else self.data


def arranged(data: Any, owner: str) -> Samples | Minibatches:
    """Data of pairs in one of the two forms. Errors: DataError."""
    if isinstance(data, Samples | Minibatches):
        return data
    if isinstance(data, tuple) and len(data) == 2 and all(isinstance(part, Batch) or hasattr(part, "shape") for part in data):
        return Samples(*rawbatch(data))
    items, first = _peeked(data, owner)
    if not _is_pair(first):
        raise DataError(owner, "pairs (x, y)", type(first).__name__, "Give samples as [(x, y), ...], minibatches as pairs of Batch.")
    if any(isinstance(part, Batch) for half in first for part in (half if isinstance(half, tuple) else (half,))):
        return _minibatches(data, items)
    samples = [parts_of(pair if isinstance(pair, tuple) else tuple(pair)) for pair in items]
    return Samples(*stacked(samples, range(len(samples))))


def kept(data: Samples | Minibatches) -> Samples | Minibatches:
    """The same data, to be read more than once."""
    return data if isinstance(data, Samples) or callable(data.data) else Minibatches(partial(iter, list(data)))


def columns(xs: Any, ys: Any, owner: str) -> Minibatches:
    """Minibatches from a list of inputs and one of targets, both of Batch or of arrays (N, ...). Errors: DataError."""
    for name, each in (("Xs", xs), ("Ys", ys)):
        if not hasattr(each, "__iter__"):
            raise DataError(f"{owner} {name}", "a list of batches", type(each).__name__)
    items = zip(xs, ys, strict=False)
    return _minibatches(None if iter(xs) is xs or iter(ys) is ys else Both(xs, ys), items)


@dataclass(frozen=True)
class Both:
    """Two lists side by side, iterated anew each time."""

    xs: Any
    ys: Any

    def __iter__(self) -> Iterator[Any]:
        return zip(self.xs, self.ys, strict=False)


def looked_into(data: Any, owner: str) -> tuple[Any, bool]:
    """The data, to be read from its beginning, and whether its first item is a pair (x, y), so that it is data by itself."""
    if isinstance(data, tuple):
        return data, True
    items, first = _peeked(data, owner)
    return items if iter(data) is data else data, _is_pair(first)


def _is_pair(item: Any) -> bool:
    return isinstance(item, tuple | list) and len(item) == 2


def _minibatches(data: Any, items: Iterable[Any]) -> Minibatches:
    if data is None or iter(data) is data:
        return Minibatches(map(_raw, items))
    return Minibatches(lambda: map(_raw, data))


def _raw(pair: Any) -> Any:
    return tuple(rawbatch(half) for half in pair)


def _peeked(data: Any, owner: str) -> tuple[Iterator[Any], Any]:
    """All items, and the first of them. Errors: DataError where there is none."""
    if isinstance(data, str | bytes | dict) or not hasattr(data, "__iter__"):
        raise DataError(owner, "pairs (x, y)", type(data).__name__)
    items = iter(data)
    first = next(items, None)
    if first is None:
        raise DataError(owner, "at least one pair (x, y)", "none")
    return chain([first], items), first
