"""Functions of Python's as steps of plans that Julia runs. The other side is julia/src/layers/python.jl.

Julia calls one C function with a row of numbers, the room: what is asked, the arrays, and place for the answer. A function gets tensors
of torch (arrays of NumPy where torch is not installed) with copies of the inputs, for Julia uses that memory again; its own parameters
are the very memory of the model. Its result is not copied: it is kept here until Julia asks the same step again.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from itertools import count
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

import numpy as np

from pyphoton.backends.julia import memory
from pyphoton.backends.julia.errors import JuliaError
from pyphoton.errors import ShapeError, TraceError, Unsupported, note
from pyphoton.graph import nested
from pyphoton.measured import no_gradient, not_one_number
from pyphoton.plan import Plan, Step
from pyphoton.typing import show

if TYPE_CHECKING:
    from pyphoton.backends.julia.module import JuliaModule
    from pyphoton.backends.julia.runtime import Runtime

FORWARD = 1
MOST_AXES = 64
Room = Any
"""int64_t *"""
_Called = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_int64))


class PythonStep:
    """One step of a plan that calls Python, and what its calls keep until Julia asks again."""

    def __init__(self, step: Step, dtype: str, own: Mapping[str, Any], roles: Mapping[str, str], use: _Use) -> None:
        self.name = f"{step.path} {step.attrs.get('name', step.op)}".strip()
        self.shape, self.dtype, self.use = step.shapes[0], dtype, use
        self.own = {name: own[name] for name in sorted(own)}
        self.state = [a for name, a in self.own.items() if roles[name] == "state"]
        weights = [name for name in self.own if roles[name] == "weight"]
        self.function = _functions()(step.function, step.attrs["structure"], self.own, weights)
        self.calls: dict[int, Any] = {}

    def forward(self, instance: int, arrays: list[Any], training: bool, asked: Asked) -> Any:
        """What the function makes of the arrays, as an array. Errors: TraceError, ShapeError; what the function raises."""
        taped = self.use.always or (asked.differentiates and (asked.whole or self.use.needed))
        flows = [taped and a.dtype.kind == "f" and (asked.inputs or f) for a, f in zip(arrays, self.use.flows, strict=True)]
        self.calls.pop(instance, None)
        call = self.function(arrays, flows, training, taped)
        found = call.numbers()
        if found is None or found.dtype.kind not in "biuf":
            raise TraceError(self.name, "a tensor or a number", repr(call.value))
        loss = taped and self.use.loss and not asked.whole
        if loss and not call.has_gradient:
            raise no_gradient(call.shown)
        call.array = self._fitted(found, "loss" if loss else self.name)
        self.calls[instance] = call
        return call.array

    def _fitted(self, found: Any, where: str) -> Any:
        """The result in the shape that the plan has for it, row by row. Errors: ShapeError."""
        if self.shape == ():
            if found.size != 1:
                raise not_one_number(where, found.shape)
            return np.ascontiguousarray(found.reshape(()))
        if len(found.shape) != len(self.shape) or any(n not in (None, m) for n, m in zip(self.shape, found.shape, strict=True)):
            raise ShapeError(where, f"a result of {show(self.shape)}", show(found.shape), "That is the shape that the model was planned with.")
        return np.ascontiguousarray(found, dtype=self.dtype if found.dtype.kind == "f" else None)

    def backward(self, instance: int, inputs: list[bool], weights: list[bool], slope: Any) -> list[Any]:
        """Arrays, or None where there is no gradient: of the inputs, and of the step's own parameters by name."""
        found: list[Any] = self.calls[instance].slopes(slope, inputs, weights)
        return found


@dataclass(frozen=True)
class _Use:
    """What the plan does with a step: whether its first output needs it, or is it; which of its inputs trained parameters lead to."""

    needed: bool
    loss: bool
    always: bool
    flows: tuple[bool, ...]


