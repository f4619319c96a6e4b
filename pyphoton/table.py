"""`summary`: a model as a table of layers, output shapes, parameters and work."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from pyphoton.costs import Cost, costs
from pyphoton.errors import ArgumentError, NotBuilt
from pyphoton.graph import root_path
from pyphoton.layers.base import Layer
from pyphoton.network import Network, network_of
from pyphoton.one_sample import declared
from pyphoton.ops import OPS
from pyphoton.plan import Plan
from pyphoton.scopes import children
from pyphoton.typing import Shape, show
from pyphoton.workout import Workout


@dataclass(frozen=True)
class Row:
    """One step of the model: path, layer, output shape, number of parameters (shared ones count where they first stand),
    multiply-adds for one sample.
    """

    path: str
    layer: str
    shape: Shape
    parameters: int
    multiply_adds: int


@dataclass(frozen=True)
class Summary:
    """The table; `str()` and a notebook show it. `total` counts trained and fixed numbers, `trained` those that are updated.

    `parameter_bytes` is their memory; gradients and an optimiser's state come on top while training. For one sample,
    `multiply_adds` is the work of a forward pass (see costs.py for what is counted), and `activation_bytes` is the memory of the
    results of all steps, as training keeps them; prediction needs less.
    """

    rows: tuple[Row, ...]
    total: int
    trained: int
    parameter_bytes: int
    multiply_adds: int
    activation_bytes: int
    backend: str

    def __str__(self) -> str:
        cells = [("path", "layer", "output", "parameters", "multiply-adds")]
        cells += [(r.path, r.layer, show(r.shape), _count(r.parameters), _count(r.multiply_adds)) for r in self.rows]
        lines = columns(cells, left=3)
        rule = "-" * max(map(len, lines))
        count = f"{self.total:,} parameters ({in_bytes(self.parameter_bytes)}), {self.trained:,} of them trained"
        sample = f"one sample: {self.multiply_adds:,} multiply-adds, {in_bytes(self.activation_bytes)} of activations"
        return "\n".join([lines[0], rule, *lines[1:], rule, count, f"{sample}; backend {self.backend}"])

    __repr__ = __str__


def columns(cells: Sequence[Sequence[str]], left: int) -> list[str]:
    """Rows of cells as lines with their columns in line: the first `left` to the left, the others to the right."""
    widths = [max(len(row[i]) for row in cells) for i in range(len(cells[0]))]
    return [
        "  ".join(c.ljust(w) if i < left else c.rjust(w) for i, (c, w) in enumerate(zip(row, widths, strict=True))).rstrip()
        for row in cells
    ]


def in_bytes(size: int) -> str:
    """A size for people, in units of 1000: "4.1 kB"."""
    value, unit = float(size), "B"
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if value < 999.5 or unit == "TB":
            break
        value /= 1000
    return f"{size} B" if unit == "B" else f"{value:.3g} {unit}"


def _count(number: int) -> str:
    return f"{number:,}" if number else ""


def summary(model: Any, input_shape: Any = None) -> Summary:
    """The layers of a model or workout: output shapes, parameters, multiply-adds; memory and work in total.

    `input_shape` is the shape of one sample, without the batch axis, or a tuple of such shapes for several inputs; it is
    needed when the model has not met data yet and does not begin with an Input, and builds it. Errors: NotBuilt without it; ShapeError.
    """
    network = model.network if isinstance(model, Workout) else network_of(model)
    made = forward_plan(network, input_shape)
    spent = costs(made)
    rows = _rows(made, spent, layer_names(network.model))
    owned = [network.parameters[p] for p in made.params]
    return Summary(
        tuple(rows),
        total=sum(p.value.size for p in owned),
        trained=sum(p.value.size for p in owned if p.role == "weight" and not p.frozen),
        parameter_bytes=sum(p.value.nbytes for p in owned),
        multiply_adds=sum(c.multiply_adds for c in spent),
        activation_bytes=sum(c.numbers for c in spent) * np.dtype(made.dtype).itemsize,
        backend=network.backend.name,
    )


def _rows(made: Plan, spent: Sequence[Cost], names: Mapping[str, str]) -> list[Row]:
    """A row for each step. A net's own arrays count where they are used, and what a net does with them is one row."""
    rows: list[Row] = []
    seen: set[str] = set()
    waiting: list[Row] = []
    for step, cost in zip(made.steps, spent, strict=True):
        new = [p for p in step.params.values() if p not in seen]
        seen |= set(new)
        row = Row(step.path, names.get(step.path, step.op), step.shapes[0], sum(math.prod(made.params[p].shape) for p in new), cost.multiply_adds)
        if step.op == "parameter":
            waiting.append(row)
            continue
        mine = [w for w in waiting if step.path in ("", w.path) or w.path.startswith(f"{step.path}.")]
        waiting = [w for w in waiting if w not in mine]
        row = replace(row, parameters=row.parameters + sum(w.parameters for w in mine))
        if mine and rows and rows[-1].path == step.path and step.op in OPS:
            rows[-1] = replace(row, parameters=rows[-1].parameters + row.parameters, multiply_adds=rows[-1].multiply_adds + row.multiply_adds)
        else:
            rows.append(row)
    return rows + waiting


def forward_plan(network: Network, input_shape: Any) -> Plan:
    """The plan of a network's model, as it is written, for the inputs that it met or declares, or for `input_shape`. Errors: NotBuilt, ArgumentError, ShapeError."""
    if input_shape is None:
        said = declared(network.model)
        shapes: list[Shape] = list(network.met.shapes) if network.met else [] if said is None or None in said else [said]
        if not shapes:
            raise NotBuilt("summary", hint="The model has met no data yet: give input_shape=, the shape of one sample.")
    else:
        many = isinstance(input_shape, tuple | list) and any(isinstance(s, tuple | list) for s in input_shape)
        shapes = [_shape(s) for s in input_shape] if many else [_shape(input_shape)]
    arrays = tuple(np.broadcast_to(np.float32(0), (1, *(n or 1 for n in s))) for s in shapes)
    return network.written_plan(arrays, len(arrays) > 1)


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


