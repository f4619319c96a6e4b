"""A scan's body at each step, into memory that is allocated once for all steps.

An operation on a few thousand numbers takes torch as long to allocate, to record and to dispatch as to compute. So a value that nobody reads
after its step has one place in memory, and the others have a place for each step: one array (steps, batch, width), cut into views once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch

from pyphoton.backends.torch.scan_body import Body, columns
from pyphoton.backends.torch.scan_layout import swapped

Tensor = torch.Tensor
Rows = Sequence[Tensor]
"""An array for each step."""
Given = Rows | Callable[[], Rows]
"""Rows that stay where they are, or what finds them anew for each minibatch."""


class Call:
    """A function, what it is called with at each step, and where it writes then."""

    def __init__(self, function: Callable[..., Any], given: Sequence[Given], places: Given) -> None:
        self.function, self.given, self.places = function, given, places
        stays = not any(callable(g) for g in given)
        self.arguments = list(zip(*given, strict=True)) if stays else None

    def ready(self) -> tuple[Callable[..., Any], list[tuple[Any, ...]], Rows]:
        """With the arrays of this minibatch."""
        arguments = self.arguments
        if arguments is None:
            arguments = list(zip(*[g() if callable(g) else g for g in self.given], strict=True))
        return self.function, arguments, self.places() if callable(self.places) else self.places


class Values:
    """The values of a body. `memory` has an array for each: (steps, batch, width) if it is kept, (1, batch, width) if only its step needs it.

    Held values and constants lie there as they are, those with a batch as (1, batch, width). Memory and views are made once; inputs change.
    """

    def __init__(self, body: Body, batch: int, device: torch.device, kept: Iterable[int]) -> None:
        self.body, self.batch = body, batch
        self.options: Any = {"dtype": getattr(torch, body.plan.dtype), "device": device}
        self.memory: dict[int, Tensor] = {i: torch.as_tensor(c, **self.options) for i, c in body.plan.constants.items()}
        self.changing = {*body.sequences, *body.held}
        self.views = [(s.outputs[0], s.inputs[0], columns(s, body.shapes) or (0, 0)) for s in body.plan.steps if s.op == "getitem"]
        self.copied: list[tuple[int, Tensor]] = []
        self._allocate(self._bases({*kept, body.output}))
        for value, base, _ in self.views:
            if base in self.changing:
                self.changing.add(value)
        self._view(changing=False)
        self.calls = [Call(f, [self.rows(i) for i in given], self.rows(made)) for f, given, made in body.operations]
        self.calls += [Call(copy, [self.rows(after)], buffer.unbind(0)) for after, buffer in self.copied]

    def run(self, inputs: Sequence[Tensor]) -> None:
        """All steps, for other sequences, held values and starts."""
        body, memory = self.body, self.memory
        many, known = len(body.sequences), len(body.sequences) + len(body.held)
        for i, x in zip(body.sequences, inputs[:many], strict=True):
            memory[i] = swapped(x) if x.ndim == 3 else x
        for i, x in zip(body.held, inputs[many:known], strict=True):
            memory[i] = x[None] if body.shapes[i][:1] == (None,) else x
        for place, start in zip(self.firsts, inputs[known:], strict=True):
            place.copy_(start)
        self._view(changing=True)
        in_turn([c.ready() for c in self.calls], range(body.steps))

    def output(self) -> Tensor:
        """The results (batch, steps, width), apart from everything else in memory."""
        found = self.memory[self.body.output].expand(self.body.steps, -1, -1)
        return swapped(found).clone(memory_format=torch.contiguous_format)

    def last(self) -> list[Tensor]:
        """The states after the last step, apart from everything else in memory."""
        return [self.memory[n][-1].clone() for n in self.body.nexts]

    def forget(self) -> None:
        """Hold on to no array of others."""
        for i in self.changing:
            self.memory.pop(i, None)

    def rows(self, value: int) -> Given:
        """A value at each step."""
        steps = self.body.steps
        return (lambda: rows_of(self.memory[value], steps)) if value in self.changing else rows_of(self.memory[value], steps)

    def _view(self, *, changing: bool) -> None:
        for value, base, (low, high) in self.views:
            if (value in self.changing) == changing:
                self.memory[value] = self.memory[base][:, :, low:high]

    def _bases(self, kept: set[int]) -> set[int]:
        """The kept values, and those that they are columns of."""
        for s in reversed(self.body.plan.steps):
            if s.op == "getitem" and s.outputs[0] in kept:
                kept.add(s.inputs[0])
        return kept

    def _allocate(self, kept: set[int]) -> None:
        """Memory for results and states. A state lies where its next value is made, one row before it."""
        body, memory, steps = self.body, self.memory, self.body.steps
        made = {o[2] for o in body.operations}
        self.firsts: list[Tensor] = []
        for state, after in zip(body.states, body.nexts, strict=True):
            buffer = torch.empty(steps + 1, self.batch, body.width(state), **self.options)
            self.firsts.append(buffer[0])
            memory[state] = buffer[:-1]
            if after in made and after not in memory:
                memory[after] = buffer[1:]
            else:
                self.copied.append((after, buffer[1:]))
        for value in made - memory.keys():
            memory[value] = torch.empty(steps if value in kept else 1, self.batch, body.width(value), **self.options)


def in_turn(calls: Sequence[tuple[Callable[..., Any], list[tuple[Any, ...]], Rows]], order: Iterable[int]) -> None:
    """Everything at each step in turn."""
    for t in order:
        for function, given, places in calls:
            function(*given[t], out=places[t])


def rows_of(memory: Tensor, steps: int, low: int = 0, high: int | None = None) -> Rows:
    """What lies in memory for each step, or columns of it. Memory of fewer steps is used in turn; other arrays are the same at each."""
    if memory.ndim != 3:
        return [memory] * steps
    rows = (memory if high is None else memory[:, :, low:high]).unbind(0)
    return rows if len(rows) == steps else [rows[t % len(rows)] for t in range(steps)]


def copy(x: Tensor, out: Tensor) -> None:
    """The same numbers in another place."""
    out.copy_(x)
