"""What flows through a model: the statistics of each layer's output, and of each parameter's gradient, for one minibatch.

All numbers come from one run of the engine that runs the model, and are summed up in float64.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from typing import Any, overload

import numpy as np

from pyphoton import table, verbs
from pyphoton.data.arrays import samples
from pyphoton.data.forms import members, names_of
from pyphoton.errors import UnknownName, near
from pyphoton.network import network_of
from pyphoton.ops import OPS
from pyphoton.plan import Plan, Step
from pyphoton.typing import Shape, show
from pyphoton.workout import Workout

CHANNELS = frozenset({"conv", "conv_transpose", "batch_norm", "max_pool", "avg_pool", "adaptive_max_pool", "adaptive_avg_pool"})
FEATURES = frozenset({"dense", "embedding", "rnn", "lstm", "gru", "scan"})
"""Steps whose units are the channels on axis 1, and those whose units are the features on the last axis."""

SHARES = frozenset({"zeros", "dead"})


@dataclass(frozen=True)
class ActivationRow:
    """The output of one layer, its activation applied: where, what, its shape, and over all its numbers mean, standard
    deviation, smallest and largest.

    `zeros` is the share of numbers that are exactly 0, `dead` the share of units (channels, or features) that are 0 for every
    sample and position, `norm` the mean over samples of a sample's Euclidean norm.
    """

    path: str
    layer: str
    shape: Shape
    mean: float
    std: float
    min: float
    max: float
    zeros: float
    dead: float
    norm: float


@dataclass(frozen=True)
class GradientRow:
    """The gradient of one parameter: mean, standard deviation, smallest, largest, share of zeros and Euclidean norm.

    `weight_norm` is the norm of the parameter itself and `ratio` the gradient's norm in units of it (not a number for a
    parameter that is 0): times the learning rate, how far a step of SGD goes.
    """

    path: str
    shape: Shape
    mean: float
    std: float
    min: float
    max: float
    zeros: float
    norm: float
    weight_norm: float
    ratio: float


class Statistics:
    """A table: rows in the order of the model, iterable, and by number or path. `str()` and a notebook show it.

    A layer that is called several times has a row for each call: "0", "0 (2)" and so on. Errors: UnknownName for another path.
    """

    def __init__(self, rows: tuple[Any, ...]) -> None:
        self.rows = rows

    def __iter__(self) -> Iterator[Any]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    @overload
    def __getitem__(self, which: str) -> Any: ...
    @overload
    def __getitem__(self, which: int) -> Any: ...
    def __getitem__(self, which: str | int) -> Any:
        if isinstance(which, int):
            return self.rows[which]
        paths = {row.path: row for row in self.rows}
        if which not in paths:
            raise UnknownName("statistics", "the path of a row", repr(which), near(which, paths) if paths else "There is none.")
        return paths[which]

    def __str__(self) -> str:
        if not self.rows:
            return "no rows"
        names = [f.name for f in fields(self.rows[0])]
        cells = [[name.replace("_", " ") for name in names]]
        cells += [[_cell(name, getattr(row, name)) for name in names] for row in self.rows]
        lines = table.columns(cells, left=names.index("mean"))
        return "\n".join([lines[0], "-" * max(map(len, lines)), *lines[1:]])

    __repr__ = __str__


def _cell(name: str, value: Any) -> str:
    if name == "shape":
        return show(value)
    return value if isinstance(value, str) else f"{value:.1%}" if name in SHARES else f"{value:.3g}"


# ---- activations -----------------------------------------------------------------------------------------------------


def activation_statistics(model_or_workout: Any, x: Any) -> Statistics:
    """The statistics of each layer's output for a batch x (N, ...), or a tuple of inputs; as in prediction, so without dropout.

    Rows are `ActivationRow`. All outputs are in memory at the same time: give a minibatch, not the whole data set.
    Errors: ShapeError, DataError.
    """
    network = model_or_workout.network if isinstance(model_or_workout, Workout) else network_of(model_or_workout)
    arrays, many = members(x, "inputs")
    names = names_of("inputs", arrays, many)
    samples(arrays, names)
    made = network.unfused_plan(arrays, many)
    groups = _groups(made)
    seen = replace(made, outputs=tuple(last.outputs[0] for _, last in groups), single=False)
    results = network.module.run(seen, network.converted(made, arrays, names))
    layers, calls = table.layer_names(network.model), dict[str, int]()
    rows = []
    for (first, last), result in zip(groups, results, strict=True):
        calls[first.path] = number = calls.get(first.path, 0) + 1
        path = first.path if number == 1 else f"{first.path} ({number})"
        shape = last.shapes[0]
        images = first.op in CHANNELS or (len(shape) > 3 and first.op not in FEATURES)
        rows.append(ActivationRow(path, layers.get(first.path, first.op), shape, **_of_outputs(result, shape, 1 if images else -1)))
    return Statistics(tuple(rows))


def _groups(made: Plan) -> list[tuple[Step, Step]]:
    """(first, last) step of each layer: one of its own kind with its activation, or the operations of one function."""
    groups: list[tuple[Step, Step]] = []
    for step in (s for s in made.steps if s.op != "parameter"):
        first = groups[-1][0] if groups else None
        activation = first is not None and step.op in OPS and step.path.startswith(f"{first.path}.") and first.op not in OPS
        same = first is not None and step.op in OPS and step.path == first.path and first.op in OPS
        if first is not None and (activation or same):
            groups[-1] = (first, step)
        else:
            groups.append((step, step))
    return groups


def _of_outputs(result: Any, shape: Shape, axis: int) -> dict[str, float]:
    values = np.asarray(result, "float64")
    batch = bool(shape) and shape[0] is None and values.ndim > 0
    rows = values.reshape(len(values), -1) if batch and values.size else values.reshape(1, -1)
    dead = float("nan")
    if batch and values.size:
        others = tuple(i for i in range(values.ndim) if values.ndim == 1 or i != axis % values.ndim)
        dead = float(np.mean((values == 0).all(axis=others)))
    with np.errstate(over="ignore", invalid="ignore"):
        norm = float(np.linalg.norm(rows, axis=1).mean())
    return {**_of_numbers(values), "dead": dead, "norm": norm}


def _of_numbers(values: Any) -> dict[str, float]:
    """Mean, standard deviation, smallest, largest and share of zeros; not a number where there is none."""
    if not values.size:
        return dict.fromkeys(("mean", "std", "min", "max", "zeros"), float("nan"))
    with np.errstate(over="ignore", invalid="ignore"):
        found = {"mean": values.mean(), "std": values.std(), "min": values.min(), "max": values.max(), "zeros": np.mean(values == 0)}
    return {name: float(value) for name, value in found.items()}


# ---- gradients -------------------------------------------------------------------------------------------------------


def gradient_statistics(workout: Workout, batch: Any, **options: Any) -> Statistics:
    """The statistics of each parameter's gradient for one minibatch (X, Y); frozen parameters are absent.

    Rows are `GradientRow`. Nothing changes. Options: as Workout.gradients. Errors: ShapeError, DataError; Unsupported on an engine that does not train.
    """
    found = verbs.gradients(workout, batch, **options)
    rows = []
    for (path, gradient), (parameter, _) in zip(found.items(), found, strict=True):
        values = np.asarray(gradient, "float64")
        with np.errstate(over="ignore", invalid="ignore"):
            norm, weight_norm = (float(np.linalg.norm(a)) for a in (values, np.asarray(parameter.value, "float64")))
        ratio = norm / weight_norm if weight_norm else float("nan")
        rows.append(GradientRow(path, parameter.shape, **_of_numbers(values), norm=norm, weight_norm=weight_norm, ratio=ratio))
    return Statistics(tuple(rows))
