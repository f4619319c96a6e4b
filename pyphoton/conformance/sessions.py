"""The promises of a Session, checked on two small models: what a backend needs beside right numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from pyphoton import layers as L
from pyphoton.backends.base import NONE, Limits, Report, Stream, Whole
from pyphoton.conformance.cases import CASES, OPTIMISERS, Case, floats
from pyphoton.conformance.problem import Problem, difference, largest, numeric_gradient
from pyphoton.layers.noise import NormalNoise
from pyphoton.optimisers import SGD, Adam, Optimiser, clipped_together
from pyphoton.plan import Plan
from pyphoton.tensor import apply

EXACT, CLOSE = 1e-12, 1e-6


@dataclass(frozen=True)
class Found:
    """What a check found: the largest error, and the error allowed."""

    check: str
    error: float
    allowed: float
    note: str = ""


_DROPPING = Case("dropout", lambda: L.Sequential(L.Dense(8), L.Dropout(0.5), L.Dense(2)), (floats(3, 5),), random=True)
Check = Callable[[str, str], Iterator[Found]]


class Task:
    """A dense layer on seven samples in float64, its loss, and a module."""

    def __init__(self, name: str, device: str, case: Case = CASES["dense"]) -> None:
        self.problem = Problem(case, "float64")
        self.plan, arrays = self.problem.regression()
        rows = np.arange(7) % len(arrays[0])
        self.arrays = tuple(np.ascontiguousarray(a[rows]) + (0.1 * np.arange(7.0)[:, None] if a.dtype.kind == "f" else 0) for a in arrays)
        self.given = self.problem.copies()
        self.module = self.problem.module(name, device, self.given)

    def session(self, optimiser: Optimiser, *frozen: str, limits: Limits = NONE) -> Any:
        """A session that leaves the state and `frozen` alone."""
        return self.module.session(optimiser, self.problem.state | set(frozen), limits)

    def limit(self, function: Callable[[Any], Any]) -> Limits:
        """`function` as the constraint of the first layer's kernel."""
        return self.problem.limits("kernel", function)

    def batches(self, count: int = 4) -> Stream[Plan]:
        """Minibatches of two samples, one after the other and round again."""
        rows = [np.arange(2 * i, 2 * i + 2) % 7 for i in range(count)]
        return Stream([(self.plan, tuple(a[r] for a in self.arrays), 2) for r in rows])

    def whole(self, order: Any) -> Whole[Plan]:
        """All samples, in minibatches of three."""
        return Whole(self.plan, self.arrays, 7, order, 3)

    def snapshot(self) -> dict[str, Any]:
        """The parameters as they are now."""
        return {path: np.array(v) for path, v in self.module.read().items()}


def yes(check: str, holds: Any, note: str = "") -> Found:
    """What holds or does not."""
    return Found(check, 0.0 if holds else float("inf"), 0.0, "" if holds else note)


def _optimiser(key: str) -> Check:
    def check(name: str, device: str) -> Iterator[Found]:
        task, optimiser = Task(name, device), OPTIMISERS[key]
        batch = (task.plan, task.arrays, 7)
        task.session(optimiser).epoch(Stream([batch] * 10), train=True)
        values = task.problem.copies()
        slots = {path: {s: np.zeros_like(v) for s in optimiser.slots} for path, v in values.items()}
        for step in range(1, 11):
            found = numeric_gradient(task.problem, task.plan, task.arrays, values, sorted(values))
            for path, g in zip(found, clipped_together(list(found.values()), optimiser.clip_norm), strict=True):
                values[path], slots[path] = optimiser.update(values[path], g, slots[path], optimiser.numbers(step))
        yield Found("", largest(task.module.read(), values), CLOSE)

    return check


