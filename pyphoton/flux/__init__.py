"""The Flux face: the ideas of the first Flux.jl (2016 and 2017), on the same layers, graphs and engines.

>>> from pyphoton.flux import accuracy, mse, train_

Some names mean here what they mean in Flux and not what they mean in `pyphoton`: `mse` is half the sum of squares, and a label that
is absent makes `onehot` zeros.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_NAMES = {
    "callbacks.functions": ("throttle",),
    "flux.labels": ("onecold", "onehot"),
    "flux.losses": ("logloss", "mse"),
    "flux.params": ("Param", "back_", "param", "update_"),
    "flux.parts": ("Batched", "batches", "chunk", "partition", "seqs", "sequences"),
    "flux.scores": ("accuracy",),
    "flux.stacks": ("Batch", "Seq", "batchone", "rawbatch", "rpad", "tobatch"),
    "flux.train": ("train_",),
}
_HOME = {name: module for module, names in _NAMES.items() for name in names}

__all__ = sorted(_HOME, key=str.lower)


def __getattr__(name: str) -> Any:
    module = _HOME.get(name)
    if module is None:
        raise AttributeError(f"module 'pyphoton.flux' has no attribute {name!r}")
    value = getattr(import_module(f"pyphoton.{module}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
