"""The few calls into Julia. What crosses is JSON text, whole numbers and pointers; arrays stay where they are."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np


def describe(array: Any) -> dict[str, Any]:
    """Pointer, shape and dtype of a row-major NumPy array, for Julia to lay an Array over (dimensions reversed)."""
    return {"ptr": array.ctypes.data, "shape": list(array.shape), "dtype": array.dtype.name}


def dense(array: Any) -> Any:
    """The array as row-major NumPy; a copy only where it is not."""
    return np.ascontiguousarray(array.detach() if hasattr(array, "detach") else array)


def arrays(members: tuple[Any, ...]) -> str:
    """A tuple of row-major arrays as JSON. The caller keeps them alive during the call."""
    return json.dumps([describe(a) for a in members])


def named(members: Mapping[str, Any]) -> str:
    """Arrays by name as JSON. The caller keeps them alive during the call."""
    return json.dumps([{"name": name, **describe(a)} for name, a in members.items()])


def from_julia(value: Any) -> Any:
    """A NumPy array over a Julia array's memory, axes reversed back; numbers as arrays without axes."""
    return np.asarray(value).T
