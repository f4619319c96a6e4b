"""Cutting data into equal parts: whatever is left over at the end is dropped. Iterators are read only as far as is asked for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from pyphoton.arguments import is_integer
from pyphoton.errors import ArgumentError
from pyphoton.flux.stacks import Batch, Seq


def partition(xs: Any, k: int) -> Iterator[Any]:
    """Consecutive groups of k. What can be sliced (a text, a list, an array, a Batch) gives slices, an iterator gives lists.

    >>> list(partition("abcdefg", 3))
    ['abc', 'def']

    Errors: ArgumentError.
    """
    _check("partition", "k", k)
    return _sliced(xs, k, len(xs) // k) if hasattr(xs, "__getitem__") and hasattr(xs, "__len__") else _taken(iter(xs), k)


def chunk(xs: Any, n: int) -> list[Any]:
    """n consecutive parts of equal length, the longest that fit.

    >>> chunk("abcdefg", 3)
    ['ab', 'cd', 'ef']

    Errors: ArgumentError where there are fewer than n.
    """
    _check("chunk", "n", n)
    whole = xs if hasattr(xs, "__getitem__") and hasattr(xs, "__len__") else list(xs)
    if len(whole) < n:
        raise ArgumentError("chunk", f"at least {n} items for {n} parts", str(len(whole)))
    return list(_sliced(whole, len(whole) // n, n))


def sequences(xs: Any, steps: int) -> Iterator[Seq]:
    """Seq of so many consecutive items each: of vectors (features,), arrays (steps, features)."""
    _check("sequences", "steps", steps)
    return (Seq(part) for part in partition(xs, steps))


seqs = sequences


def batches(*xs: Any) -> Iterator[Batch]:
    """A Batch of the first items of all arguments, one of the second items, and so on until the shortest ends.

    With 50 parts of a text as sequences: `batches(*(sequences(part, 20) for part in parts))` gives arrays (50, 20, features).
    `batches(xs, n)` with a number is the form of 2017: Batch of n consecutive items each.
    """
    if len(xs) == 2 and is_integer(xs[1]):
        return iter(Batched(*xs))
    if not xs or any(not hasattr(x, "__iter__") for x in xs):
        raise ArgumentError("batches", "data to take items of, one or several", repr(xs))
    return (Batch(items) for items in zip(*xs, strict=False))


class Batched:
    """An iterable of Batch of n consecutive items each; of pairs (x, y), pairs of Batch. Of an iterator it is an iterator.

    >>> fit_(workout, Batched(zip(X, Y), 32))

    Errors: ArgumentError.
    """

    def __new__(cls, items: Iterable[Any], n: int) -> Batched:
        """The kind that fits the items."""
        return super().__new__(_Once if hasattr(items, "__next__") else cls)

    def __init__(self, items: Iterable[Any], n: int) -> None:
        _check("Batched", "n", n)
        if not hasattr(items, "__iter__"):
            raise ArgumentError("Batched", "something to iterate", repr(items))
        self.items, self.n = items, int(n)

    def __iter__(self) -> Iterator[Any]:
        return map(_batch, _taken(iter(self.items), self.n))

    def __repr__(self) -> str:
        return f"Batched({self.items!r}, {self.n})"


class _Once(Batched):
    """Batched of an iterator: what has been read is gone, and fit_ knows that by its `__next__`."""

    def __next__(self) -> Any:
        return next(super().__iter__())

    def __iter__(self) -> Iterator[Any]:
        return self


def _batch(items: list[Any]) -> Any:
    """The Batch of some items; of tuples, a tuple of Batch."""
    if not isinstance(items[0], tuple):
        return Batch(items)
    return tuple(_batch(list(column)) for column in zip(*items, strict=True))


def _sliced(xs: Any, k: int, count: int) -> Iterator[Any]:
    return (xs[i * k : (i + 1) * k] for i in range(count))


def _taken(items: Iterator[Any], k: int) -> Iterator[list[Any]]:
    while len(part := list(islice(items, k))) == k:
        yield part


def _check(owner: str, name: str, value: Any) -> None:
    if not is_integer(value) or value < 1:
        raise ArgumentError(owner, f"{name}: a whole number above 0", repr(value))
