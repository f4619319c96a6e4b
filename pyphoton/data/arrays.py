"""One array for one input of a plan: the checks and the cast, without a copy wherever it already fits."""

from __future__ import annotations

from typing import Any

import numpy as np

from pyphoton.data.frames import frame_values, is_frame
from pyphoton.errors import DataError
from pyphoton.plan import Value


def as_array(x: Any, owner: str) -> Any:
    """A NumPy array over the same memory where there is one; an array on another device stays as it is.

    x: of NumPy, torch, JAX, pandas or polars, nested lists, or any object with `__array__`, `__array_interface__` or `__dlpack__`.
    Errors: DataError for what does not hold numbers.
    """
    if isinstance(x, np.ndarray):
        if isinstance(x, np.ma.MaskedArray) and np.ma.is_masked(x):
            raise DataError(owner, "a value everywhere", "an array with masked elements", "Fill them: x.filled(0).")
        found = x
    elif getattr(x, "__dlpack_device__", None) is not None and x.__dlpack_device__()[0] not in (1, 3):
        return x
    elif is_frame(x):
        found = frame_values(x, owner)
    else:
        try:
            found = _read(x)
        except (TypeError, ValueError, BufferError) as error:
            raise DataError(owner, "numbers in equal rows", f"{type(x).__name__} ({error})") from None
    if found.dtype.kind not in "biuf":
        raise DataError(owner, "an array of numbers", f"{type(x).__name__} of dtype {found.dtype}")
    return found


def _read(x: Any) -> Any:
    """The array that an object offers. bfloat16, which NumPy does not have, becomes float32."""
    x = x.detach() if hasattr(x, "detach") else x
    if str(getattr(x, "dtype", "")) == "torch.bfloat16":
        x = x.float()
    if hasattr(x, "__dlpack__") and not hasattr(x, "__array__") and not hasattr(x, "__array_interface__"):
        return np.from_dlpack(x)
    found = np.asarray(x)
    return found.astype("float32") if found.dtype.name == "bfloat16" else found


def convert(x: Any, value: Value, owner: str) -> Any:
    """The array as the plan's input `value` wants it: dtype, row-major order, whole numbers within their bound.

    Errors: DataError.
    """
    array = as_array(x, owner)
    if not isinstance(array, np.ndarray):
        return _elsewhere(array, value.dtype)
    if value.dtype == "int64":
        return _whole(array, value, owner)
    return np.ascontiguousarray(array, dtype=value.dtype)


def _elsewhere(array: Any, dtype: str) -> Any:
    """An array on another device in this dtype: torch's method for it, or `astype`, which CuPy and JAX have."""
    if str(array.dtype).removeprefix("torch.") == dtype:
        return array
    method = {"float32": "float", "float64": "double", "int64": "long"}[dtype]
    return getattr(array, method)() if hasattr(array, method) else array.astype(dtype)


def _whole(array: Any, value: Value, owner: str) -> Any:
    if array.dtype.kind == "f":
        bad = np.flatnonzero(~((array == np.rint(array)) & (np.abs(array) < 2.0**63)))
        if bad.size:
            raise DataError(owner, "whole numbers", f"{array.flat[bad[0]]} at sample {_sample(array, bad[0])}", "Class numbers count from 0.")
    numbers = np.ascontiguousarray(array, dtype="int64")
    if value.below is not None and numbers.size and (numbers.min() < 0 or numbers.max() >= value.below):
        raise outside(owner, value.below, numbers)
    return numbers


def outside(owner: str, below: int, numbers: Any) -> DataError:
    """The error for whole numbers of which some are not from 0 to below - 1."""
    first = int(np.flatnonzero((numbers < 0) | (numbers >= below))[0])
    return DataError(
        owner, f"whole numbers from 0 to {below - 1}", f"{numbers.flat[first]} at sample {_sample(numbers, first)}",
        "They count from 0; give the model more outputs, or correct the data.",
    )  # fmt: skip


def _sample(array: Any, position: Any) -> int:
    return int(np.unravel_index(int(position), array.shape)[0])


def samples(arrays: tuple[Any, ...], names: tuple[str, ...]) -> int:
    """The number of samples that all arrays share. Errors: DataError when they differ, are none, or have no batch axis."""
    lengths = []
    for array, name in zip(arrays, names, strict=True):
        if not array.shape:
            raise DataError(name, "an array with a batch axis", "a single number")
        lengths.append(int(array.shape[0]))
    if len(set(lengths)) > 1:
        shown = ", ".join(f"{name} {n}" for name, n in zip(names, lengths, strict=True))
        raise DataError("data", "as many samples in every array", shown)
    if not lengths or lengths[0] == 0:
        raise DataError("data", "at least one sample", "none")
    return lengths[0]
