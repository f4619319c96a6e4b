"""Owning: a layer made of equations with parameters of its own, whose shapes the first input tells."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pyphoton import graph, initialisers
from pyphoton.errors import ShapeError
from pyphoton.keras.layer import Layer
from pyphoton.layers.base import Param
from pyphoton.scopes import where
from pyphoton.typing import Shape


class Owning(Layer):
    """A layer whose `forward` says `self.own(name, shape, initialiser)` where it needs a parameter."""

    def __init__(self, **common: Any) -> None:
        super().__init__(**common)
        self.owned: dict[str, Param] = {}

    def own(self, name: str, shape: tuple[int, ...], initialiser: Any, fans: tuple[int, int] | None = None) -> Any:
        """A parameter as a tensor. Errors: ShapeError when it had another shape before, or a length is unknown."""
        if None in shape:
            raise ShapeError(where(repr(self)), f"known lengths of {name}", str(shape))
        found = self.owned.get(name)
        if found is not None and found.shape != shape:
            raise ShapeError(where(repr(self)), f"an input for its {name} {found.shape}", f"one for {shape}", "It was built for that; build a new layer.")
        sizes = fans or (shape[0] if shape else 1, shape[-1] if shape else 1)
        self.owned[name] = Param(shape, initialisers.get(initialiser, f"{type(self).__name__} {name}"), fans=sizes)
        return graph.own_array(self, name)

    def params(self, *inputs: Shape) -> Mapping[str, Param]:
        """Those that `forward` has asked for, beginning with `initial_weights`."""
        return self.with_initial(self.owned)
