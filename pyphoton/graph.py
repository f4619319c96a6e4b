"""Graph and trace(): every model, loss and metric becomes one of these graphs.

A layer or function is called once with symbolic tensors; each operation leaves a node, and the graph is what can be
reached from the outputs.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import FrameType
from typing import TYPE_CHECKING, Any

from pyphoton import parameters
from pyphoton.errors import Frame, PhotonError, ShapeError, Trace, TraceError, passed, tell_trace
from pyphoton.scopes import Call, Scope, Tracing, followed, scope, tracing, where, where_path
from pyphoton.tensor import Node, Tensor, deferred
from pyphoton.typing import Shape, show

if TYPE_CHECKING:
    from pyphoton.layers.base import Layer

def flattened(arguments: Sequence[Any]) -> tuple[tuple[Any, ...], list[int | None]]:
    """Arguments one after the other, and how they nest: None for one, n for a tuple of n."""
    flat = tuple(t for a in arguments for t in (a if isinstance(a, tuple) else (a,)))
    return flat, [len(a) if isinstance(a, tuple) else None for a in arguments]


def nested(structure: Sequence[int | None], flat: Sequence[Any]) -> tuple[Any, ...]:
    """Arguments as a function wants them: what `flattened` has made flat, as it was."""
    rest = iter(flat)
    return tuple(next(rest) if size is None else tuple(next(rest) for _ in range(size)) for size in structure)


def opaque(function: Callable[..., Any], inputs: Sequence[Any], structure: Sequence[Any], shape: Shape) -> Tensor:
    """A Python function that engines call with tensors, as one node; `structure` says how its arguments nest."""
    node = Node("python", tuple(inputs), {"name": getattr(function, "__name__", repr(function)), "structure": structure})
    node.function, node.path = function, where_path()
    node.outputs = (Tensor(shape, "float32", node),)
    return node.outputs[0]


def apply_leaf(layer: Layer, inputs: tuple[Any, ...]) -> Any:
    """One layer with a kind of its own as one node. Errors: ShapeError with the layer's path."""
    for i in inputs:
        if not isinstance(i, Tensor):
            raise ShapeError(where(repr(layer)), "one tensor", f"{len(i)} of them" if isinstance(i, tuple) else repr(i))
    into = tuple(i.shape for i in inputs)
    if len(into) != 1 and not (into and layer.several_inputs):
        raise ShapeError(where(repr(layer)), "one tensor", f"{len(into)} of them")
    shapes = layer.infer(*into)
    parameters.check(layer, into)
    many = bool(shapes) and isinstance(shapes[0], tuple)
    node = Node(layer.kind, inputs, {}, path=where_path(), layer=layer)
    dtype = next((i.dtype for i in inputs if i.dtype.startswith("float")), "float32")
    node.outputs = tuple(Tensor(s, dtype, node) for s in (shapes if many else (shapes,)))
    return node.outputs if many else node.outputs[0]


def own_array(layer: Layer, name: str, cls: type[Tensor] = Tensor, *, shapes: tuple[Shape, ...] = (), path: str | None = None) -> Tensor:
    """One of the arrays that a layer has of its own, as a node without inputs.

    shapes: of the layer's inputs, where its parameters follow from them. path: the layer's; by default that of the running trace.
    """
    state = tracing.get()
    if path is None:
        path = state.paths.get(id(layer), "") if state else ""
    node = Node("parameter", (), {"name": name}, path=path, layer=layer, into=shapes)
    node.outputs = (cls(layer.params(*shapes)[name].shape, "float32", node),)
    return node.outputs[0]


def add_loss(value: Any) -> None:
    """Add one number, a tensor of the running trace, to the loss while training: of the outputs of a layer, say, or of its parameters.

    For `forward` of a layer. It does not count where a model is measured (`evaluate`, `val_loss`, metrics) and predicts.
    A layer that is called twice adds twice. Errors: ShapeError, TraceError.
    """
    state = tracing.get()
    if state is None:
        raise TraceError("add_loss", "a call in the forward of a layer", "one outside of any model", "Call it where the layer computes with tensors.")
    if not isinstance(value, Tensor | int | float) or isinstance(value, bool):
        raise TraceError(where("add_loss"), "a tensor", repr(value))
    if isinstance(value, Tensor) and value.shape != ():
        raise ShapeError(where("add_loss"), "one number for the batch", show(value.shape), "Reduce it: .mean() or .sum().")
    state.losses.append(value)


