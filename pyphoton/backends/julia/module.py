"""Parameters and plans in Julia."""

from __future__ import annotations

import weakref
from collections.abc import Mapping, Sequence
from typing import Any

from pyphoton.backends.base import NONE, Limits
from pyphoton.backends.joint import check_sessions
from pyphoton.backends.julia import bridge, code, python_steps
from pyphoton.backends.julia.runtime import Runtime, start
from pyphoton.optimisers import Optimiser
from pyphoton.plan import Plan


class JuliaModule:
    """Parameters as Julia arrays over the NumPy arrays themselves, and the plans that use them."""

    def __init__(self, parameters: Mapping[str, Any], roles: Mapping[str, str], seed: int) -> None:
        self.runtime: Runtime = start()
        self.parameters = dict(parameters)  # Julia's arrays point into these
        specs = [{"path": path, "role": roles[path], **bridge.describe(a)} for path, a in self.parameters.items()]
        self.number: int = self.runtime.ask("open_module", parameters=specs, seed=seed)
        self.plans: weakref.WeakKeyDictionary[Plan, int] = weakref.WeakKeyDictionary()
        self.python_steps: weakref.WeakKeyDictionary[Plan, tuple[python_steps.PythonStep, ...]] = weakref.WeakKeyDictionary()
        weakref.finalize(self, self.runtime.later, "close", number=self.number)

    def plan(self, plan: Plan) -> int:
        """The plan's number in Julia, where it is lowered once and forgotten with the plan."""
        found = self.plans.get(plan)
        if found is None:
            where = code.check(plan)
            if where:
                code.with_code(where)
            text, steps = python_steps.numbered(plan, self.parameters)
            if steps:
                self.python_steps[plan] = steps
                self.runtime.calls_python  # noqa: B018  (Julia has to know it)
            found = self.plans[plan] = self.runtime.ask("add_plan", module=self.number, plan=text)
            weakref.finalize(plan, _drop, weakref.ref(self), found)
        return found

    def ask(self, call: str, *plans: Plan, differentiates: bool = False, whole: bool = False, **arguments: Any) -> Any:
        """A request that runs these plans, which may call functions of Python's.

        differentiates: gradients are wanted; whole: of all outputs, with respect to the inputs, too, and not of a loss.
        Errors: those of Runtime.ask, and what such a function raises.
        """
        return python_steps.ask(self, plans, call, arguments, differentiates=differentiates, whole=whole)

    def run(self, plan: Plan, arrays: tuple[Any, ...], *, training: bool = False, carried: bool = False) -> tuple[Any, ...]:
        """The plan's outputs."""
        held = tuple(map(bridge.dense, arrays))
        shown = self.ask(
            "run", plan, module=self.number, plan=self.plan(plan), arrays=bridge.described(held), training=training, carried=carried
        )
        return tuple(map(bridge.copied, shown))

    def reset(self) -> None:
        """States of scans begin anew."""
        self.runtime.ask("reset", module=self.number)

    def read(self) -> dict[str, Any]:
        """The parameters themselves."""
        return dict(self.parameters)

    def write(self, values: Mapping[str, Any]) -> None:
        """Copy values into the parameters."""
        for path, value in values.items():
            self.parameters[path][...] = value

    def session(self, optimiser: Optimiser, frozen: frozenset[str], limits: Limits = NONE) -> Any:
        """A new training session."""
        from pyphoton.backends.julia.session import JuliaSession

        return JuliaSession(self, optimiser, frozen, limits)

    def joint(self, sessions: Sequence[Any]) -> Any:
        """Sessions that train together."""
        from pyphoton.backends.julia.joint import JuliaJoint

        check_sessions(self, sessions)
        return JuliaJoint(self, sessions)


def _drop(module: weakref.ref[JuliaModule], number: int) -> None:
    """A plan is gone: so is what Julia made of it, unless the module went first."""
    alive = module()
    if alive is not None:
        alive.runtime.later("drop_plan", module=alive.number, plan=number)
