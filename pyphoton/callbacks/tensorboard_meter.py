"""TensorBoardMeter: what is measured, for TensorBoard, by its own writer."""

from __future__ import annotations

import time
import warnings
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pyphoton.callbacks.file_meter import Rows
from pyphoton.callbacks.hooks import Callback, Fit, Hooks, callback
from pyphoton.callbacks.names import names_in, shown
from pyphoton.errors import ArgumentError, FileError


@callback
class TensorBoardMeter(Callback):
    """Write a scalar per metric and step into the folder `path`, which `tensorboard --logdir` shows.

    metrics: names, or None for all. The values of an epoch are written when it is done. Needs the package tensorboard, and
    nothing else of TensorFlow or torch; without it a warning says so here, and nothing is written.
    Errors: FileError; UnknownName at the start of a fit.
    """

    path: str | Path = "./tensorboard_logs/runs"
    metrics: Any = None

    def __post_init__(self) -> None:
        self.metrics = names_in(self.metrics, "TensorBoardMeter")
        if not isinstance(self.path, str | Path):
            raise ArgumentError("TensorBoardMeter path=", "a folder", repr(self.path))
        self._writer: Any = None
        self._rows: Rows | None = None
        self.works = find_spec("tensorboard") is not None
        if not self.works:
            text = "TensorBoardMeter does nothing: tensorboard is not installed. pip install 'pyphoton[tensorboard]'."
            warnings.warn(text, RuntimeWarning, stacklevel=4)

    def hooks(self) -> Hooks:
        """At the begin, each epoch and the end."""
        return Hooks(begin=self._begin, epoch=self._epoch, end=self._end) if self.works else Hooks()

    def _begin(self, fit: Fit) -> None:
        from tensorboard.compat.proto.event_pb2 import Event, SessionLog
        from tensorboard.summary.writer.event_file_writer import EventFileWriter

        self._rows = Rows(fit, shown(fit, self.metrics, "TensorBoardMeter"))
        try:
            self._writer = EventFileWriter(str(self.path))
        except OSError as error:
            raise FileError(str(self.path), "a folder that can be written", str(error)) from error
        started = SessionLog(status=SessionLog.START)  # TensorBoard forgets later steps, of an epoch that was undone
        self._writer.add_event(Event(wall_time=time.time(), step=fit.workout.steps + 1, session_log=started))

    def _epoch(self, fit: Fit, number: int, row: Mapping[str, float]) -> None:
        self._write()
        self._writer.flush()

    def _end(self, fit: Fit, error: BaseException | None) -> None:
        if self._writer is None:
            return
        try:
            self._write()  # stop() leaves an epoch in the middle
        finally:
            self._writer.close()
            self._writer = self._rows = None

    def _write(self) -> None:
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.compat.proto.summary_pb2 import Summary

        now = time.time()
        for name, value, step in self._rows.steps() if self._rows is not None else ():
            summary = Summary(value=[Summary.Value(tag=name, simple_value=value)])
            self._writer.add_event(Event(wall_time=now, step=step, summary=summary))
