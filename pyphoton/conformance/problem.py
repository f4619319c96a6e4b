"""A case made concrete: its plan, random parameters and inputs, the reference's answers and numeric derivatives."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from pyphoton.backends import get_backend
from pyphoton.backends.base import Module
from pyphoton.conformance.cases import Case, Numbers
from pyphoton.conformance.reference import Reference, derivatives
from pyphoton.data.arrays import convert
from pyphoton.graph import call, own_array, root_path, trace
from pyphoton.plan import Plan, plan
from pyphoton.tensor import Tensor, apply

Arrays = tuple[Any, ...]
Parameters = dict[str, Any]


class Problem:
    """A case in one dtype. The model is built once, so that all its plans name their parameters alike."""

    def __init__(self, case: Case, dtype: str) -> None:
        self.case, self.dtype = case, dtype
        self.model = case.build()
        self.random = np.random.default_rng(zlib.crc32(case.name.encode()))
        self.plan = self._plan(lambda *x: call(self.model, *x), [n.shape for n in case.inputs])
        self.parameters = {p: self._parameter(p, v.shape) for p, v in self.plan.params.items()}
        self.roles = {path: str(p.role) for path, p in self.plan.params.items()}
        drawn = [self._numbers(n) for n in case.inputs]
        self.arrays = tuple(convert(a, v, case.name) for a, v in zip(drawn, self.plan.inputs, strict=True))

    def _plan(self, function: Callable[..., Any], shapes: Sequence[tuple[int, ...]]) -> Plan:
        tensors = [Tensor((None, *shape[1:]), self.dtype) for shape in shapes]
        return plan(trace(function, *tensors, paths={root_path(self.model): self.model}), self.dtype)

    def _numbers(self, numbers: Numbers) -> Any:
        if numbers.below is not None:
            return self.random.integers(0, numbers.below, numbers.shape)
        return self.random.uniform(numbers.low, numbers.high, numbers.shape)

    def _parameter(self, path: str, shape: tuple[int, ...]) -> Any:
        low, high = (0.5, 2.0) if path.endswith("variance") else (-1.0, 1.0)
        return self.random.uniform(low, high, shape).astype(self.dtype)

    def copies(self) -> Parameters:
        """The parameters, to be changed freely."""
        return {path: value.copy() for path, value in self.parameters.items()}

    def module(self, name: str, device: str, parameters: Parameters | None = None) -> Module:
        """The parameters on a backend."""
        values = self.copies() if parameters is None else parameters
        return get_backend(name).module(values, roles=self.roles, device=device, seed=1)

    def reference(self, made: Plan, arrays: Arrays, parameters: Parameters | None = None, *, training: bool = False) -> Arrays:
        """What the NumPy backend gives."""
        return Reference(self.copies() if parameters is None else parameters, 1).run(made, arrays, training=training)

    def limits(self, name: str, function: Callable[[Any], Any]) -> dict[str, Plan]:
        """`function` as the constraint of the model's own parameter `name`."""
        at, shapes = root_path(self.model), (self.case.inputs[0].shape,)
        made = trace(lambda: function(own_array(self.model, name, shapes=shapes, path=at)))
        return {f"{at}.{name}": plan(made, self.dtype)}

    @property
    def state(self) -> frozenset[str]:
        """The paths of what is not trained."""
        return frozenset(path for path, role in self.roles.items() if role == "state")

    def objective(self) -> tuple[Plan, Arrays]:
        """The sum of all float outputs, each number times a random factor, as a plan; and its inputs."""
        outputs = self.reference(self.plan, self.arrays, training=True)
        kept = [i for i, o in enumerate(outputs) if o.dtype.kind == "f"]
        factors = tuple(self.random.normal(size=outputs[i].shape).astype(self.dtype) for i in kept)
        count = len(self.arrays)

        def total(*tensors: Any) -> Any:
            result = call(self.model, *tensors[:count])
            results = result if isinstance(result, tuple) else (result,)
            parts = [apply("sum", results[i] * f) for i, f in zip(kept, tensors[count:], strict=True)]
            return sum(parts[1:], parts[0])

        tensors = [Tensor((None, *n.shape[1:]) if n.shape else (), self.dtype) for n in self.case.inputs]
        tensors += [Tensor(f.shape, self.dtype) for f in factors]
        return plan(trace(total, *tensors, paths={root_path(self.model): self.model}), self.dtype), (*self.arrays, *factors)

    def regression(self) -> tuple[Plan, Arrays]:
        """The mean square of outputs minus random targets, as a plan; and its inputs."""
        (output,) = self.reference(self.plan, self.arrays, training=True)
        target = self.random.normal(size=output.shape).astype(self.dtype)

        def loss(*tensors: Any) -> Any:
            *x, y = tensors
            return apply("mean", apply("square", call(self.model, *x) - y))

        return self._plan(loss, [*(n.shape for n in self.case.inputs), target.shape]), (*self.arrays, target)


def numeric_gradient(problem: Problem, made: Plan, arrays: Arrays, parameters: Parameters, names: Sequence[str]) -> Parameters:
    """The gradient of a plan's first output with respect to parameters, all of it, from the NumPy backend alone."""
    values = {path: v.copy() for path, v in parameters.items()}
    module = Reference(values, 1)

    def f() -> float:
        return float(module.run(made, arrays, training=True)[0])

    return {n: derivatives(f, values[n]).reshape(values[n].shape) for n in names}


def difference(got: Any, want: Any) -> float:
    """The largest difference, relative to the largest number; infinite for another shape, or where one is not finite."""
    got, want = np.asarray(got), np.asarray(want)
    if got.shape != want.shape or not np.array_equal(np.isfinite(got), np.isfinite(want)):
        return float("inf")
    finite = np.isfinite(want)
    if not np.array_equal(got[~finite], want[~finite]):
        return float("inf")
    a, b = got[finite].astype("float64"), want[finite].astype("float64")
    return float(np.abs(a - b).max(initial=0.0) / max(np.abs(b).max(initial=0.0), 0.01))


def largest(got: Mapping[str, Any], want: Mapping[str, Any]) -> float:
    """The largest difference over arrays by name; infinite when the names differ."""
    if set(got) != set(want):
        return float("inf")
    return max((difference(got[name], want[name]) for name in want), default=0.0)
