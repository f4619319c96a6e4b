"""What is measured, by name: an engine takes a case and returns a model that is ready to train.

An engine's module is imported when the engine is first asked for, so that a process pays only for what it runs.
To add one, write a module here with a `build(case, ...)` and give it a line in ENGINES.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module

from benchmarks.cases import Case
from benchmarks.julia import backend_missing, missing


@dataclass(frozen=True)
class Training:
    """A built model: `epoch` trains one epoch and is what is timed; `loss` tells that epoch's mean loss afterwards.

    `epoch` returns its seconds where the engine is another process with a clock of its own, else None. `collect`
    collects garbage before an epoch is timed; `process` is the number of the engine's process if it is not this one.
    """

    epoch: Callable[[], float | None]
    loss: Callable[[], float]
    collect: Callable[[], object] = gc.collect
    process: int | None = None


def _never() -> str:
    """Return nothing: what the development environment installs is there."""
    return ""


@dataclass(frozen=True)
class Engine:
    """A module of this folder and the options of its `build`.

    `missing` tells why the engine cannot run here. `memory` tells whether its peak is measured: that of another program
    than the process that measures is not. `julia` is the package that is measured in Julia, empty for other engines.
    """

    module: str
    options: Mapping[str, str] = field(default_factory=dict)
    missing: Callable[[], str] = _never
    memory: bool = True
    julia: str = ""

    def __call__(self, case: Case) -> Training:
        """Build the case with the engine's own module."""
        training: Training = import_module(f"{__name__}.{self.module}").build(case, **self.options)
        return training


ENGINES: dict[str, Engine] = {
    "pyphoton": Engine("pyphoton_fit", {"backend": "torch"}),
    "torch": Engine("torch_loop"),
    "keras": Engine("keras_fit"),
    "flux": Engine("julia_loop", {"package": "Flux"}, partial(missing, "Flux"), memory=False, julia="Flux"),
    "pyphoton-julia": Engine("pyphoton_julia", missing=partial(backend_missing, "Flux"), julia="Flux"),
    "knet": Engine("julia_loop", {"package": "Knet"}, partial(missing, "Knet"), memory=False, julia="Knet"),
    "pyphoton-knet": Engine("pyphoton_knet", missing=partial(backend_missing, "Knet"), memory=False, julia="Knet"),
}
