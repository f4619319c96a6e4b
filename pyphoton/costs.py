"""What one sample costs in a forward pass: the multiply-adds of each step of a plan, and the numbers that it writes.

A multiply-add is one product that is added to a sum; two floating-point operations. Counted are those of matrix products,
convolutions and recurrent layers, which are nearly all of the work. Biases, activations, pooling, normalisation, element-wise
operations, reductions and table look-ups count as none, and so do Python functions that are called as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import TypeAlias

import numpy as np

from pyphoton.errors import ShapeError
from pyphoton.layers.base import Param
from pyphoton.ops import OPS
from pyphoton.plan import VIEWS, Plan, Step
from pyphoton.typing import Shape

Lengths: TypeAlias = tuple[int, ...]
Formula: TypeAlias = Callable[[Sequence[Lengths], Lengths, Sequence[Lengths]], int]
"""Multiply-adds of a step whose inputs, output and parameters have these shapes."""


@dataclass(frozen=True)
class Cost:
    """Of one step and one sample: multiply-adds, and the numbers that the step writes (0 when it hands on those it was given)."""

    multiply_adds: int
    numbers: int


def costs(plan: Plan, params: Mapping[str, Param] | None = None) -> tuple[Cost, ...]:
    """The cost of each step of a plan for a batch of one sample. A scan costs what its body costs, at every step, a gradient twice that.

    `params` describes the parameters where the plan itself does not: in a body.
    """
    params = plan.params if params is None else params
    shapes = {value.id: _one(value.shape) for value in plan.inputs}
    shapes |= {number: np.shape(value) for number, value in plan.constants.items()}
    found = []
    for step in plan.steps:
        inputs = [shapes[i] for i in step.inputs]
        outputs = _outputs(step, inputs)
        shapes |= dict(zip(step.outputs, outputs, strict=True))
        if step.body is not None:
            inside, times = costs(step.body, params), step.attrs.get("steps", 2)  # a gradient is a way there and a way back
            found.append(Cost(times * sum(c.multiply_adds for c in inside), times * sum(c.numbers for c in inside) + prod(outputs[0])))
            continue
        formula = FORMULAS.get(step.op, _none)
        owned = [params[path].shape for path in step.params.values()]
        written = 0 if step.op in VIEWS or step.op == "parameter" else sum(map(prod, outputs))
        found.append(Cost(formula(inputs, outputs[0], owned), written))
    return tuple(found)


def _one(shape: Shape) -> Lengths:
    """The shape when the batch is one sample."""
    return tuple(1 if n is None else n for n in shape)


def _outputs(step: Step, inputs: list[Lengths]) -> list[Lengths]:
    """The shapes that a step makes of these. Lengths that the plan leaves open, as after a reshape of the batch, are found again."""
    if step.op in OPS:
        try:
            return [_one(OPS[step.op].infer(*inputs, **step.attrs))]
        except ShapeError:  # it picks samples out of a batch of more than one
            return [_one(shape) for shape in step.shapes]
    return [(inputs[0][0], *_one(shape[1:])) if shape and shape[0] is None and inputs else _one(shape) for shape in step.shapes]


# ---- formulas --------------------------------------------------------------------------------------------------------


def _none(inputs: Sequence[Lengths], output: Lengths, params: Sequence[Lengths]) -> int:
    return 0


def _dense(inputs: Sequence[Lengths], output: Lengths, params: Sequence[Lengths]) -> int:
    """Each output is a sum over the features. Kernel (features, units)."""
    return prod(output) * params[0][0]


def _conv(inputs: Sequence[Lengths], output: Lengths, params: Sequence[Lengths]) -> int:
    """Each output is a sum over the kernel's window. Kernel (channels, in / groups, *window)."""
    return prod(output) * prod(params[0][1:])


def _conv_transpose(inputs: Sequence[Lengths], output: Lengths, params: Sequence[Lengths]) -> int:
    """Each input is spread through the kernel's window. Kernel (in, channels / groups, *window)."""
    return prod(inputs[0]) * prod(params[0][1:])


def _recurrent(inputs: Sequence[Lengths], output: Lengths, params: Sequence[Lengths]) -> int:
    """Each step multiplies by every kernel and recurrent matrix once; biases have one axis."""
    return prod(inputs[0][:2]) * sum(prod(shape) for shape in params if len(shape) == 2)


def _matmul(inputs: Sequence[Lengths], output: Lengths, params: Sequence[Lengths]) -> int:
    """Each output is a sum over the axis that the two share: the last one of the left."""
    return prod(output) * inputs[0][-1]


FORMULAS: dict[str, Formula] = {
    "dense": _dense, "conv": _conv, "conv_transpose": _conv_transpose, "rnn": _recurrent, "lstm": _recurrent, "gru": _recurrent,
    "matmul": _matmul,
}  # fmt: skip
