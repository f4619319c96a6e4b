"""States of nets: a field that is assigned holds, until then, what it held in the last step.

While a model is unrolled, the last values are inputs of the step and the new ones its outputs. On arrays a call is one step, and
the net itself remembers.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from pyphoton.errors import ArgumentError, ShapeError, TraceError
from pyphoton.scopes import tracing, where
from pyphoton.tensor import Tensor
from pyphoton.typing import show

if TYPE_CHECKING:
    from pyphoton.flux.nets import Net

CYCLE = "This model has a cycle; try unrolling it first."


@dataclass
class State:
    """One state in the running step: its values in steps before (the last first), and the new one."""

    net: Net
    name: str
    last: list[Any] = field(default_factory=list)
    new: Any = None


@dataclass
class Step:
    """The running step: of a model that is unrolled (`batch` is None) or of a call on so many samples. `alone`: what nets remember does not count."""

    batch: int | None = None
    alone: bool = False
    states: dict[tuple[int, str], State] = field(default_factory=dict)
    written: dict[int, State] = field(default_factory=dict)
    """The state that each net, by its identity, has assigned last."""

    def of(self, net: Net, name: str) -> State:
        """The state, which is new at first."""
        return self.states.setdefault((id(net), name), State(net, name))

    def before(self, state: State, k: int = 1) -> Any:
        """Its value k steps ago."""
        while len(state.last) < k:
            start = state.net.start_of(state.name)
            if self.batch is None:
                state.last.append(Tensor((None, *start.shape), "float32"))
                continue
            kept = state.net.memory.get(state.name, [])
            usable = not self.alone and len(kept) > len(state.last) and len(kept[0]) == self.batch
            state.last.append(kept[len(state.last)] if usable else np.broadcast_to(start, (self.batch, *start.shape)))
        return state.last[k - 1]

    def find(self, value: Any) -> State | None:
        """The state that has this value now or had it in the last step."""
        return next((s for s in self.states.values() if value is s.new or any(value is old for old in s.last)), None)


step: ContextVar[Step | None] = ContextVar("step", default=None)


@contextmanager
def stepping(batch: int | None = None, *, alone: bool = False) -> Iterator[Step]:
    """A step: states are read and written in it."""
    current = Step(batch, alone)
    token = step.set(current)
    try:
        yield current
    finally:
        step.reset(token)


def read(net: Net, name: str) -> Any:
    """A state as the equations see it: the new value where it has been assigned, else that of the last step."""
    current = step.get()
    if current is None:
        if tracing.get() is not None:
            raise TraceError(where(repr(net)), hint=CYCLE + " unroll(model, n) makes n steps of it.")
        return net.start_of(name)
    state = current.of(net, name)
    return current.before(state) if state.new is None else state.new


def write(net: Net, name: str, value: Any) -> None:
    """Assign a state. Errors: TraceError outside of a step; ShapeError for another shape than it begins with."""
    current = step.get()
    if current is None:
        raise TraceError(where(repr(net)), hint=CYCLE + " unroll(model, n) makes n steps of it.")
    start = net.start_of(name)
    shape = getattr(value, "shape", None)
    if shape is None or tuple(shape[1:]) != start.shape:
        raise ShapeError(f"{where(repr(net))} {name}", f"(batch, ...) like its start {start.shape}", show(shape) if shape is not None else repr(value))
    current.written[id(net)] = state = current.of(net, name)
    state.new = value


def prev(what: Any, *rest: Any) -> Any:
    """The value of a state k steps ago: `prev(self.y)`, `prev(self.y, 2)`, or by name `prev(self, "y", 2)`.

    Errors: ArgumentError for what is no state of a net, or a k that is no whole number above 0; TraceError outside of a step.
    """
    by_name = bool(rest) and isinstance(rest[0], str)
    k = rest[1] if by_name and len(rest) > 1 else 1 if by_name or not rest else rest[0]
    if isinstance(k, bool) or not isinstance(k, int) or k < 1:
        raise ArgumentError("prev", "a number of steps from 1", repr(k))
    current = step.get()
    if current is None:
        raise TraceError("prev", "a step of a net", "a call from elsewhere")
    state = current.of(what, rest[0]) if by_name else current.find(what)
    if state is None or (by_name and rest[0] not in what.states):
        raise ArgumentError("prev", "a state of a net, as self.y", repr(what), "A state is a field that the net's function assigns.")
    return current.before(state, k)


def commit(current: Step) -> None:
    """Remember the values of a step on arrays."""
    for state in current.states.values():
        if state.new is not None:
            state.net.memory[state.name] = [np.asarray(state.new), *map(np.asarray, state.last)]
