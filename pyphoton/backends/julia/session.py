"""A session in Julia: an optimiser and its state."""

from __future__ import annotations

import weakref
from collections.abc import Mapping
from typing import Any

from pyphoton.backends.base import NONE, Batches, Hook, Limits, Rates, Report
from pyphoton.backends.joint import alone, rates_alone
from pyphoton.backends.julia import bridge
from pyphoton.backends.julia.joint import JuliaJoint
from pyphoton.backends.julia.module import JuliaModule
from pyphoton.optimisers import Optimiser
from pyphoton.plan import Plan


class JuliaSession:
    """What trains some of a module's parameters."""

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
        joint = JuliaJoint(self.module, (self,))
        return joint.one_pass(alone(data), train=train, every=every, hook=hook, interrupt=interrupt, finite=finite, rates=rates_alone(rates))

    def trains(self, plan: Plan) -> bool:
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
