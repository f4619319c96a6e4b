"""Ctrl-C while training: the running batch is finished, then `fit_` ends; a second Ctrl-C stops at once."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any

import numpy as np


class Interrupt:
    """A context in which the first SIGINT sets `flag[0]` instead of raising KeyboardInterrupt.

    The flag is one byte of shared memory, so that a training loop in another language can look at it.
    """

    def __init__(self) -> None:
        self.flag = np.zeros(1, dtype="uint8")
        self._before: Any = None

    def __enter__(self) -> Interrupt:
        if threading.current_thread() is threading.main_thread():
            self._before = signal.getsignal(signal.SIGINT)
            signal.signal(signal.SIGINT, self._handle)
        return self

    def __exit__(self, *_: object) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.flag[0]:
            raise KeyboardInterrupt
        self.flag[0] = 1

    def __bool__(self) -> bool:
        return bool(self.flag[0])
