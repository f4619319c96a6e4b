"""Plan: a graph made flat, named and fully sized. It is what backends compile, what is sent to Julia and what is saved.

A plan is a list of steps over numbered values. Inputs, constants and results of steps share one numbering. A step is a
primitive of `ops.py` or a layer kind, knows its path ("encoder.2"), and names its parameters by path
("encoder.2.kernel"). Axis 0 of length None is the batch. Every plan is JSON; nothing in it is Python code, except an
opaque function (op "python"), which an engine has to call.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, TypeVar

import numpy as np

from pyphoton import ops
from pyphoton.description import from_config, is_named, to_config
from pyphoton.errors import FileError, ShapeError, TraceError
from pyphoton.graph import Graph
from pyphoton.layers.base import Param
from pyphoton.tensor import Node, Tensor
from pyphoton.typing import Shape

T = TypeVar("T")
FORMAT = 1
FUSED = frozenset({"relu", "tanh", "sigmoid", "softplus", "gelu", "swish", "selu"})
"""Activations that become part of the layer's step before them."""

ALONE = frozenset({"python", "scan", "gradient", "parameter"})
"""Steps that no activation becomes part of."""

VIEWS = frozenset({"getitem", "reshape", "flatten", "transpose"})
"""Operations that hand on the same numbers: labels stay labels."""


@dataclass(frozen=True)
class Value:
    """An input: its number, shape, dtype, and for whole numbers used as positions the bound that they stay below."""

    id: int
    shape: Shape
    dtype: str
    below: int | None = None


@dataclass(frozen=True)
class Step:
    """One operation: `outputs = activation(op(inputs; params, attrs))`. `shapes` are those of the outputs."""

    op: str
    path: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    shapes: tuple[Shape, ...]
    params: Mapping[str, str] = field(default_factory=dict)
    attrs: Mapping[str, Any] = field(default_factory=dict)
    activation: str = "identity"
    function: Callable[..., Any] | None = None
    body: Plan | None = None
    """What a scan does at each step. Its inputs: a step of each of the first `sequences` inputs (batch, steps, ...), the next `held`
    ones as they are, and the states, which begin as the other inputs say. Its outputs: that of the step, and the next states.
    Or what a gradient is taken of: the body's inputs are the step's, its output is one number, and the step's result is the gradient
    with respect to the first input, computed in evaluation mode, and a constant to whatever is differentiated."""


@dataclass(frozen=True, eq=False)
class Plan:
    """The whole computation. `single` tells that the traced function returned one tensor and not a tuple."""

    inputs: tuple[Value, ...]
    constants: Mapping[int, Any]
    steps: tuple[Step, ...]
    outputs: tuple[int, ...]
    params: Mapping[str, Param]
    dtype: str = "float32"
    single: bool = True

    def all_steps(self) -> Iterator[Step]:
        """The steps, and those inside of steps."""
        for step in self.steps:
            yield step
            if step.body is not None:
                yield from step.body.all_steps()

    def to_json(self, indent: int | None = None) -> str:
        """The plan as text; equal plans give equal text."""
        return json.dumps(self.to_data(), indent=indent)

    def to_data(self) -> dict[str, Any]:
        """The plan as numbers, strings, lists and dictionaries."""
        steps = []
        for s in self.steps:
            data = asdict(replace(s, function=None, body=None))
            del data["function"], data["body"]
            if s.body is not None:
                data["body"] = s.body.to_data()
            steps.append(data)
        params = {
            path: {"shape": p.shape, "role": p.role, "fans": p.fans, "init": _init_data(p.init)}
            for path, p in self.params.items()
        }
        return {
            "format": FORMAT, "dtype": self.dtype, "single": self.single, "inputs": [asdict(i) for i in self.inputs],
            "constants": [{"id": k, "value": v.tolist() if isinstance(v, np.ndarray) else v} for k, v in self.constants.items()],
            "steps": steps, "outputs": list(self.outputs), "params": params,
        }  # fmt: skip

    @staticmethod
    def from_json(text: str) -> Plan:
        """The plan that `to_json` wrote. Errors: FileError for another format."""
        try:
            data = json.loads(text)
            if data["format"] != FORMAT:
                raise FileError("plan", f"format {FORMAT}", str(data["format"]))
            return Plan._of(data)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            if isinstance(error, FileError):
                raise
            raise FileError("plan", "the JSON of a plan", f"something else ({type(error).__name__}: {error})") from None

    @staticmethod
    def _of(data: dict[str, Any]) -> Plan:
        params = {
            path: Param(tuple(p["shape"]), from_config(p["init"]), p["role"], tuple(p["fans"]))
            for path, p in data["params"].items()
        }
        steps = tuple(
            Step(
                s["op"], s["path"], tuple(s["inputs"]), tuple(s["outputs"]), tuple(map(tuple, s["shapes"])),
                s["params"], s["attrs"], s["activation"], body=Plan._of(s["body"]) if "body" in s else None,
            )
            for s in data["steps"]
        )  # fmt: skip
        inputs = tuple(Value(i["id"], tuple(i["shape"]), i["dtype"], i["below"]) for i in data["inputs"])
        constants = {c["id"]: np.asarray(c["value"], data["dtype"]) if isinstance(c["value"], list) else c["value"] for c in data["constants"]}
        return Plan(inputs, constants, steps, tuple(data["outputs"]), params, data["dtype"], data["single"])