@dataclass
class Asked:
    """A request that may call Python back.

    `differentiates`: something is trained, or asked for its gradient; `inputs`: gradients of the plan's inputs are wanted, too; `whole`:
    from all of its outputs, none of which is a loss. `error`: what the function raised.
    """

    module: JuliaModule
    plans: Sequence[Plan]
    differentiates: bool
    inputs: bool
    whole: bool
    error: BaseException | None = None


class _NumpyCall:
    """One call of a function with arrays, where torch is not installed: no way back."""

    has_gradient = True  # the way back says what is missing

    def __init__(self, value: Any) -> None:
        self.value, self.shown = value, repr(value)

    def numbers(self) -> Any:
        """The value as an array; None where it is none."""
        return as_numbers(self.value)

    def slopes(self, slope: Any, inputs: list[bool], weights: list[bool]) -> list[Any]:
        """Errors: Unsupported."""
        raise Unsupported(
            "loss", "torch, which differentiates functions that cannot be traced", "none installed",
            "Install it (pip install 'pyphoton[torch]'), or write the function with operators and functions of pyphoton.",
        )  # fmt: skip


class _NumpyFunction:
    """A function that is called with arrays."""

    def __init__(self, function: Callable[..., Any], structure: Sequence[Any], own: Mapping[str, Any], weights: Sequence[str]) -> None:
        self.function, self.structure = function, structure

    def __call__(self, arrays: list[Any], flows: list[bool], training: bool, taped: bool) -> _NumpyCall:
        return _NumpyCall(self.function(*nested(self.structure, arrays)))


def as_numbers(value: Any) -> Any:
    """A number or an array of NumPy as an array; None for everything else."""
    return np.asarray(value) if isinstance(value, bool | int | float | np.generic | np.ndarray) else None


def _functions() -> Any:
    """What calls functions: with tensors of torch, where it is installed."""
    if find_spec("torch") is None:
        return _NumpyFunction
    from pyphoton.interop.torch_steps import TorchFunction

    return TorchFunction


# ---- the steps of a plan -------------------------------------------------------------------------------------------------------

_steps: WeakValueDictionary[int, PythonStep] = WeakValueDictionary()
_numbers = count(1)


def numbered(plan: Plan, arrays: Mapping[str, Any]) -> tuple[str, tuple[PythonStep, ...]]:
    """The plan as Julia reads it, with numbers in the place of functions; and the steps that Python computes."""
    if all(s.function is None for s in plan.all_steps()):
        return plan.to_json(), ()
    made: list[PythonStep] = []
    weights = {path for path, p in plan.params.items() if p.role == "weight"}

    def of(part: Plan, whole: bool, always: bool) -> Plan:
        needed, flowing = needed_by(part, part.outputs if whole else part.outputs[:1]), _flowing(part, weights)
        steps = []
        for k, s in enumerate(part.steps):
            if s.body is not None:
                s = replace(s, body=of(s.body, True, always or s.op == "gradient"))
            elif s.function is not None:
                use = _Use(k in needed, not whole and part.outputs[0] in s.outputs, always, tuple(whole or i in flowing for i in s.inputs))
                roles = {name: plan.params[path].role for name, path in s.params.items()}
                made.append(PythonStep(s, plan.dtype, {name: arrays[path] for name, path in s.params.items()}, roles, use))
                number = next(_numbers)
                _steps[number] = made[-1]
                s = replace(s, attrs={**s.attrs, "call": number})
            steps.append(s)
        return replace(part, steps=tuple(steps))

    return of(plan, False, False).to_json(), tuple(made)


def needed_by(plan: Plan, outputs: Sequence[int]) -> set[int]:
    """The places of the steps that these outputs depend on."""
    wanted, found = set(outputs), set()
    for k, step in reversed(list(enumerate(plan.steps))):
        if wanted & set(step.outputs):
            found.add(k)
            wanted |= set(step.inputs)
    return found


