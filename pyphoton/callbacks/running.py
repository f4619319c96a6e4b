"""The callbacks of one running fit: called in order; any of them may ask to stop."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields, replace
from types import TracebackType
from typing import Any

import numpy as np

from pyphoton.backends.base import Batches, Stream, Whole
from pyphoton.callbacks.forms import hooks_of
from pyphoton.callbacks.hooks import Fit, Hooks, Step
from pyphoton.errors import ArgumentError, note
from pyphoton.interrupt import Interrupt
from pyphoton.plan import Plan
from pyphoton.progress import wanted
from pyphoton.stopping import StopTraining

NAMES = tuple(field.name for field in fields(Hooks) if field.name != "replaces_bar")


class Running:
    """A context: entering it begins the callbacks, leaving it ends those that began, whatever the reason.

    `stopped` is the first request to stop. `cut`: it came while a minibatch was waited for, so the epoch is not whole.
    """

    def __init__(self, callbacks: list[Any], fit: Fit, interrupt: Interrupt) -> None:
        self.fit, self.interrupt = fit, interrupt
        self.all = [hooks_of(callback) for callback in callbacks]
        self.calls = {name: [h for hooks in self.all if (h := getattr(hooks, name)) is not None] for name in NAMES}
        self.begun: list[Hooks] = []
        self.stopped: StopTraining | None = None
        self.cut = False
        self._item: Any = None
        self._number = 0
        self._whole: Whole[Plan] | None = None

    @property
    def steps(self) -> bool:
        """Whether a callback wants to know of every step."""
        return bool(self.calls["step"] or self.calls["step_begin"])

    def wants_bar(self, verbose: bool | None) -> bool:
        """Whether to show the progress bar. Errors: ArgumentError when it was asked for and a callback takes its place."""
        if not any(hooks.replaces_bar for hooks in self.all):
            return wanted(verbose)
        if verbose:
            raise ArgumentError("fit_", "verbose=True or a meter in the place of the progress bar", "both")
        return False

    def __enter__(self) -> Running:
        try:
            for hooks in self.all:
                self.begun.append(hooks)
                if hooks.begin is not None:
                    hooks.begin(self.fit)
        except StopTraining as request:
            self.ask(request)
        except BaseException as error:
            self._end(error)
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._end(error)

    def _end(self, error: BaseException | None) -> None:
        """Call every `end`. An error in one of them is raised behind the others, unless there is one that it would hide."""
        failed: Exception | None = None
        for hooks in self.begun:
            try:
                if hooks.end is not None:
                    hooks.end(self.fit, error)
            except StopTraining as request:
                self.ask(request)
            except Exception as failure:  # noqa: BLE001  (the error that ended the training is the one to show)
                failed = failed or failure
        self.begun = []
        if failed is not None and error is None:
            raise failed
        if failed is not None and error is not None:
            note(error, f"a callback failed, too, when it was ended: {failed!r}")

    def ask(self, request: StopTraining) -> None:
        """Stop for this reason, unless there is an earlier one."""
        if self.stopped is None:
            self.stopped = request
            self.fit.workout.stopped = str(request)

    @contextmanager
    def stoppable(self) -> Iterator[None]:
        """A context in which code of the user other than callbacks may ask to stop, too."""
        try:
            yield
        except StopTraining as request:
            self.ask(request)

    def _call(self, name: str, *args: Any) -> bool:
        """Call one hook of all callbacks in order, also behind one that asks to stop; whether to stop."""
        for hook in self.calls[name]:
            with self.stoppable():
                hook(self.fit, *args)
        return self.stopped is not None

    # ---- an epoch ----------------------------------------------------------------------------------------------------

    def epoch_begin(self, number: int) -> bool:
        """Tell that an epoch begins; whether to stop before it does."""
        self.cut = self._call("epoch_begin", number)
        return self.cut

    def watched(self, batches: Batches) -> Batches:
        """The epoch's data; a stream tells of each minibatch when it is read, and ends when a callback asks to stop."""
        self._number = 0
        self._whole = batches if isinstance(batches, Whole) else None
        return replace(batches, batches=self._each(batches)) if isinstance(batches, Stream) else batches

    def _each(self, stream: Stream[Plan]) -> Iterator[Any]:
        try:
            for number, item in enumerate(stream.batches):
                self._number, self._item = number, item
                if self.calls["step_begin"] and self._call("step_begin", self._step({})):
                    self.cut = True
                    return
                yield item
        except StopTraining as request:  # from the data itself
            self.ask(request)
            self.cut = True

    def first(self) -> bool:
        """Tell of the first minibatch, which a stream has done when it was read; whether to stop before it."""
        if self._whole is not None:
            self.cut = self._call("step_begin", self._step({}))
        return self.cut

    def step(self, done: int, values: Mapping[str, float]) -> bool:
        """Tell of a step that is done, and of the next minibatch of a whole data set; whether to stop between them."""
        self._number = done - 1
        if self._call("step", self._step(values)):
            return True
        if self._whole is None or done == self._whole.count or self.interrupt:
            return False
        self._number = done
        return self._call("step_begin", self._step({}))

    def epoch(self, number: int, row: Mapping[str, float]) -> None:
        """Tell that an epoch is done."""
        self._call("epoch", number, row)

    def _step(self, values: Mapping[str, float]) -> Step:
        return Step(self._number, values, self._pair)

    def _pair(self) -> Any:
        """The minibatch (X, Y) of the running step."""
        arrays = self._item[1] if self._whole is None else _rows(self._whole, self._number)
        return self.fit.workout.network.pair(arrays)


def _rows(whole: Whole[Plan], number: int) -> tuple[Any, ...]:
    rows = np.arange(whole.samples) if whole.order is None else whole.order
    cut = rows[number * whole.batch_size : (number + 1) * whole.batch_size]
    return tuple(np.asarray(array)[cut] for array in whole.arrays)
