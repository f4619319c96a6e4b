"""Layers made of layers: Sequential, Concurrent, Residual, SkipConnection."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import reduce
from typing import Any, ClassVar

from pyphoton import graph
from pyphoton.arguments import checked
from pyphoton.description import description, stock_function
from pyphoton.errors import ArgumentError, ShapeError
from pyphoton.layers.base import Layer
from pyphoton.scopes import where
from pyphoton.tensor import apply
from pyphoton.typing import Shape, show


class _Members(Layer):
    """A container of layers and plain functions in an order; members' paths are their numbers or names."""

    variadic: ClassVar[str] = "layers"

    @checked
    def __init__(self, *layers: Any, name: str | None = None) -> None:
        members = list(layers[0]) if len(layers) == 1 and isinstance(layers[0], list | tuple) else list(layers)
        for member in members:
            _check_member(self, member)
        self._members, self.name = members, name

    @property
    def layers(self) -> tuple[Any, ...]:
        """The members in order."""
        return tuple(self._members)

    def children(self) -> dict[str, Any]:
        """The members by number, or by name where they have one."""
        return {str(i): m for i, m in enumerate(self._members)}

    def arguments(self) -> dict[str, Any]:
        """What is saved."""
        return {"layers": self.layers, "name": self.name}

    def __repr__(self) -> str:
        parts = [m.__name__ if not isinstance(m, Layer) and hasattr(m, "__name__") else repr(m) for m in self._members]
        return f"{type(self).__name__}({', '.join(parts + ([f'name={self.name!r}'] if self.name else []))})"

    def __len__(self) -> int:
        return len(self._members)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.layers)

    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return type(self)(*self._members[index])
        return self._members[index]


def _check_member(owner: Any, member: Any) -> None:
    if not callable(member) or (isinstance(member, type) and issubclass(member, Layer)):
        hint = f"Write {member.__name__}(...)." if isinstance(member, type) else ""
        raise ArgumentError(type(owner).__name__, "layers and functions", repr(member), hint)


class Sequential(_Members):
    """Layers called one after the other; an empty one returns its input.

    `Sequential(Dense(64, relu), Dense(10))` or with one list. Members may be plain functions of one tensor.
    `len`, iteration, `model[0]` and slices (sharing weights) work; `add_(model, layer)` appends.
    Source: Photon's Sequential.
    """

    starts_with: Shape | None = None
    """The shape of one sample, where it is known from outside."""

    def forward(self, x: Any) -> Any:
        """The last member's output."""
        for member in self._members:
            x = graph.call(member, x)
        return x

    def add_(self, *layers: Any) -> Sequential:
        """Append layers, in place. Returns the model. Trained weights of the other layers stay."""
        from pyphoton.network import structure_changed

        for layer in layers:
            _check_member(self, layer)
        self._members.extend(layers)
        structure_changed()
        return self

    add = add_


class Concurrent(_Members):
    """All members get the same input; their outputs are concatenated on axis 1 (features or channels).

    Input: (batch, ...). Output: equal shapes except on axis 1, where the lengths add up. Source: Photon's Concurrent.
    """

    def forward(self, x: Any) -> Any:
        """The members' outputs side by side."""
        if not self._members:
            raise ArgumentError("Concurrent", "at least one layer", "none")
        return _concatenate(*(graph.call(m, x) for m in self._members))


class Residual(_Members):
    """The input and what the layers make of it, concatenated on axis 1, the input first; `combine="add"` adds them.

    Dense(5) inside turns (batch, 3) into (batch, 8), or with "add" Dense(3) keeps (batch, 3).
    Source: Photon's Residual (which concatenates); He et al. 2015 (which add).
    """

    @checked
    def __init__(self, *layers: Any, combine: str = "concat", name: str | None = None) -> None:
        super().__init__(*layers, name=name)
        if combine not in ("concat", "add"):
            raise ArgumentError("Residual", 'combine "concat" or "add"', repr(combine))
        self.combine = combine

    def arguments(self) -> dict[str, Any]:
        """What is saved."""
        return {**super().arguments(), "combine": self.combine}

    def __repr__(self) -> str:
        text = super().__repr__()
        return text if self.combine == "concat" else f"{text[:-1]}{', ' if self._members else ''}combine={self.combine!r})"

    def forward(self, x: Any) -> Any:
        """The input joined with the last member's output."""
        y = x
        for member in self._members:
            y = graph.call(member, y)
        if self.combine == "concat":
            return _concatenate(x, y)
        if x.shape[1:] != y.shape[1:]:
            raise ShapeError(where(repr(self)), f"layers that keep the shape {show(x.shape)}", show(y.shape))
        return x + y


@stock_function
def _add(x: Any, y: Any) -> Any:
    return x + y


@description
class SkipConnection(Layer):
    """`combine(layer(x), x)`; adds unless told otherwise: `SkipConnection(Dense(3), lambda y, x: y * x)`.

    Source: Flux.SkipConnection.
    """

    layer: Any
    combine: Callable[[Any, Any], Any] = _add
    name: str | None = None

    def __post_init__(self) -> None:
        _check_member(self, self.layer)
        if not callable(self.combine):
            raise ArgumentError("SkipConnection", "a function of two tensors", repr(self.combine))

    def children(self) -> dict[str, Any]:
        """The layer inside."""
        return {"layer": self.layer}

    def forward(self, x: Any) -> Any:
        """The combination."""
        return self.combine(graph.call(self.layer, x), x)


def _concatenate(*tensors: Any) -> Any:
    return apply("concat", *tensors, axis=1)


def add(first: Any, *layers: Any) -> Any:
    """`add(model, layer, ...)` is `add_`; `add([a, b, ...])` is the sum of tensors or arrays of one shape."""
    if not isinstance(first, list | tuple):
        return add_(first, *layers)
    if layers or not first or not all(hasattr(t, "shape") for t in first):
        raise ArgumentError("add", "a Sequential and layers, or one list of tensors", repr([*first, *layers]))
    shapes = {tuple(t.shape) for t in first}
    if len(shapes) > 1:
        raise ShapeError(where("add"), "tensors of one shape", " and ".join(map(show, sorted(shapes, key=str))))
    return reduce(_add, first)


def add_(model: Any, *layers: Any) -> Any:
    """Append layers to a Sequential, of pyphoton or of its Keras face, in place (Julia's `add!`). Returns the model."""
    if not callable(getattr(type(model), "add_", None)):
        raise ArgumentError("add_", "a Sequential", repr(model))
    return model.add_(*layers)
