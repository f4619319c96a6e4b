"""Batches of any structure: arrays in tuples, lists, dictionaries and named tuples, made flat and put together again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pyphoton.data.arrays import as_array
from pyphoton.errors import DataError
from pyphoton.tensor import Tensor

Structure = Any
"""None for one array; (type, members...) for a tuple or list; (dict, (key, member)...) for a dictionary."""


def flattened(batch: Any, word: str = "batch") -> tuple[tuple[Any, ...], tuple[str, ...], Structure]:
    """The arrays one after the other, what they are called in errors, and how they nest. Errors: DataError with the place."""
    arrays: list[Any] = []
    names: list[str] = []
    structure = _walk(batch, word, arrays, names)
    if not arrays:
        raise DataError(word, "an array, or a tuple or dictionary of arrays", repr(batch)[:80])
    return tuple(arrays), tuple(names), structure


def _walk(part: Any, word: str, arrays: list[Any], names: list[str]) -> Structure:
    if isinstance(part, Mapping):
        return (dict, *((key, _walk(value, f"{word}[{key!r}]", arrays, names)) for key, value in part.items()))
    if isinstance(part, tuple) or (isinstance(part, list) and any(map(_holds_arrays, part))):
        return (type(part), *(_walk(value, f"{word}[{k}]", arrays, names) for k, value in enumerate(part)))
    if part is None or isinstance(part, str | bytes | set) or callable(part):
        raise DataError(word, "an array of numbers", repr(part)[:80], "A batch is an array, or a tuple or dictionary of arrays; several may nest.")
    arrays.append(part if isinstance(part, Tensor) else as_array(part, word))
    names.append(word)
    return None


def _holds_arrays(part: Any) -> bool:
    return hasattr(part, "shape") or isinstance(part, Mapping | tuple) or (isinstance(part, list) and any(map(_holds_arrays, part)))


def rebuilt(structure: Structure, members: Sequence[Any]) -> Any:
    """The batch of these members with the structure that `flattened` gave."""
    return _build(structure, iter(members))


def _build(structure: Structure, rest: Iterator[Any]) -> Any:
    if structure is None:
        return next(rest)
    kind, *parts = structure
    if kind is dict:
        return {key: _build(part, rest) for key, part in parts}
    built = [_build(part, rest) for part in parts]
    return kind(*built) if hasattr(kind, "_fields") else kind(built)


def is_whole(data: Any) -> bool:
    """Whether data are a whole data set in memory: an array, or a tuple or dictionary of arrays."""
    return isinstance(data, tuple | Mapping) or (hasattr(data, "shape") and not hasattr(data, "minibatches"))
