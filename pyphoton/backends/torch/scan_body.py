"""A scan's body of rows (batch, width): whether it has rules for all of its steps, and what is called at each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from pyphoton.backends.torch.scan_rules import RULES
from pyphoton.plan import Plan, Step
from pyphoton.typing import Shape

Operation = tuple[Callable[..., Any], tuple[int, ...], int]
"""A function, the values that it is called with, and the one that it writes."""


@dataclass(frozen=True, eq=False)
class Body:
    """The plan of a body that has rules for all of its steps. `nexts` are the values that its states have at the next step."""

    plan: Plan
    steps: int
    sequences: tuple[int, ...]
    held: tuple[int, ...]
    states: tuple[int, ...]
    output: int
    nexts: tuple[int, ...]
    shapes: dict[int, Shape]
    operations: tuple[Operation, ...]

    def width(self, value: int) -> int:
        """The number of columns of a value with rows."""
        return int(self.shapes[value][1] or 0)


def body_of(step: Step) -> Body | None:
    """The body of a scan; None if there is a step in it that has no rule."""
    plan, a = step.body, step.attrs
    if plan is None or not a["steps"]:
        return None
    inputs = [v.id for v in plan.inputs]
    many, known = a["sequences"], a["sequences"] + a["held"]
    shapes: dict[int, Shape] = {v.id: tuple(v.shape) for v in plan.inputs}
    shapes |= {k: tuple(np.shape(c)) for k, c in plan.constants.items()}
    shapes |= {o: tuple(shape) for s in plan.steps for o, shape in zip(s.outputs, s.shapes, strict=True)}
    read = {i for s in plan.steps for i in s.inputs} | set(plan.outputs)
    output, *nexts = plan.outputs
    good = (
        all(v.dtype == plan.dtype for v in plan.inputs if v.id in read)
        and all(not isinstance(c, np.ndarray) or c.dtype == plan.dtype for c in plan.constants.values())
        and all(_has_rule(s, shapes, {*inputs[many:known], *plan.constants}) for s in plan.steps)
        and all(_has_rows(shapes[o]) for o in (*plan.outputs, *inputs[known:]))
        and all(shapes[s] == shapes[n] for s, n in zip(inputs[known:], nexts, strict=True))
    )
    if not good:
        return None
    return Body(
        plan, a["steps"], tuple(inputs[:many]), tuple(inputs[many:known]), tuple(inputs[known:]), output, tuple(nexts), shapes, operations(plan)
    )  # fmt: skip


def _has_rows(shape: Shape) -> bool:
    return len(shape) == 2 and shape[0] is None and isinstance(shape[1], int) and shape[1] > 0


def _has_rule(step: Step, shapes: dict[int, Shape], held: set[int]) -> bool:
    shape, given = step.shapes[0], [shapes[i] for i in step.inputs]
    if not _has_rows(shape) or step.activation != "identity" or step.params:
        return False
    if step.op == "matmul":
        return _has_rows(given[0]) and step.inputs[1] in held and len(given[1]) == 2 and None not in given[1]
    if step.op == "concat":
        return step.attrs.get("axis", 1) in (1, -1) and all(map(_has_rows, given))
    if step.op == "getitem":
        return _has_rows(given[0]) and columns(step, shapes) is not None
    plain = ((), (1,), (1, 1), shape[1:], (1, *shape[1:]))
    return step.op in RULES and not step.attrs and all(s == shape or (s in plain and i in held) for i, s in zip(step.inputs, given, strict=True))


def columns(step: Step, shapes: dict[int, Shape]) -> tuple[int, int] | None:
    """The columns that an index takes of rows; None for any other index."""
    index = step.attrs["index"]
    if len(index) != 2 or index[0] != [None, None, None] or not isinstance(index[1], list | tuple):
        return None
    low, high, by = slice(*index[1]).indices(shapes[step.inputs[0]][1])  # type: ignore[arg-type]
    return (low, high) if by == 1 and low < high else None


def operations(plan: Plan) -> tuple[Operation, ...]:
    """What is called at each step. Columns are views and need nothing; a product that is only added becomes part of the sum."""
    counts: dict[int, int] = {}
    for i in (*plan.outputs, *(i for s in plan.steps for i in s.inputs)):
        counts[i] = counts.get(i, 0) + 1
    makers = {s.outputs[0]: s for s in plan.steps if s.op in ("matmul", "mul") and counts.get(s.outputs[0]) == 1}
    result: list[Operation] = []
    inside = set[int]()
    for step in plan.steps:
        term = next((i for op in ("matmul", "mul") for i in step.inputs if step.op == "add" and i in makers and makers[i].op == op), None)
        if term is not None:
            (other,) = (i for i in step.inputs if i != term)
            inside.add(term)
            result.append((torch.addmm if makers[term].op == "matmul" else torch.addcmul, (other, *makers[term].inputs), step.outputs[0]))
        elif step.op == "concat":
            result.append((_joined, step.inputs, step.outputs[0]))
        elif step.op != "getitem":
            result.append((torch.mm if step.op == "matmul" else RULES[step.op].forward, step.inputs, step.outputs[0]))
    return tuple(o for o in result if o[2] not in inside)


def _joined(*parts: torch.Tensor, out: torch.Tensor) -> None:
    torch.cat(parts, 1, out=out)
