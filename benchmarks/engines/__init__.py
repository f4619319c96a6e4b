"""What is measured, by name: an engine takes a case and returns a model that is ready to train.

An engine's module is imported when the engine is first asked for, so that a process pays only for what it runs.
To add one, write a module here with a `build(case, ...)` and give it a line in ENGINES.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module

from benchmarks.cases import Case


@dataclass(frozen=True)
class Training:
    """A built model: `epoch` trains one epoch and is what is timed; `loss` tells that epoch's mean loss afterwards."""

    epoch: Callable[[], object]
    loss: Callable[[], float]


Engine = Callable[[Case], Training]


def _engine(module: str, **options: object) -> Engine:
    """Return an engine that imports its module when it is called."""

    def build(case: Case) -> Training:
        """Build the case with the engine's own module."""
        training: Training = import_module(f"{__name__}.{module}").build(case, **options)
        return training

    return build


ENGINES: dict[str, Engine] = {
    "pyphoton": _engine("pyphoton_fit", backend="torch"),
    "torch": _engine("torch_loop"),
    "keras": _engine("keras_fit"),
}
