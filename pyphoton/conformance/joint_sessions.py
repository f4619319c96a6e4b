"""The promises of a JointSession: turns are what single sessions do one after the other, and one turn of several is one gradient."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pyphoton.backends.base import JointBatches, Stream, Turn, Turns, Whole
from pyphoton.conformance.problem import difference, largest
from pyphoton.conformance.sessions import EXACT, Check, Found, Task, yes
from pyphoton.optimisers import SGD, Adam

KERNEL, BIAS = "dense.kernel", "dense.bias"


def _data(task: Task, turns: Turns, form: str) -> JointBatches:
    if form == "a whole data set":
        return Whole(turns, task.arrays, 7, None, 3)
    return Stream([(turns, tuple(a[i : i + 3] for a in task.arrays), min(3, 7 - i)) for i in (0, 3, 6)])


def _turns(name: str, device: str) -> Iterator[Found]:
    """Two sessions in turns are two single sessions that take each minibatch one after the other; rates are each session's own."""
    for form in ("a whole data set", "a stream"):
        one, other = Task(name, device), Task(name, device)
        first, second = one.session(SGD(0.1), KERNEL), one.session(Adam(0.05), BIAS)
        turns = (Turn(one.plan, (0,)), Turn(one.plan, (1,)))
        rates = ((0.3, 0.01), (0.2, 0.02), (0.1, 0.03))
        got = [one.module.joint((first, second)).epoch(_data(one, turns, form), rates=r) for r in (None, rates.__getitem__)]
        hand = other.session(SGD(0.1), KERNEL), other.session(Adam(0.05), BIAS)
        losses: list[list[float]] = []
        for given in ((0.1, 0.05), (0.1, 0.05), (0.1, 0.05), *rates):
            at = 3 * (len(losses) % 3)
            batch = tuple(a[at : at + 3] for a in other.arrays)
            reports = [s.epoch(Stream([(other.plan, batch, len(batch[0]))]), train=True, rates=lambda _, r=r: r) for s, r in zip(hand, given, strict=True)]
            losses.append([float(r.values[0, 0]) for r in reports])
        yield Found(f"losses of turns over {form}", difference(np.concatenate([r.values for r in got]), losses), EXACT)
        yield Found(f"parameters after turns over {form}", largest(one.module.read(), other.module.read()), EXACT)
        yield Found(f"states after turns over {form}", largest(second.state(), hand[1].state()), EXACT)


def _together(name: str, device: str) -> Iterator[Found]:
    """One turn of two sessions is one session that trains what both do."""
    one, other = Task(name, device), Task(name, device)
    joint = one.module.joint((one.session(SGD(0.1), KERNEL), one.session(SGD(0.1), BIAS)))
    got = joint.epoch(_data(one, (Turn(one.plan, (0, 1)),), "a stream"))
    want = other.session(SGD(0.1)).epoch(other.whole(None), train=True)
    yield Found("losses of two in one turn", difference(got.values, want.values), EXACT)
    yield Found("parameters of two in one turn", largest(one.module.read(), other.module.read()), EXACT)


def _apart(name: str, device: str) -> Iterator[Found]:
    """What no session of a turn trains stays as it is to the last bit, and so does the state of the others."""
    task = Task(name, device)
    first, second = task.session(Adam(0.1), KERNEL), task.session(Adam(0.1), BIAS)
    joint = task.module.joint((first, second))
    before = task.snapshot()
    joint.epoch(_data(task, (Turn(task.plan, (1,)),), "a whole data set"))
    after = task.snapshot()
    yield Found("the others stay", difference(after[BIAS], before[BIAS]), 0.0)
    yield yes("its own move", difference(after[KERNEL], before[KERNEL]) > 0.01)
    yield yes("the others' state stays", int(first.state()["step"]) == 0 and not any("/" in key for key in first.state()))


def _not_finite(name: str, device: str) -> Iterator[Found]:
    """A turn whose loss is not finite ends the epoch and is not applied; the report says which plan it was."""
    task = Task(name, device)
    joint = task.module.joint((task.session(SGD(0.1)),))
    broken = tuple(np.full_like(a, np.nan) for a in task.arrays)
    turns = (Turn(task.plan, (0,)),)
    before = task.snapshot()
    report = joint.epoch(Stream([(turns, broken, 7), (turns, task.arrays, 7)]))
    yield yes("ends", len(report.values) == 0 and report.failed is not None and report.failed[0] is task.plan)
    yield Found("is not applied", largest(task.snapshot(), before), 0.0)
    report = joint.epoch(Stream([(turns, broken, 7), (turns, task.arrays, 7)]), finite=False)
    yield yes("goes on when asked to", len(report.values) == 2 and report.failed is None)


JOINT: dict[str, Check] = {"turns": _turns, "several in one turn": _together, "turns apart": _apart, "a turn not finite": _not_finite}
"""What is checked of several sessions, by name."""
