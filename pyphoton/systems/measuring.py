"""Passes of a trainer that change nothing: what validation and test measure, and what prediction gives."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from pyphoton.errors import DataError
from pyphoton.fitting import check_some
from pyphoton.interrupt import Interrupt
from pyphoton.systems.batches import rebuilt
from pyphoton.systems.epochs import Measured, Runs
from pyphoton.systems.feed import Feed
from pyphoton.systems.hooks import SystemHooks
from pyphoton.systems.recording import Log

WORDS = {"validate": ("validation", "val_loss"), "test": ("test", "test_loss")}
"""For each stage that measures: the word in the names of its step and hooks, and what the returned loss is called."""
NOTHING = "An iterator that is used up gives nothing; pass a list or a function."


def measured(trainer: Any, stage: str, feed: Feed, batch_size: int | None, hooks: SystemHooks, interrupt: Interrupt | None) -> dict[str, float]:
    """Means over the samples by name; nothing when Ctrl-C ends the pass. Errors: DataError for data without a minibatch."""
    word, outer = WORDS[stage][0], hooks.row
    hooks.row = found = dict[str, float]()
    try:
        hooks.call(f"on_{word}_epoch_start")
        runs, values, logs = Runs(trainer, stage, feed, batch_size=batch_size, shuffle=False), Measured(), dict[str, Log]()
        for data in runs.runs():
            report = trainer.session.measure(data, None if interrupt is None else interrupt.flag)
            if report.stopped:
                return {}
            check_some(report)
            values.add(data.planned, report)
            logs |= {log.name: log for log in data.planned.logs}
        if not logs and not runs.skipped:
            raise DataError(stage, "at least one minibatch", "none", NOTHING)
        values.add_skipped(runs)
        found.update(values.means(list(logs.values())))
        hooks.call(f"on_{word}_epoch_end")
    finally:
        hooks.row = outer
    return found


def predicted(trainer: Any, feed: Feed, batch_size: int | None) -> Any:
    """What predict_step gives, with a row for each sample. Errors: DataError for data without a minibatch."""
    rows: list[tuple[Any, ...]] = []
    result: Any = None
    for data in Runs(trainer, "predict", feed, batch_size=batch_size, shuffle=False).runs():
        for planned, arrays in _each(data):
            rows.append(trainer.network.module.run(planned.parts[0].plan, arrays))
            result = planned.result
    if not rows:
        raise DataError("predict", "at least one minibatch", "none", NOTHING)
    return rebuilt(result, [np.concatenate(column) if np.ndim(column[0]) else np.array(column) for column in zip(*rows, strict=True)])


def _each(data: Any) -> Iterator[tuple[Any, tuple[Any, ...]]]:
    """The minibatches of a run: each its plan and arrays."""
    if data.whole is None:
        yield from ((planned, arrays) for planned, arrays, _ in data.items)
        return
    whole = data.whole
    for begin in range(0, whole.samples, whole.batch_size):
        yield data.planned, tuple(a[begin : begin + whole.batch_size] for a in whole.arrays)
