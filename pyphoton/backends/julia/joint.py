"""Training in Julia: whole data sets cross once per epoch, minibatches of a stream once each, however many sessions take turns."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pyphoton.backends.base import Hook, JointBatches, JointRates, Report, Stream, Turns, Whole
from pyphoton.backends.joint import check_turns
from pyphoton.backends.julia import bridge
from pyphoton.backends.julia.module import JuliaModule
from pyphoton.plan import Plan

if TYPE_CHECKING:
    from pyphoton.backends.julia.session import JuliaSession

POLL = ctypes.cast(ctypes.pythonapi.PyErr_CheckSignals, ctypes.c_void_p).value
"""`int PyErr_CheckSignals(void)`: runs the handlers of signals that arrived; Julia calls it after each minibatch."""


class JuliaJoint:
    """Several sessions of one module; a session by itself is one of them."""

    def __init__(self, module: JuliaModule, sessions: Sequence[JuliaSession]) -> None:
        self.module, self.runtime, self.sessions = module, module.runtime, tuple(sessions)
        self.numbers = [s.number for s in self.sessions]
        self.asked: tuple[Turns | None, list[Any]] = (None, [])

    def epoch(
        self, data: JointBatches, *, every: int = 0, hook: Hook | None = None,
        interrupt: Any = None, finite: bool = True, rates: JointRates | None = None,
    ) -> Report:  # fmt: skip
        """One pass over the data."""
        return self.one_pass(data, train=True, every=every, hook=hook, interrupt=interrupt, finite=finite, rates=rates)

    def one_pass(
        self, data: JointBatches, *, train: bool, every: int, hook: Hook | None, interrupt: Any, finite: bool, rates: JointRates | None,
    ) -> Report:  # fmt: skip
        """One pass, training or measuring."""
        one = self._stream if isinstance(data, Stream) else self._whole
        return one(data, train, every, hook, interrupt, finite, rates)  # type: ignore[arg-type]

    def _turns(self, turns: Turns) -> list[Any]:
        """The turns as a request has them: each a number of a plan and positions of sessions. Errors: ArgumentError."""
        if turns is not self.asked[0]:
            check_turns(turns, len(self.sessions))
            self.asked = turns, [[self.module.plan(t.plan), list(t.sessions)] for t in turns]
        return self.asked[1]

    def _trains(self, turns: Turns) -> bool:
        """Whether any parameter of the plans is trained."""
        return any(self.sessions[k].trains(turn.plan) for turn in turns for k in turn.sessions)

    def _whole(
        self, data: Whole[Turns], train: bool, every: int, hook: Hook | None, interrupt: Any, finite: bool, rates: JointRates | None
    ) -> Report:  # fmt: skip
        held = tuple(map(bridge.dense, data.arrays))
        order = None if data.order is None else np.ascontiguousarray(data.order, dtype="int64")
        listed = None if rates is None else np.array([tuple(rates(k)) for k in range(data.count)], dtype="float64")
        listener = _Listener(_renewing(hook, rates, listed)) if hook is not None and every else None
        turns = self._turns(data.plan)
        found = self.module.ask(
            "epoch", *(t.plan for t in data.plan), differentiates=train and self._trains(data.plan),
            sessions=self.numbers, turns=turns, arrays=bridge.described(held), samples=data.samples,
            order=None if order is None else order.ctypes.data, batch=data.batch_size, train=train, finite=finite,
            every=every, hook=listener and listener.address, poll=POLL, interrupt=None if interrupt is None else interrupt.ctypes.data,
            rates=None if listed is None else listed.ctypes.data,
        )  # fmt: skip
        values, samples = bridge.copied(found["values"]), bridge.copied(found["samples"])
        failed: tuple[Plan, tuple[Any, ...]] | None = None
        if found["failed"] is not None:
            failed = data.plan[found["turn"]].plan, tuple(map(bridge.copied, found["failed"]))
        if listener is not None:
            listener.reraise()
        return Report(values, samples, failed, bool(found["stopped"]) and len(values) != data.count)

    def _stream(
        self, data: Stream[Turns], train: bool, every: int, hook: Hook | None, interrupt: Any, finite: bool, rates: JointRates | None
    ) -> Report:  # fmt: skip
        rows: list[tuple[float, ...]] = []
        samples: list[int] = []
        failed, stopped = None, False
        for turns, arrays, count in data.batches:
            held, described = tuple(map(bridge.dense, arrays)), self._turns(turns)
            done = self.module.ask(
                "step", *(t.plan for t in turns), differentiates=train and self._trains(turns),
                sessions=self.numbers, turns=described, arrays=bridge.described(held), samples=count, train=train, finite=finite,
                begins=not rows, rates=None if rates is None else list(rates(len(rows))),
            )  # fmt: skip
            if done["failed"] >= 0:
                failed = turns[done["failed"]].plan, held
                break
            rows.append(tuple(done["values"]))
            samples.append(count)
            asked = every and len(rows) % every == 0 and hook is not None and hook(len(rows), rows[-1])
            if asked or (interrupt is not None and interrupt[0]):
                stopped = len(rows) != data.count
                break
        if train and failed is None and any(s.accumulates for s in self.sessions):
            self.runtime.ask("finish", sessions=self.numbers)
        return Report(np.array(rows, dtype="float64"), np.array(samples, dtype="int64"), failed, stopped)


def _renewing(hook: Hook, rates: JointRates | None, listed: Any) -> Hook:
    """The hook; what it makes of the learning rate holds from the next minibatch on, for Julia reads the list step by step."""
    if rates is None:
        return hook

    def call(done: int, values: tuple[float, ...]) -> bool:
        stop = hook(done, values)
        if done < len(listed) and tuple(rates(done)) != tuple(listed[done]):
            listed[done:] = [tuple(rates(k)) for k in range(done, len(listed))]
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