def plan(graph: Graph, dtype: str = "float32", *, fuse: bool = True, spread: bool = True) -> Plan:
    """Flatten a graph into a plan whose floats are `dtype`.

    `fuse=False` leaves each activation a step of its own, `spread=False` leaves in the bodies of scans what the model wrote there.
    """
    from pyphoton import scanning

    made = _Planner(graph, dtype).plan()
    return _finished(scanning.spread(made) if spread else made, fuse)


def parted(inputs: Sequence[T], sequences: int, held: int) -> tuple[Sequence[T], Sequence[T], Sequence[T]]:
    """A scan's inputs: those with steps, those that are the same at every step, and what states begin with."""
    return inputs[:sequences], inputs[sequences : sequences + held], inputs[sequences + held :]


def _finished(made: Plan, fuse: bool) -> Plan:
    """The plan with activations where they belong; only the whole plan describes parameters."""
    steps = tuple(s if s.body is None else replace(s, body=replace(_finished(s.body, fuse), params={})) for s in made.steps)
    return replace(made, steps=_fuse(steps, made.outputs) if fuse else steps)


def owners(graph: Graph) -> dict[str, tuple[Any, str, Param, tuple[Shape, ...]]]:
    """For each parameter's path: the layer it belongs to, its name there, its description and the layer's input shapes.

    Errors: ShapeError when a layer is used twice with inputs that need different parameters.
    """
    found: dict[str, tuple[Any, str, Param, tuple[Shape, ...]]] = {}
    for node in graph.nodes:
        if node.body is not None:
            found |= {path: owned for path, owned in owners(node.body).items() if path not in found}
        if node.layer is None:
            continue
        shapes = _into(node)
        for name, param in _params(node).items():
            path = f"{node.path}.{name}" if node.path else name
            if path in found and found[path][2].shape != param.shape:
                raise ShapeError(
                    f"{node.path} {node.layer!r}", f"one shape of {name} wherever the layer is used",
                    f"{found[path][2].shape} and {param.shape}", "A shared layer needs inputs of equal shape.",
                )  # fmt: skip
            found.setdefault(path, (node.layer, name, param, shapes))
    return found


def _params(node: Node) -> Mapping[str, Param]:
    """The parameters of a layer's node, by name."""
    if node.layer is None:
        return {}
    found = node.layer.params(*_into(node))
    return {node.attrs["name"]: found[node.attrs["name"]]} if node.op == "parameter" else found


def _into(node: Node) -> tuple[Shape, ...]:
    """The shapes that the parameters of a layer's node follow from."""
    return tuple(i.shape for i in node.inputs) if node.into is None else node.into


