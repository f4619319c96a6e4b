"""Plans that run in Julia now and are differentiated later, by slopes of their outputs. Julia's side is julia/src/taped.jl."""

from __future__ import annotations

import weakref
from collections.abc import Mapping
from typing import Any

from pyphoton.backends.julia import bridge
from pyphoton.backends.julia.module import JuliaModule
from pyphoton.plan import Plan


class Deck:
    """The plans of a module, which run as often as one likes before the first of these runs is differentiated."""

    def __init__(self, module: JuliaModule) -> None:
        self.module, self.runtime = module, module.runtime
        self.number: int = self.runtime.ask("open_deck", module=module.number)
        weakref.finalize(self, self.runtime.later, "close", number=self.number)

    def run(self, plan: Plan, arrays: tuple[Any, ...], *, training: bool) -> tuple[Run, tuple[Any, ...]]:
        """A run of a plan on row-major arrays, which have to stay as they are until its slopes have been asked for; and the outputs."""
        found = self.module.ask(
            "run_taped", plan, differentiates=True, whole=True, deck=self.number, plan=self.module.plan(plan), arrays=bridge.described(arrays), training=training
        )
        return Run(self, plan, found["number"]), tuple(map(bridge.copied, found["outputs"]))


class Run:
    """What Julia keeps of a run. When this object goes, its memory is there for the next one."""

    def __init__(self, deck: Deck, plan: Plan, number: int) -> None:
        self.deck, self.plan, self.number = deck, plan, number
        weakref.finalize(self, deck.runtime.later, "drop_taped", number=number)

    def back(self, slopes: tuple[Any, ...], wanted: tuple[bool, ...], into: Mapping[str, Any]) -> tuple[frozenset[str], tuple[Any, ...]]:
        """Write the gradients of parameters `into` arrays by path, as far as these are reached, which is told; gradients of the `wanted` inputs.

        `slopes`: row-major arrays for the outputs, None for none.
        """
        found = self.deck.module.ask(
            "slopes_back", self.plan, differentiates=True, whole=True, number=self.number, slopes=[None if s is None else bridge.describe(s) for s in slopes],
            wanted=wanted, into=[{"path": path, **bridge.describe(a)} for path, a in into.items()],
        )  # fmt: skip
        return frozenset(found["reached"]), tuple(None if a is None else bridge.copied(a) for a in found["by_input"])