def _order(name: str, device: str) -> Iterator[Found]:
    """A whole data set in an order, cut into minibatches, is the stream of these minibatches."""
    for text, order in (("", None), (" in an order", np.array([4, 2, 6, 0, 1, 5, 3]))):
        one, other = Task(name, device), Task(name, device)
        got = one.session(SGD(0.1)).epoch(one.whole(order), train=True)
        rows = np.arange(7) if order is None else order
        cut = [(other.plan, tuple(a[rows[i : i + 3]] for a in other.arrays), len(rows[i : i + 3])) for i in (0, 3, 6)]
        want = other.session(SGD(0.1)).epoch(Stream(cut), train=True)
        yield yes(f"samples of a whole data set{text}", list(got.samples) == [3, 3, 1] == list(want.samples), str(got.samples))
        yield Found(f"losses of a whole data set{text}", difference(got.values, want.values), EXACT)
        yield Found(f"parameters after a whole data set{text}", largest(one.module.read(), other.module.read()), EXACT)


def _rates(name: str, device: str) -> Iterator[Found]:
    """Rates given for each minibatch are those of sessions with these rates; the next epoch has the optimiser's own again."""
    steps = (0.3, 0.0, 0.02)
    for text, form in (("a stream", Task.batches), ("a whole data set", partial(Task.whole, order=None))):
        one, other = Task(name, device), Task(name, device)
        session = one.session(SGD(0.1))
        session.epoch(one.batches(3) if text == "a stream" else form(one), train=True, rates=steps.__getitem__)
        session.epoch(one.batches(1), train=True)
        cut = list(other.batches(3).batches) if text == "a stream" else [(other.plan, tuple(a[i : i + 3] for a in other.arrays), 3) for i in (0, 3, 6)]
        for rate, batch in zip((*steps, 0.1), (*cut, *other.batches(1).batches), strict=True):
            other.session(SGD(rate)).epoch(Stream([batch]), train=True)
        yield Found(f"rates of {text}", largest(one.module.read(), other.module.read()), EXACT)


def _accumulated(name: str, device: str) -> Iterator[Found]:
    """Minibatches of 3, 3 and 1 samples make the update of all 7; an incomplete group makes one at the end, also of an epoch that was ended."""
    one, other = Task(name, device), Task(name, device)
    session = one.session(Adam(0.1, accumulate=3, clip_norm=0.5))
    session.epoch(one.whole(None), train=True)
    other.session(Adam(0.1, clip_norm=0.5)).epoch(Stream([(other.plan, other.arrays, 7)]), train=True)
    yield Found("three minibatches are one update", largest(one.module.read(), other.module.read()), EXACT)
    yield yes("which is counted once", int(session.state()["step"]) == 1, str(session.state()["step"]))
    one, other = Task(name, device), Task(name, device)
    session = one.session(SGD(0.1, accumulate=2))
    session.epoch(one.whole(None), train=True)
    want = other.session(SGD(0.1))
    for rows in (slice(0, 6), slice(6, 7)):
        want.epoch(Stream([(other.plan, tuple(a[rows] for a in other.arrays), 6)]), train=True)
    yield Found("what is left makes an update", largest(one.module.read(), other.module.read()), EXACT)
    one, other = Task(name, device), Task(name, device)
    session = one.session(SGD(0.1, accumulate=3))
    session.epoch(one.batches(4), train=True, interrupt=np.ones(1, "uint8"))
    other.session(SGD(0.1)).epoch(other.batches(1), train=True)
    yield Found("so does what an interrupted epoch leaves", largest(one.module.read(), other.module.read()), EXACT)
    before = one.snapshot()
    broken = (one.plan, tuple(np.full_like(a, np.nan) for a in one.arrays), 7)
    session.epoch(Stream([*one.batches(1).batches, broken]), train=True)
    yield Found("a failed one leaves nothing", largest(one.module.read(), before), 0.0)
    session.epoch(one.batches(1), train=True)
    other.session(SGD(0.1)).epoch(other.batches(1), train=True)
    yield Found("and nothing for the next epoch", largest(one.module.read(), other.module.read()), EXACT)


def _evaluation(name: str, device: str) -> Iterator[Found]:
    """train=False measures and changes nothing."""
    for case in ("dense", "batch-norm"):
        task = Task(name, device, CASES[case])
        before = task.snapshot()
        report = task.session(SGD(0.1)).epoch(task.whole(None), train=False)
        want = [task.problem.reference(task.plan, tuple(a[i : i + 3] for a in task.arrays))[0] for i in (0, 3, 6)]
        yield Found(f"evaluated losses of {case}", difference(report.values[:, 0], want), 1e-9)
        yield Found(f"evaluation leaves {case} alone", largest(task.snapshot(), before), 0.0)


