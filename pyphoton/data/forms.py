"""The forms that training data comes in, told apart.

- a tuple (X, Y), where X and Y are arrays or tuples of arrays: the whole data set, shuffled and cut by `batch_size`;
- a Dataset, PyPhoton's or torch's: samples, treated in the same way; arrays (X, Y) on disk, too, are read sample by sample;
- an iterable of (X, Y): minibatches as they come (a list, a DataLoader, a generator; one that can be read only once is
  remembered while it is first read, so that later epochs see it again);
- a function without arguments: called for each epoch, returns either of the above.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from pyphoton.data.arrays import as_array, samples
from pyphoton.data.passes import Pass
from pyphoton.errors import DataError


@dataclass(frozen=True)
class Batch:
    """Inputs and targets, flat; `x_tuple` and `y_tuple` tell whether they came as tuples."""

    x: tuple[Any, ...]
    y: tuple[Any, ...]
    x_tuple: bool
    y_tuple: bool

    @property
    def arrays(self) -> tuple[Any, ...]:
        """Inputs, then targets."""
        return (*self.x, *self.y)

    @property
    def names(self) -> tuple[str, ...]:
        """What the arrays are called in errors."""
        return (*names_of("inputs", self.x, self.x_tuple), *names_of("targets", self.y, self.y_tuple))

    def samples(self) -> int:
        """How many samples. Errors: DataError."""
        return samples(self.arrays, self.names)


def names_of(word: str, arrays: tuple[Any, ...], many: bool) -> tuple[str, ...]:
    """What arrays are called in errors: `inputs`, or `inputs[0]` and so on."""
    return tuple(f"{word}[{i}]" for i in range(len(arrays))) if many else (word,)


def is_whole(data: Any) -> bool:
    """Whether `data` is (X, Y), the whole data set."""
    return isinstance(data, tuple) and len(data) == 2


def members(x: Any, word: str, nested_lists: bool = False, raw: bool = False) -> tuple[tuple[Any, ...], bool]:
    """The arrays in X or Y, and whether they came as a tuple. In minibatches a list of arrays is a tuple, too.

    `raw` leaves objects that are arrays of some library as they are.
    """
    many = isinstance(x, tuple) or (nested_lists and isinstance(x, list) and bool(x) and all(hasattr(a, "shape") for a in x))
    if many and not x:
        raise DataError(word, "at least one array", "an empty tuple")
    parts = tuple(x) if many else (x,)
    found = zip(parts, names_of(word, parts, many), strict=True)
    return tuple(a if raw and hasattr(a, "shape") and hasattr(a, "dtype") else as_array(a, n) for a, n in found), many


def batch_of(pair: Any, *, nested_lists: bool = True, raw: bool = False) -> Batch:
    """A minibatch or a whole data set, checked. `raw`: as a convertor of the user left it. Errors: DataError."""
    if not isinstance(pair, tuple | list) or len(pair) != 2:
        kind = f"{type(pair).__name__} of length {len(pair)}" if hasattr(pair, "__len__") else type(pair).__name__
        raise DataError("data", "minibatches (X, Y)", kind, "Give X and Y as a pair; several inputs or targets as tuples in it.")
    x, x_tuple = members(pair[0], "inputs", nested_lists, raw)
    y, y_tuple = members(pair[1], "targets", nested_lists, raw)
    return Batch(x, y, x_tuple, y_tuple)


def _check_form(data: Any) -> None:
    if isinstance(data, str | bytes | dict) or not (hasattr(data, "__iter__") or hasattr(data, "__getitem__")):
        raise DataError("data", "(X, Y), minibatches, or a function that returns them", type(data).__name__)


class Epochs:
    """The data of each epoch, whatever its form. Errors: DataError for a form that is none.

    Closing it ends the worker threads of an epoch that was left before its end.
    """

    def __init__(self, data: Any) -> None:
        if not callable(data):
            _check_form(data)
        self.data = data
        self.seen: list[Any] | None = None
        self.count: int | None = None
        self.running: Any = None

    def next(self, now: Pass, batch_size: int | None, shuffle: bool) -> Any:
        """(X, Y), or an iterable of minibatches, for the epoch `now`. Samples are cut into minibatches as a whole data set is."""
        self.close()
        data = self.data() if callable(self.data) and not hasattr(self.data, "__iter__") else self.data
        _check_form(data)
        data = loader_of(data, batch_size, shuffle)
        self.count = len(data) if hasattr(data, "__len__") else None
        if hasattr(data, "minibatches"):
            self.running = data.minibatches(now)
            return self.running
        if is_whole(data):
            return data
        if not hasattr(data, "__iter__"):
            return (data[i] for i in range(len(data))) if hasattr(data, "__len__") else iter(data)
        if data is self.data and hasattr(data, "__next__"):
            return self._once(data)
        return data

    def expected(self, batch_size: int | None) -> int | None:
        """The number of minibatches of an epoch, where it is known before one is read."""
        if callable(self.data) and not hasattr(self.data, "__iter__"):
            return None
        if is_whole(self.data):
            samples = batch_of(self.data, nested_lists=False).samples()
            return 1 if batch_size is None else -(-samples // batch_size)
        data = loader_of(self.data, batch_size, shuffle=False)
        return len(data) if hasattr(data, "__len__") else None

    def length(self) -> int | None:
        """The number of minibatches of the stream that `next` gave, where it is known."""
        return self.count if self.seen is None else len(self.seen)

    def close(self) -> None:
        """End what still loads minibatches."""
        if self.running is not None:
            self.running.close()
            self.running = None

    def _once(self, iterator: Iterator[Any]) -> Iterable[Any]:
        """Minibatches of something that can be read only once: remembered while it is read."""
        if self.seen is not None:
            return self.seen

        def remember() -> Iterator[Any]:
            kept = []
            for item in iterator:
                kept.append(item)
                yield item
            self.seen = kept

        return remember()


def loader_of(data: Any, batch_size: int | None, shuffle: bool) -> Any:
    """What loads minibatches of samples: of a data set, PyPhoton's or torch's, and of arrays on disk. Other forms as they are.

    Errors: DataError.
    """
    from pyphoton.data.dataset import Dataset, as_dataset, is_torch_dataset
    from pyphoton.data.disk import on_disk
    from pyphoton.data.loader import MiniBatch
    from pyphoton.data.vectors import VectorDataset

    if is_whole(data):
        arrays = [a for part in data for a in (part if isinstance(part, tuple) else (part,))]
        if batch_size is None or not any(map(on_disk, arrays)):
            return data
        batch_of(tuple(tuple(a[:1] for a in part) if isinstance(part, tuple) else part[:1] for part in data)).samples()
        data = VectorDataset(*data)
    if isinstance(data, Dataset) or is_torch_dataset(data):
        source = as_dataset(data)
        return MiniBatch(batch_size or max(len(source), 1), shuffle=shuffle, drop_last=False).apply(source)
    return data
