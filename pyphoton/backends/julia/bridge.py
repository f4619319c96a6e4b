"""The one door into Julia: JSON out, JSON in. Arrays stay where they are: a pointer, a shape and a dtype cross.

Julia's side is julia/src/door.jl. A row-major NumPy array of shape (N, F) is the Julia array of size (F, N) on the same memory.
"""

from __future__ import annotations

import ctypes
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pyphoton.backends.julia.errors import raise_failure

Door = Any
"""`const char *enter(const char *request)`."""

UNLOCKED = frozenset({"step"})
"""Requests that call nothing of Python's: other threads of Python, which load the next minibatch, run meanwhile. What Julia lets go of
in them is given back to Python later: PythonCall looks whether the lock is held."""


def door_at(address: int) -> Door:
    """The C function at an address, called with Python's lock held. What a signal handler raises while it runs is raised when it returns."""
    return ctypes.PYFUNCTYPE(ctypes.c_char_p, ctypes.c_char_p)(address)


def unlocked_door_at(address: int) -> Door:
    """The same function, called without Python's lock: for UNLOCKED requests."""
    return ctypes.CFUNCTYPE(ctypes.c_char_p, ctypes.c_char_p)(address)


def ask(door: Door, call: str, arguments: Mapping[str, Any]) -> Any:
    """Send a request; its value. Errors: Unsupported, JuliaError."""
    answer = json.loads(door(json.dumps({"call": call, **arguments}, default=_plain).encode()))
    if "error" in answer:
        raise_failure(answer["error"])
    return answer["value"]


def _plain(number: Any) -> Any:
    """NumPy's numbers as Python's."""
    return number.item()


def describe(array: Any) -> dict[str, Any]:
    """Pointer, shape and dtype of a row-major NumPy array, for Julia to lay an Array over. The caller keeps it alive."""
    return {"ptr": array.ctypes.data, "shape": array.shape, "dtype": array.dtype.name}


def described(arrays: Sequence[Any]) -> list[dict[str, Any]]:
    """Several of them."""
    return [describe(a) for a in arrays]


def dense(array: Any) -> Any:
    """The array as row-major NumPy; a copy only where it is not."""
    return np.ascontiguousarray(array.detach() if hasattr(array, "detach") else array)


def copied(shown: Mapping[str, Any]) -> Any:
    """A NumPy array of its own, of one that Julia shows until the next request."""
    found = np.empty(shown["shape"], shown["dtype"])
    ctypes.memmove(found.ctypes.data, shown["ptr"], found.nbytes)
    return found
