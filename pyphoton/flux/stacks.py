"""Batch and Seq: a list of samples of one size that is stored as one array, stacked on a new first axis.

    Batch([[1, 2, 3], [4, 5, 6]])     # two samples; rawbatch(...) is the array (2, 3)
    Batch([Seq(a), Seq(b)])           # two sequences of equal length; rawbatch(...) is (2, steps, features)

They look like the list: indexing, iterating and comparing see samples. Models and fit_ see the array.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

import numpy as np

from pyphoton.errors import ArgumentError

S = TypeVar("S", bound="Stack")
HINT = "Samples of a batch have one size: pad them (rpad), crop them, or put them into batches of their own."


class Stack:
    """Base of Batch and Seq. `raw` is the array (samples, ...).

    An array is taken as it is: its first axis counts the samples, and nothing is copied. Samples are views of the array.
    Errors: ArgumentError (an AssertionError) for samples of unequal sizes, for none, and for what holds no numbers.
    """

    raw: Any
    inside: tuple[type[Stack], ...]
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, samples: Any) -> None:
        name = type(self).__name__
        if isinstance(samples, Stack):
            self.raw, self.inside = samples.raw, samples.inside
            return
        if isinstance(samples, np.ndarray) or hasattr(samples, "__dlpack__"):
            self.inside = ()
            self.raw = np.asarray(samples.detach() if hasattr(samples, "detach") else samples)
        else:
            if not hasattr(samples, "__iter__"):
                raise ArgumentError(name, "samples, in a list or an array", repr(samples))
            members = list(samples)
            self.inside = _kind(name, members)
            self.raw = _stacked(name, members)
        if self.raw.ndim == 0 or self.raw.dtype.kind not in "biuf":
            raise ArgumentError(name, "samples that are numbers or arrays of numbers", f"{self.raw.dtype} {self.raw.shape}")

    @classmethod
    def of(cls: type[S], raw: Any, inside: tuple[type[Stack], ...] = ()) -> S:
        """The stack over an array; `inside` are the types that its samples, their samples and so on are given out as."""
        made = cls(raw)
        made.inside = inside
        return made

    def __len__(self) -> int:
        return len(self.raw)

    def __getitem__(self, index: Any) -> Any:
        """A sample, as a view; a slice is a Batch or Seq again."""
        found = self.raw[index]
        if isinstance(index, slice):
            return type(self).of(found, self.inside)
        return self.inside[0].of(found, self.inside[1:]) if self.inside else found

    def __setitem__(self, index: Any, sample: Any) -> None:
        self.raw[index] = rawbatch(sample)

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self)))

    def __eq__(self, other: object) -> bool:
        """Whether the other one, a list or an array maybe, holds equal samples in equal number."""
        if isinstance(other, Stack):
            return bool(np.array_equal(self.raw, other.raw))
        if not isinstance(other, list | tuple | np.ndarray) or len(other) != len(self):
            return NotImplemented if not hasattr(other, "__len__") else False
        return all(_equal(mine, theirs) for mine, theirs in zip(self, other, strict=True))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return np.array(self.raw, dtype=dtype, copy=copy) if copy else np.asarray(self.raw, dtype=dtype)

    def __dlpack__(self, **options: Any) -> Any:
        return self.raw.__dlpack__(**options)

    def __dlpack_device__(self) -> Any:
        return self.raw.__dlpack_device__()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.raw.tolist()})"

    def map(self: S, function: Callable[[Any], Any]) -> S:
        """What the function makes of each sample, stacked again. Errors: ArgumentError where these differ in size."""
        return type(self)([function(sample) for sample in self])


class Batch(Stack):
    """Samples of one size as one array; see the base for how.

    >>> xs = Batch([[1, 2, 3], [4, 5, 6]])
    >>> xs == [[1, 2, 3], [4, 5, 6]], rawbatch(xs).shape
    (True, (2, 3))
    """


class Seq(Stack):
    """The steps of one sequence as one array (steps, ...). In a Batch, sequences of equal length nest: (batch, steps, ...)."""


def rawbatch(xs: Any) -> Any:
    """The array behind a Batch or Seq, not copied; anything else as it is. For a tuple: of each member."""
    if isinstance(xs, tuple):
        return tuple(rawbatch(x) for x in xs)
    return xs.raw if isinstance(xs, Stack) else xs


def batchone(x: Any) -> Any:
    """A Batch of one sample; a Batch as it is. For a tuple: of each member."""
    if isinstance(x, tuple):
        return tuple(batchone(member) for member in x)
    return x if isinstance(x, Batch) else Batch([x])


def tobatch(x: Any) -> Any:
    """The array of a Batch, or of the batch of this one sample: what a model computes on."""
    return rawbatch(batchone(x))


def rpad(sequence: Any, n: int, x: Any) -> Seq:
    """The sequence with `x` behind it until it has n steps; one that is long enough as it is. Errors: ArgumentError."""
    steps = sequence if isinstance(sequence, Seq) else Seq(sequence)
    missing = n - len(steps)
    return steps if missing <= 0 else Seq([*steps, *[x] * missing])


def _kind(name: str, members: list[Any]) -> tuple[type[Stack], ...]:
    """The types that samples are given out as. Errors: ArgumentError for none, and where only some are stacks."""
    if not members:
        raise ArgumentError(name, "at least one sample", "none")
    kinds = {(type(m), *m.inside) if isinstance(m, Stack) else () for m in members}
    if len(kinds) > 1:
        shown = " and ".join(sorted(" of ".join(k.__name__ for k in kind) or "plain arrays" for kind in kinds))
        raise ArgumentError(name, "samples of one kind", shown)
    return kinds.pop()


def _stacked(name: str, members: Iterable[Any]) -> Any:
    try:
        arrays = [np.asarray(m.detach() if hasattr(m, "detach") else m) for m in map(rawbatch, members)]
    except (TypeError, ValueError) as error:
        raise ArgumentError(name, "samples that are numbers in equal rows", str(error), HINT) from None
    for number, array in enumerate(arrays):
        if array.shape != arrays[0].shape:
            raise ArgumentError(name, f"samples of one size, {arrays[0].shape}", f"{array.shape} at sample {number}", HINT)
    return np.stack(arrays)


def _equal(mine: Any, theirs: Any) -> bool:
    if isinstance(mine, Stack):
        return bool(mine == theirs)
    try:
        return bool(np.array_equal(mine, rawbatch(theirs)))
    except ValueError:  # rows of unequal lengths
        return False
