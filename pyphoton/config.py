"""The context that models are made in: dtype, device, backend and the stream of seeds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pyphoton.errors import ArgumentError, UnknownName, near

DTYPES = ("float32", "float64")


@dataclass
class Context:
    """Defaults for models that are built from now on. `seed` counts up with every model that is built."""

    dtype: str = "float32"
    device: str = "cpu"
    backend: str | None = None
    seed: int = 0


_context = Context()


def get_context() -> Context:
    """The current context."""
    return _context


def set_context(*, dtype: str | None = None, device: str | None = None, backend: str | None = None) -> Context:
    """Change what models that are built from now on use. Returns the context.

    dtype is "float32" or "float64", device "cpu" or "cuda", backend a backend's name.
    """
    if dtype is not None:
        if dtype not in DTYPES:
            raise UnknownName("set_context dtype=", received=repr(dtype), hint=near(dtype, DTYPES))
        _context.dtype = dtype
    if device is not None:
        _context.device = device
    if backend is not None:
        _context.backend = backend
    return _context


def reset_context() -> Context:
    """Back to float32 on the CPU with the backend that is found first."""
    _context.dtype, _context.device, _context.backend = "float32", "cpu", None
    return _context


def seed_(number: int) -> None:
    """Start the stream of seeds at `number`: the models built next get number, number + 1, ...

    A process starts at 0, so a script gives the same numbers whenever it runs.
    """
    if isinstance(number, bool) or not isinstance(number, int) or number < 0:
        raise ArgumentError("seed_", "a whole number from 0", repr(number))
    _context.seed = number


def next_seed() -> int:
    """The next seed of the stream."""
    _context.seed += 1
    return _context.seed - 1


def check_seed(seed: Any, owner: str) -> int:
    """`seed`, or the next of the stream when it is None. Errors: ArgumentError."""
    if seed is None:
        return next_seed()
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise ArgumentError(f"{owner} seed=", "a whole number from 0, or None", repr(seed))
    return seed
