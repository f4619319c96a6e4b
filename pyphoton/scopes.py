"""Scopes: which layer an operation belongs to, and what that layer is called.

While a model is traced, a scope is opened for each layer and function that is called. It gives the path ("encoder.2")
of nodes, parameters and errors. A layer that is met again keeps its first path, which is how weights are shared.
"""

from __future__ import annotations

import itertools
from collections.abc import Container, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from types import FunctionType
from typing import Any


@dataclass
class Scope:
    """One layer that is being called: its path, and the names of what it holds."""

    path: str
    owner: Any
    names: dict[int, str]
    used: dict[str, int] = field(default_factory=dict)


@dataclass
class Call:
    """One call in a trace that somebody follows: of a layer, a function or (by its name) a primitive operation.

    `inside` is the layer or function that made it, `depth` how deep that nests; `outputs` is None for a call that failed.
    """

    owner: Any
    path: str
    inside: Any
    depth: int
    inputs: tuple[Any, ...]
    outputs: Any = None


@dataclass
class Tracing:
    """One trace: the scopes that are open, the paths given so far, and what was added to the loss. `calls` is filled where it is a list."""

    scopes: list[Scope]
    paths: dict[int, str] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)
    alive: list[Any] = field(default_factory=list)
    calls: list[Call] | None = None
    losses: list[Any] = field(default_factory=list)

    def name(self, owner: Any, path: str) -> None:
        """Give a layer or function its path; it is kept alive, so that its identity is not reused."""
        self.paths[id(owner)] = path
        self.taken.add(path)
        self.alive.append(owner)


tracing: ContextVar[Tracing | None] = ContextVar("tracing", default=None)


def children(owner: Any) -> dict[str, Any]:
    """The layers and functions that `owner` holds, by the names that their paths are made of."""
    own = getattr(owner, "children", None)
    if callable(own):
        return dict(own())
    found = _captured(owner) if isinstance(owner, FunctionType) else {}
    for name, value in getattr(owner, "__dict__", {}).items():
        members = enumerate(value) if isinstance(value, list | tuple) else value.items() if isinstance(value, dict) else ()
        found |= {f"{name}.{k}": v for k, v in members if callable(v)} if members else {}
        if callable(value):
            found[name] = value
    return found


def _captured(function: FunctionType) -> dict[str, Any]:
    """The layers that a function takes from where it was written, by the names that it uses."""
    cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
    names = {n: function.__globals__[n] for n in function.__code__.co_names if n in function.__globals__}
    for name, cell in cells:
        with suppress(ValueError):  # a cell that is not filled yet
            names[name] = cell.cell_contents
    return {n: v for n, v in names.items() if hasattr(v, "kind") and not isinstance(v, type)}


@contextmanager
def scope(owner: Any) -> Iterator[str]:
    """Open the scope of a layer or function; gives its path. Errors raised inside carry the innermost path."""
    state = tracing.get()
    if state is None:
        yield getattr(owner, "name", None) or ""
        return
    path = state.paths.get(id(owner))
    if path is None:
        path = _new_path(state, owner)
        if hasattr(owner, "kind"):  # a layer keeps its path, and so its weights; a function may stand in many places
            state.name(owner, path)
    state.scopes.append(Scope(path, owner, {id(v): k for k, v in reversed(children(owner).items())}))
    try:
        yield path
    finally:
        state.scopes.pop()


def followed(owner: Any, inputs: tuple[Any, ...]) -> Call | None:
    """A new entry of the trace's list of calls; None when nobody follows it."""
    state = tracing.get()
    if state is None or state.calls is None:
        return None
    inner = state.scopes[-1]
    nested = inner.owner is owner
    call = Call(owner, inner.path, state.scopes[-2].owner if nested else inner.owner, len(state.scopes) - (2 if nested else 1), inputs)
    state.calls.append(call)
    return call


def _new_path(state: Tracing, owner: Any) -> str:
    scope = state.scopes[-1]
    own = getattr(owner, "given_name", getattr(owner, "name", None))
    name = (own if isinstance(own, str) else None) or scope.names.get(id(owner))
    if name is None:
        name = getattr(owner, "kind", None) or getattr(owner, "__name__", None) or type(owner).__name__
        name = "function" if not isinstance(name, str) or not name.isidentifier() else name.lower()
        scope.used[name] = scope.used.get(name, 0) + 1
        name = f"{name}_{scope.used[name]}"
    return unique(f"{scope.path}.{name}" if scope.path else name, state.taken)


def unique(path: str, taken: Container[str]) -> str:
    """`path`, or with a number behind it when it is taken."""
    return next(p for p in itertools.chain([path], (f"{path}_{i}" for i in itertools.count(2))) if p not in taken)


def where(subject: str = "") -> str:
    """The innermost layer as users know it, e.g. `encoder.2 Dense(10)`, for the first word of an error; or `subject`."""
    state = tracing.get()
    if state is None or len(state.scopes) < 2:
        return subject
    scope = state.scopes[-1]
    owner = subject or (repr(scope.owner) if hasattr(scope.owner, "kind") else f"{getattr(scope.owner, '__name__', 'function')}()")
    return f"{scope.path} {owner}".strip()


def where_path() -> str:
    """The path of the innermost scope."""
    state = tracing.get()
    return state.scopes[-1].path if state else ""
