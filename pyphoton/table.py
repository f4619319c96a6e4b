"""`summary`: a model as a table of layers, output shapes and parameters."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from pyphoton.errors import ArgumentError, NotBuilt
from pyphoton.graph import root_path
from pyphoton.layers.base import Layer
from pyphoton.network import Network, network_of
from pyphoton.plan import Plan
from pyphoton.scopes import children
from pyphoton.typing import Shape, show
from pyphoton.workout import Workout


@dataclass(frozen=True)
class Row:
    """One step of the model: path, layer, output shape, number of parameters (shared ones count where they first stand)."""

    path: str
    layer: str
    shape: Shape
    parameters: int


@dataclass(frozen=True)
class Summary:
    """The table; `str()` and a notebook show it. `total` counts trained and fixed numbers, `trained` those that are updated."""

    rows: tuple[Row, ...]
    total: int
    trained: int
    backend: str

    def __str__(self) -> str:
        cells = [("path", "layer", "output", "parameters")]
        cells += [(r.path, r.layer, show(r.shape), f"{r.parameters:,}" if r.parameters else "") for r in self.rows]
        widths = [max(len(row[i]) for row in cells) for i in range(4)]
        lines = ["  ".join(c.rjust(w) if i == 3 else c.ljust(w) for i, (c, w) in enumerate(zip(row, widths, strict=True))).rstrip() for row in cells]
        rule = "-" * max(map(len, lines))
        count = f"{self.total:,} parameters, {self.trained:,} of them trained; backend {self.backend}"
        return "\n".join([lines[0], rule, *lines[1:], rule, count])

    __repr__ = __str__


def summary(model: Any, input_shape: Any = None) -> Summary:
    """The layers of a model or workout, with output shapes and parameters.

    `input_shape` is the shape of one sample, without the batch axis, or a tuple of such shapes for several inputs; it is
    needed when the model has not met data yet, and builds it. Errors: NotBuilt without it; ShapeError.
    """
    network = model.network if isinstance(model, Workout) else network_of(model)
    made = forward_plan(network, input_shape)
    found = layer_names(network.model)
    seen: set[str] = set()
    rows = []
    for step in made.steps:
        new = [p for p in step.params.values() if p not in seen]
        seen |= set(new)
        size = sum(math.prod(made.params[p].shape) for p in new)
        rows.append(Row(step.path, found.get(step.path, step.op), step.shapes[0], size))
    owned = [network.parameters[p] for p in made.params]
    trained = sum(p.value.size for p in owned if p.role == "weight" and not p.frozen)
    return Summary(tuple(rows), sum(p.value.size for p in owned), trained, network.backend.name)


def forward_plan(network: Network, input_shape: Any) -> Plan:
    """The plan of a network's model for the inputs that it met, or for `input_shape`. Errors: NotBuilt, ArgumentError, ShapeError."""
    if input_shape is None:
        shapes: list[Shape] = list(network.met.shapes) if network.met else []
        if not shapes:
            raise NotBuilt("summary", hint="The model has met no data yet: give input_shape=, the shape of one sample.")
    else:
        many = isinstance(input_shape, tuple | list) and any(isinstance(s, tuple | list) for s in input_shape)
        shapes = [_shape(s) for s in input_shape] if many else [_shape(input_shape)]
    arrays = tuple(np.broadcast_to(np.float32(0), (1, *(n or 1 for n in s))) for s in shapes)
    return network.forward_plan(arrays, len(arrays) > 1)


def _shape(given: Any) -> Shape:
    """One sample's shape, or one length. Errors: ArgumentError."""
    shape = (given,) if isinstance(given, int) else tuple(given) if isinstance(given, tuple | list) else (None,)
    if not all(isinstance(n, int) and not isinstance(n, bool) and n > 0 for n in shape):
        raise ArgumentError("input_shape", "whole numbers above 0: the shape of one sample", repr(given))
    return shape


def layer_names(model: Any) -> dict[str, str]:
    """What stands at each path of a model: layers as they were written, functions by name."""
    root = root_path(model)
    if isinstance(model, Layer) and model.kind:
        return {root: repr(model)}
    return _names(model, root, {})


def _names(owner: Any, path: str, found: dict[str, str]) -> dict[str, str]:
    for name, child in children(owner).items():
        own = getattr(child, "name", None)
        full = f"{path}.{own or name}" if path else str(own or name)
        leaf = isinstance(child, Layer) and not children(child)
        found[full] = repr(child) if leaf else str(getattr(child, "__name__", type(child).__name__))
        _names(child, full, found)
    return found


