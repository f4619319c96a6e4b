"""How a net's fields get their first values: by position or name, or by a constructor that is told by the arguments' types."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, get_origin, get_type_hints

import numpy as np

from pyphoton.arguments import is_integer
from pyphoton.errors import ArgumentError, near

Makes = Callable[..., Any]
Constructor = tuple[tuple[Any, ...], Makes]
"""The types of a constructor's arguments, and the function."""


def constructor(make: Makes) -> Constructor:
    """A function as a constructor; arguments without annotation take anything."""
    hints = get_type_hints(make)
    return tuple(hints.get(p, object) for p in inspect.signature(make).parameters), make


def filled(owner: str, fields: Sequence[str], constructors: Sequence[Constructor], given: tuple[Any, ...], named: Mapping[str, Any]) -> list[Any]:
    """The values of the fields, in their order. Errors: ArgumentError."""
    for name in named:
        if name not in fields:
            raise ArgumentError(owner, f"fields {', '.join(fields)}", f"{name}=", near(name, fields))
        if fields.index(name) < len(given):
            raise ArgumentError(owner, f"one value for {name}", "two")
    for types, make in constructors:
        if not named and len(types) == len(given) and all(map(fits, given, types)):
            made = make(*given)
            given = tuple(made) if isinstance(made, tuple | list) else (made,)
            break
    if len(given) + len(named) != len(fields):
        missing = ", ".join(f for f in fields[len(given) :] if f not in named)
        hint = f"There is no value for {missing}." if missing else ""
        raise ArgumentError(owner, ", ".join(fields) or "no fields", f"{len(given) + len(named)} values", hint)
    return [*given, *(named[f] for f in fields[len(given) :])]


def fits(value: Any, wanted: Any) -> bool:
    """Whether an annotation takes a value: `int` is any whole number, NumPy's too; what cannot be checked takes anything."""
    if wanted is int:
        return is_integer(value)
    origin = get_origin(wanted)
    try:
        return isinstance(value, origin if isinstance(origin, type) and not hasattr(wanted, "__or__") else wanted)
    except TypeError:
        return True


def numbers(owner: str, name: str, value: Any) -> Any:
    """A field's array, as the net keeps it until it is used. Errors: ArgumentError for what holds no numbers in equal rows."""
    try:
        array = np.array(value)
    except (TypeError, ValueError):
        array = None
    if array is None or array.dtype.kind not in "biuf":
        raise ArgumentError(f"{owner}.{name}", "an array of numbers, a model, a number or a text", repr(value))
    return array.astype("float64")
