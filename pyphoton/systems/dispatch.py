"""Generic functions: one name, and for each type a method of the class or a function that is registered for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

from pyphoton.errors import ArgumentError, MissingMethod
from pyphoton.layers.base import Layer

F = TypeVar("F", bound=Callable[..., Any])


def stands_in(method: F) -> F:
    """Mark a method of a base class that stands there for the one that a user writes."""
    method.stands_in = True  # type: ignore[attr-defined]
    return method


class Generic:
    """A function of an object whose meaning its type gives.

    The classes of the object are looked through from the nearest to the farthest; in each a registered function comes before
    a method. `own`, a class: layers of other classes do what they are made for, and nothing is registered for them.
    """

    def __init__(self, name: str, example: str, own: type = object) -> None:
        self.name, self.example, self.own = name, example, own
        self._functions: dict[type, Callable[..., Any]] = {}

    def register(self, kind: type) -> Callable[[F], F]:
        """Decorator: this function is the meaning for objects of `kind` and its subclasses. Errors: ArgumentError."""
        if not isinstance(kind, type):
            raise ArgumentError(f"{self.name}.register", "a class", repr(kind), f"Write @{self.name}.register(ResNet).")
        if issubclass(kind, Layer) and not issubclass(kind, self.own):
            hint = f"A {kind.__name__} computes what it is made for: register the function for a subclass of {self.own.__name__}."
            raise ArgumentError(f"{self.name}.register", f"a class derived from {self.own.__name__}", kind.__name__, hint)

        def keep(function: F) -> F:
            if not callable(function):
                raise ArgumentError(f"{self.name}.register({kind.__name__})", "a function", repr(function))
            self._functions[kind] = function
            return function

        return keep

    def of(self, kind: type) -> Callable[..., Any] | None:
        """The function for objects of a type, which takes the object first; None where there is none."""
        for cls in kind.__mro__:
            if cls in self._functions:
                return self._functions[cls]
            method = vars(cls).get(self.name)
            if method is not None and cls is not Layer and not getattr(method, "stands_in", False):
                return method  # type: ignore[no-any-return]
        return None

    def needed(self, thing: Any) -> Callable[..., Any]:
        """The function for an object. Errors: MissingMethod, which names the type and shows what to write."""
        found = self.of(type(thing))
        if found is None:
            self.refuse(thing, "neither")
        return found

    def refuse(self, thing: Any, received: str) -> NoReturn:
        """Errors: MissingMethod, always."""
        name = type(thing).__name__
        raise MissingMethod(name, f"a method {self.name}, or a function registered for the type", received, self.example.format(name))
