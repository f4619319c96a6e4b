"""A body of steps for each step of a sequence, with states between them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import pairwise
from operator import itemgetter
from typing import Any

import torch

from pyphoton.backends.torch.lower import Function, Mode
from pyphoton.backends.torch.scan_body import body_of
from pyphoton.backends.torch.scan_in_place import InPlace
from pyphoton.plan import Plan, Step, parted

Tensor = torch.Tensor


Scan = Callable[..., tuple[Tensor, list[Tensor]]]
"""From sequences, held values and states to the outputs (batch, steps, width) and the states after the last step."""


def scan(step: Step, body: Callable[[tuple[Tensor, ...]], list[Tensor]], mode: Mode) -> Function:
    """The torch function of a scan. States begin where the last minibatch left them, or as they are given."""
    a = step.attrs
    known = body_of(step)
    whole = None if known is None else InPlace(known)
    loop, fast = step_by_step(step, body), None if whole is None else in_place(step, whole)

    def run(*values: Tensor) -> Tensor:
        batch = values[0].shape[0]
        sequences, held, starts = parted(values, a["sequences"], a["held"])
        carry = mode.carry if a["carried"] else None
        kept = None if carry is None else carry.get(step.path)
        states: Any = kept if kept and kept[0].shape[0] == batch else [s.expand(batch, *s.shape) for s in starts]
        inputs = (*sequences, *held, *states)
        function = fast if fast is not None and whole is not None and whole.fits(inputs) else loop
        output, states = function(*inputs)
        if carry is not None:
            carry[step.path] = [s.detach() for s in states]
        return output

    return run


def step_by_step(step: Step, body: Callable[[tuple[Tensor, ...]], list[Tensor]]) -> Scan:
    """A scan whose body may be anything."""
    a = step.attrs
    order = range(a["steps"])[:: -1 if a["backwards"] else 1]

    def run(*values: Tensor) -> tuple[Tensor, list[Tensor]]:
        sequences, held, states = parted(values, a["sequences"], a["held"])
        inputs = [x.unbind(1) for x in sequences]
        outputs: list[Any] = [None] * a["steps"]
        for t in order:
            outputs[t], *states = body((*[x[t] for x in inputs], *held, *states))
        return torch.stack(outputs, 1), list(states)

    return run


def in_place(step: Step, function: InPlace) -> Scan:
    """A scan whose body is known in every detail."""
    if not step.attrs["backwards"]:
        return function
    many = step.attrs["sequences"]

    def run(*values: Tensor) -> tuple[Tensor, list[Tensor]]:
        output, states = function(*[x.flip(1) for x in values[:many]], *values[many:])
        return output.flip(1), states

    return run


Code = tuple[Callable[..., Any], tuple[int, ...], int, Step]
"""A step's function, the registers of its inputs and output, and the step."""


def with_splits(plan: Plan, lowered: list[Code], count: int) -> tuple[list[Code], int]:
    """Columns that are cut out of one value as one split, whose parts are then taken from a register behind the `count` others.

    A split has one way back; a slice by itself comes back as an array of zeros as large as the whole.
    """
    result: list[Code] = []
    cuts = _cuts(plan)
    registers: dict[int, int] = {}
    for code in lowered:
        source = code[1][0] if code[1] else -1
        if source not in cuts or code[2] not in cuts[source][1]:
            result.append(code)
            continue
        widths, places = cuts[source]
        if source not in registers:
            registers[source] = count
            count += 1
            result.append((partial(torch.split, split_size_or_sections=widths, dim=1), code[1], registers[source], code[3]))
        result.append((itemgetter(places[code[2]]), (registers[source],), code[2], code[3]))
    return result, count


def _cuts(plan: Plan) -> dict[int, tuple[list[int], dict[int, int]]]:
    """For each value of which several parts are cut without overlap: all widths, and the place of each part by its number."""
    width = {o: shape[1] for s in plan.steps for o, shape in zip(s.outputs, s.shapes, strict=True) if len(shape) == 2}
    width |= {v.id: v.shape[1] for v in plan.inputs if len(v.shape) == 2}
    parts: dict[int, list[tuple[int, int, int]]] = {}
    for s in plan.steps:
        index = s.attrs["index"] if s.op == "getitem" else []
        if len(index) == 2 and index[0] == [None, None, None] and isinstance(index[1], list) and width.get(s.inputs[0]):
            low, high, by = slice(*index[1]).indices(width[s.inputs[0]])  # type: ignore[arg-type]
            if by == 1 and low < high:
                parts.setdefault(s.inputs[0], []).append((low, high, s.outputs[0]))
    return {source: _places(sorted(found), width[source] or 0) for source, found in parts.items() if _apart(sorted(found))}


def _apart(found: list[tuple[int, int, int]]) -> bool:
    return len(found) > 1 and all(a[1] <= b[0] for a, b in pairwise(found))


def _places(found: list[tuple[int, int, int]], width: int) -> tuple[list[int], dict[int, int]]:
    widths, places, at = list[int](), dict[int, int](), 0
    for low, high, number in [*found, (width, width, -1)]:
        widths += [n for n in (low - at, high - low) if n]
        if number >= 0:
            places[number] = len(widths) - 1
        at = high
    return widths, places