def scan(
    body: Graph, sequences: Sequence[Tensor], held: Sequence[Tensor], starts: Sequence[Tensor], steps: int, *, carried: bool, backwards: bool,
) -> Tensor:  # fmt: skip
    """`body` step by step, as one node: (batch, steps, ...) of its first output.

    body takes a step of each of the sequences (batch, steps, ...), what is held, (batch, ...) and the same at every step, and
    states, and gives an output and the states of the next step, which begin as `starts`. carried: states go on from
    minibatch to minibatch where data come in order. backwards: from the last step to the first.
    """
    _check_added(body)
    attrs = {"steps": steps, "sequences": len(sequences), "held": len(held), "carried": carried, "backwards": backwards}
    node = Node("scan", (*sequences, *held, *starts), attrs, path=where_path(), body=body)
    y = body.outputs[0]
    node.outputs = (Tensor((y.shape[0], steps, *y.shape[1:]), y.dtype, node),)
    return node.outputs[0]


def gradient_of(function: Callable[..., Any], x: Tensor, *held: Any) -> Tensor:
    """The gradient of `function(x, *held)`, one number, with respect to x, inside of a trace: a tensor of x's shape, as one node.

    It is computed as in evaluation: dropout is off, running numbers do not move, states of sequences begin anew, losses that layers
    add do not count. To whatever is differentiated around it it is a constant (the convention of FGSM, Goodfellow et al. 2015), and
    the weights that the function uses get no gradient from it. What the function takes from where it was written is held as well.
    Errors: TraceError for an x that is no tensor of floats, ShapeError where the function gives something else than one number.
    """
    recorder = deferred((x, *held))
    if recorder is not None:
        made: Tensor = recorder.recorded(partial(gradient_of, function), (x, *held), {})
        return made
    if not isinstance(x, Tensor) or not x.dtype.startswith("float"):
        raise TraceError(where("gradient_of"), "a tensor of floats", repr(x), "Whole numbers have no gradient; take that of what they become.")
    node, state = Node("gradient", (), {}, path=where_path()), tracing.get()
    added = len(state.losses) if state else 0
    inner = Tensor(x.shape, x.dtype)
    inner.mask = x.mask
    y = call(function, inner, *held) if hasattr(function, "kind") else function(inner, *held)
    if state:
        del state.losses[added:]
    if not isinstance(y, Tensor) or y.shape != ():
        raise ShapeError(where("gradient_of"), "one number for the batch", show(y.shape) if isinstance(y, Tensor) else repr(y), "Reduce it: .sum() or .mean().")
    nodes, outside = _since(node.time, y, inner)
    node.inputs, node.body = (x, *outside), Graph((inner, *outside), (y,), nodes)
    node.outputs = (Tensor(x.shape, x.dtype, node),)
    return node.outputs[0]


def _since(time: int, y: Tensor, own: Tensor) -> tuple[tuple[Node, ...], tuple[Tensor, ...]]:
    """The nodes behind y that are younger than `time`, and the tensors that they take from before, but for `own`."""
    nodes, outside, todo = dict[int, Node](), dict[int, Tensor](), [y]
    while todo:
        t = todo.pop()
        if t.node is None or t.node.time < time:
            outside |= {} if t is own else {id(t): t}
        elif id(t.node) not in nodes:
            nodes[id(t.node)] = t.node
            todo += [i for i in t.node.inputs if isinstance(i, Tensor)]
    return tuple(sorted(nodes.values(), key=lambda n: n.time)), tuple(outside.values())


def _check_added(body: Graph) -> None:
    """Errors: TraceError for a loss that was added inside of a scan's body and needs what is there at one step only."""
    state = tracing.get()
    inside = {id(t) for t in body.inputs}
    for value in state.losses if state else ():
        if isinstance(value, Tensor) and any(id(i) in inside for node in reached([value]).nodes for i in node.inputs):
            raise TraceError(
                where("add_loss"), "a loss of parameters or of whole sequences", "one of a single step of a sequence",
                "Return the value as a further output of the step, and add the loss of the sequence.",
            )  # fmt: skip


def call(function: Any, *inputs: Any) -> Any:
    """Call a layer or a plain function inside a model: the one place where scopes are opened."""
    if not callable(function):
        raise TraceError(where(), "a layer or a function", repr(function), "Everything in a model is called with a tensor.")
    recorder = deferred(inputs)
    if recorder is not None:
        return recorder.recorded(function, inputs, {})
    with scope(function) as path:
        run = getattr(function, "trace", function) if hasattr(function, "kind") else function
        inputs = spread(run, inputs)
        entry = followed(function, inputs)
        try:
            result = run(*inputs)
        except PhotonError as error:
            passed(error, frame(function, path, inputs, error))
            raise
        except Exception as error:
            shown = ", ".join(map(repr, inputs))
            failed = TraceError(where(), "a function of tensors", f"{type(error).__name__}: {error}", f"It was called with {shown}.")
            passed(failed, frame(function, path, inputs, error))
            raise failed from error
        if entry is not None:
            entry.outputs = result
        return result


