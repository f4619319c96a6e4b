"""What a model was first given: which shapes it was built for. A sample is told from a batch by it, and files keep it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

Signature = tuple[tuple[tuple[int, ...], bool], ...]
"""Of each input: the shape of one sample, and whether it is whole numbers."""


@dataclass(frozen=True)
class Met:
    """What a model was first given: the shapes of one sample, which inputs are whole numbers, and whether they came as a tuple."""

    shapes: tuple[tuple[int, ...], ...]
    whole: tuple[bool, ...]
    as_tuple: bool


_met: WeakKeyDictionary[Any, Met] = WeakKeyDictionary()


def met_of(model: Any) -> Met | None:
    """What a model was first given, by whichever network; None before it is built."""
    with suppress(TypeError):
        return _met.get(model)
    return None


def remember(model: Any, met: Met | None) -> None:
    """Note what a model is given for the first time. An object that cannot be referred to weakly is not remembered."""
    if met is not None:
        with suppress(TypeError):
            _met.setdefault(model, met)


def hand_on(model: Any, to: Any) -> None:
    """A copy of a model has met what the model has."""
    if model in _met:
        _met[to] = _met[model]


def is_whole(array: Any) -> bool:
    """Whether an array holds whole numbers."""
    return str(array.dtype).removeprefix("torch.").startswith(("int", "uint"))


def signature(arrays: Sequence[Any]) -> Signature:
    """What tells inputs apart: shapes without the batch, and which are whole numbers."""
    return tuple((tuple(map(int, a.shape[1:])), is_whole(a)) for a in arrays)


def met_in(found: Signature, as_tuple: bool) -> Met:
    """Inputs of this signature."""
    return Met(tuple(shape for shape, _ in found), tuple(whole for _, whole in found), as_tuple)
