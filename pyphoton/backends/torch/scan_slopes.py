"""How gradients go back through a scan's body, found out before any number is known.

The way back is linear: the gradient of each value is a sum of terms, columns of some other gradient times a factor that the forward pass knows.
Factors along a way are multiplied with each other for all steps at once, so that a step of the way back is left with a product for each
way from one state to another: what an LSTM does in seven calls.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from pyphoton.backends.torch.scan_body import Body, columns
from pyphoton.backends.torch.scan_rules import RULES
from pyphoton.plan import Step

Factor = tuple[Any, ...]
"""("slope", step, place of the input, first column, width), or ("mul" or "add", one, another); () is 1."""
Source = tuple[str, int]
"""A gradient with a place in memory: ("sum", value), ("next", value) from the step after, ("output", value) from outside."""


@dataclass(frozen=True)
class Term:
    """Columns `low` to `high` of a gradient: as many of the source, from `start` on, times the factor, or times a matrix's transpose."""

    low: int
    high: int
    source: Source
    start: int = 0
    factor: Factor = ()
    matrix: int | None = None

    @property
    def plain(self) -> bool:
        """Whether it is the source as it is."""
        return self.factor == () and self.matrix is None


def cut(factor: Factor, at: int, width: int) -> Factor:
    """Columns of a factor."""
    if factor == ():
        return factor
    if factor[0] == "slope":
        return (*factor[:3], factor[3] + at, width)
    return (factor[0], cut(factor[1], at, width), cut(factor[2], at, width))


def slopes_in(factor: Factor) -> Iterable[tuple[int, int]]:
    """The (step, place) of each slope in a factor."""
    if factor and factor[0] == "slope":
        yield factor[1], factor[2]
    elif factor:
        yield from slopes_in(factor[1])
        yield from slopes_in(factor[2])


class Slopes:
    """The terms of every gradient in a body, for the inputs (sequences, then held ones) whose gradient is wanted."""

    def __init__(self, body: Body, wanted: Iterable[int]) -> None:
        self.body, self.wanted = body, frozenset(wanted)
        active = {*self.wanted, *body.states}
        self.steps: list[tuple[int, Step]] = []
        for n, s in enumerate(body.plan.steps):
            if active.intersection(s.inputs):
                active.update(s.outputs)
                self.steps.append((n, s))
        self.active = active
        self.uses: dict[int, list[tuple[int, int]]] = {}
        for n, s in reversed(self.steps):
            for place, i in enumerate(s.inputs):
                if i in active:
                    self.uses.setdefault(i, []).append((n, place))
        self.whole = self._with_memory()
        self.sums: dict[int, list[Term]] = {}
        self._seen: dict[int, list[Term]] = {}

    def _with_memory(self) -> set[int]:
        """Gradients that a product with a matrix starts from: they have to lie in memory as one."""
        found = set[int]()
        for _, s in self.steps:
            if s.op == "matmul":
                value = s.outputs[0]
                while True:
                    uses = self.uses.get(value, [])
                    if len(uses) != 1 or value in self.body.nexts or value == self.body.output:
                        break
                    step = self.body.plan.steps[uses[0][0]]
                    if step.op not in ("add", "sub") or (step.op == "sub" and uses[0][1]):
                        break
                    value = step.outputs[0]
                found.add(value)
        return found

    def seen(self, value: int) -> list[Term]:
        """The gradient of a value as those read it that pass it on: its terms where they lie apart, or its own place in memory."""
        found = self._seen.get(value)
        if found is None:
            found = self.terms(value)
            apart = all(a.high <= b.low for a, b in pairwise(found)) and all(t.matrix is None for t in found)
            alias = len(found) == 1 and found[0].plain and found[0].high - found[0].low == self.body.width(value)
            if not apart or (value in self.whole and not alias):
                self.sums[value] = found
                found = [Term(0, self.body.width(value), ("sum", value))]
            self._seen[value] = found
        return found

    def terms(self, value: int) -> list[Term]:
        """The terms of a gradient, by columns; those of one source are one."""
        found = [Term(0, self.body.width(value), ("next", value))] if value in self.body.nexts else []
        if value == self.body.output and not found:
            found = [Term(0, self.body.width(value), ("output", value))]
        for n, place in self.uses.get(value, []):
            found += self.passed(n, place)
        return merged(found)

    def passed(self, n: int, place: int) -> list[Term]:
        """What a step passes on to one of its inputs."""
        step = self.body.plan.steps[n]
        above = self.seen(step.outputs[0])
        if step.op == "matmul":
            (term,) = above
            return [replace(term, low=0, high=self.body.width(step.inputs[0]), matrix=step.inputs[1])]
        if step.op == "getitem":
            low, _ = columns(step, self.body.shapes) or (0, 0)
            return [replace(t, low=t.low + low, high=t.high + low) for t in above]
        if step.op == "concat":
            low = sum(self.body.width(i) for i in step.inputs[:place])
            return _between(above, low, low + self.body.width(step.inputs[place]))
        if RULES[step.op].slopes[place].function is None:
            return above
        return [replace(t, factor=_times(("slope", n, place, t.low, t.high - t.low), t.factor)) for t in above]


def merged(terms: Iterable[Term]) -> list[Term]:
    """Terms by columns; those of one source are one."""
    found: dict[Any, Term] = {}
    for t in terms:
        key = (t.low, t.high, t.source, t.start, t.matrix) if t.matrix is None else (t.low, t.high, t.source, t.start, t.matrix, len(found))
        found[key] = replace(t, factor=("add", found[key].factor, t.factor)) if key in found else t
    return sorted(found.values(), key=lambda t: (t.low, t.high))


def _times(a: Factor, b: Factor) -> Factor:
    return a if b == () else ("mul", b, a)


def _between(terms: list[Term], low: int, high: int) -> list[Term]:
    found = []
    for t in terms:
        first, last = max(t.low, low), min(t.high, high)
        if first < last:
            by = first - t.low
            found.append(replace(t, low=first - low, high=last - low, start=t.start + by, factor=cut(t.factor, by, last - first)))
    return found
