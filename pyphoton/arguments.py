"""Refusing unknown and missing arguments with the nearest known name, instead of Python's bare TypeError."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, TypeVar

from pyphoton.errors import ArgumentError, near

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T", bound=type)


def is_integer(value: Any) -> bool:
    """Whether a value is a whole number: Python's or NumPy's, but no truth value. Arrays have `__index__`, too, whatever is in them."""
    single = tuple(getattr(value, "shape", ())) == () and getattr(getattr(value, "dtype", None), "kind", "i") in "iu"
    return hasattr(value, "__index__") and not isinstance(value, bool) and single


def checked(function: F, owner: str | None = None) -> F:
    """`function`, raising ArgumentError for a call that its signature does not allow. `owner` is its name in errors."""
    signature = inspect.signature(function)
    known = [p.name for p in signature.parameters.values() if p.name != "self" and p.kind is not p.VAR_POSITIONAL]

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            signature.bind(*args, **kwargs)
        except TypeError as error:
            name = owner or (type(args[0]).__name__ if function.__name__ == "__init__" else function.__name__)
            for given in kwargs:
                if given not in known:
                    raise ArgumentError(name, f"arguments {', '.join(known)}", f"{given}=", near(given, known)) from None
            raise ArgumentError(name, f"{name}({', '.join(known)})", str(error)) from None
        return function(*args, **kwargs)

    return call  # type: ignore[return-value]


def spelled(**names: str) -> Callable[[T], T]:
    """A class whose constructor takes other spellings of its arguments, too."""

    def decorate(cls: T) -> T:
        init: Any = cls.__init__  # type: ignore[misc]

        @functools.wraps(init)
        def call(self: Any, *args: Any, **kwargs: Any) -> None:
            twice = [k for k in kwargs if names.get(k, k) != k and names[k] in kwargs]
            if twice:
                raise ArgumentError(cls.__name__, "each argument once", f"{names[twice[0]]}= and {twice[0]}=")
            init(self, *args, **{names.get(k, k): v for k, v in kwargs.items()})

        cls.__init__ = call  # type: ignore[misc]
        return cls

    return decorate
