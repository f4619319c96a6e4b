"""Data sets: samples (X, Y) by number. What a pipeline begins with, and what its transformers give."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from typing import Any

from pyphoton.arguments import is_integer
from pyphoton.data.passes import Pass
from pyphoton.errors import ArgumentError, DataError


class Dataset:
    """Samples by number. A data set of your own defines `__len__` and `__getitem__`, which returns (X, Y).

    X and Y are arrays without a batch axis, numbers, or tuples of these. `dataset | transformer` gives another data set.
    """

    depth: int = 0
    """How many transformers stand before: it keeps their random numbers apart."""

    @property
    def in_memory(self) -> bool:
        """Whether samples are had without waiting, so that worker threads have nothing to gain."""
        return False

    def __len__(self) -> int:
        raise NotImplementedError(f"{type(self).__name__}.__len__")

    def __getitem__(self, index: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__}.__getitem__")

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self)))

    def sample(self, index: int, now: Pass) -> Any:
        """Sample number `index` from 0 in the pass `now`, from which random transformers draw."""
        return self[index]


class Numbered(Dataset):
    """A data set that says `__len__` and `sample`; it can then be indexed as a list can."""

    def sample(self, index: int, now: Pass) -> Any:
        """Sample number `index` from 0."""
        raise NotImplementedError(f"{type(self).__name__}.sample")

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return Selected(self, tuple(range(len(self))[index]))
        return self.sample(position(index, len(self)), Pass())


def position(index: Any, samples: int) -> int:
    """An index as a number from 0; a negative one counts from the end. Errors: IndexError, ArgumentError."""
    if not is_integer(index):
        raise ArgumentError("dataset[...]", "a whole number or a slice", repr(index))
    found = int(index) + samples if index < 0 else int(index)
    if not 0 <= found < samples:
        raise IndexError(f"sample {index} of {samples}")
    return found


class Selected(Numbered):
    """Some samples of another data set, in an order of their own. Nothing is copied."""

    def __init__(self, source: Dataset, indices: tuple[int, ...]) -> None:
        self.source, self.indices, self.depth = source, indices, source.depth

    def __len__(self) -> int:
        return len(self.indices)

    @property
    def in_memory(self) -> bool:
        """Whether the source is."""
        return self.source.in_memory

    def sample(self, index: int, now: Pass) -> Any:
        """Sample number `index` of the selection: its random numbers are those that it has in the source."""
        return self.source.sample(self.indices[index], now)


class Foreign(Dataset):
    """Any object with a length and an index whose items are pairs (X, Y): a list, a torch Dataset, one of your own."""

    def __init__(self, source: Any) -> None:
        self.source = source

    def __len__(self) -> int:
        return len(self.source)

    @property
    def in_memory(self) -> bool:
        """Only a list and torch's TensorDataset are known to be."""
        module = sys.modules.get("torch.utils.data")
        return isinstance(self.source, (list, module.TensorDataset) if module else list)

    def __getitem__(self, index: Any) -> Any:
        return pair(self.source[index], type(self.source).__name__)


def pair(item: Any, owner: str) -> tuple[Any, Any]:
    """(X, Y) of one item. Errors: DataError."""
    if not isinstance(item, tuple | list) or len(item) != 2:
        kind = f"{type(item).__name__} of length {len(item)}" if isinstance(item, tuple | list) else type(item).__name__
        raise DataError(owner, "samples (X, Y)", kind, "Give X and Y as a pair; several inputs or targets as tuples in it.")
    return item[0], item[1]


def is_torch_dataset(data: Any) -> bool:
    """Whether `data` is a torch Dataset with an index. torch is not loaded for that: who has one has loaded it."""
    module = sys.modules.get("torch.utils.data")
    return module is not None and isinstance(data, module.Dataset) and not isinstance(data, module.IterableDataset)


def as_dataset(data: Any) -> Dataset:
    """`data` as a data set: one already, or any object with a length and an index. Errors: ArgumentError with the way out."""
    if isinstance(data, Dataset):
        return data
    if isinstance(data, tuple) or (hasattr(data, "shape") and hasattr(data, "dtype")):
        raise ArgumentError("pipeline", "a data set on the left of |", type(data).__name__, "For arrays write VectorDataset(X, Y) | ...")
    if hasattr(data, "minibatches"):
        raise ArgumentError("pipeline", "MiniBatch as the last of all", "another transformer after it", "Samples are transformed before they are stacked.")
    known = hasattr(data, "__len__") and hasattr(data, "__getitem__") and not isinstance(data, Mapping | str | bytes)
    if not known:
        hint = "It needs __len__ and __getitem__; an iterator of minibatches goes into fit_ as it is."
        raise ArgumentError("pipeline", "a data set on the left of |", type(data).__name__, hint)
    return Foreign(data)
