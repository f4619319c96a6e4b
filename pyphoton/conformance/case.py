"""What a case is: something that can be traced, and the inputs that it is traced for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Numbers:
    """One input, batch included: floats from `low` to `high`, or whole numbers from 0 to `below` - 1."""

    shape: tuple[int, ...]
    low: float = -1.5
    high: float = 1.5
    below: int | None = None


@dataclass(frozen=True)
class Case:
    """`build()` makes the layer, model or function; `inputs` are its arguments.

    `tolerance` is the relative error allowed in float32. `slope` tells whether gradients are compared: not for whole
    numbers and truth values. `random` layers are compared in evaluation only. `trained` adds ten steps of SGD.
    """

    name: str
    build: Callable[[], Any]
    inputs: tuple[Numbers, ...]
    tolerance: float = 1e-5
    slope: bool = True
    random: bool = False
    trained: bool = False


def floats(*shape: int, low: float = -1.5, high: float = 1.5) -> Numbers:
    """An input of floats."""
    return Numbers(shape, low, high)


def whole(*shape: int, below: int) -> Numbers:
    """An input of whole numbers below a bound."""
    return Numbers(shape, below=below)


class Table(list[Case]):
    """Cases in the order in which they are added."""

    def add(self, name: str, build: Callable[[], Any], *inputs: Numbers, **options: Any) -> None:
        """Add a case."""
        self.append(Case(name, build, inputs, **options))
