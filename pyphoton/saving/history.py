"""A history as arrays: for each name the steps and the values, exactly; the rows of epochs likewise, by column."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from pyphoton.errors import FileError
from pyphoton.record import History

Columns = Mapping[str, Mapping[int, float]]


def arrays_of(history: History) -> dict[str, Any]:
    """The arrays by name."""
    rows: dict[str, dict[int, float]] = {}
    for number, row in enumerate(history.epochs):
        for name, value in row.items():
            rows.setdefault(name, {})[number] = value
    return {**_write("steps", history), **_write("epochs", rows)}


def history_from(arrays: Mapping[str, Any]) -> tuple[dict[str, dict[int, float]], list[dict[str, float]]]:
    """Values by name and step, and the rows of epochs. Errors: FileError."""
    unknown = [name for name in arrays if not name.startswith(("steps/", "epochs/"))]
    if unknown:
        raise FileError("history", "values of steps and epochs", unknown[0][:80])
    columns = _read("epochs", arrays)
    count = len(columns["epoch"]) if "epoch" in columns else 0
    rows: list[dict[str, float]] = [{} for _ in range(count)]
    for name, column in columns.items():
        for number, value in column.items():
            if number >= count:
                raise FileError("history", f"{count} epochs", f"one of number {number}")
            rows[number][name] = value
    return _read("steps", arrays), rows


def _write(word: str, columns: Columns) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, column in columns.items():
        found[f"{word}/{name}/at"] = np.fromiter(column.keys(), "int64", len(column))
        found[f"{word}/{name}/values"] = _numbers(column.values())
    return found


def _numbers(values: Iterable[float]) -> Any:
    known = list(values)
    whole = all(type(v) is int for v in known)
    return np.array(known, "int64" if whole else "float64")


def _read(word: str, arrays: Mapping[str, Any]) -> dict[str, dict[int, float]]:
    found: dict[str, dict[int, float]] = {}
    for key in (k for k in arrays if k.startswith(f"{word}/")):
        name, _, part = key.removeprefix(f"{word}/").rpartition("/")
        if part == "values":
            continue
        at, values = arrays[key], arrays.get(f"{word}/{name}/values")
        if (
            part != "at" or values is None or not at.ndim == values.ndim == 1 or len(at) != len(values)
            or at.dtype != "int64" or values.dtype not in ("int64", "float64") or (len(at) and at.min() < 0)
        ):  # fmt: skip
            raise FileError("history", f"steps and values of {name[:80]!r}", "something else")
        found[name] = dict(zip(at.tolist(), values.tolist(), strict=True))
    if 2 * len(found) != sum(k.startswith(f"{word}/") for k in arrays):
        raise FileError("history", "steps beside all values", "values alone")
    return found
