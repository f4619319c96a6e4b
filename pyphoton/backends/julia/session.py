"""Training in Julia: whole data sets cross once per epoch, minibatches of a stream once each."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from pyphoton.backends.base import Batches, Hook, Report, Stream, Whole
from pyphoton.backends.julia import bridge
from pyphoton.optimisers import Optimiser
from pyphoton.plan import Plan


class JuliaSession:
    """An optimiser and its state, in Julia."""

    def __init__(self, module: Any, optimiser: Optimiser, frozen: frozenset[str]) -> None:
        self.module, self.runtime, self.photon = module, module.runtime, module.runtime.photon
        described = json.dumps({"kind": type(optimiser).__name__.lower(), **optimiser.arguments()})
        self.handle = self.photon.open_session(module.handle, described, json.dumps(sorted(frozen)))

    def epoch(
        self, data: Batches, *, train: bool, every: int = 0, hook: Hook | None = None,
        interrupt: Any = None, finite: bool = True,
    ) -> Report:  # fmt: skip
        """One pass over the data."""
        self.runtime.check()
        if isinstance(data, Stream):
            return self._stream(data, train, every, hook, interrupt, finite)
        return self._whole(data, train, every, hook, interrupt, finite)

    def _whole(self, data: Whole, train: bool, every: int, hook: Hook | None, interrupt: Any, finite: bool) -> Report:
        held = tuple(map(bridge.dense, data.arrays))
        order = None if data.order is None else np.ascontiguousarray(data.order, dtype="int64")
        spec = {
            "plan": self.module.number(data.plan), "arrays": [bridge.describe(a) for a in held], "samples": data.samples,
            "order": None if order is None else order.ctypes.data, "batch": data.batch_size, "train": train,
            "every": every if hook is not None else 0,
            "interrupt": None if interrupt is None else interrupt.ctypes.data, "finite": finite,
        }  # fmt: skip
        called = None if hook is None else self.runtime.hook(lambda step, values: bool(hook(int(step), tuple(map(float, values)))))
        values, samples, failed, stopped = self.photon.epoch(self.handle, json.dumps(spec), called, self.runtime.poll)
        bad = tuple(bridge.from_julia(a).copy() for a in self.photon.failed_arrays(self.handle)) if failed else None
        table = np.array(bridge.from_julia(values), dtype="float64")
        lost = None if bad is None else (data.plan, bad)
        return Report(table, np.array(samples, dtype="int64"), lost, bool(stopped) and len(table) != data.count)

    def _stream(self, data: Stream, train: bool, every: int, hook: Hook | None, interrupt: Any, finite: bool) -> Report:
        rows: list[tuple[float, ...]] = []
        samples: list[int] = []
        failed, stopped = None, False
        for plan, arrays, count in data.batches:
            held = tuple(map(bridge.dense, arrays))
            values, bad = self.photon.step(self.handle, self.module.number(plan), bridge.arrays(held), train, finite)
            if bad and finite and train:
                failed = plan, held
                break
            rows.append(tuple(map(float, values)))
            samples.append(count)
            asked = every and len(rows) % every == 0 and hook is not None and hook(len(rows), rows[-1])
            if asked or (interrupt is not None and interrupt[0]):
                stopped = len(rows) != data.count
                break
        return Report(np.array(rows, dtype="float64"), np.array(samples, dtype="int64"), failed, stopped)

    def gradient(self, plan: Plan, arrays: tuple[Any, ...]) -> tuple[tuple[float, ...], dict[str, Any], tuple[Any, ...]]:
        """Values, gradients by parameter path, and by input."""
        self.runtime.check()
        held = tuple(map(bridge.dense, arrays))
        values, by_path, by_input = self.photon.gradient(self.handle, self.module.number(plan), bridge.arrays(held))
        found = {str(path): bridge.from_julia(g).copy() for path, g in by_path.items()}
        return tuple(map(float, values)), found, tuple(None if g is None else bridge.from_julia(g).copy() for g in by_input)

    def state(self) -> dict[str, Any]:
        """Step, slots, and the state of the random numbers."""
        self.runtime.check()
        return {str(name): bridge.from_julia(a) for name, a in self.photon.state(self.handle).items()}

    def load(self, state: Mapping[str, Any]) -> None:
        """Go on from a state."""
        self.runtime.check()
        held = {name: bridge.dense(a) for name, a in state.items()}
        self.photon.load_state_b(self.handle, bridge.named(held))
