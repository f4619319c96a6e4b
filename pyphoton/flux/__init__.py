"""The Flux face: models as functions with state, described near to the mathematics, apart from how they run.

>>> from pyphoton.flux import torch_
>>> fast = torch_(model)

Thin: it translates into the layers, graphs, plans and sessions of PyPhoton. Where a name means something else here than at the top
level, its docstring says so.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_NAMES = {
    "converted": ("Converted",),
    "flux.convert": ("flux", "is_cyclic", "knet", "mxnet", "tf", "torch_"),
    "interop.flux_read": ("from_flux",),
    "interop.keras_model": ("KerasModel", "storeparams_"),
    "interop.torch_read": ("from_torch",),
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
