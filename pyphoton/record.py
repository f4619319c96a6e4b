"""History: what was measured, by name and step; and a row per epoch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from pyphoton.errors import UnknownName, near


class History(Mapping[str, Mapping[int, float]]):
    """Values by metric name and step. `history("loss")` gives (steps, values); `history.epochs` a dictionary per epoch.

    Losses and metrics of training are those of each minibatch before its update; `val_...` are means over the whole
    validation set, weighted by samples. Iterating gives the names.
    """

    def __init__(self) -> None:
        self._values: dict[str, dict[int, float]] = {}
        self.epochs: list[dict[str, float]] = []

    def __getitem__(self, name: str) -> Mapping[int, float]:
        name = str(name).lstrip(":")
        if name not in self._values:
            raise UnknownName("history", "a recorded metric", repr(name), near(name, self._values) if self._values else "Nothing is recorded yet.")
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __call__(self, name: str) -> tuple[Any, Any]:
        """(steps, values) of one metric as arrays, in the order of the steps. Errors: UnknownName."""
        steps = sorted(self[name])
        return np.array(steps, dtype="int64"), np.array([self[name][s] for s in steps])

    def __repr__(self) -> str:
        sizes = ", ".join(f"{name}: {len(values)}" for name, values in self._values.items())
        return f"History({len(self.epochs)} epochs; {sizes})"

    def record(self, step: int, values: Mapping[str, float]) -> None:
        """Keep values at a step."""
        for name, value in values.items():
            self._values.setdefault(name, {})[step] = value

    def record_many(self, first: int, names: tuple[str, ...], table: Any) -> None:
        """Keep a table of values, a row per step from `first` on."""
        for column, name in enumerate(names if len(table) else ()):
            self._values.setdefault(name, {}).update(zip(range(first, first + len(table)), table[:, column].tolist(), strict=True))

    def last(self, name: str, step: int | None = None) -> float | None:
        """The value at `step` (the newest when None), or None."""
        values = self._values.get(name.lstrip(":"), {})
        return values.get(max(values) if step is None and values else step) if values else None  # type: ignore[arg-type]

    def restore(self, values: Mapping[str, Mapping[int, float]], epochs: list[dict[str, float]]) -> None:
        """Begin with what another history had recorded."""
        self._values = {name: dict(column) for name, column in values.items()}
        self.epochs = list(epochs)

    def undo(self, step: int, epochs: int, validation: Mapping[str, dict[int, float]]) -> None:
        """Drop what was recorded after a step and after a number of epochs; `validation` are the `val_` columns to go back to."""
        del self.epochs[epochs:]
        for name in list(self._values):
            kept = {s: v for s, v in self._values[name].items() if s <= step}
            kept = validation.get(name, {}) if name.startswith("val_") else kept
            if kept:
                self._values[name] = kept
            else:
                del self._values[name]
