"""What every fit does around its epochs: each is undone when it fails, Ctrl-C ends after the running minibatch; and the means of an epoch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from pyphoton.arguments import is_integer
from pyphoton.backends.base import Report, Stream
from pyphoton.callbacks.running import Running
from pyphoton.errors import ArgumentError, DataError
from pyphoton.interrupt import Interrupt
from pyphoton.rollback import undone_on_error


def run_epochs(owner: Any, running: Running, interrupt: Interrupt, epochs: int, one: Callable[[int], None]) -> None:
    """Call `one` for each epoch, numbered from 1, until something asks to stop. Sets `interrupted` and `stopped` of the owner."""
    owner.interrupted, owner.stopped = False, None
    with interrupt, running:
        for number in range(1, epochs + 1):
            if running.stopped:
                break
            with running.stoppable(), undone_on_error(owner):
                one(number)
            if interrupt:
                owner.interrupted = True
                print(f"\ninterrupted after step {owner.steps}; the next fit goes on from here")  # noqa: T201
                break


def peeked(stream: Stream[Any]) -> Stream[Any]:
    """The stream with its first minibatch read: planning it has made the parameters that the session needs."""
    rest = iter(stream.batches)
    first = next(rest, None)

    def again() -> Iterator[Any]:
        if first is not None:
            yield first
            yield from rest

    return Stream(again(), stream.count)


def means(names: tuple[str, ...], report: Report) -> dict[str, float]:
    """The means of an epoch by name, weighted by samples."""
    if not len(report.values):
        return {}
    return dict(zip(names, np.average(report.values, axis=0, weights=report.samples).tolist(), strict=True))


def check_some(report: Report) -> None:
    """Errors: DataError for an epoch without a minibatch."""
    if not len(report.values):
        raise DataError("data", "at least one minibatch", "none", "An iterator that is used up gives nothing; pass a list or a function.")


def check_counts(epochs: Any, batch_size: Any, on_nan: str) -> None:
    """Errors: ArgumentError for counts and choices that no fit can have."""
    if not is_integer(epochs) or epochs < 0:
        raise ArgumentError("fit_", "epochs: a whole number from 0", repr(epochs))
    if batch_size is not None and (not is_integer(batch_size) or batch_size < 1):
        raise ArgumentError("fit_", "batch_size: a whole number above 0, or None for one minibatch", repr(batch_size))
    if on_nan not in ("raise", "ignore"):
        raise ArgumentError("fit_", 'on_nan "raise" or "ignore"', repr(on_nan))
