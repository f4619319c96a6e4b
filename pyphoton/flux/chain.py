"""Chain: layers and functions in a row, of which each is a function of one sample."""

from __future__ import annotations

import builtins
from collections.abc import Callable
from typing import Any

import numpy as np

from pyphoton import graph
from pyphoton.description import stock_function
from pyphoton.errors import ArgumentError, TraceError
from pyphoton.layers.containers import Sequential
from pyphoton.layers.core import Input
from pyphoton.one_sample import declared
from pyphoton.plan import owners
from pyphoton.tensor import Tensor, apply
from pyphoton.typing import Shape


def _per_sample(name: str) -> Callable[[Any], Any]:
    def reduce(x: Any) -> Any:
        return apply(name, x, axis=tuple(range(1, len(x.shape))))

    reduce.__name__ = reduce.__qualname__ = name
    return reduce


_WHOLE: dict[int, Callable[[Any], Any]] = {
    **{id(getattr(builtins, n)): _per_sample(n) for n in ("sum", "max", "min")},
    **{id(getattr(np, n)): _per_sample(n) for n in ("sum", "max", "min", "mean", "prod")},
}
"""Functions that make one number of everything, by identity, and what they mean for each sample of a batch."""

for _name in ("sum", "max", "min"):
    stock_function(getattr(builtins, _name))


class Chain(Sequential):
    """Layers and plain functions called one after the other: `Chain(Input(784), Dense(128), relu, Dense(10), softmax)`.

    A Chain is a function of one sample, (784,) -> (10,), and of a batch of them, (N, 784) -> (N, 10). Which one it is given
    is known from its Input, from Dense(in, out) in front, or from what it was built with; a vector is one sample otherwise.
    Lists of numbers are taken, too. Members that make one number of everything (Python's sum, max, min, and NumPy's) do so
    for each sample. Indexing, iteration and slices (Chains again, with the same parameters) work; a layer that stands
    twice has one set of parameters.

    A Chain that begins with an Input is checked when it is built.
    Errors: ArgumentError for a member that is no function; ShapeError, naming the layer, where shapes do not fit.
    Source: early Flux's Chain (2016).

    >>> Chain(exp, sum, log)([1, 2, 3])
    3.407606
    """

    vectors_are_samples = True

    def __init__(self, *layers: Any, name: str | None = None) -> None:
        super().__init__(*layers, name=name)
        self._check()

    def children(self) -> dict[str, Any]:
        """The members by number, those that mean something else for a batch as they are called."""
        return {str(i): _WHOLE.get(id(m), m) for i, m in enumerate(self._members)}

    def forward(self, x: Any) -> Any:
        """The last member's output."""
        for member in self._members:
            x = graph.call(_WHOLE.get(id(member), member), x)
        return x

    def add_(self, *layers: Any) -> Chain:
        """Append layers, in place. Returns the chain. Errors: ShapeError where they do not fit; nothing is changed then."""
        Chain(*self._members, *layers)  # checks the whole before anything is changed
        super().add_(*layers)
        return self

    add = add_

    def __getitem__(self, index: int | slice) -> Any:
        found = super().__getitem__(index)
        if isinstance(index, slice):
            start, _, step = index.indices(len(self))
            known = declared(self) if step == 1 and start else None
            if known is not None:
                found.starts_with = _after(self._members[:start], known)
        return found

    def _check(self) -> None:
        """Errors: ShapeError unless everything fits, as far as it can be followed without numbers."""
        first = self._members[0] if self._members else None
        while isinstance(first, Sequential) and len(first):
            first = first[0]
        known = first.dims if isinstance(first, Input) else None
        if known is None:
            return
        try:
            owners(graph.trace(self, Tensor((None, *known))))
        except TraceError:  # a function that cannot be followed: the call will tell
            return


def _after(members: list[Any], sample: Shape) -> Shape | None:
    """The shape of one sample behind these members."""
    try:
        (found,) = graph.trace(Chain(*members), Tensor((None, *sample))).outputs
    except (TraceError, ValueError):
        return None
    return found.shape[1:]


def first(model: Any) -> Any:
    """The first member of a Chain. Errors: ArgumentError for an empty one."""
    return _member(model, 0)


def last(model: Any) -> Any:
    """The last member of a Chain. Errors: ArgumentError for an empty one."""
    return _member(model, -1)


def _member(model: Any, index: int) -> Any:
    if not len(model):
        raise ArgumentError(repr(model), "at least one member", "none")
    return model[index]
