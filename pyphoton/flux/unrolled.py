"""unroll: a model with states becomes one that takes a whole sequence, step by step, with the same parameters."""

from __future__ import annotations

from typing import Any

import numpy as np

from pyphoton import graph
from pyphoton.arguments import is_integer
from pyphoton.errors import ArgumentError, ShapeError
from pyphoton.flux.nets import Net
from pyphoton.flux.states import Step, stepping
from pyphoton.layers.base import Layer
from pyphoton.layers.containers import Sequential
from pyphoton.network import network_of
from pyphoton.ops import size
from pyphoton.scopes import children, where
from pyphoton.tensor import Tensor, apply
from pyphoton.typing import show


class Unrolled(Layer):
    """`model` at each of `steps` steps of a sequence: (batch, steps, ...) -> (batch, steps, ...); made by `unroll`.

    `seq` says of each input whether it has steps or is the same at every step. A model of several outputs gives as many sequences.
    What a state holds at the end of a call is where the next one begins (as a constant: gradients stop there), until the batch has another size or
    `reset_`. In training, states go on from minibatch to minibatch where data come in order, within an epoch; shuffled
    samples begin anew. predict always begins anew.
    """

    cyclic = False

    def __init__(self, model: Any, steps: int, *, seq: Any = True, stateful: bool = True, backwards: bool = False) -> None:
        if not is_integer(steps) or steps < 1:
            raise ArgumentError("unroll", "a number of steps from 1", repr(steps))
        if not callable(model) or isinstance(model, type):
            raise ArgumentError("unroll", "a model", repr(model), f"Write {model.__name__}(...)." if isinstance(model, type) else "unroll(model, steps).")
        if isinstance(model, Unrolled):
            raise ArgumentError("unroll", "a model that is not unrolled yet", repr(model))
        if is_flipped(model):
            raise ArgumentError("unroll", "flip around the whole model or a member of a Chain", repr(model), "Unroll the parts, and join their outputs.")
        self.seq = seq if isinstance(seq, bool) else _of_each(seq)
        self.model, self.steps, self.stateful, self.backwards = model, int(steps), stateful, backwards

    def __repr__(self) -> str:
        model = f"flip({self.model!r})" if self.backwards else repr(self.model)
        options = "".join(f", {name}={value!r}" for name, value in (("seq", self.seq), ("stateful", self.stateful)) if value is not True)
        return f"unroll({model}, {self.steps}{options})"

    def arguments(self) -> dict[str, Any]:
        """What is saved."""
        return {"model": self.model, "steps": self.steps, "seq": self.seq, "stateful": self.stateful, "backwards": self.backwards}

    def children(self) -> dict[str, Any]:
        """The model."""
        return {"model": self.model}

    def on_arrays(self, *inputs: Any) -> Any:
        """On (batch, steps, ...), or one sequence (steps, ...) of vectors; then what has no steps is one sample's, too."""
        flat, structure = graph.flattened(inputs)
        arrays = [np.asarray(a) for a in flat]
        long = [a for a, each in zip(arrays, self._each(len(arrays)), strict=True) if each]
        single = bool(long) and all(a.ndim == 2 and a.dtype.kind == "f" for a in long)
        result = network_of(self)(*graph.nested(structure, [a[None] for a in arrays] if single else arrays))
        return result if not single else tuple(r[0] for r in result) if isinstance(result, tuple) else result[0]

    def forward(self, *inputs: Any) -> Any:
        """The scan of one traced step."""
        flat, structure = graph.flattened(inputs)
        each = self._each(len(flat))
        for x in (x for x, e in zip(flat, each, strict=True) if e and (len(x.shape) < 2 or x.shape[1] != self.steps)):
            got = x.shape[1] if len(x.shape) > 1 else "none"
            raise ShapeError(where(repr(self)), f"sequence length {self.steps}", f"{got}", "Unroll the model to that length, or cut the sequence.")
        now = [Tensor((None, *x.shape[2:]), x.dtype) if e else Tensor(x.shape, x.dtype) for x, e in zip(flat, each, strict=True)]
        with stepping() as step:
            result = graph.call(self.model, *graph.nested(structure, now))
        outputs = graph.only_tensors(result, where(repr(self)))
        y = result if isinstance(result, Tensor) else as_row(outputs, where(repr(self)))
        last, new = values(step)
        order = [*(k for k, e in enumerate(each) if e), *(k for k, e in enumerate(each) if not e)]
        body = graph.graph_of((*(now[k] for k in order), *last), (y, *new))
        starts = [graph.own_array(s.net, s.name) for s in step.states.values() for _ in s.last]
        given = [flat[k] for k in order]
        y = graph.scan(body, given[: sum(each)], given[sum(each) :], starts, self.steps, carried=self.stateful, backwards=self.backwards)
        return y if isinstance(result, Tensor) else of_row(y, outputs)

    def _each(self, count: int) -> tuple[bool, ...]:
        """For each input whether it has steps. Errors: ArgumentError."""
        if isinstance(self.seq, bool):
            return (self.seq,) * count
        if len(self.seq) != count:
            raise ArgumentError(where(repr(self)), f"{len(self.seq)} inputs, as seq= has", str(count))
        return self.seq


def _of_each(seq: Any) -> tuple[bool, ...]:
    if not isinstance(seq, tuple | list) or not seq or not all(isinstance(each, bool) for each in seq):
        raise ArgumentError("unroll", "seq: True or False, or one of these for each input", repr(seq))
    return tuple(seq)


