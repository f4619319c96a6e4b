"""Which classes and functions an architecture may name: the library's, and those that the reader is given. Nothing else is looked up."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from pyphoton import description
from pyphoton.description import Description
from pyphoton.errors import FileError, near

FACE, CORE = "pyphoton.keras", "pyphoton"
_PLACES = (FACE, f"{FACE}.layers")
_DESCRIBED = ("pyphoton.regularisers", "pyphoton.constraints", "pyphoton.initialisers")
"""Modules whose descriptions are no public names of pyphoton itself."""
Custom = Mapping[str, Any]


def place_of(cls: type) -> str:
    """The module name that is written for a class: the library's face, its core, or the user's own module."""
    if _in_face(cls.__name__) is cls:
        return FACE
    return CORE if _in_core(cls.__name__) is cls else cls.__module__


def class_named(name: Any, module: Any, custom: Custom) -> type[Any]:
    """The class that a file names. Errors: FileError, with `custom_objects=` where it is the user's own."""
    if not isinstance(name, str) or not isinstance(module, str):
        raise FileError(f"class {str(name)[:80]!r}", "a name and a module", f"{str(module)[:80]!r}")
    found = custom.get(name) if name in custom else _in_face(name) if module == FACE else _in_core(name) if module == CORE else None
    if isinstance(found, type):
        return found
    if module in (FACE, CORE):
        raise FileError(f"class {name[:80]!r}", "a class of this version", "an unknown one", near(name, import_module(FACE).__all__))
    raise FileError(f"class {name[:80]!r} of {module[:80]!r}", "a class of the library", "one of your own", f"Pass custom_objects={{{name[:80]!r}: the class}}.")


def name_of(function: Any) -> tuple[str, str] | None:
    """The name of a function and its place; None for one that cannot be found again by a name."""
    name = getattr(function, "__name__", "")
    for place, functions in ((FACE, _face_functions()), (CORE, description._FUNCTIONS)):
        known = next((n for n, f in functions.items() if f is function), None) if functions.get(name) is not function else name
        if known is not None:
            return known, place
    return (name, str(function.__module__)) if inspect.isfunction(function) and name.isidentifier() else None


def function_named(name: Any, module: Any, custom: Custom) -> Callable[..., Any]:
    """The function that a file names. Errors: FileError."""
    known = {FACE: _face_functions(), CORE: description._FUNCTIONS}.get(module, {}) if isinstance(module, str) else {}
    if isinstance(name, str) and callable(custom.get(name)):
        return custom[name]  # type: ignore[no-any-return]
    if isinstance(name, str) and name in known:
        return known[name]  # type: ignore[no-any-return]
    hint = near(name, known) if known else f"Pass custom_objects={{{str(name)[:80]!r}: the function}}."
    raise FileError(f"function {str(name)[:80]!r}", "a function of the library, or one of custom_objects", "an unknown one", hint)


def _face_functions() -> Mapping[str, Any]:
    from pyphoton.keras import activations

    return activations.NAMES


def _in_face(name: str) -> Any:
    for place in _PLACES:
        module = import_module(place)
        if name in module.__all__:
            found = getattr(module, name)
            return found if isinstance(found, type) and issubclass(found, Description) else None
    return None


def _in_core(name: str) -> Any:
    for module in _DESCRIBED:
        import_module(module)
    return description._known(name)
