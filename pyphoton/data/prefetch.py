"""Minibatches loaded ahead by worker threads, in order.

A minibatch is cut into pieces, one per worker, so that all workers help with the one that is needed next. The worker
that finishes its last piece stacks it. Only so many minibatches are begun that memory stays bounded: `prefetch` ready ones and
those that the workers are busy with. The threads belong to one iteration and end with it, however it ends.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import pairwise
from typing import Any

from pyphoton.data.stack import parts_of, stacked
from pyphoton.errors import note

Load = Callable[[int], Any]


def load_one(load: Load, index: int) -> Any:
    """The parts of sample `index`; an error says which sample it was."""
    try:
        return parts_of(load(index))
    except BaseException as error:
        note(error, f"in sample {index}")
        raise


def load_here(load: Load, batches: Iterable[list[int]]) -> Iterator[Any]:
    """Minibatches loaded in the caller's own thread, when they are asked for."""
    for indices in batches:
        yield stacked([load_one(load, i) for i in indices], indices)


def load_ahead(load: Load, batches: Iterable[list[int]], *, workers: int, prefetch: int) -> Iterator[Any]:
    """Minibatches loaded by `workers` threads, in the order of `batches`, at most prefetch + workers of them begun."""
    waiting: deque[_Loading] = deque()
    own: set[int] = set()
    pool = ThreadPoolExecutor(workers, "pyphoton-data", initializer=lambda: own.add(threading.get_ident()))
    try:
        for indices in batches:
            pieces = min(workers, len(indices))
            waiting.append(_Loading(load, indices, pieces, pool))
            if len(waiting) >= prefetch + -(-workers // pieces):
                yield waiting.popleft().done.result()
        while waiting:
            yield waiting.popleft().done.result()
    finally:
        for loading in waiting:
            loading.given_up = True
        joined = threading.get_ident() not in own  # the garbage collector may run this in one of the workers
        pool.shutdown(wait=joined, cancel_futures=True)


class _Loading:
    """One minibatch while its pieces are loaded. `done` gets the minibatch, or the error of the first sample that has one."""

    def __init__(self, load: Load, indices: list[int], pieces: int, pool: ThreadPoolExecutor) -> None:
        self.load, self.indices = load, indices
        self.samples: list[Any] = [None] * len(indices)
        self.errors: dict[int, BaseException] = {}
        self.left, self.lock = pieces, threading.Lock()
        self.given_up = False
        self.done: Future[Any] = Future()
        bounds = [len(indices) * i // pieces for i in range(pieces + 1)]
        for start, stop in pairwise(bounds):
            pool.submit(self._piece, start, stop)

    def _piece(self, start: int, stop: int) -> None:
        number = start
        try:
            for number in range(start, stop):
                if self.given_up:
                    return
                self.samples[number] = load_one(self.load, self.indices[number])
        except BaseException as error:  # noqa: BLE001  (it is raised again in the consumer's thread)
            self.errors[number] = error
        with self.lock:
            self.left -= 1
            if self.left:
                return
        self._finish()

    def _finish(self) -> None:
        try:
            if self.errors:
                raise self.errors[min(self.errors)]
            self.done.set_result(stacked(self.samples, self.indices))
        except BaseException as error:  # noqa: BLE001  (it is raised again in the consumer's thread)
            self.done.set_exception(error)
        self.samples = []
