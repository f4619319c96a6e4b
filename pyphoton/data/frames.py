"""The numbers in tables of pandas and polars: one column, or all of them as an array."""

from __future__ import annotations

from typing import Any

import numpy as np

from pyphoton.errors import DataError

CATEGORIES = frozenset({"category", "Categorical", "Enum"})


def is_frame(x: Any) -> bool:
    """Whether x is a table or a column of pandas or polars. Neither is loaded for that: who has one has loaded it."""
    return type(x).__module__.partition(".")[0] in ("pandas", "polars")


def frame_values(x: Any, owner: str) -> Any:
    """The numbers of a table (rows, columns) or of a column (rows,), without a copy where all lie in one array of one type.

    Errors: DataError, naming the column, for labels and categories; naming the row, too, where there is no value.
    """
    if hasattr(x, "collect"):
        raise DataError(owner, "a table with its rows", type(x).__name__, "Write x.collect() first.")
    columns = _columns(x)
    if columns and all(_is_plain(column) for _, column in columns):
        found = np.asarray(x)
        if found.dtype.kind in "biu" or (found.dtype.kind == "f" and not np.isnan(found).any()):
            return found
    if not columns:
        raise DataError(owner, "at least one column", "none")
    read = [column_values(c, owner if name is None else f"{owner}, column {name!r}", labels=False) for name, c in columns]
    return read[0] if columns[0][0] is None else np.stack(read, axis=1)


def column_values(column: Any, owner: str, *, labels: bool) -> Any:
    """The values of one column, numbers or, with `labels`, text. Errors: DataError."""
    missing = np.flatnonzero(np.asarray((column.isna() if hasattr(column, "isna") else column.is_null()).to_numpy()))
    values = np.asarray(column.to_numpy())
    if values.dtype.kind == "f" and not missing.size:
        missing = np.flatnonzero(np.isnan(values))
    if missing.size:
        raise DataError(owner, "a value in every row", f"none in row {missing[0]}", "Fill or drop such rows first.")
    if labels or not _is_category(column):
        if values.dtype.kind in "biuf":
            return values
        if values.dtype.kind == "O" and all(hasattr(v, "__float__") and not isinstance(v, str) for v in values):
            return values.astype("float64")
        if labels and all(isinstance(v, str) for v in values):
            return values.astype(object)
    shown = "categories" if _is_category(column) and not labels else f"values like {values.flat[0]!r}" if values.size else "no rows"
    raise DataError(owner, "numbers or labels" if labels else "numbers", shown, "Turn them into numbers first.")


def _columns(x: Any) -> list[tuple[Any, Any]]:
    """Names and columns of a table; a column alone has no name."""
    if not hasattr(x, "columns"):
        return [(None, x)]
    by_number = x.to_series if hasattr(x, "to_series") else lambda i: x.iloc[:, i]
    return [(name, by_number(i)) for i, name in enumerate(x.columns)]


def _is_plain(column: Any) -> bool:
    return str(column.dtype).lower().startswith(("int", "uint", "float", "bool"))


def _is_category(column: Any) -> bool:
    return str(column.dtype).partition("(")[0] in CATEGORIES
