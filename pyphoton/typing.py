"""The few types that every module speaks of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

Shape: TypeAlias = "tuple[int | None, ...]"
"""Axis lengths; `None` is a length that is not known yet. Axis 0 is the batch."""

Array: TypeAlias = Any
"""Anything with `__dlpack__` or the array interface: NumPy, torch, a Julia array."""

Function: TypeAlias = "Callable[..., Any]"
"""A plain Python function of arrays."""


def show(shape: Shape) -> str:
    """A shape as people write it: `(batch, 3, 28, 28)`."""
    names = ["batch" if i == 0 and n is None else "?" if n is None else str(n) for i, n in enumerate(shape)]
    return f"({', '.join(names)}{',' if len(names) == 1 else ''})"
