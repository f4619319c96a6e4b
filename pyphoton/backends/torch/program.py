"""Programs (lowered plans), and the parameters that they use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import torch

from pyphoton import parameters
from pyphoton.backends.torch.exchange import to_numpy, to_torch
from pyphoton.backends.torch.input_gradient import gradient
from pyphoton.backends.torch.lower import Mode, lower
from pyphoton.backends.torch.precision import HALVES, Precision
from pyphoton.backends.torch.scan import scan, with_splits
from pyphoton.backends.torch.scan_inputs import in_order_of_steps
from pyphoton.data.arrays import outside
from pyphoton.errors import note
from pyphoton.graph import nested
from pyphoton.plan import Plan, Step

Tensor = torch.Tensor


class Program:
    """A plan as a list of torch functions over registers.

    The steps that the first output (the loss) needs come first; the others (metrics) run without gradients, unless the
    `whole` is wanted.
    """

    def __init__(
        self, plan: Plan, tensors: Mapping[str, Tensor], mode: Mode, device: torch.device, *, whole: bool = False
    ) -> None:  # fmt: skip
        self.plan = plan
        self.registers: list[Any] = [None] * _count(plan)
        for number, value in plan.constants.items():
            self.registers[number] = to_torch(value, device) if isinstance(value, np.ndarray) else value
        self.inputs = [v.id for v in plan.inputs]
        needed = _needed(plan, plan.outputs if whole else plan.outputs[:1])
        lowered = [(_function(s, tensors, mode, device), s.inputs, s.outputs[0], s) for s in plan.steps]
        lowered = in_order_of_steps(plan, lowered)
        if whole:
            lowered, count = with_splits(plan, lowered, len(self.registers))
            self.registers += [None] * (count - len(self.registers))
        self.main = [code[:3] for code in lowered if id(code[3]) in needed]
        self.rest = [code[:3] for code in lowered if id(code[3]) not in needed]
        self.trained: dict[tuple[frozenset[str], ...], Any] = {}
        self.params = sorted({p for s in plan.steps for p in s.params.values()})

    def __call__(self, arrays: tuple[Tensor, ...]) -> list[Tensor]:
        """The outputs."""
        values = self.registers.copy()
        for number, array in zip(self.inputs, arrays, strict=True):
            values[number] = array
        output = -1
        try:
            for function, inputs, output in self.main:
                values[output] = function(*[values[i] for i in inputs])
            if self.rest:
                with torch.no_grad():
                    for function, inputs, output in self.rest:
                        values[output] = function(*[values[i] for i in inputs])
        except Exception as error:
            step = next(s for s in self.plan.steps if output in s.outputs)
            if isinstance(error, IndexError) and step.op == "embedding":
                rows = to_numpy(values[step.inputs[0]]).astype("int64")
                raise outside(f"{step.path} embedding", step.attrs["vocabulary"], rows) from None
            note(error, f"in {step.path} {step.attrs.get('name', step.op)}".replace("  ", " "))
            raise
        return [values[o] for o in self.plan.outputs]


class Parameters:
    """Parameters as torch tensors, on the CPU over the NumPy arrays themselves; and the programs that use them."""

    def __init__(self, values: Mapping[str, Any], roles: Mapping[str, str], device: str, seed: int, precision: str | None = None) -> None:
        self.device = torch.device(device)
        self.precision = Precision(precision, self.device)
        self.host = dict(values)
        self.tensors = {path: to_torch(v, self.device) for path, v in values.items()}
        self.weights = {path for path, role in roles.items() if role == "weight"}
        for path in self.weights:
            if self.tensors[path].dtype.is_floating_point:
                self.tensors[path].requires_grad_()
        self.mode = Mode(self.device, seed)
        self.carry: dict[str, list[Tensor]] = {}
        self.programs: WeakKeyDictionary[Plan, Program] = WeakKeyDictionary()
        self.seen = parameters.changes()

    def program(self, plan: Plan) -> Program:
        """The plan, lowered once."""
        found = self.programs.get(plan)
        if found is None:
            with torch.inference_mode(mode=False):  # constants may be needed on the way back, too
                found = self.programs[plan] = Program(plan, self.tensors, self.mode, self.device)
        return found

    def tensors_of(self, arrays: tuple[Any, ...]) -> tuple[Tensor, ...]:
        """Arrays on this device."""
        return tuple(to_torch(a, self.device) for a in arrays)

    def run(self, plan: Plan, arrays: tuple[Any, ...], *, training: bool = False, carried: bool = False) -> tuple[Any, ...]:
        """The plan's outputs as NumPy arrays."""
        self.pull()
        self.mode.training, self.mode.carry = training, self.carry if carried else None
        with torch.inference_mode(), self.precision():
            result = self.program(plan)(self.tensors_of(arrays))
        self.mode.carry = None
        if training:
            self.push()
        return tuple(_whole_precision(r) if isinstance(r, Tensor) else np.asarray(r) for r in result)

    def reset(self) -> None:
        """States of scans begin anew."""
        self.carry.clear()

    def read(self) -> dict[str, Any]:
        """The parameters; views on the CPU."""
        return {path: to_numpy(t) for path, t in self.tensors.items()}

    def write(self, values: Mapping[str, Any]) -> None:
        """Copy values into the parameters."""
        with torch.no_grad():
            for path, value in values.items():
                self.tensors[path].copy_(to_torch(np.array(value), self.device))
        self.push()

    def push(self) -> None:
        """From the device to the arrays that everybody else sees; on the CPU they are the same memory."""
        if self.device.type != "cpu":
            for path, tensor in self.tensors.items():
                self.host[path][...] = to_numpy(tensor)

    def pull(self) -> None:
        """To the device what was set from outside since the last time."""
        if self.device.type != "cpu" and self.seen != parameters.changes():
            self.seen = parameters.changes()
            self.write(self.host)


def _whole_precision(r: Tensor) -> Any:
    return to_numpy(r.float() if r.dtype in HALVES.values() else r)


def _count(plan: Plan) -> int:
    numbers = [v.id for v in plan.inputs] + list(plan.constants) + [o for s in plan.steps for o in s.outputs]
    return max(numbers, default=-1) + 1


def _function(step: Step, tensors: Mapping[str, Tensor], mode: Mode, device: torch.device) -> Any:
    if step.op == "gradient" and step.body is not None:
        return gradient(Program(step.body, tensors, mode, device), mode)
    if step.body is not None:
        return scan(step, Program(step.body, tensors, mode, device, whole=True), mode)
    if step.function is None:
        return lower(step, tensors, mode)
    function, structure = step.function, step.attrs["structure"]
    bound = getattr(function, "bound", None)  # a function with parameters of its own
    if bound is not None:
        function = bound({name: tensors[path] for name, path in step.params.items()}, mode)
    return lambda *flat: function(*nested(structure, list(flat)))


def _needed(plan: Plan, outputs: tuple[int, ...]) -> set[int]:
    wanted, found = set(outputs), set()
    for step in reversed(plan.steps):
        if wanted & set(step.outputs):
            found.add(id(step))
            wanted |= set(step.inputs)
    return found
