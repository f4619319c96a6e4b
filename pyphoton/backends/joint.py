"""What sessions that train together have in common on every engine: a session by itself is one turn of one session."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from pyphoton.backends.base import Batches, JointBatches, JointRates, Rates, Stream, Turn, Turns, Whole
from pyphoton.errors import ArgumentError
from pyphoton.plan import Plan
from pyphoton.typing import Array


def alone(data: Batches) -> JointBatches:
    """The data of one session, each plan as its turn."""
    if isinstance(data, Stream):
        return Stream(_turned(data.batches), data.count)
    return Whole((Turn(data.plan, (0,)),), data.arrays, data.samples, data.order, data.batch_size)


def _turned(batches: Iterable[tuple[Plan, tuple[Array, ...], int]]) -> Iterator[tuple[Turns, tuple[Array, ...], int]]:
    turns: Turns = ()
    for plan, arrays, count in batches:
        if not turns or turns[0].plan is not plan:
            turns = (Turn(plan, (0,)),)
        yield turns, arrays, count


def rates_alone(rates: Rates | None) -> JointRates | None:
    """The learning rates of one session, as of several."""
    return None if rates is None else lambda step: (rates(step),)


def check_sessions(module: Any, sessions: Sequence[Any]) -> None:
    """Errors: ArgumentError unless there are sessions, and all are of this module."""
    if not sessions:
        raise ArgumentError("joint", "the sessions that train together", "none")
    if any(getattr(s, "module", None) is not module for s in sessions):
        raise ArgumentError("joint", "sessions of this module", "one of another module", "Sessions that train together share parameters: module.session(...).")


def check_turns(turns: Turns, count: int) -> None:
    """Errors: ArgumentError unless these are turns of `count` sessions whose plans take the same inputs."""
    if not turns or not all(isinstance(t, Turn) for t in turns):
        raise ArgumentError("joint epoch", "at least one Turn in a tuple", repr(turns)[:80])
    for turn in turns:
        if not all(0 <= k < count for k in turn.sessions) or len(set(turn.sessions)) != len(turn.sessions):
            raise ArgumentError("joint epoch", f"turns of sessions 0 to {count - 1}, each once", repr(turn.sessions))
    kinds = {tuple((v.shape, v.dtype) for v in turn.plan.inputs) for turn in turns}
    if len(kinds) > 1:
        raise ArgumentError("joint epoch", "plans of the same inputs in the same order", " and ".join(map(repr, sorted(kinds, key=repr))))