def _flowing(plan: Plan, weights: set[str]) -> set[int]:
    """The values that depend on parameters."""
    found: set[int] = set()
    for s in plan.steps:
        if not found.isdisjoint(s.inputs) or not weights.isdisjoint(s.params.values()):
            found |= set(s.outputs)
    return found


# ---- requests, and what Julia calls --------------------------------------------------------------------------------------------


def ask(module: JuliaModule, plans: Sequence[Plan], call: str, arguments: Mapping[str, Any], *, differentiates: bool, whole: bool) -> Any:
    """Runtime.ask for a request that runs these plans of the module. What a function of Python raises in it is raised as it was.

    Errors: Unsupported for a function that asks for what is running; the others of Runtime.ask.
    """
    runtime = module.runtime
    _check_free(module, plans, call)
    steps = [s for plan in plans for s in module.python_steps.get(plan, ())]
    if not steps:
        return runtime.ask(call, **arguments)
    asked = Asked(module, plans, differentiates, whole or call == "gradient", whole)
    kept = [(a, a.copy()) for s in steps for a in s.state] if call == "gradient" else []
    runtime.running.append(asked)
    try:
        return runtime.ask(call, **arguments)
    except JuliaError:
        if asked.error is None:
            raise
    finally:
        runtime.running.pop()
        for array, before in kept:
            array[...] = before
    raise asked.error


def _check_free(module: JuliaModule, plans: Sequence[Plan], call: str) -> None:
    """Errors: Unsupported where a function of Python that Julia is calling asks for its own model again."""
    for asked in module.runtime.inside:
        if any(a is b for a in asked.plans for b in plans) or (asked.module is module and call != "run"):
            raise Unsupported(
                call, "another model than the one that runs", "the model whose step calls this function",
                "A loss, metric or layer may predict with its model, but not train it or run the plan that it is a part of.",
            )  # fmt: skip


def offered(runtime: Runtime) -> Any:
    """Tell Julia the address of the C function, which has to be kept."""

    def called(room: Room) -> int:
        if not runtime.running:  # a request that does not go through ask()
            return 1
        asked, step = runtime.running[-1], None
        runtime.inside.append(asked)
        try:
            step = _steps[room[1]]
            (_forward if room[0] == FORWARD else _backward)(step, room, asked)
        except BaseException as error:  # noqa: BLE001  (it may not cross Julia's frames: ask() raises it behind them)
            if step is not None and getattr(error, "where", None) not in ("loss", step.name):
                note(error, f"in {step.name}")
            asked.error = error
            return 1
        finally:
            runtime.inside.pop()
        return 0

    function = _Called(called)
    runtime.ask("python_steps", address=ctypes.cast(function, ctypes.c_void_p).value)
    return function


def _forward(step: PythonStep, room: Room, asked: Asked) -> None:
    arrays, at = [], 5
    for _ in range(room[4]):
        array, at = _read(room, at)
        arrays.append(array)
    found = step.forward(room[2], arrays, bool(room[3]), asked)
    code, bits = memory.kind_of(found)
    for k, n in enumerate((found.ctypes.data, code << 8 | bits, found.ndim, *found.shape)):
        room[at + k] = n


def _backward(step: PythonStep, room: Room, asked: Asked) -> None:
    many = room[4]
    own = room[5 + many]
    inputs, weights = room[5 : 5 + many], room[6 + many : 6 + many + own]
    slope, at = _read(room, 6 + many + own)
    for k, found in enumerate(step.backward(room[2], list(map(bool, inputs)), list(map(bool, weights)), slope)):
        room[at + k] = 0 if found is None else found.ctypes.data


def _read(room: Room, at: int) -> tuple[Any, int]:
    """An array of its own with the numbers of one that Julia shows at this place, and the place behind it."""
    pointer, kind, rank = room[at : at + 3]
    shape: tuple[int, ...] = tuple(room[at + 3 : at + 3 + rank])
    found = np.empty(shape, memory.dtype_of(divmod(kind, 256)))
    ctypes.memmove(found.ctypes.data, pointer, found.nbytes)
    return found, at + 3 + rank

