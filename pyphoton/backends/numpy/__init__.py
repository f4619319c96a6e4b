"""The NumPy backend: the reference. Forward only: prediction and evaluation where neither torch nor Julia is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from pyphoton.backends.base import Module


class NumpyBackend:
    """Runs plans with the meanings of `ops.py` and `layers.py`."""

    name = "numpy"
    priority = 10
    precisions: frozenset[str] = frozenset()

    @property
    def supports(self) -> frozenset[str]:
        """All primitives and layer kinds."""
        from pyphoton.backends.numpy.run import SUPPORTED

        return SUPPORTED

    def missing(self) -> str:
        """NumPy is always there."""
        return ""

    def start(self, *, asked: bool = True) -> None:
        """Nothing is to be started."""

    def devices(self) -> tuple[str, ...]:
        """The processor."""
        return ("cpu",)

    def describe(self) -> str:
        """For people."""
        return f"NumPy {np.__version__}, prediction only"

    def module(self, parameters: Mapping[str, Any], *, roles: Mapping[str, str], device: str, seed: int, precision: str | None = None) -> Module:
        """Parameters, used in place."""
        from pyphoton.backends.numpy.run import NumpyModule

        return NumpyModule(parameters, seed)


BACKEND = NumpyBackend()