def _hook(name: str, device: str) -> Iterator[Found]:
    """The hook is called every so many steps with the steps done and the values, and ends the epoch with True."""
    task, calls = Task(name, device), []

    def hook(done: int, values: tuple[float, ...]) -> bool:
        calls.append((done, float(values[0])))
        return done == 4

    report = task.session(SGD(0.1)).epoch(task.batches(7), train=True, every=2, hook=hook)
    yield yes("hook is called every 2 steps", [c[0] for c in calls] == [2, 4], f"called after {[c[0] for c in calls]}")
    yield yes("hook ends the epoch", len(report.values) == 4 and report.stopped, f"{len(report.values)} steps, stopped {report.stopped}")
    yield Found("hook sees the values", difference([c[1] for c in calls], report.values[[1, 3], 0]), 0.0)


def _interrupt(name: str, device: str) -> Iterator[Found]:
    """A flag ends the epoch after the running minibatch."""
    task = Task(name, device)
    report = task.session(SGD(0.1)).epoch(task.batches(), train=True, interrupt=np.ones(1, "uint8"))
    yield yes("", len(report.values) == 1 and report.stopped, f"{len(report.values)} steps, stopped {report.stopped}")


def _poisoned(name: str, device: str, finite: bool) -> tuple[Task, Report, Any]:
    task = Task(name, device)
    good = list(task.batches(3).batches)
    broken = (task.plan, tuple(np.full_like(a, np.nan) for a in good[1][1]), 2)
    report = task.session(SGD(0.1)).epoch(Stream([good[0], broken, good[2]]), train=True, finite=finite)
    return task, report, good


def _not_finite(name: str, device: str) -> Iterator[Found]:
    """A loss that is not finite ends the epoch before its update; with finite=False it does not."""
    task, report, good = _poisoned(name, device, True)
    want = Task(name, device)
    want.session(SGD(0.1)).epoch(Stream([good[0]]), train=True)
    yield yes("ends at a loss that is not finite", len(report.values) == 1 and report.failed is not None, f"{len(report.values)} steps")
    yield yes("gives the minibatch that failed", report.failed is not None and all(np.isnan(a).all() for a in report.failed[1]))
    yield Found("the failed step is not applied", largest(task.module.read(), want.module.read()), EXACT)
    task, report, _ = _poisoned(name, device, False)
    yield yes("goes on when asked to", len(report.values) == 3 and report.failed is None, f"{len(report.values)} steps")
    yield yes("and applies the step", all(np.isnan(v).all() for v in task.module.read().values()))


def _frozen(name: str, device: str) -> Iterator[Found]:
    """Frozen parameters stay, the others move; their gradients are not given."""
    task = Task(name, device)
    before = task.snapshot()
    session = task.session(Adam(0.1), "dense.kernel")
    session.epoch(task.batches(), train=True)
    after = task.snapshot()
    yield Found("frozen parameters stay", difference(after["dense.kernel"], before["dense.kernel"]), 0.0)
    yield yes("others move", difference(after["dense.bias"], before["dense.bias"]) > 0.01)
    yield yes("frozen parameters have no gradient", set(session.gradient(task.plan, task.arrays)[1]) == {"dense.bias"})


