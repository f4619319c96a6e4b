"""Julia's objects that Python keeps: they go away in Julia's thread, whichever thread lets go of them."""

from __future__ import annotations

import threading
from collections import deque
from typing import Any

dropped: deque[Any] = deque()
"""Let go of in other threads. Julia's thread clears it when it next comes by."""


class Keeper:
    """Keeps a Julia object, made in Julia's thread."""

    __slots__ = ("thread", "value")

    def __init__(self, value: Any) -> None:
        self.value, self.thread = value, threading.get_ident()

    def __del__(self, here: Any = threading.get_ident, later: Any = dropped) -> None:
        if here() != self.thread:
            later.append(self.value)
