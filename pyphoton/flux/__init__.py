"""The Flux face: models in the manner of early Flux (2016), on the same layers, graphs and engines."""

from __future__ import annotations

from importlib import import_module
from typing import Any

_NAMES = {
    "flux.nets": ("Net", "net", "randn", "zeros"),
    "flux.recurrent": ("GatedRecurrent", "LSTM", "Recurrent"),
    "flux.states": ("prev",),
    "flux.unrolled": ("flip", "reset_", "stateless", "unroll", "unroll1"),
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
