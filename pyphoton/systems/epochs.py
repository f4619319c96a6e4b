"""One pass over data by a trainer: cut into runs of steps of one kind, each given to the engine at once; and what it measured."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

import numpy as np

from pyphoton.backends.base import Report, Whole
from pyphoton.data.passes import Pass
from pyphoton.errors import PhotonError, note
from pyphoton.systems.feed import Feed, arrays_of, cut
from pyphoton.systems.planning import Planned
from pyphoton.systems.recording import Log
from pyphoton.systems.sessions import Data

BY_STEP = frozenset({"batch_idx", "global_step"})
"""Counters that are another number for each minibatch."""


class Runs:
    """The data of one pass. `whole` where it is a whole data set that needs no look at each minibatch."""

    def __init__(self, trainer: Any, stage: str, feed: Feed, *, batch_size: int | None, shuffle: bool) -> None:
        self.trainer, self.stage = trainer, stage
        self.skipped: list[tuple[Planned, int]] = []
        self.whole: tuple[Planned, Whole[Any]] | None = None
        now = Pass(trainer.network.seed, trainer.epochs)
        current = feed.next(now, batch_size, shuffle)
        if not _is_stream(current):
            data = arrays_of(current, feed.word)
            size = data.count if batch_size is None else min(batch_size, data.count)
            order = now.order(data.count) if shuffle else None
            self.count: int | None = -(-data.count // size)
            planned = trainer.planned(stage, data, 0)
            if planned.parts and not planned.used & BY_STEP:
                arrays = trainer.network.arrays_for(planned, data.arrays, data.names)
                self.whole = planned, Whole(None, arrays, data.count, order, size)
            current = cut(data, order, size)
        else:
            self.count = feed.length(batch_size)
        self.items = iter(()) if self.whole else self._items(iter(current))

    def _items(self, batches: Iterator[Any]) -> Iterator[tuple[Planned, tuple[Any, ...], int]]:
        for number, batch in enumerate(batches):
            try:
                data = arrays_of(batch)
                planned = self.trainer.planned(self.stage, data, number)
                arrays = self.trainer.network.arrays_for(planned, data.arrays, data.names)
            except PhotonError as error:
                note(error, f"in minibatch {number + 1}")
                raise
            if planned.parts:
                yield planned, arrays, data.count
            else:
                self.skipped.append((planned, data.count))

    def runs(self) -> Iterator[Data]:
        """The pass as runs of steps of one kind."""
        if self.whole is not None:
            yield Data(self.whole[0], whole=self.whole[1])
            return
        for _, group in groupby(self.items, key=lambda item: (item[0].kind, self.trainer.network.generation)):
            items = iter(group)
            first = next(items)
            yield Data(first[0], items=_behind(first, items))


def _behind(first: Any, rest: Iterator[Any]) -> Iterator[Any]:
    yield first
    yield from rest


def _is_stream(current: Any) -> bool:
    from pyphoton.systems.batches import is_whole

    return not is_whole(current)


class Measured:
    """What a pass has measured so far: of every name the values and the samples that they are means over."""

    def __init__(self) -> None:
        self.values: dict[str, list[Any]] = {}
        self.samples: dict[str, list[Any]] = {}

    def add(self, planned: Planned, report: Report) -> None:
        """Take the values of a run."""
        for log, column in columns_of(planned, report.values):
            if log.on_epoch:
                self.values.setdefault(log.name, []).append(column)
                self.samples.setdefault(log.name, []).append(report.samples)

    def add_skipped(self, runs: Runs) -> None:
        """Take what minibatches without a loss have logged: numbers that are always the same."""
        for planned, count in runs.skipped:
            for log in planned.constants:
                if log.on_epoch:
                    self.values.setdefault(log.name, []).append(np.array([log.value]))
                    self.samples.setdefault(log.name, []).append(np.array([count]))

    def means(self, logs: Sequence[Log]) -> dict[str, float]:
        """Means over the samples, under the names of the epoch."""
        names = {log.name: log.epoch_names for log in logs}
        found: dict[str, float] = {}
        for name, values in self.values.items():
            mean = float(np.average(np.concatenate(values), weights=np.concatenate(self.samples[name])))
            found |= dict.fromkeys(names.get(name, (name,)), mean)
        return found


def columns_of(planned: Planned, values: Any) -> list[tuple[Log, Any]]:
    """What is kept of a table with a row for each step: each log and its numbers."""
    found = [(log, values[:, k]) for k, log in enumerate(planned.columns) if log is not None] if len(values) else []
    return found + [(log, np.full(len(values), log.value)) for log in planned.constants if len(values)]


def named(planned: Planned, values: Sequence[float]) -> dict[str, float]:
    """The values of one step by name."""
    return {log.name: v for log, v in zip(planned.columns, values, strict=True) if log is not None} | {log.name: log.value for log in planned.constants}


