"""The rules by which one argument stands for several things that have names: Keraflow's table, in one place.

Legal names have an order. A dictionary gives by name, a list in that order. Arrays (initial weights, x, y, sample weights): a list
whose first item has no shape is one array, and one array stands for the first name. Objects (regularizers, constraints, losses,
metrics): a single one is only taken where the caller says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from pyphoton.errors import KeraFlowError, near


def arrays_by_name(
    where: str, given: Any, names: Sequence[str], *, needs_all: bool = False, aliases: Mapping[str, str] | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Arrays by name. Errors: KeraFlowError."""
    if _is_one_array(given):
        if needs_all and len(names) > 1:
            raise KeraFlowError(where, f"{len(names)} arrays: {', '.join(names)}", "one", "Pass a list, or a dictionary by name.")
        given = [given]
    return {name: value if hasattr(value, "shape") else np.asarray(value) for name, value in _by_name(where, given, names, needs_all, aliases).items()}


def objects_by_name(
    where: str, given: Any, names: Sequence[str], *, single: bool = False, needs_all: bool = False, aliases: Mapping[str, str] | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Objects by name, without those that are None. Errors: KeraFlowError."""
    if given is not None and not isinstance(given, Mapping | list | tuple):
        if not single:
            raise KeraFlowError(where, "a dictionary or a list", repr(given), f"Write [{given!r}] or {{{names[0] if names else 'name'!r}: {given!r}}}.")
        given = [given]
    return {name: value for name, value in _by_name(where, given, names, needs_all, aliases).items()}


def check_objects(where: str, given: Any, get: Callable[[Any, str], Any]) -> None:
    """Errors: KeraFlowError for a single object, and what `get` raises for one of those given: before names are known."""
    names = list(given) if isinstance(given, Mapping) else [str(i) for i, _ in enumerate(given)] if isinstance(given, list | tuple) else []
    for value in objects_by_name(where, given, names).values():
        get(value, where)


def _is_one_array(given: Any) -> bool:
    """An array, or a nested list of numbers."""
    if given is None or isinstance(given, Mapping):
        return False
    if isinstance(given, list | tuple):
        return bool(given) and not any(hasattr(item, "shape") or item is None for item in given)
    return True


def _by_name(where: str, given: Any, names: Sequence[str], needs_all: bool, aliases: Mapping[str, str] | None) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if given is None or (isinstance(given, list | tuple | Mapping) and not given):
        pass
    elif isinstance(given, Mapping):
        for key, value in given.items():
            name = (aliases or {}).get(key, key)
            if name not in names:
                raise KeraFlowError(where, f"names among {', '.join(names) or 'none'}", repr(key), f"Unknown name. Legal names: {near(key, names)}")
            found[name] = value
    else:
        if len(given) > len(names):
            raise KeraFlowError(where, f"at most {len(names)}: {', '.join(names)}", f"{len(given)}", "More inputs than expected.")
        found = dict(zip(names, given, strict=False))
    found = {name: value for name, value in found.items() if value is not None}
    missing = [name for name in names if name not in found]
    if needs_all and missing:
        raise KeraFlowError(where, f"something for each of {', '.join(names)}", f"{len(found)}", f"Missing name: {', '.join(missing)}.")
    return found
