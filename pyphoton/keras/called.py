"""Modules that are functions, too: today's Keras has modules `layers` and `config`, Keras.jl functions of these names."""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import Any


def callable_module(name: str) -> None:
    """Let the module be called as the function of `nodes.py` that has its name."""
    short = name.rsplit(".", 1)[-1]

    class Called(ModuleType):
        def __call__(self, *args: Any, **kwargs: Any) -> Any:
            return getattr(import_module("pyphoton.keras.nodes"), short)(*args, **kwargs)

    sys.modules[name].__class__ = Called
