"""Is a backend right? `check_backend("name")` holds it to the table of cases and to the promises of a Session.

The reference is the NumPy backend: its outputs, central differences of them in float64, and optimiser steps that a few
lines of NumPy take along these. A backend in a new folder is checked by the same call.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from pyphoton.backends.base import Stream
from pyphoton.conformance.cases import CASES, Case
from pyphoton.conformance.joint_sessions import JOINT
from pyphoton.conformance.problem import Problem, difference, largest, numeric_gradient
from pyphoton.conformance.reference import derivatives
from pyphoton.conformance.sessions import SESSIONS, Found
from pyphoton.errors import Unsupported
from pyphoton.optimisers import SGD
from pyphoton.plan import Plan

FLOAT64 = 1e-9
"""The error allowed in float64, where nothing but the order of additions may differ."""
PROMISES = SESSIONS | JOINT
"""What is checked of sessions, by name."""
SLOPE = 1e-6
"""The error allowed against central differences of step 1e-5."""


@dataclass(frozen=True)
class Row:
    """One check of one case: the largest error found, the error allowed, and what there is to say."""

    case: str
    check: str
    error: float
    allowed: float
    ok: bool
    note: str = ""


@dataclass(frozen=True)
class ConformanceReport:
    """All checks of a backend. `str()` is a table of them; `ok` when none failed; what a backend refuses is no failure."""

    backend: str
    rows: tuple[Row, ...]

    @property
    def ok(self) -> bool:
        """Whether no check failed."""
        return not self.failures

    @property
    def failures(self) -> tuple[Row, ...]:
        """The checks that failed."""
        return tuple(r for r in self.rows if not r.ok)

    @property
    def refused(self) -> tuple[Row, ...]:
        """The checks that the backend said it does not support."""
        return tuple(r for r in self.rows if r.ok and r.note.startswith("Unsupported"))

    def __str__(self) -> str:
        cells = [("case", "check", "error", "allowed", "", "")]
        cells += [(r.case, r.check, f"{r.error:.1e}", f"{r.allowed:.0e}", "ok" if r.ok else "FAILED", r.note) for r in self.rows]
        widths = [max(len(row[i]) for row in cells) for i in range(5)]
        lines = ["  ".join([*(c.ljust(w) for c, w in zip(row[:5], widths, strict=True)), row[5]]).rstrip() for row in cells]
        count = f"{self.backend}: {len(self.rows)} checks, {len(self.failures)} failed, {len(self.refused)} not supported"
        return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:], count])


def check_backend(
    name: str, cases: Iterable[Case] | None = None, *, sessions: Iterable[str] | None = None, device: str = "cpu"
) -> ConformanceReport:
    """Check the backend `name` on `device`: on `cases`, and on the named `sessions` checks; without either on all there are.

    Nothing is raised for a check that fails: it is a row with `ok` False. Errors: UnknownName, BackendMissing.
    """
    from pyphoton.backends import get_backend

    get_backend(name)
    everything = cases is None and sessions is None
    rows: list[Row] = []
    for case in CASES.values() if everything else cases or ():
        for check in CHECKS:
            rows += _rows(case.name, check, partial(CHECKS[check], name, device, case))
    for check in PROMISES if everything else sessions or ():
        rows += _rows("session", check, partial(PROMISES[check], name, device))
    return ConformanceReport(name, tuple(rows))


def _rows(case: str, check: str, run: Any) -> Iterator[Row]:
    """The rows of one check, whatever happens in it."""
    try:
        for found in run():
            yield Row(case, found.check or check, found.error, found.allowed, bool(found.error <= found.allowed), found.note)
    except Unsupported as refusal:
        yield Row(case, check, 0.0, 0.0, True, f"Unsupported: {refusal}")
    except Exception as error:  # noqa: BLE001  (a report says what went wrong, it does not end there)
        yield Row(case, check, float("inf"), 0.0, False, f"{type(error).__name__}: {error}")


# ---- the checks of a case ----------------------------------------------------------------------------------------------


def _forward(name: str, device: str, case: Case) -> Iterator[Found]:
    """Outputs and their dtypes, in float64 and in float32; and those of the plan read back from JSON."""
    for dtype, allowed in (("float64", FLOAT64), ("float32", case.tolerance)):
        problem = Problem(case, dtype)
        module = problem.module(name, device)
        want = problem.reference(problem.plan, problem.arrays)
        yield _outputs(f"forward {dtype}", module.run(problem.plan, problem.arrays), want, allowed)
    again = Plan.from_json(problem.plan.to_json())
    yield _outputs("plan read back", module.run(again, problem.arrays), want, case.tolerance)


def _outputs(check: str, got: tuple[Any, ...], want: tuple[Any, ...], allowed: float) -> Found:
    if len(got) != len(want):
        return Found(check, float("inf"), allowed, f"{len(got)} outputs for {len(want)}")
    kinds = [(g.dtype, w.dtype) for g, w in zip(got, want, strict=True) if g.dtype != w.dtype]
    if kinds:
        return Found(check, float("inf"), allowed, f"dtype {kinds[0][0]} for {kinds[0][1]}")
    return Found(check, max(difference(g, w) for g, w in zip(got, want, strict=True)), allowed)


def _training(name: str, device: str, case: Case) -> Iterator[Found]:
    """Outputs while training, and the state that moves with them."""
    if case.random:
        return
    problem = Problem(case, "float64")
    parameters = problem.copies()
    want = problem.reference(problem.plan, problem.arrays, parameters, training=True)
    module = problem.module(name, device)
    yield _outputs("training", module.run(problem.plan, problem.arrays, training=True), want, FLOAT64)
    if problem.state:
        yield Found("state moved", largest(module.read(), parameters), FLOAT64)


def _parameters(name: str, device: str, case: Case) -> Iterator[Found]:
    """Parameters come out as they went in, and after write_ as they were written, to the last bit."""
    problem = Problem(case, "float32")
    if not problem.parameters:
        return
    module = problem.module(name, device)
    yield Found("read", largest(module.read(), problem.parameters), 0.0)
    other = {path: np.flip(v) * 0.5 for path, v in problem.parameters.items()}
    module.write(other)
    yield Found("written and read", largest(module.read(), other), 0.0)
    want = problem.reference(problem.plan, problem.arrays, {p: np.ascontiguousarray(v) for p, v in other.items()})
    yield _outputs("forward after write", module.run(problem.plan, problem.arrays), want, case.tolerance)


def _gradient(name: str, device: str, case: Case) -> Iterator[Found]:
    """Gradients of a random sum of the outputs, by parameter and by input, at up to 12 places of each."""
    if not case.slope or case.random:
        return
    problem = Problem(case, "float64")
    made, arrays = problem.objective()
    session = problem.module(name, device).session(SGD(), problem.state)
    _, by_name, by_input = session.gradient(made, arrays)
    values, inputs = problem.copies(), tuple(a.copy() for a in arrays)
    trained = {path: values[path] for path in values if path not in problem.state}
    if set(by_name) != set(trained):
        yield Found("gradient", float("inf"), SLOPE, f"for {sorted(by_name)} instead of {sorted(trained)}")
        return
    wanted = {**trained, **{f"input {i}": a for i, a in enumerate(inputs[: len(case.inputs)]) if a.dtype.kind == "f"}}
    got = {**by_name, **{f"input {i}": g for i, g in enumerate(by_input)}}
    errors = {}

    def value() -> float:
        unmoved = values | {path: values[path].copy() for path in problem.state}
        return float(problem.reference(made, inputs, unmoved, training=True)[0])

    for key, array in wanted.items():
        places = problem.random.permutation(array.size)[:12]
        slopes = derivatives(value, array, places)
        errors[key] = difference(np.asarray(got[key]).reshape(-1)[places], slopes)
    worst = max(errors, key=lambda k: errors[k], default="")
    yield Found("gradient", errors.get(worst, 0.0), SLOPE, "" if errors.get(worst, 0.0) <= SLOPE else f"worst for {worst}")


def _ten_steps(name: str, device: str, case: Case) -> Iterator[Found]:
    """Ten steps of SGD along the numeric gradient: losses, parameters, and the state that moves with them."""
    if not case.trained:
        return
    problem = Problem(case, "float64")
    made, arrays = problem.regression()
    module = problem.module(name, device)
    count = len(arrays[0])
    report = module.session(SGD(0.1), problem.state).epoch(Stream([(made, arrays, count)] * 10), train=True)
    values, losses = problem.copies(), []
    for _ in range(10):
        gradient = numeric_gradient(problem, made, arrays, values, sorted(set(values) - problem.state))
        losses.append(float(problem.reference(made, arrays, values, training=True)[0]))
        for path, g in gradient.items():
            values[path] -= 0.1 * g
    yield Found("ten steps: losses", difference(report.values[:, 0], losses), SLOPE)
    yield Found("ten steps: parameters", largest(module.read(), values), SLOPE)


CHECKS = {"forward": _forward, "training": _training, "parameters": _parameters, "gradient": _gradient, "ten steps": _ten_steps}
"""What is done with a case."""
