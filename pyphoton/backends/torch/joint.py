"""Sessions that train together with torch, in turns; one session by itself is the turn of one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from pyphoton.backends.base import Hook, JointBatches, JointRates, Report, Turn, Turns
from pyphoton.backends.joint import check_turns
from pyphoton.backends.torch.passes import Values, one_pass
from pyphoton.backends.torch.program import Parameters, Program
from pyphoton.measured import no_gradient, not_one_number
from pyphoton.plan import Plan

if TYPE_CHECKING:
    from pyphoton.backends.torch.train import TorchSession

Tensor = torch.Tensor


@dataclass(frozen=True)
class Trained:
    """The parameters that sessions train in a program: all of them, and for each session the places of its own among them.

    `shared` are the places that several sessions train: each gets the gradient as it was.
    """

    names: list[str]
    parts: list[list[int]]
    shared: frozenset[int]


def trained(program: Program, module: Parameters, frozen: tuple[frozenset[str], ...]) -> Trained:
    """What sessions that leave `frozen` alone train in a program; found once."""
    found = program.trained.get(frozen)
    if found is None:
        names = [n for n in program.params if n in module.weights and not all(n in f for f in frozen)]
        parts = [[i for i, n in enumerate(names) if n not in f] for f in frozen]
        shared = frozenset(i for i in range(len(names)) if sum(i in p for p in parts) > 1)
        found = program.trained[frozen] = Trained(names, parts, shared)
    return found


class TorchJoint:
    """Several sessions of one module."""

    def __init__(self, module: Parameters, sessions: Sequence[TorchSession]) -> None:
        self.module, self.sessions = module, tuple(sessions)
        self.checked: Turns | None = None

    def epoch(
        self, data: JointBatches, *, every: int = 0, hook: Hook | None = None,
        interrupt: Any = None, finite: bool = True, rates: JointRates | None = None,
    ) -> Report:  # fmt: skip
        """One pass over the data."""
        mode = self.module.mode
        self.module.pull()
        for session in self.sessions:
            session.gathered.clear()
        carries: dict[int, dict[str, list[Tensor]]] | None = {} if data.in_order else None

        def one(turns: Turns, arrays: tuple[Tensor, ...], count: int, number: int) -> tuple[Values, Plan | None]:
            if turns is not self.checked:
                check_turns(turns, len(self.sessions))
                self.checked = turns
            given = None if rates is None else rates(number)
            for k, session in enumerate(self.sessions):
                session.slots.rate = session.optimiser.lr if given is None else given[k]
            values: Values = ()
            for place, turn in enumerate(turns):
                mode.carry = None if carries is None else carries.setdefault(place, {})
                found = self._turn(turn, arrays, count, finite)
                if found is None:
                    return values, turn.plan
                values += found
            return values, None

        try:
            report = one_pass(self.module, data, one, every=every, hook=hook, interrupt=interrupt)
            if report.failed is None:
                for session in self.sessions:
                    session.apply_gathered()
        finally:
            mode.training, mode.carry = False, None
            self.module.push()
        return report

    def _turn(self, turn: Turn, arrays: tuple[Tensor, ...], count: int, finite: bool) -> Values | None:
        """The values of a turn, after its updates; None, and no update, where its loss is not finite and `finite` forbids it."""
        module, sessions = self.module, [self.sessions[k] for k in turn.sessions]
        program = module.program(turn.plan)
        module.mode.training = True
        if not sessions:
            with torch.no_grad(), module.precision():
                return tuple([float(v) for v in program(arrays)])
        found = trained(program, module, tuple([s.frozen for s in sessions]))
        weights = [module.tensors[n] for n in found.names]
        with module.precision():
            outputs = program(arrays)
        gradients = module.precision.gradients(loss_of(outputs[0]), weights) if weights else ()
        values = tuple([v.item() if isinstance(v, Tensor) else float(v) for v in outputs])
        if finite and not abs(values[0]) < float("inf"):
            return None
        if gradients is None:  # too large for float16: this minibatch is left out
            return values
        for session, part in zip(sessions, found.parts, strict=True):
            if len(part) == len(weights) and not found.shared:
                session.take(found.names, gradients, count)
            else:
                own = [g.clone() if i in found.shared and g is not None else g for i in part for g in (gradients[i],)]
                session.take([found.names[i] for i in part], own, count)
        return values


def loss_of(value: Any) -> Tensor:
    """The loss as torch can differentiate it. Errors: TraceError, ShapeError for an opaque function that gives something else."""
    if not isinstance(value, Tensor) or not value.requires_grad:
        shown = "a tensor without gradient" if isinstance(value, Tensor) else repr(value)
        raise no_gradient(shown)
    if value.numel() != 1:
        raise not_one_number("loss", value.shape)
    return value