def frame(function: Any, path: str, inputs: tuple[Any, ...], error: BaseException) -> Frame:
    """Where an error is when it leaves `function`: the line of the function's own code, or of a layer's `forward` or `infer`."""
    kind = type(function)
    layer = hasattr(function, "kind")
    name = kind.__name__ if layer else getattr(function, "__name__", kind.__name__)
    own = (kind.forward, kind.infer) if hasattr(kind, "forward") else (function, kind.__call__)
    codes = {f.__code__ for f in map(inspect.unwrap, own) if hasattr(f, "__code__")}
    at = next((t for t, _ in _steps(error) if t.f_code in codes), None)
    line = next((n for t, n in _steps(error) if t is at), None)
    shapes = ", ".join(_shapes(i) for i in inputs)
    return Frame(name, repr(function) if layer else f"{name}()", path, shapes, at and at.f_code.co_filename, line)


def _steps(error: BaseException) -> Iterator[tuple[FrameType, int]]:
    step = error.__traceback__
    while step is not None:
        yield step.tb_frame, step.tb_lineno
        step = step.tb_next


def _shapes(value: Any) -> str:
    if isinstance(value, tuple | list):
        return f"({', '.join(map(_shapes, value))})"
    return show(value.shape) if isinstance(value, Tensor) else repr(value)


def spread(function: Any, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    """`((a, b),)` becomes `(a, b)` for a function that asks for two arguments."""
    if len(inputs) != 1 or not isinstance(inputs[0], tuple):
        return inputs
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return inputs
    needed = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) and p.default is p.empty]
    return inputs[0] if len(needed) == len(inputs[0]) > 1 else inputs


@dataclass(frozen=True)
class Graph:
    """Inputs, outputs and the nodes between them in the order in which they were made.

    `single` tells that the traced function returned one tensor and not a tuple.
    """

    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    nodes: tuple[Node, ...]
    single: bool = True


def trace(
    function: Any, *inputs: Any, paths: Mapping[str, Any] | None = None, calls: list[Call] | None = None,
) -> Graph:  # fmt: skip
    """Call `function` (a layer, model, loss or plain function) with Tensors, or tuples of them, and keep what it did.

    `paths` gives layers and functions that are met on the way their paths. `calls`, an empty list, receives every call
    that is made, the failing one too. Errors: ShapeError where shapes do not fit, TraceError where Python code cannot be
    followed; both carry the models they came through (`error.trace`).
    """
    outermost = tracing.get() is None
    state = Tracing([Scope("", None, {})], calls=calls)
    token = tracing.set(state)
    try:
        for path, owner in (paths or {}).items():
            state.name(owner, path)
        if id(function) not in state.paths:
            state.name(function, root_path(function))
        result = call(function, *inputs)
    except PhotonError as error:
        if paths:  # `function` only calls what has a path: it is no part of the model
            error.trace = Trace(error.trace[:-1])
        if outermost:
            tell_trace(error)
        raise
    finally:
        tracing.reset(token)
    single = isinstance(result, Tensor)
    outputs = only_tensors(result, "model")
    flat = tuple(t for i in inputs for t in (i if isinstance(i, tuple) else (i,)))
    return Graph(flat, outputs, _reachable(outputs), single)


def only_tensors(result: Any, owner: str) -> tuple[Tensor, ...]:
    """The tensors of a result. Errors: TraceError when there is something else."""
    members = tuple(result) if isinstance(result, tuple | list) else (result,)
    for member in members:
        if not isinstance(member, Tensor):
            raise TraceError(owner, "a tensor or a tuple of tensors as the result", repr(member))
    return members


def root_path(function: Any) -> str:
    """The path of a whole model: its name, its kind when it is a single layer, else nothing."""
    return getattr(function, "given_name", getattr(function, "name", None)) or getattr(function, "kind", "") or ""


def graph_of(inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> Graph:
    """The graph between tensors of one trace. Errors: TraceError when it needs a tensor from elsewhere."""
    nodes = _reachable(outputs)
    first = min((n.time for n in nodes), default=0)
    inside = {id(t) for t in inputs} | {id(t) for n in nodes for t in n.outputs}
    for node in nodes:
        for i in node.inputs:
            if isinstance(i, Tensor) and id(i) not in inside:
                raise TraceError(node.path or "model", "tensors of the step itself", f"{i!r} from outside of it ({first})")
    return Graph(tuple(inputs), tuple(outputs), nodes, single=False)


def reached(outputs: Sequence[Tensor]) -> Graph:
    """Everything that these tensors of one trace were made of."""
    return Graph((), tuple(outputs), _reachable(outputs), single=False)


def _reachable(outputs: Sequence[Tensor]) -> tuple[Node, ...]:
    seen: dict[int, Node] = {}
    todo = [t.node for t in outputs if t.node is not None]
    while todo:
        node = todo.pop()
        if id(node) not in seen:
            seen[id(node)] = node
            todo += [i.node for i in node.inputs if isinstance(i, Tensor) and i.node is not None]
    return tuple(sorted(seen.values(), key=lambda n: n.time))
