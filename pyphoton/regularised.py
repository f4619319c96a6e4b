"""What layers ask of training besides the loss: penalties of their parameters, losses that they add, and limits after an update.

A penalty is an ordinary part of the training plan's graph, over the layer's parameters as steps of their own; its gradient adds to
that of the layer. A limit is a plan without inputs, which a session runs after each update.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any
from weakref import ref

from pyphoton import graph
from pyphoton.errors import ShapeError
from pyphoton.layers.base import Layer, Param
from pyphoton.plan import Plan, owners, plan
from pyphoton.scopes import tracing
from pyphoton.tensor import Tensor
from pyphoton.typing import Shape, show


class Regularised(Layer):
    """Base of layers that have penalties or limits. Both are asked for once, however often the layer is used."""

    def penalties(self, params: Mapping[str, Param]) -> Mapping[str, Any]:
        """By name of a parameter: the function whose value at it, one number, is added to the loss while training."""
        return {}

    def limits(self, params: Mapping[str, Param]) -> Mapping[str, Any]:
        """By name of a parameter: the function that gives what it becomes after an update, which has its shape."""
        return {}


def with_added(loss: Tensor, outputs: Sequence[Tensor]) -> Tensor:
    """The loss with all that is added to it in the running trace; the same tensor where that is nothing. Errors: as `added`."""
    for value in added([*outputs, loss]):
        loss = loss + value
    return loss


def outputs_and_added(model: Any, argument: Any, inputs: Sequence[Tensor]) -> graph.Graph | None:
    """The graph of a model's outputs and, last, of the sum of what is added to the loss; None where nothing is."""
    found: list[Any] = []

    def run(*_: Any) -> tuple[Any, ...]:
        outputs = graph.only_tensors(graph.call(model, argument), "model")
        found.extend(sorted(added(outputs), key=lambda value: not isinstance(value, Tensor)))
        first = found[0] if found and isinstance(found[0], Tensor) else outputs[0].mean() * 0.0 + sum(found[:1])
        return (*outputs, sum(found[1:], start=first))

    traced = graph.trace(run, *inputs, paths={graph.root_path(model): model})
    return traced if found else None


def added(outputs: Sequence[Tensor]) -> list[Any]:
    """What layers have added to the loss in the running trace, and the penalties of every layer that `outputs` come from.

    Errors: ShapeError for a penalty that is not one number.
    """
    state = tracing.get()
    added = list(state.losses) if state else []
    reached = graph.reached([*outputs, *(value for value in added if isinstance(value, Tensor))])
    for layer, at, shapes in _regularised(replace(reached, nodes=tuple(n for n in reached.nodes if n.op != "gradient"))):
        for name, function in layer.penalties(layer.params(*shapes)).items():
            value = graph.call(function, graph.own_array(layer, name, shapes=shapes, path=at))
            if not isinstance(value, Tensor) or value.shape != ():
                shown = show(value.shape) if isinstance(value, Tensor) else repr(value)
                raise ShapeError(f"{at} regularizer of {name}".strip(), "one number", shown, "Sum it: (p * p).sum().")
            added.append(value)
    return added


@dataclass(frozen=True)
class Limit:
    """The limit of one parameter: the layer, which it does not keep alive, and the plan of the new value."""

    owner: ref[Any]
    plan: Plan


def limited(traced: graph.Graph, known: Mapping[str, Limit], dtype: str) -> dict[str, Limit]:
    """The parameters of a graph that have a limit, by path; what is `known` of the same layer stays. Errors: ShapeError."""
    found: dict[str, Limit] = {}
    for layer, at, shapes in _regularised(traced):
        for name, function in layer.limits(layer.params(*shapes)).items():
            path = f"{at}.{name}" if at else name
            old = known.get(path)
            if old is not None and old.owner() is layer:
                found[path] = old
                continue
            after = graph.trace(partial(_after, layer, name, at, shapes, function))
            found[path] = Limit(ref(layer), plan(after, dtype))
    return found


def _after(layer: Regularised, name: str, at: str, shapes: tuple[Shape, ...], function: Any) -> Tensor:
    """What a parameter becomes. Errors: ShapeError."""
    before = graph.own_array(layer, name, shapes=shapes, path=at)
    after = graph.call(function, before)
    if not isinstance(after, Tensor) or after.shape != before.shape:
        shown = show(after.shape) if isinstance(after, Tensor) else repr(after)
        raise ShapeError(f"{at} constraint of {name}".strip(), show(before.shape), shown, "A constraint keeps the parameter's shape.")
    return after


def _regularised(traced: graph.Graph) -> list[tuple[Regularised, str, tuple[Shape, ...]]]:
    """Each layer of a graph that may have penalties or limits, once: the layer, its path, and the shapes that it was built for."""
    found: dict[int, tuple[Regularised, str, tuple[Shape, ...]]] = {}
    for path, (layer, name, _, shapes) in owners(traced).items():
        if isinstance(layer, Regularised):
            found.setdefault(id(layer), (layer, path.removesuffix(name).removesuffix("."), shapes))
    return list(found.values())
