"""Data sets of table columns: pandas and polars."""

from __future__ import annotations

from typing import Any

import numpy as np

from pyphoton.arguments import checked
from pyphoton.data.dataset import Numbered
from pyphoton.data.frames import column_values
from pyphoton.data.passes import Pass
from pyphoton.errors import ArgumentError, near


class DFDataset(Numbered):
    """Sample i is row i of a data frame (pandas or polars): vectors of the columns `x` and of the columns `y`.

    `x` and `y` name one column or a list of them. A column of labels (strings, categories) or whole numbers that `y` gives by
    its name alone stays one label per row, for OneHotEncoder or a loss that takes class numbers; in a list it is a vector of one.
    Errors: ArgumentError for an unknown column; DataError, naming column and row, for missing values and for what is no number in x.
    """

    @checked
    def __init__(self, df: Any, x: Any, y: Any) -> None:
        if hasattr(df, "collect") or not hasattr(df, "columns") or not hasattr(df, "shape"):
            hint = "Write df.collect() first." if hasattr(df, "collect") else ""
            raise ArgumentError("DFDataset", "a data frame of pandas or polars", type(df).__name__, hint)
        known = list(df.columns)
        self.x = _matrix([_column(df, name, known, labels=False) for name in _names(x)])
        columns = [_column(df, name, known, labels=True) for name in _names(y)]
        self.y = _matrix(columns) if isinstance(y, list | tuple) or columns[0].dtype.kind == "f" else columns[0]

    def __len__(self) -> int:
        return len(self.x)

    @property
    def in_memory(self) -> bool:
        """A data frame is."""
        return True

    def sample(self, index: int, now: Pass) -> Any:
        """(vector, vector or label) of row `index`."""
        return self.x[index], self.y[index]


def _names(columns: Any) -> list[Any]:
    return list(columns) if isinstance(columns, list | tuple) else [columns]


def _column(df: Any, name: Any, known: list[Any], *, labels: bool) -> Any:
    if name not in known:
        raise ArgumentError("DFDataset", "a column of the table", repr(name), near(name, map(str, known)))
    if known.count(name) > 1:
        raise ArgumentError("DFDataset", "columns with different names", f"{name!r} twice")
    return column_values(df[name], f"column {name!r}", labels=labels)


def _matrix(columns: list[Any]) -> Any:
    if not columns:
        raise ArgumentError("DFDataset", "at least one column", "none")
    return np.stack(columns, axis=1)
