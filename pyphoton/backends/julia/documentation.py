"""Julia's own words on a layer: `julia_doc(Dense)`."""

from __future__ import annotations

from typing import Any

from pyphoton.backends.julia.runtime import start
from pyphoton.errors import ArgumentError


def julia_doc(layer: Any) -> str:
    """The docstring of the Julia layer behind a layer (a class or an object), as Markdown; Julia is started to read it.

    Sizes in it are Julia's: dimensions in reversed order. Errors: ArgumentError for what has no Julia layer of its own;
    BackendMissing.

    >>> print(julia_doc(Dense))
    """
    kind = getattr(layer, "kind", None)
    if not isinstance(kind, str) or not kind:
        name = getattr(layer, "__name__", type(layer).__name__)
        raise ArgumentError("julia_doc", "a layer that is one step of a plan, such as Dense", name, f"help({name}) has its Python docstring.")
    return str(start().ask("documentation", op=kind)).strip()
