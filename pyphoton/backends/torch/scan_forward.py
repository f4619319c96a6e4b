"""A scan's body at each step, into memory that is allocated once for all steps.

An operation on a few thousand numbers takes torch as long to allocate, to record and to dispatch as to compute. So a value that nobody reads
after its step has one place in memory, and the others have a place for each step: one array (steps, batch, width), cut into views once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch

from pyphoton.backends.torch.scan_body import Body, columns

Tensor = torch.Tensor
Rows = Sequence[Tensor]
"""An array for each step."""
Code = tuple[Callable[..., Any], list[tuple[Tensor, ...]], Rows]
"""A function, what it is called with at each step, and where it writes then."""


class Values:
    """The values of a body. `memory` has an array for each: (steps, batch, width) if it is kept, (1, batch, width) if only its step needs it.

    Held values and constants lie there as they are, those with a batch as (1, batch, width).
    """

    def __init__(self, body: Body, inputs: Sequence[Tensor], kept: Iterable[int]) -> None:
        self.body, self.batch = body, inputs[0].shape[0]
        self.options: Any = {"dtype": getattr(torch, body.plan.dtype), "device": inputs[0].device}
        self.memory: dict[int, Tensor] = {}
        many, known = len(body.sequences), len(body.sequences) + len(body.held)
        for i, x in zip(body.sequences, inputs[:many], strict=True):
            self.memory[i] = x.transpose(0, 1) if x.ndim == 3 else x
        for i, x in zip(body.held, inputs[many:known], strict=True):
            self.memory[i] = x[None] if body.shapes[i][:1] == (None,) else x
        for i, c in body.plan.constants.items():
            self.memory[i] = torch.as_tensor(c, **self.options)
        self._allocate(self._bases({*kept, body.output}), inputs[known:])
        for s in body.plan.steps:
            if s.op == "getitem":
                low, high = columns(s, body.shapes) or (0, 0)
                self.memory[s.outputs[0]] = self.memory[s.inputs[0]][:, :, low:high]
        self._run()

    def last(self) -> list[Tensor]:
        """The states after the last step, apart from everything else in memory."""
        return [self.memory[n][-1].clone() for n in self.body.nexts]

    def _bases(self, kept: set[int]) -> set[int]:
        """The kept values, and those that they are columns of."""
        for s in reversed(self.body.plan.steps):
            if s.op == "getitem" and s.outputs[0] in kept:
                kept.add(s.inputs[0])
        return kept

    def _allocate(self, kept: set[int], starts: Sequence[Tensor]) -> None:
        """Memory for results and states. A state lies where its next value is made, one row before it."""
        body, memory, steps = self.body, self.memory, self.body.steps
        made = {o[2] for o in body.operations}
        self.copied: list[tuple[int, Tensor]] = []
        for state, after, start in zip(body.states, body.nexts, starts, strict=True):
            buffer = torch.empty(steps + 1, self.batch, body.width(state), **self.options)
            buffer[0] = start
            memory[state] = buffer[:-1]
            if after in made and after not in memory:
                memory[after] = buffer[1:]
            else:
                self.copied.append((after, buffer[1:]))
        for value in made - memory.keys():
            memory[value] = torch.empty(steps if value in kept else 1, self.batch, body.width(value), **self.options)

    def _run(self) -> None:
        steps = self.body.steps
        needed = {i for _, given, made in self.body.operations for i in (*given, made)} | {after for after, _ in self.copied}
        rows = {i: rows_of(self.memory[i], steps) for i in needed}
        code: list[Code] = [(f, list(zip(*[rows[i] for i in given], strict=True)), rows[made]) for f, given, made in self.body.operations]
        code += [(copy, list(zip(rows[after], strict=True)), buffer.unbind(0)) for after, buffer in self.copied]
        run(code, range(steps))


def rows_of(memory: Tensor, steps: int, low: int = 0, high: int | None = None) -> Rows:
    """What lies in memory for each step, or columns of it. Memory of fewer steps is used in turn; other arrays are the same at each."""
    if memory.ndim != 3:
        return [memory] * steps
    rows = (memory if high is None else memory[:, :, low:high]).unbind(0)
    return rows if len(rows) == steps else [rows[t % len(rows)] for t in range(steps)]


def run(code: list[Code], order: Iterable[int]) -> None:
    """Everything at each step in turn."""
    for t in order:
        for function, given, places in code:
            function(*given[t], out=places[t])


def copy(x: Tensor, out: Tensor) -> None:
    """The same numbers in another place."""
    out.copy_(x)
