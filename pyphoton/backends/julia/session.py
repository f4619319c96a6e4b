"""Training in Julia: whole data sets cross once per epoch, minibatches of a stream once each."""

from __future__ import annotations

import ctypes
import weakref
from collections.abc import Mapping
from typing import Any

import numpy as np

from pyphoton.backends.base import NONE, Batches, Hook, Limits, Rates, Report, Stream, Whole
from pyphoton.backends.julia import bridge
from pyphoton.backends.julia.module import JuliaModule
from pyphoton.optimisers import Optimiser
from pyphoton.plan import Plan

POLL = ctypes.cast(ctypes.pythonapi.PyErr_CheckSignals, ctypes.c_void_p).value
"""`int PyErr_CheckSignals(void)`: runs the handlers of signals that arrived; Julia calls it after each minibatch."""


class JuliaSession:
    """An optimiser and its state, in Julia."""

    def __init__(self, module: JuliaModule, optimiser: Optimiser, frozen: frozenset[str], limits: Limits = NONE) -> None:
        self.module, self.runtime = module, module.runtime
        self.frozen = frozen
        self.limits = dict(limits)  # plans, which Julia forgets with Python's
        numbers = {name: value for name, value in optimiser.arguments().items() if name != "schedule"}
        described = {"kind": type(optimiser).__name__.lower(), **numbers}
        self.accumulates = optimiser.accumulate > 1
        limited = {path: module.plan(plan) for path, plan in limits.items()}
        self.number: int = self.runtime.ask("open_session", module=module.number, optimiser=described, frozen=sorted(frozen), limits=limited)
        weakref.finalize(self, self.runtime.later, "close", number=self.number)

    def epoch(
        self, data: Batches, *, train: bool, every: int = 0, hook: Hook | None = None,
        interrupt: Any = None, finite: bool = True, rates: Rates | None = None,
    ) -> Report:  # fmt: skip
        """One pass over the data."""
        if isinstance(data, Stream):
            return self._stream(data, train, every, hook, interrupt, finite, rates)
        return self._whole(data, train, every, hook, interrupt, finite, rates)

    def _whole(
        self, data: Whole, train: bool, every: int, hook: Hook | None, interrupt: Any, finite: bool, rates: Rates | None
    ) -> Report:  # fmt: skip
        held = tuple(map(bridge.dense, data.arrays))
        order = None if data.order is None else np.ascontiguousarray(data.order, dtype="int64")
        listed = None if rates is None else np.array([rates(k) for k in range(data.count)], dtype="float64")
        listener = _Listener(_renewing(hook, rates, listed)) if hook is not None and every else None
        found = self.module.ask(
            "epoch", data.plan, differentiates=train and self._trains(data.plan), session=self.number, plan=self.module.plan(data.plan), arrays=bridge.described(held), samples=data.samples,
            order=None if order is None else order.ctypes.data, batch=data.batch_size, train=train, finite=finite,
            every=every, hook=listener and listener.address, poll=POLL, interrupt=None if interrupt is None else interrupt.ctypes.data,
            rates=None if listed is None else listed.ctypes.data,
        )  # fmt: skip
        values, samples = bridge.copied(found["values"]), bridge.copied(found["samples"])
        failed = None if found["failed"] is None else (data.plan, tuple(map(bridge.copied, found["failed"])))
        if listener is not None:
            listener.reraise()
        return Report(values, samples, failed, bool(found["stopped"]) and len(values) != data.count)

    def _stream(
        self, data: Stream, train: bool, every: int, hook: Hook | None, interrupt: Any, finite: bool, rates: Rates | None
    ) -> Report:  # fmt: skip
        rows: list[tuple[float, ...]] = []
        samples: list[int] = []
        failed, stopped = None, False
        for plan, arrays, count in data.batches:
            held = tuple(map(bridge.dense, arrays))
            done = self.module.ask(
                "step", plan, differentiates=train and self._trains(plan), session=self.number, plan=self.module.plan(plan), arrays=bridge.described(held), samples=count, train=train,
                finite=finite, begins=not rows, rate=None if rates is None else rates(len(rows)),
            )  # fmt: skip
            if done["failed"]:
                failed = plan, held
                break
            rows.append(tuple(done["values"]))
            samples.append(count)
            asked = every and len(rows) % every == 0 and hook is not None and hook(len(rows), rows[-1])
            if asked or (interrupt is not None and interrupt[0]):
                stopped = len(rows) != data.count
                break
        if train and failed is None and self.accumulates:
            self.runtime.ask("finish", session=self.number)
        return Report(np.array(rows, dtype="float64"), np.array(samples, dtype="int64"), failed, stopped)

    def _trains(self, plan: Plan) -> bool:
        """Whether any parameter of the plan is trained."""
        return any(p.role == "weight" and path not in self.frozen for path, p in plan.params.items())

    def gradient(self, plan: Plan, arrays: tuple[Any, ...]) -> tuple[tuple[float, ...], dict[str, Any], tuple[Any, ...]]:
        """Values, gradients by parameter path, and by input."""
        held = tuple(map(bridge.dense, arrays))
        number, described = self.module.plan(plan), bridge.described(held)
        found = self.module.ask("gradient", plan, differentiates=True, session=self.number, plan=number, arrays=described)
        by_path = {path: bridge.copied(a) for path, a in found["by_path"].items()}
        return tuple(found["values"]), by_path, tuple(None if a is None else bridge.copied(a) for a in found["by_input"])

    def state(self) -> dict[str, Any]:
        """Step, slots, and the state of the random numbers."""
        return {name: bridge.copied(a) for name, a in self.runtime.ask("state", session=self.number).items()}

    def load(self, state: Mapping[str, Any]) -> None:
        """Go on from a state."""
        held = {name: bridge.dense(a) for name, a in state.items()}
        self.runtime.ask("load", session=self.number, arrays=[{"name": name, **bridge.describe(a)} for name, a in held.items()])


def _renewing(hook: Hook, rates: Rates | None, listed: Any) -> Hook:
    """The hook; what it makes of the learning rate holds from the next minibatch on, for Julia reads the list step by step."""
    if rates is None:
        return hook

    def call(done: int, values: tuple[float, ...]) -> bool:
        stop = hook(done, values)
        if done < len(listed) and rates(done) != listed[done]:
            listed[done:] = [rates(k) for k in range(done, len(listed))]
        return stop

    return call


class _Listener:
    """A hook as a C function that Julia calls. What the hook raises ends the epoch and is raised again afterwards, as it was."""

    def __init__(self, hook: Hook) -> None:
        self.hook = hook
        self.error: BaseException | None = None
        prototype = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.c_int64, ctypes.POINTER(ctypes.c_double), ctypes.c_int64)
        self.function = prototype(self._called)
        self.address = ctypes.cast(self.function, ctypes.c_void_p).value

    def _called(self, steps: int, values: Any, count: int) -> int:
        try:
            return int(self.hook(steps, tuple(values[:count])))
        except BaseException as error:  # noqa: BLE001  (it may not cross Julia's frames: reraise() raises it behind them)
            self.error = error
            return 1

    def reraise(self) -> None:
        """Raise what the hook raised."""
        if self.error is not None:
            raise self.error
