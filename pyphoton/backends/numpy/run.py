"""Running a plan with NumPy, step by step; and a session that can evaluate but not train."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from pyphoton import ops
from pyphoton.backends.base import NONE, Batches, Hook, Limits, Rates, Report, Whole
from pyphoton.backends.numpy.layers import LAYERS, Call
from pyphoton.errors import Unsupported
from pyphoton.graph import nested
from pyphoton.optimisers import Optimiser
from pyphoton.plan import Plan, Step, parted

SUPPORTED = frozenset(ops.OPS) | frozenset(LAYERS) | {"python", "parameter", "scan"}
Carry = dict[str, list[Any]]
"""States by the path of their scan, where they go on from one call to the next."""


class NumpyModule:
    """Parameters as NumPy arrays, and the plans that use them."""

    def __init__(self, parameters: Mapping[str, Any], seed: int) -> None:
        self.parameters = dict(parameters)
        self.random = np.random.default_rng([seed, 1])  # a stream of its own: default_rng(seed) may have made the user's data
        self.carry: Carry = {}

    def run(self, plan: Plan, arrays: tuple[Any, ...], *, training: bool = False, carried: bool = False) -> tuple[Any, ...]:
        """The plan's outputs."""
        return self._run(plan, arrays, training, self.carry if carried else None)

    def reset(self) -> None:
        """States of scans begin anew."""
        self.carry = {}

    def _run(self, plan: Plan, arrays: tuple[Any, ...], training: bool, carry: Carry | None) -> tuple[Any, ...]:
        values: dict[int, Any] = dict(plan.constants)
        values |= {v.id: np.asarray(a) for v, a in zip(plan.inputs, arrays, strict=True)}
        for step in plan.steps:
            inputs = [values[i] for i in step.inputs]
            if step.function is not None:
                result = step.function(*nested(step.attrs["structure"], inputs))
            elif step.op == "parameter":
                result = self.parameters[step.params[step.attrs["name"]]]
            elif step.op == "gradient":
                result = self._gradient(step, inputs)
            elif step.body is not None:
                result = self._scan(step, inputs, training, carry)
            elif step.op in ops.OPS:
                result = ops.OPS[step.op].numpy(*inputs, **step.attrs)
            else:
                params = {name: self.parameters[path] for name, path in step.params.items()}
                result = LAYERS[step.op](Call(inputs[0], params, step.attrs, training, self.random))
            if step.activation != "identity":
                result = ops.OPS[step.activation].numpy(result)
            (number,) = step.outputs
            values[number] = _cast(result, plan.dtype)
        return tuple(np.asarray(values[o]) for o in plan.outputs)

    def _gradient(self, step: Step, inputs: list[Any]) -> Any:
        """Errors: Unsupported."""
        NumpySession._refuse(f"{step.path} gradient".strip())

    def _scan(self, step: Step, inputs: list[Any], training: bool, carry: Carry | None) -> Any:
        """The body for each step in turn; states begin where the last call left them, or as they are given."""
        a, batch = step.attrs, len(inputs[0])
        sequences, held, starts = parted(inputs, a["sequences"], a["held"])
        carry = carry if a["carried"] else None
        kept = None if carry is None else carry.get(step.path)
        states = kept if kept and len(kept[0]) == batch else [np.broadcast_to(s, (batch, *s.shape)) for s in starts]
        outputs = {}
        for t in reversed(range(a["steps"])) if a["backwards"] else range(a["steps"]):
            outputs[t], *states = self._run(step.body, (*(x[:, t] for x in sequences), *held, *states), training, None)  # type: ignore[arg-type]
        if carry is not None:
            carry[step.path] = states
        return np.stack([outputs[t] for t in range(a["steps"])], axis=1)

    def read(self) -> dict[str, Any]:
        """The parameters themselves."""
        return dict(self.parameters)

    def write(self, values: Mapping[str, Any]) -> None:
        """Copy values into the parameters."""
        for path, value in values.items():
            self.parameters[path][...] = value

    def session(self, optimiser: Optimiser, frozen: frozenset[str], limits: Limits = NONE) -> NumpySession:
        """A session that evaluates."""
        return NumpySession(self)

    def joint(self, sessions: Sequence[Any]) -> Any:
        """Errors: Unsupported."""
        NumpySession._refuse("training by several sessions")


class NumpySession:
    """Evaluation only: the reference has no gradients."""

    def __init__(self, module: NumpyModule) -> None:
        self.module = module
        self.kept: dict[str, Any] = {}

    def epoch(
        self, data: Batches, *, train: bool, every: int = 0, hook: Hook | None = None,
        interrupt: Any = None, finite: bool = True, rates: Rates | None = None,
    ) -> Report:  # fmt: skip
        """One pass without updates. Errors: Unsupported when asked to train."""
        if train:
            self._refuse("training")
        rows: list[list[float]] = []
        samples: list[int] = []
        stopped = False
        carry: Carry | None = {} if data.in_order else None
        for plan, arrays, count in cut(data):
            rows.append([float(v) for v in self.module._run(plan, arrays, False, carry)])
            samples.append(count)
            asked = every and len(rows) % every == 0 and hook is not None and hook(len(rows), tuple(rows[-1]))
            if asked or (interrupt is not None and interrupt[0]):
                stopped = len(rows) != data.count
                break
        return Report(np.array(rows, dtype="float64"), np.array(samples, dtype="int64"), stopped=stopped)

    def gradient(self, plan: Plan, arrays: tuple[Any, ...]) -> Any:
        """Errors: Unsupported."""
        self._refuse("gradients")

    def state(self) -> dict[str, Any]:
        """What it was given: kept for an engine that trains."""
        return self.kept

    def load(self, state: Mapping[str, Any]) -> None:
        """Keep it."""
        self.kept = dict(state)

    @staticmethod
    def _refuse(what: str) -> None:
        hint = "Install torch (pip install 'pyphoton[torch]') or Julia, or choose another backend."
        raise Unsupported("backend numpy", "prediction and evaluation", what, hint)


def cut(data: Batches) -> Iterator[tuple[Plan, tuple[Any, ...], int]]:
    """Minibatches of whole arrays, or those that come."""
    if not isinstance(data, Whole):
        yield from data.batches
        return
    order = np.arange(data.samples) if data.order is None else data.order
    for start in range(0, data.samples, data.batch_size):
        rows = order[start : start + data.batch_size]
        yield data.plan, tuple(np.asarray(a)[rows] for a in data.arrays), len(rows)


def _cast(value: Any, dtype: str) -> Any:
    if isinstance(value, np.ndarray | np.generic) and value.dtype.kind == "f" and value.dtype != dtype:
        return value.astype(dtype)
    return value
