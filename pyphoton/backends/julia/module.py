"""Parameters and plans in Julia."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from weakref import WeakKeyDictionary

from pyphoton.backends.julia import bridge
from pyphoton.backends.julia.runtime import start
from pyphoton.optimisers import Optimiser
from pyphoton.plan import Plan


class JuliaModule:
    """Parameters as Julia arrays over the NumPy arrays themselves, and the plans that use them."""

    def __init__(self, parameters: Mapping[str, Any], roles: Mapping[str, str], seed: int) -> None:
        self.runtime = start()
        self.runtime.check()
        self.parameters = dict(parameters)  # Julia's arrays point into these
        spec = [{"path": path, "role": roles[path], **bridge.describe(a)} for path, a in self.parameters.items()]
        self.handle = self.runtime.photon.open_module(json.dumps({"parameters": spec, "seed": seed}))
        self.plans: WeakKeyDictionary[Plan, int] = WeakKeyDictionary()

    def number(self, plan: Plan) -> int:
        """The plan's number in Julia, where it is lowered once."""
        found = self.plans.get(plan)
        if found is None:
            found = self.plans[plan] = int(self.runtime.photon.add_plan(self.handle, plan.to_json()))
        return found

    def run(self, plan: Plan, arrays: tuple[Any, ...], *, training: bool = False) -> tuple[Any, ...]:
        """The plan's outputs."""
        self.runtime.check()
        held = tuple(map(bridge.dense, arrays))
        outputs = self.runtime.photon.run(self.handle, self.number(plan), bridge.arrays(held), training)
        return tuple(bridge.from_julia(o) for o in outputs)

    def read(self) -> dict[str, Any]:
        """The parameters themselves."""
        return dict(self.parameters)

    def write(self, values: Mapping[str, Any]) -> None:
        """Copy values into the parameters."""
        for path, value in values.items():
            self.parameters[path][...] = value

    def session(self, optimiser: Optimiser, frozen: frozenset[str]) -> Any:
        """A new training session."""
        from pyphoton.backends.julia.session import JuliaSession

        return JuliaSession(self, optimiser, frozen)
