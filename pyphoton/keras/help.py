"""`doc`: what Julia says of a layer where Julia is there, else what Python says."""

from __future__ import annotations

import inspect
from typing import Any

from pyphoton.errors import ArgumentError, BackendMissing

_FIELDS = ("units", "filters", "rate", "pool_size", "kernel_size", "input_dim", "output_dim")


def doc(what: Any) -> str:
    """The docstring of a layer's class, of a layer, or of any other public name, as text.

    For a class that is one of Julia's layers to the engines and whose Julia docstring can be read, that one stands first; sizes in it are
    Julia's, in reversed order. Without Julia it is Python's, and a sentence says how to get Julia's.
    """
    python = inspect.getdoc(what if isinstance(what, type) or inspect.isroutine(what) else type(what)) or ""
    kind = _kind(what)
    if not kind:
        return python
    try:
        from pyphoton.backends.julia.documentation import julia_doc

        return f"{julia_doc(kind)}\n\nIn Python:\n\n{python}"
    except BackendMissing:
        return f"{python}\n\n(Julia's docstring is shown where Julia is installed: python -m pyphoton install.)"
    except ArgumentError:
        return python


def _kind(what: Any) -> Any:
    """Something whose `kind` is the step of the engines; None for what is no step."""
    if not isinstance(what, type):
        return what if isinstance(getattr(what, "kind", None), str) and what.kind else None
    if isinstance(vars(what).get("kind", ""), str) and isinstance(getattr(what, "kind", ""), str):
        return what if getattr(what, "kind", "") else None
    made = _example(what)
    return made if made is not None and made.kind else None


def _example(cls: type[Any]) -> Any:
    """A layer of the class, made of small numbers; None where it needs more."""
    needed = [n for n, p in inspect.signature(cls).parameters.items() if p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD]
    if not set(needed) <= set(_FIELDS):
        return None
    return cls(**{n: 0.5 if n == "rate" else 1 for n in needed})
