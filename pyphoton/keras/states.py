"""States that go on from batch to batch: `stateful` layers."""

from __future__ import annotations

from typing import Any

from pyphoton import network
from pyphoton.scopes import children


def is_stateful(model: Any) -> bool:
    """Whether a layer in the model keeps its states from batch to batch."""
    todo, seen = [model], set[int]()
    while todo:
        part = todo.pop()
        if id(part) in seen:
            continue
        seen.add(id(part))
        if getattr(part, "stateful", False) is True:
            return True
        todo += [c for c in children(part).values() if c is not None]
    return False


def reset_states_(layer: Any) -> Any:
    """States begin anew with the next batch, in every model that the layer (or model) is part of. Returns the layer."""
    network.reset_all_with(layer)
    return layer