def as_row(outputs: tuple[Tensor, ...], owner: str) -> Tensor:
    """The outputs of a step as one row of floats for each sample, (batch, numbers). Errors: ShapeError."""
    for y in outputs:
        if y.shape[:1] != (None,) or None in y.shape[1:]:
            raise ShapeError(owner, "outputs of a step that are (batch, ...) and of known shape, where there are several", show(y.shape))
    floats = [y if y.dtype.startswith("float") else y.astype("float32") for y in outputs]
    return apply("concat", *(y.reshape(None, size(y.shape[1:])) for y in floats), axis=1)  # type: ignore[no-any-return]


def of_row(y: Tensor, outputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """(batch, steps, numbers) as (batch, steps, ...) of each output; whole numbers are that again, exact up to 2^24."""
    found, at = [], 0
    for like in outputs:
        width = size(like.shape[1:]) or 0
        part = y[:, :, at : at + width].reshape(None, y.shape[1], *like.shape[1:])
        found.append(part if like.dtype.startswith("float") else part.astype(like.dtype))
        at += width
    return tuple(found)


def values(step: Step) -> tuple[list[Tensor], list[Tensor]]:
    """What the states of a traced step were before it, and what they are after it: lags move on by one."""
    last, new = [], []
    for state in step.states.values():
        step.before(state)
        last += state.last
        new += [state.last[0] if state.new is None else state.new, *state.last[:-1]]
    return last, new


def unroll(model: Any, steps: int, *, seq: Any = True, stateful: bool = True) -> Any:
    """The model over sequences of `steps` steps, with the same parameters.

    Input: (batch, steps, ...), or with seq=False (batch, ...), the same at every step. A model of several inputs takes as many, and
    seq=(True, False), say, tells which of them have steps. Output: (batch, steps, ...), a tuple of these where the model
    returns one. stateful: states go on from call to call; False begins each call anew, at the states' starts, which are
    trained where they are `param(...)`. A Chain with a `flip` in it is unrolled part by part. Errors: ArgumentError;
    ShapeError for a sequence of another length.
    """
    if isinstance(model, Sequential) and is_flipped(model):
        return type(model)(*(unroll(m, steps, seq=seq if i == 0 else True, stateful=stateful) for i, m in enumerate(model)), name=model.name)
    backwards = isinstance(model, Flipped)
    return Unrolled(model.model if isinstance(model, Flipped) else model, steps, seq=seq, stateful=stateful, backwards=backwards)


class Flipped(Layer):
    """A model that runs from the last step to the first when it is unrolled; made by `flip`."""

    def __init__(self, model: Any) -> None:
        self.model = model

    def __repr__(self) -> str:
        return f"flip({self.model!r})"

    def arguments(self) -> dict[str, Any]:
        """What is saved."""
        return {"model": self.model}

    def forward(self, x: Any) -> Any:
        """The model itself: a single step has no direction."""
        return graph.call(self.model, x)


def flip(model: Any) -> Any:
    """The model for reversed time: unrolled, it runs from the last step to the first. Flipped twice it is what it was."""
    return model.model if isinstance(model, Flipped) else Flipped(model)


class SingleStep:
    """One step with its states as arguments: (states, x...) -> (states, y); made by `unroll1`."""

    def __init__(self, model: Any) -> None:
        self.model = model

    def __repr__(self) -> str:
        return f"unroll1({self.model!r})"

    def __call__(self, states: Any, *inputs: Any) -> Any:
        """states: arrays (batch, ...) in the order in which the model reads them, or None for where they begin."""
        flat, structure = graph.flattened(inputs)
        arrays = [x if isinstance(x, Tensor) else np.asarray(x) for x in flat]
        nets = cyclic_nets(self.model)
        with stepping(len(arrays[0]), alone=True) as step:
            for (net, name), value in zip([(n, s) for n in nets for s in n.fields if s in n.states], states or (), strict=bool(states)):
                step.of(net, name).last.append(np.asarray(value))
            y = self.model(*graph.nested(structure, arrays))
            told = [step.of(n, f) for n in nets for f in n.fields if f in n.states]
            new = tuple(step.before(s) if s.new is None else s.new for s in told)
        if any(len(s.last) > 1 for s in step.states.values()):
            raise ArgumentError("unroll1", "states of the last step alone", "prev(..., k) with k above 1", "unroll(model, n) keeps as many as are asked for.")
        return new, y


def unroll1(model: Any) -> SingleStep:
    """A single step: `unroll1(m)(states, x)` gives the new states and the output, and remembers nothing. Further inputs follow x."""
    return SingleStep(model)


def is_flipped(model: Any) -> bool:
    """Whether there is a flipped model in it."""
    return isinstance(model, Flipped) or any(is_flipped(c) for c in children(model).values() if c is not None)


def stateless(model: Any) -> Any:
    """An unrolled model that begins every call anew."""
    if isinstance(model, Unrolled):
        return Unrolled(model.model, model.steps, seq=model.seq, stateful=False, backwards=model.backwards)
    if isinstance(model, Sequential):
        return type(model)(*map(stateless, model), name=model.name)
    return model


def cyclic_nets(model: Any) -> list[Net]:
    """The nets inside a model that have states."""
    found: list[Net] = []
    todo, seen = [model], set()
    while todo:
        part = todo.pop()
        if id(part) in seen:
            continue
        seen.add(id(part))
        if isinstance(part, Net) and part.states:
            found.append(part)
        todo += reversed([c for c in children(part).values() if c is not None])
    return found


def reset_(model: Any) -> Any:
    """States begin anew with the next call. Returns the model."""
    for net in cyclic_nets(model):
        net.memory.clear()
    network_of(model).reset()
    return model
