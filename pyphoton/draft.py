"""A plan that is being rewritten: its steps in order, the shape of each value, and numbers for new ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from pyphoton.ops import OPS
from pyphoton.plan import Plan, Step, Value
from pyphoton.typing import Shape


class Draft:
    """Steps, constants and shapes; steps without use are left out when it becomes a plan again."""

    def __init__(self, plan: Plan) -> None:
        self.steps, self.constants, self.outputs = list(plan.steps), dict(plan.constants), plan.outputs
        self.inputs: tuple[Value, ...] = plan.inputs
        self.whole = {v.id for v in plan.inputs if not v.dtype.startswith("float")}
        self.same: frozenset[int] = frozenset()
        """Inputs of a body that are the same at every step."""
        self.shapes: dict[int, Shape] = {v.id: tuple(v.shape) for v in plan.inputs}
        self.shapes |= {k: tuple(getattr(v, "shape", ())) for k, v in plan.constants.items()}
        self.shapes |= {o: tuple(shape) for s in plan.steps for o, shape in zip(s.outputs, s.shapes, strict=True)}
        self.count = max(self.shapes, default=-1) + 1

    def new(self, shape: Shape) -> int:
        """The number of a new value."""
        self.shapes[self.count] = tuple(shape)
        self.count += 1
        return self.count - 1

    def constant(self, value: Any) -> int:
        """A constant."""
        number = self.new(tuple(getattr(value, "shape", ())))
        self.constants[number] = value
        return number

    def add(self, step: Step) -> int:
        """Append a step; its output."""
        self.steps.append(step)
        return step.outputs[0]

    def apply(self, op: str, inputs: Sequence[int], like: Step, output: int | None = None, **attrs: Any) -> int:
        """Append a primitive at the path of another step; its output, which is new unless it is given."""
        shape = tuple(OPS[op].infer(*(self.shapes[i] for i in inputs), **attrs))
        number = self.new(shape) if output is None else output
        return self.add(Step(op, like.path, tuple(inputs), (number,), (shape,), {}, attrs))

    def makers(self) -> dict[int, Step]:
        """The step behind each value."""
        return {o: s for s in self.steps for o in s.outputs}

    def users(self) -> dict[int, list[Step | None]]:
        """The steps that read each value; None stands for the result."""
        found: dict[int, list[Step | None]] = {}
        for step in self.steps:
            for i in step.inputs:
                found.setdefault(i, []).append(step)
        for o in self.outputs:
            found.setdefault(o, []).append(None)
        return found

    def plan(self, like: Plan) -> Plan:
        """The plan, with nothing in it that is not used, and numbers in order."""
        needed, kept = set(self.outputs), []
        for step in reversed(self.steps):
            if needed & set(step.outputs):
                kept.append(step)
                needed |= set(step.inputs)
        steps = kept[::-1]
        order = [v.id for v in self.inputs]
        for step in steps:
            order += [i for i in step.inputs if i in self.constants]
            order += step.outputs
        order += [o for o in self.outputs if o in self.constants]
        number: Mapping[int, int] = {v: k for k, v in enumerate(dict.fromkeys(order))}
        return replace(
            like,
            inputs=tuple(replace(v, id=number[v.id]) for v in self.inputs),
            constants={number[k]: v for k, v in self.constants.items() if k in number},
            steps=tuple(replace(s, inputs=tuple(number[i] for i in s.inputs), outputs=tuple(number[o] for o in s.outputs)) for s in steps),
            outputs=tuple(number[o] for o in self.outputs),
        )