def _limits(name: str, device: str) -> Iterator[Found]:
    """A constraint acts on the updated parameter after each update, and at no other time."""
    task = Task(name, device)
    limits = task.limit(lambda p: p * 0.5 + apply("clip", p, low=0.0))
    (path,) = limits
    for text, accumulate, updates in (("each minibatch", 1, 4), ("gathered minibatches", 3, 2)):
        for form, whole in (("a stream", False), ("a whole data set", True)):
            task = Task(name, device)
            want = task.snapshot()[path]
            data = task.whole(None) if whole else task.batches()
            count = {4: 3, 2: 1}[updates] if whole else updates
            session = task.session(SGD(0.0, accumulate=accumulate), limits=limits)
            session.epoch(data, train=True)
            for _ in range(count):
                want = want * 0.5 + np.maximum(want, 0)
            yield Found(f"constraint after {text} of {form}", difference(task.snapshot()[path], want), EXACT)
            session.epoch(data, train=False)
            session.gradient(task.plan, task.arrays)
            yield Found(f"none in measuring, after {text} of {form}", difference(task.snapshot()[path], want), EXACT)
    one, other = Task(name, device), Task(name, device)
    one.session(SGD(0.1), limits=limits).epoch(one.batches(1), train=True)
    other.session(SGD(0.1)).epoch(other.batches(1), train=True)
    free = other.snapshot()
    free[path] = free[path] * 0.5 + np.maximum(free[path], 0)
    yield Found("of the updated values", largest(one.snapshot(), free), EXACT)


def _gradient_changes_nothing(name: str, device: str) -> Iterator[Found]:
    """Asking for a gradient moves neither parameters nor running state nor random numbers."""
    for case in (CASES["batch-norm"], _DROPPING):
        task = Task(name, device, case)
        session = task.session(SGD(0.1))
        before, state = task.snapshot(), {k: np.array(v) for k, v in session.state().items()}
        session.gradient(task.plan, task.arrays)
        yield Found(f"gradient of {case.name} leaves parameters", largest(task.snapshot(), before), 0.0)
        yield Found(f"gradient of {case.name} leaves the session", largest(session.state(), state), 0.0)


def _resumed(name: str, device: str) -> Iterator[Found]:
    """state(), a new session and load() go on as if nothing had happened, random numbers included."""
    for text, case in (("", CASES["dense"]), (" with dropout", _DROPPING)):
        one, other = Task(name, device, case), Task(name, device, case)
        session = one.session(Adam(0.05))
        session.epoch(one.batches(3), train=True)
        state, values = {k: np.array(v) for k, v in session.state().items()}, one.snapshot()
        session.epoch(one.batches(3), train=True)
        other.module.write(values)
        again = other.session(Adam(0.05))
        again.load(state)
        again.epoch(other.batches(3), train=True)
        yield Found(f"resumed{text}", largest(other.module.read(), one.module.read()), EXACT)
        yield Found(f"state of a resumed session{text}", largest(again.state(), session.state()), EXACT)
        yield yes(f"the state is plain arrays{text}", all(isinstance(v, np.ndarray) for v in session.state().values()))


def _in_place(name: str, device: str) -> Iterator[Found]:
    """On the CPU the arrays that were handed over are what is trained and what write() sets."""
    if device != "cpu":
        return
    task = Task(name, device)
    task.session(SGD(0.1)).epoch(task.batches(), train=True)
    yield Found("trained in place", largest(task.given, task.module.read()), 0.0)
    yield yes("and changed by it", largest(task.given, task.problem.parameters) > 0.01)
    task.module.write(task.problem.parameters)
    yield Found("written in place", largest(task.given, task.problem.parameters), 0.0)


def _dropout(name: str, device: str) -> Iterator[Found]:
    """Dropout: shares, means, independence of calls, off in evaluation, the same for the same seed."""
    for rate in (0.0, 0.25, 0.8, 1.0):
        problem = Problem(Case("dropout", partial(L.Dropout, rate), (floats(60, 80, low=1.0, high=2.0),)), "float64")
        module, twin = problem.module(name, device), problem.module(name, device)
        (y,), (same,) = (m.run(problem.plan, problem.arrays, training=True) for m in (module, twin))
        yield yes(f"dropout {rate} off in evaluation", np.array_equal(module.run(problem.plan, problem.arrays)[0], problem.arrays[0]))
        kept = y != 0
        share = 5 * np.sqrt(rate * (1 - rate) / y.size)  # five standard deviations
        yield Found(f"dropout {rate} share of zeros", abs(1 - kept.mean() - rate), share)
        yield Found(f"dropout {rate} scale of the rest", difference(y[kept], problem.arrays[0][kept] / max(1 - rate, 1e-9)), EXACT)
        yield yes(f"dropout {rate} same seed, same zeros", np.array_equal(y, same))
        if 0 < rate < 1:
            (again,) = module.run(problem.plan, problem.arrays, training=True)
            yield yes(f"dropout {rate} new zeros at each call", not np.array_equal(again, y))
            both = ((again != 0) & kept).mean()
            yield Found(f"dropout {rate} calls are independent", abs(both - (1 - rate) ** 2), 5 * np.sqrt(0.25 / y.size))


