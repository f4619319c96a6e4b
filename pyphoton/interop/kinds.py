"""Results as the kind of array that went in: NumPy, torch, pandas, polars, JAX, CuPy, or lists."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np

from pyphoton.errors import ArgumentError, BackendMissing, UnknownName, near


def as_kind(result: Any, like: Any, of: Any = None) -> Any:
    """A NumPy array, or a tuple of them, as another library's.

    like: an object of the kind that is wanted, or its name: "numpy", "torch", "pandas", "polars", "jax", "cupy", "list".
    A tensor gives its device, too. of: what the result was computed from: a table of pandas gives its index to results with as many rows.
    Names of columns come from a table `like` of as many columns, unless that is `of`. There is no copy for torch, for JAX where memory is aligned,
    and for pandas; polars keeps columns, so it copies. JAX makes float32 of float64 unless it is told otherwise (jax_enable_x64).
    Errors: UnknownName; BackendMissing where the library is not installed; ArgumentError for a table of more than two axes.
    """
    if isinstance(result, tuple):
        return tuple(as_kind(r, like, of) for r in result)
    of = _first(of)
    sample = None if isinstance(like, str) else _first(like)
    name = like if isinstance(like, str) else _kind(sample)
    if name not in KINDS:
        raise UnknownName("like=", "a kind of array", repr(name if isinstance(like, str) else type(like).__name__), near(name, KINDS))
    if not isinstance(result, np.ndarray):
        return result
    try:
        return KINDS[name](result, sample, of)
    except ImportError as error:
        raise BackendMissing(f"like={name!r}", hint=f"{name} is not installed: pip install {name} ({error}).") from error


def _kind(sample: Any) -> str:
    if isinstance(sample, list | tuple):
        return "list"
    return type(sample).__module__.partition(".")[0].replace("jaxlib", "jax")


def _first(x: Any) -> Any:
    """The first of several arrays; a list of numbers or of lists is one itself."""
    while isinstance(x, tuple | list) and x and (isinstance(x, tuple) or hasattr(x[0], "shape")):
        x = x[0]
    return x


def _numpy(a: Any, sample: Any, of: Any) -> Any:
    return a


def _list(a: Any, sample: Any, of: Any) -> Any:
    return a.tolist()


def _torch(a: Any, sample: Any, of: Any) -> Any:
    made = import_module("torch").from_numpy(a)
    return made if sample is None else made.to(sample.device)


def _jax(a: Any, sample: Any, of: Any) -> Any:
    return import_module("jax.numpy").asarray(a)


def _cupy(a: Any, sample: Any, of: Any) -> Any:
    return import_module("cupy").asarray(a)


def _pandas(a: Any, sample: Any, of: Any) -> Any:
    pandas = import_module("pandas")
    _check_table(a)
    source = of if _kind(of) == "pandas" else sample
    index = getattr(source, "index", None)
    index = index if index is not None and len(index) == len(a) else None
    if a.ndim == 1:
        return pandas.Series(a, index=index, name=None if sample is of else getattr(sample, "name", None), copy=False)
    return pandas.DataFrame(a, index=index, columns=_names(a, sample, of), copy=False)


def _polars(a: Any, sample: Any, of: Any) -> Any:
    polars = import_module("polars")
    _check_table(a)
    if a.ndim == 1:
        return polars.Series(None if sample is of else getattr(sample, "name", None), a)
    return polars.from_numpy(a, schema=_names(a, sample, of))


def _names(a: Any, sample: Any, of: Any) -> Any:
    """Names of columns: those of a table that is not the input, where there are as many."""
    names = None if sample is of else getattr(sample, "columns", None)
    return names if names is not None and len(names) == a.shape[1] else None


def _check_table(a: Any) -> None:
    if not 1 <= a.ndim <= 2:
        raise ArgumentError("like=", "a result of one or two axes for a table", f"shape {a.shape}", 'like="numpy" takes any.')


KINDS: dict[str, Callable[[Any, Any, Any], Any]] = {
    "numpy": _numpy, "list": _list, "torch": _torch, "jax": _jax, "cupy": _cupy, "pandas": _pandas, "polars": _polars,
}  # fmt: skip
