"""History: what `fit` returns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


class Measured(dict[str, list[float]]):
    """Lists by name. "acc" is the accuracy, too, as Keras 1 called it, where nothing else has that name."""

    def __missing__(self, name: str) -> list[float]:
        known = {"acc": "accuracy", "val_acc": "val_accuracy"}.get(name)
        if known is None or known not in self:
            raise KeyError(name)
        return self[known]


class History:
    """What was measured in each epoch: `history` is a dictionary of lists by name, `epoch` the epochs' numbers from 0.

    `history["loss"]` plots as it stands. As a sequence it is a dictionary for each epoch: `h[-1]["val_loss"]`.
    """

    def __init__(self) -> None:
        self.history: dict[str, list[float]] = Measured()
        self.epoch: list[int] = []
        self.params: dict[str, Any] = {}
        self.model: Any = None
        self._rows: list[dict[str, float]] = []

    def record(self, epoch: int, logs: Mapping[str, float]) -> None:
        """Keep an epoch."""
        self.epoch.append(epoch)
        self._rows.append(dict(logs))
        for name, value in logs.items():
            self.history.setdefault(name, []).append(value)

    def __getitem__(self, index: Any) -> Any:
        """The dictionary of an epoch; by a name, the list of its values."""
        return self.history[index] if isinstance(index, str) else self._rows[index]

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[dict[str, float]]:
        return iter(self._rows)

    def __repr__(self) -> str:
        return f"History({len(self)} epochs: {', '.join(self.history)})"
