"""Names of a package that are loaded with their module when they are first used."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def lazily(package: str, names: Mapping[str, tuple[str, ...]]) -> tuple[list[str], Callable[[str], Any], Callable[[], list[str]]]:
    """`__all__`, `__getattr__` and `__dir__` for a package whose `names` stand in modules of pyphoton: module -> names."""
    home = {name: module for module, group in names.items() for name in group}
    everything = sorted(home, key=str.lower)

    def get(name: str) -> Any:
        module = home.get(name)
        if module is None:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(import_module(f"pyphoton.{module}"), name)
        vars(sys.modules[package])[name] = value
        return value

    return everything, get, lambda: sorted({*vars(sys.modules[package]), *everything})
