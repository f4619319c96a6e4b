"""Shapes without numbers: what a model makes of a shape, and what each of its steps does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pyphoton.errors import ArgumentError, NotBuilt, ShapeError
from pyphoton.graph import Graph, trace
from pyphoton.met import met_of
from pyphoton.network import input_kind
from pyphoton.one_sample import declared, is_one_sample
from pyphoton.plan import owners
from pyphoton.scopes import Call
from pyphoton.tensor import Tensor
from pyphoton.typing import Shape, show


@dataclass(frozen=True)
class ShapeStep:
    """One call: `what` was called, its name in the model around it, how deep it nests, the shapes it got, and those it gave (None: it could not)."""

    what: str
    path: str
    depth: int
    inputs: tuple[Shape, ...]
    outputs: tuple[Shape, ...] | None


@dataclass(frozen=True)
class Shapes:
    """What `shapes` found: each call in the order in which they are made, and the ShapeError that ended it, if one did.

    Printed, it is one line for each call, the members of a model indented below it.
    """

    steps: tuple[ShapeStep, ...]
    output: Any
    error: ShapeError | None = None

    def __repr__(self) -> str:
        labels = [f"{'  ' * s.depth}{f'{s.path} {s.what}'.strip()}" for s in self.steps]
        wide = max(map(len, labels), default=0)
        lines = [f"{label:{wide}}  {_arrow(step)}" for label, step in zip(labels, self.steps, strict=True)]
        return "\n".join([*lines, *([f"{type(self.error).__name__}: {self.error}"] if self.error else [])])


def infer(model: Any, *inputs: Any) -> Any:
    """The shape of the model's output for inputs of these shapes, or None where that is impossible. Nothing is computed.

    A shape is (batch, ...), None for a length that is not known; (n,) or n is a vector, one sample, and the answer a
    sample's, too. Several inputs are several arguments; several outputs a tuple of shapes.

    >>> infer(Chain(Affine(10, 20), Affine(20, 15)), (1, 10))
    (1, 15)
    """
    tensors, batch = _tensors(model, [_shape(i) for i in inputs], ["float32"] * len(inputs))
    try:
        traced = _traced(model, tensors)
    except ShapeError:
        return None
    found = tuple(_told(t.shape, batch) for t in traced.outputs)
    return found[0] if traced.single else found


def graph(model: Any, *inputs: Any) -> Any:
    """What a model does, as a pyphoton.Graph: `graph(m).nodes`, each with `op`, `inputs`, `outputs`, `path` and `layer`. None for a plain function.

    The shapes of the inputs are given as in `infer`, unless the model has met data or begins with an Input.
    Nothing is computed. Source: Flux.graph. Errors: NotBuilt where the shapes are not known; ShapeError; TraceError.

    >>> [node.op for node in graph(Chain(Input(4), Dense(3), relu)).nodes]
    ['dense', 'relu']
    """
    if not hasattr(model, "kind"):
        return None
    met, sample = met_of(model), declared(model)
    if inputs:
        tensors, _ = _tensors(model, [_shape(i) for i in inputs], ["float32"] * len(inputs))
    elif met is not None:
        tensors = tuple(Tensor((None, *s), "int64" if whole else "float32") for s, whole in zip(met.shapes, met.whole, strict=True))
    elif sample is not None:
        tensors = (Tensor((None, *sample)),)
    else:
        raise NotBuilt("graph", hint="The model has met no data: graph(model, (1, 10)), or begin it with an Input.")
    return _traced(model, tensors)


def shapes(model: Any, *inputs: Any) -> Shapes:
    """Each step that a model takes for these arrays, with its shapes, up to the first one that is impossible.

    `print(shapes(model, np.zeros((5, 10))))`; Python expressions in a `forward` are steps, too. Nothing is computed, and no
    parameters are made. Errors: TraceError for a function that cannot be followed.
    """
    from pyphoton.data.forms import members

    arrays, _ = members(inputs[0] if len(inputs) == 1 else tuple(inputs), "inputs")
    tensors, batch = _tensors(model, [tuple(map(int, a.shape)) for a in arrays], [input_kind(a, "float32") for a in arrays])
    calls: list[Call] = []
    output, error = None, None
    try:
        traced = _traced(model, tensors, calls)
        found = tuple(_told(t.shape, batch) for t in traced.outputs)
        output = found[0] if traced.single else found
    except ShapeError as caught:
        error = caught
    steps = [_step(c, batch) for c in calls if not _is_detail(c)]
    return Shapes(tuple(steps), output, error)


Batch = tuple[bool, "int | None"]
"""Whether the arrays are one sample, and the length of their batch axis."""


def _traced(model: Any, tensors: tuple[Tensor, ...], calls: list[Call] | None = None) -> Graph:
    traced = trace(model, tensors if len(tensors) > 1 else tensors[0], calls=calls)
    owners(traced)
    return traced


def _shape(shape: Any) -> Shape:
    found = (shape,) if isinstance(shape, int) or shape is None else tuple(shape) if isinstance(shape, tuple | list) else ()
    if not found or not all(n is None or (isinstance(n, int) and n >= 0) for n in found):
        raise ArgumentError("infer", "shapes of whole numbers or None", repr(shape), "Several inputs are several arguments.")
    return found


def _tensors(model: Any, known: list[Shape], dtypes: list[str]) -> tuple[tuple[Tensor, ...], Batch]:
    """Symbolic inputs, and what the shapes said of the batch."""
    met = met_of(model)
    ranks = [len(s) for s in known]
    one = is_one_sample(model, ranks, None if met is None else [len(s) for s in met.shapes], vectors=True)
    tensors = tuple(Tensor((None, *(s if one else s[1:])), d) for s, d in zip(known, dtypes, strict=True))
    return tensors, (one, None if one or not known[0] else known[0][0])


def _told(shape: Shape, batch: Batch) -> Shape:
    """A shape of the trace as the user's own input would have it."""
    one, length = batch
    if not shape or shape[0] is not None:
        return shape
    return shape[1:] if one else (length, *shape[1:])


def _step(call: Call, batch: Batch) -> ShapeStep:
    into = tuple(_told(t.shape, batch) for t in _tensors_in(call.inputs))
    out = None if call.outputs is None else tuple(_told(t.shape, batch) for t in _tensors_in(call.outputs))
    path = "" if isinstance(call.owner, str) else call.path.rpartition(".")[2]
    return ShapeStep(_name(call.owner), path, call.depth, into, out)


def _tensors_in(value: Any) -> list[Any]:
    if isinstance(value, tuple | list):
        return [t for v in value for t in _tensors_in(v)]
    return [value] if hasattr(value, "shape") else []


def _name(owner: Any) -> str:
    if isinstance(owner, str):
        return owner
    if not hasattr(owner, "kind"):
        return f"{getattr(owner, '__name__', type(owner).__name__)}()"
    return repr(owner) if owner.kind or not owner.children() else type(owner).__name__


def _is_detail(call: Call) -> bool:
    """Whether the library made this call itself: the inside of a layer of its own, or an operation in its functions."""
    inside = call.inside
    home = getattr(type(inside) if hasattr(inside, "kind") else inside, "__module__", "") or ""
    return bool(getattr(inside, "kind", "")) or (isinstance(call.owner, str) and home.startswith("pyphoton."))


def _arrow(step: ShapeStep) -> str:
    into = ", ".join(map(show, step.inputs))
    return f"{into} -> {'impossible' if step.outputs is None else ', '.join(map(show, step.outputs))}"
