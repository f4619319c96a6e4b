"""FileMeter: what is measured, as rows of a text file. `Rows` are those that have not been written yet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import KW_ONLY
from pathlib import Path
from typing import Any, TextIO

from pyphoton.callbacks.hooks import Callback, Fit, Hooks, callback
from pyphoton.callbacks.names import DEFAULT, names_in, shown, value_at
from pyphoton.errors import ArgumentError, FileError


class Rows:
    """What a fit records from now on, each value once: for meters that write."""

    def __init__(self, fit: Fit, names: tuple[str, ...]) -> None:
        self.fit, self.written = fit, dict.fromkeys(names, fit.workout.steps)

    def steps(self) -> Iterator[tuple[str, float, int]]:
        """(name, value, step) of every step that has not been given yet, by name."""
        history, steps = self.fit.workout.history, self.fit.workout.steps
        for name, last in self.written.items():
            self.written[name] = steps
            for step in range(last + 1, steps + 1):
                value = history.last(name, step)
                if value is not None:
                    yield name, value, step

    def epoch(self, row: Mapping[str, float]) -> Iterator[tuple[str, float, int]]:
        """(name, value, step) of an epoch."""
        for name in self.written:
            value = value_at(self.fit, name, row)
            if value is not None:
                self.written[name] = self.fit.workout.steps
                yield name, value, self.fit.workout.steps


@callback
class FileMeter(Callback):
    """Append what is measured to a file: rows of metric, value and step between tabs, or CSV when its name ends in .csv.

    metrics: names, or None for all. epoch_only: a row per metric and epoch (training: the mean over the epoch); False: a row
    for every step. The rows of an epoch are written, and flushed, when it is done: one that is undone leaves none.
    A CSV file that is new or empty gets the heading `metric,value,step`. Errors: FileError; UnknownName at the start of a fit.
    """

    filename: str | Path = "traininglog.txt"
    metrics: Any = DEFAULT
    _: KW_ONLY
    epoch_only: bool = True

    def __post_init__(self) -> None:
        self.metrics = names_in(self.metrics, "FileMeter")
        if not isinstance(self.filename, str | Path):
            raise ArgumentError("FileMeter filename=", "a file's name", repr(self.filename))
        if not isinstance(self.epoch_only, bool):
            raise ArgumentError("FileMeter epoch_only=", "True or False", repr(self.epoch_only))
        self._file: TextIO | None = None
        self._rows: Rows | None = None
        self._before = (0, 0)

    def hooks(self) -> Hooks:
        """At the begin, each epoch and the end."""
        return Hooks(begin=self._begin, epoch=self._epoch, end=self._end)

    @property
    def _mark(self) -> str:
        return "," if str(self.filename).lower().endswith(".csv") else "\t"

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise FileError(str(self.filename), "a file that can be written", str(error)) from error

    def _begin(self, fit: Fit) -> None:
        self._rows, self._before = Rows(fit, shown(fit, self.metrics, "FileMeter")), (0, 0)
        with self._writing():
            self._file = Path(self.filename).open("a", encoding="utf-8", newline="\n")
            if self._mark == "," and self._file.tell() == 0:
                self._file.write("metric,value,step\n")

    def _epoch(self, fit: Fit, number: int, row: Mapping[str, float]) -> None:
        if self._rows is not None:
            self._write(fit, self._rows.epoch(row) if self.epoch_only else self._rows.steps())

    def _end(self, fit: Fit, error: BaseException | None) -> None:
        file, rows, self._file, self._rows = self._file, self._rows, None, None
        if file is None or rows is None:
            return
        steps, size = self._before
        with self._writing(), file:
            if fit.workout.steps < steps:  # another callback has failed after this one had written: the epoch is undone
                file.truncate(size)
            elif not self.epoch_only:  # stop() leaves an epoch in the middle
                self._write_to(file, rows.steps())

    def _write(self, fit: Fit, rows: Iterator[tuple[str, float, int]]) -> None:
        if self._file is not None:
            with self._writing():
                self._before = fit.workout.steps, self._file.tell()
                self._write_to(self._file, rows)

    def _write_to(self, file: TextIO, rows: Iterator[tuple[str, float, int]]) -> None:
        file.writelines(self._mark.join((name, repr(value), str(step))) + "\n" for name, value, step in rows)
        file.flush()
