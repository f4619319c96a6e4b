"""Sessions: one session of the engine for each optimiser of a system, over one module, as one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pyphoton.backends.base import Hook, Report, Session, Stream, Whole
from pyphoton.clock import RATE, Clock
from pyphoton.optimisers import SGD
from pyphoton.record import History
from pyphoton.systems.optimizers import Configured
from pyphoton.systems.planning import Planned, StepNetwork


@dataclass(frozen=True)
class Data:
    """Whole data, or a run of minibatches, for steps of one kind."""

    planned: Planned
    whole: Whole[Any] | None = None
    items: Iterator[tuple[Planned, tuple[Any, ...], int]] | None = None
    count: int | None = None


class Sessions:
    """The sessions of all optimisers; one that updates nothing where there is none."""

    def __init__(self, network: StepNetwork, configured: Sequence[Configured]) -> None:
        self.network, self.module = network, network.module
        self.key = key(network, configured)
        _, frozen, limits, opts = self.key
        self.all: list[Session] = [
            self.module.session(opt, f, {path: plan for path, plan in dict(limits).items() if path not in f})
            for opt, f in zip(opts, frozen, strict=True)
        ]  # fmt: skip
        self.joint = self.module.joint(self.all)

    def epoch(self, data: Data, *, rates: Callable[[int], tuple[float, ...]] | None, every: int, hook: Hook | None, interrupt: Any, finite: bool) -> Report:
        """One pass that trains; `rates` gives a learning rate for each optimiser."""
        if len(data.planned.parts) == 1 and len(data.planned.parts[0].sessions) == 1:
            one = data.planned.parts[0].sessions[0]
            single = None if rates is None else (lambda k: rates(k)[one])
            return self.all[one].epoch(
                batches(data, lambda p: p.parts[0].plan), train=True, every=every, hook=hook, interrupt=interrupt, finite=finite, rates=single,
            )  # fmt: skip
        return self.joint.epoch(batches(data, lambda p: p.parts), every=every, hook=hook, interrupt=interrupt, finite=finite, rates=rates)

    def measure(self, data: Data, interrupt: Any) -> Report:
        """One pass that changes nothing."""
        return self.all[0].epoch(batches(data, lambda p: p.parts[0].plan), train=False, interrupt=interrupt)

    def state(self) -> dict[str, Any]:
        """The states of all sessions: "0|step", "0|path/slot" and so on."""
        return {f"{k}|{name}": value for k, session in enumerate(self.all) for name, value in session.state().items()}

    def load(self, state: Mapping[str, Any]) -> None:
        """Go on from a `state()`."""
        for k, session in enumerate(self.all):
            session.load(part_of(state, k))


def part_of(state: Mapping[str, Any], k: int) -> dict[str, Any]:
    """The state of one session in that of all."""
    return {name.split("|", 1)[1]: value for name, value in state.items() if name.startswith(f"{k}|")}


def key(network: StepNetwork, configured: Sequence[Configured]) -> tuple[Any, ...]:
    """What the sessions depend on: made anew when it changes."""
    still = network.frozen()
    everything = frozenset(network.parameters)
    own = [everything if one.everything else network.paths_of(one.handle.models) for one in configured]
    frozen = tuple(still | (everything - paths) for paths in own) or (everything,)
    opts = tuple(one.optimiser for one in configured) or (SGD(0.0),)
    return network.module, frozen, tuple(network.limits().items()), opts


def batches(data: Data, plan_of: Callable[[Planned], Any]) -> Whole[Any] | Stream[Any]:
    """The data as a session takes them."""
    if data.whole is not None:
        return Whole(plan_of(data.planned), data.whole.arrays, data.whole.samples, data.whole.order, data.whole.batch_size)
    items = data.items or iter(())
    return Stream(((plan_of(planned), arrays, count) for planned, arrays, count in items), data.count)


@dataclass(frozen=True)
class _Timed:
    """What a clock looks at."""

    opt: Any
    steps: int
    epochs: int
    history: History


class Clocks:
    """The learning rates of the epoch that begins, of all optimisers."""

    def __init__(self, configured: Sequence[Configured], steps: int, epochs: int, history: History) -> None:
        self.clocks = [Clock(_Timed(one.optimiser, steps, epochs, history)) for one in configured]
        self.names = tuple(f"{RATE}_{one.name}" if one.name else RATE for one in configured)
        self.scheduled = any(clock.rates is not None for clock in self.clocks)

    def rates(self, offset: int) -> Callable[[int], tuple[float, ...]] | None:
        """The rates of each minibatch from number `offset` of the epoch on; None where nothing changes them."""
        return (lambda k: self.at(offset + k + 1)) if self.scheduled else None

    def at(self, step: int) -> tuple[float, ...]:
        """The rates of the epoch's step `step`, from 1."""
        return tuple(clock(step) for clock in self.clocks)

    def named(self, step: int) -> dict[str, float]:
        """The rates by name."""
        return dict(zip(self.names, self.at(step), strict=True))

    def record(self, history: History, first: int, count: int) -> None:
        """Keep the rates of the steps done, where a schedule changes them."""
        if self.scheduled:
            history.record_many(first + 1, self.names, np.array([self.at(k + 1) for k in range(count)]))