def _recurrent_dropout(name: str, device: str) -> Iterator[Found]:
    """Inside recurrent layers dropout acts on the input of every layer: with unit kernels the output shows what is left of it."""
    rate = 0.3
    for depth in (1, 2):
        layer = partial(L.RNN, 1, depth, activation="relu", dropout=rate, last_only=False)
        problem = Problem(Case("rnn", layer, (floats(40, 100, low=1.0, high=2.0),)), "float64")
        for path, value in problem.parameters.items():
            value[...] = 1.0 if "kernel" in path else 0.0
        module = problem.module(name, device)
        x, (y,) = problem.arrays[0], module.run(problem.plan, problem.arrays, training=True)
        kept = y[..., 0] != 0
        yield Found(f"{depth} layers, share of what is left", abs(kept.mean() - (1 - rate) ** depth), 5 * np.sqrt(0.25 / x.size))
        yield Found(f"{depth} layers, its scale", difference(y[..., 0][kept], x[kept] / (1 - rate) ** depth), EXACT)
        yield Found(f"{depth} layers, off in evaluation", difference(module.run(problem.plan, problem.arrays)[0][..., 0], x), EXACT)


def _noise(name: str, device: str) -> Iterator[Found]:
    """Normal noise: mean, deviation, the gradient through it, off in evaluation, the same for the same seed."""
    for multiply in (False, True):
        text = f"noise{' that multiplies' if multiply else ''}"
        problem = Problem(Case("noise", partial(NormalNoise, 0.5, multiply), (floats(60, 80, low=1.0, high=2.0),)), "float64")
        x, made = problem.arrays[0], problem.module(name, device)
        (y,), (same,) = (m.run(problem.plan, problem.arrays, training=True) for m in (made, problem.module(name, device)))
        numbers = (y / x - 1 if multiply else y - x) / 0.5
        yield yes(f"{text} off in evaluation", np.array_equal(made.run(problem.plan, problem.arrays)[0], x))
        yield Found(f"{text} mean", abs(numbers.mean()), 5 / np.sqrt(x.size))
        yield Found(f"{text} variance", abs(numbers.var() - 1), 5 * np.sqrt(2 / x.size))
        yield Found(f"{text} beyond two deviations", abs((abs(numbers) > 2).mean() - 0.0455), 5 * np.sqrt(0.0455 / x.size))
        yield yes(f"{text} same seed, same numbers", np.array_equal(y, same))
        yield yes(f"{text} new numbers at each call", not np.array_equal(made.run(problem.plan, problem.arrays, training=True)[0], y))
        total, arrays = problem.objective()
        (loss, *_), _, (slope, *_) = made.session(SGD(), problem.state).gradient(total, arrays)
        # where it multiplies, the loss is linear in the input; where it adds, the noise has no part in the slope
        got, want = (np.sum(x * slope), np.asarray(loss)) if multiply else (slope, arrays[1])
        yield Found(f"{text} gradient", difference(got, want), EXACT)


SESSIONS: dict[str, Check] = {
    **{f"ten steps of {key}": _optimiser(key) for key in OPTIMISERS},
    "order": _order, "rates": _rates, "accumulated": _accumulated, "evaluation": _evaluation, "hook": _hook, "interrupt": _interrupt, "not finite": _not_finite,
    "frozen": _frozen, "limits": _limits, "gradient changes nothing": _gradient_changes_nothing, "resumed": _resumed, "in place": _in_place,
    "dropout": _dropout, "noise": _noise, "recurrent dropout": _recurrent_dropout,
}  # fmt: skip
"""What is checked of a session, by name."""