class _Planner:
    def __init__(self, graph: Graph, dtype: str) -> None:
        self.graph, self.dtype = graph, dtype
        self.ids: dict[int, int] = {}
        self.constants: dict[int, Any] = {}
        self.count = 0

    def plan(self) -> Plan:
        inputs = tuple(self._input(t) for t in self.graph.inputs)
        steps = tuple(self._step(n) for n in self.graph.nodes)
        outputs = tuple(self.ids[id(t)] for t in self.graph.outputs)
        params = {path: param for path, (_, _, param, _) in owners(self.graph).items()}
        return Plan(inputs, self.constants, steps, outputs, params, self.dtype, self.graph.single)

    def _new(self, tensor: Any = None) -> int:
        number = self.count
        self.count += 1
        if tensor is not None:
            self.ids[id(tensor)] = number
        return number

    def _input(self, tensor: Tensor) -> Value:
        number = self.ids.get(id(tensor))
        uses = self._uses(tensor)
        whole = any(u.kind == "whole" for u in uses) or {u.kind for u in uses} == {"part"}
        dtype = "int64" if whole else self.dtype
        known = [u.below for u in uses if u.kind == "whole" and u.below is not None]
        return Value(self._new(tensor) if number is None else number, tensor.shape, dtype, min(known) if known else None)

    def _uses(self, tensor: Tensor) -> list[_Use]:
        """How the numbers of `tensor` are used, other views of them included."""
        found: list[_Use] = []
        for node in self.graph.nodes:
            places = [k for k, i in enumerate(node.inputs) if i is tensor]
            if not places:
                continue
            if node.body is not None:
                found += [u for k in places for u in _Planner(node.body, self.dtype)._uses(node.body.inputs[k])]
                continue
            if node.op not in VIEWS:
                found += _uses(node, tensor, places)
                continue
            view = node.outputs[0]
            all_of_it = node.op != "getitem" or ops.size(view.shape[1:]) == ops.size(tensor.shape[1:]) is not None
            found += [u if all_of_it or u.kind == "number" else _Use("part") for u in self._uses(view)]
        return found

    def _step(self, node: Node) -> Step:
        inputs = tuple(self._value(i) for i in node.inputs)
        outputs = tuple(self._new(t) for t in node.outputs)
        shapes = tuple(t.shape for t in node.outputs)
        if node.body is not None:
            body = _Planner(node.body, self.dtype).plan()
            if node.op == "gradient" and not body.inputs[0].dtype.startswith("float"):
                raise TraceError(
                    f"{node.path} gradient".strip(), "a tensor of floats", "one of whole numbers, which are used as positions",
                    "Whole numbers have no gradient; take that of what they become: of an Embedding's output, say.",
                )  # fmt: skip
            return Step(node.op, node.path, inputs, outputs, shapes, {path: path for path in body.params}, node.attrs, body=body)
        if node.layer is None:
            attrs = {k: self.dtype if k == "dtype" and str(v).startswith("float") else v for k, v in node.attrs.items()}
            return Step(node.op, node.path, inputs, outputs, shapes, {}, attrs, function=node.function)
        into = tuple(i.shape for i in node.inputs)
        prefix = f"{node.path}." if node.path else ""
        names = {} if node.op == "parameter" else node.layer.step_names
        params = {names.get(name, name): prefix + name for name in _params(node)}
        attrs = node.attrs if node.op == "parameter" else node.layer.attrs(*into)
        return Step(node.op, node.path, inputs, outputs, shapes, params, attrs, function=node.function)

    def _value(self, value: Any) -> int:
        if isinstance(value, Tensor):
            if id(value) not in self.ids:
                raise TraceError("a tensor", "tensors of this trace", f"{value!r} of another one", "Return what a layer makes; do not keep it.")
            return self.ids[id(value)]
        number = self._new()
        self.constants[number] = value.astype(self.dtype) if isinstance(value, np.ndarray) else value
        return number


@dataclass(frozen=True)
class _Use:
    """One use of an input: as positions below a bound ("whole"), a part of it so ("part"), or as numbers ("number")."""

    kind: str
    below: int | None = None


def _uses(node: Node, tensor: Tensor, places: list[int]) -> list[_Use]:
    if node.layer is not None:
        table = node.layer.attrs(*(i.shape for i in node.inputs)).get("vocabulary")
        return [_Use("number" if table is None else "whole", table)]
    if node.op == "python" or not set(places) & ops.OPS[node.op].index:
        return [_Use("number")]
    return [_Use("whole", node.attrs["classes"] if "classes" in node.attrs else node.inputs[0].shape[-1])]


def _fuse(steps: tuple[Step, ...], outputs: tuple[int, ...]) -> tuple[Step, ...]:
    """Make an activation part of the layer's step before it, where nothing else reads that step's result.

    relu before max_pool moves behind it, where there is less to do: both only ever keep the larger number, so values and
    gradients are exactly the same.
    """
    readers: dict[int, int] = {}
    for number in (*outputs, *(i for s in steps for i in s.inputs)):
        readers[number] = readers.get(number, 0) + 1
    made: dict[int, int] = {}
    result: list[Step] = []
    for step in steps:
        source = made.get(step.inputs[0], -1) if step.inputs else -1
        activation = result[source].activation if source >= 0 and readers[step.inputs[0]] == 1 else None
        if step.op in FUSED and activation == "identity":
            result[source] = replace(result[source], outputs=step.outputs, activation=step.op)
            made[step.outputs[0]] = source
            continue
        if len(step.outputs) == 1 and step.op not in ops.OPS and step.op not in ALONE:
            made[step.outputs[0]] = len(result)
        if step.op == "max_pool" and activation == "relu":
            result[source] = replace(result[source], activation="identity")
            step = replace(step, activation="relu")
        result.append(step)
    return tuple(result)


def _init_data(init: Any) -> Any:
    return to_config(init) if is_named(init) else {"function": getattr(init, "__name__", type(init).__name__)}
