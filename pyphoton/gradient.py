"""Gradients of one minibatch: pairs in the order of the model, and arrays by path."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, overload

from pyphoton.errors import UnknownName, near
from pyphoton.parameters import Parameter
from pyphoton.typing import show


class Gradients:
    """Pairs (parameter, gradient of the loss); frozen parameters are absent. A gradient is an array of its parameter's shape.

        for parameter, gradient in gradients(workout, (x, y)): ...
        gradients(workout, (x, y))["dense_1.kernel"]

    `items()` pairs paths with gradients, and `dict()` makes a dictionary of them. Errors: UnknownName for a path that is not there.
    """

    def __init__(self, pairs: Mapping[str, tuple[Parameter, Any]]) -> None:
        self._pairs = dict(pairs)

    def __iter__(self) -> Iterator[tuple[Parameter, Any]]:
        return iter(self._pairs.values())

    def __len__(self) -> int:
        return len(self._pairs)

    def __contains__(self, path: object) -> bool:
        return path in self._pairs

    @overload
    def __getitem__(self, which: str) -> Any: ...
    @overload
    def __getitem__(self, which: int) -> tuple[Parameter, Any]: ...
    def __getitem__(self, which: str | int) -> Any:
        if isinstance(which, int):
            return list(self._pairs.values())[which]
        if which not in self._pairs:
            known = near(which, self._pairs) if self._pairs else "Everything is frozen."
            raise UnknownName("gradients", "the path of a parameter that is trained", repr(which), known)
        return self._pairs[which][1]

    def keys(self) -> tuple[str, ...]:
        """The paths, in the order of the model."""
        return tuple(self._pairs)

    def values(self) -> tuple[Any, ...]:
        """The gradients, in the order of the model."""
        return tuple(gradient for _, gradient in self)

    def items(self) -> tuple[tuple[str, Any], ...]:
        """(path, gradient), in the order of the model."""
        return tuple((path, gradient) for path, (_, gradient) in self._pairs.items())

    def __repr__(self) -> str:
        return f"Gradients({', '.join(f'{path} {show(gradient.shape)}' for path, gradient in self.items())})"
