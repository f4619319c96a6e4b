"""The way back through a scan's body, step by step from the last one, into memory that is allocated once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import reduce
from itertools import pairwise
from typing import Any

import torch

from pyphoton.backends.torch.scan_body import Body
from pyphoton.backends.torch.scan_factors import Factors, value_read
from pyphoton.backends.torch.scan_forward import Call, Given, Rows, Values, copy, in_turn, rows_of
from pyphoton.backends.torch.scan_layout import swapped, turned
from pyphoton.backends.torch.scan_rules import RULES
from pyphoton.backends.torch.scan_slopes import Slopes, Source, Term, merged, slopes_in

Tensor = torch.Tensor


class Way:
    """What the way back does, for the inputs whose gradients are wanted: known before the first minibatch."""

    def __init__(self, body: Body, wanted: Iterable[int]) -> None:
        self.body, self.wanted = body, frozenset(wanted)
        self.slopes = slopes = Slopes(body, self.wanted)
        self.states = {i: slopes.terms(i) for i in body.states}
        self.nexts: dict[int, list[Term]] = {}
        for v in dict.fromkeys(body.nexts):
            terms = [t for i, n in zip(body.states, body.nexts, strict=True) if n == v for t in self.states[i]]
            self.nexts[v] = merged([*terms, *([Term(0, body.width(v), ("before", v))] if v == body.output else [])])
        self.uses = {i: [(n, place, slopes.passed(n, place)) for n, place in slopes.uses.get(i, [])] for i in body.held if i in self.wanted}
        self.sequences = {i: slopes.terms(i) for i in body.sequences if i in self.wanted}
        self.handed = {t.source for i, terms in self.sequences.items() for t in terms if len(terms) == 1 and t.plain and t.source[0] == "sum" and t.high - t.low == body.width(i)}
        after = [t for terms in (*self.sequences.values(), *(u[2] for uses in self.uses.values() for u in uses)) for t in terms]
        during = [t for terms in self.nexts.values() for t in terms]
        loop = self._behind(during)
        self.kept_sums = self._behind(after)
        order = {s.outputs[0]: -n for n, s in slopes.steps}
        self.loop = sorted((v for kind, v in loop if kind == "sum"), key=lambda v: order[v])
        everything = [*during, *after, *(t for terms in slopes.sums.values() for t in terms)]
        lefts = {body.plan.steps[n].inputs[0] for uses in self.uses.values() for n, place, _ in uses if place and body.plan.steps[n].op == "matmul"}
        self.kept = self._read(everything) | lefts

    def _behind(self, terms: Iterable[Term]) -> set[Source]:
        """The sources of terms, and theirs."""
        found, todo = set[Source](), [t.source for t in terms]
        while todo:
            source = todo.pop()
            if source not in found:
                found.add(source)
                todo += [t.source for t in self.slopes.sums[source[1]]] if source[0] == "sum" else []
        return found

    def _read(self, terms: Iterable[Term]) -> set[int]:
        """The values that factors are made of."""
        found = set[int]()
        for n, place in {slope for t in terms for slope in slopes_in(t.factor)}:
            step = self.body.plan.steps[n]
            found |= {value_read(step, c) for c in RULES[step.op].slopes[place].reads}
        return found


class Back:
    """The way back through values that have been computed: from the gradient of the outputs to those of what is wanted."""

    def __init__(self, way: Way, values: Values) -> None:
        self.way, self.body, self.values, self.steps = way, way.body, values, way.body.steps
        self.memory: dict[Source, Tensor] = {}
        self.factors = Factors(way.body, values)
        for v in way.loop:
            if ("sum", v) not in way.handed:
                self.memory["sum", v] = self._place(("sum", v), 1, way.slopes.sums[v])
        for v, terms in way.nexts.items():
            self.memory["next", v] = self._place(("next", v), 2, terms)
        self.main = [c for v in way.loop for c in self._calls(("sum", v), way.slopes.sums[v], 0)]
        self.between = [c for v, terms in way.nexts.items() for c in self._calls(("next", v), terms, -1)]

    def run(self, gradient: Tensor) -> None:
        """All steps, from a gradient (steps, batch, width)."""
        self.forget()
        self.memory["output", self.body.output] = self.memory["before", self.body.output] = gradient
        for kind, v in self.way.handed:
            self.memory[kind, v] = self._place((kind, v), 1, self.way.slopes.sums[v])
        for v in self.way.nexts:
            memory = self.memory["next", v]
            last = memory[(self.steps - 1) % len(memory)]
            last.copy_(gradient[-1]) if v == self.body.output else last.zero_()
        self.factors.compute()
        main, between = [c.ready() for c in self.main], [c.ready() for c in self.between]
        in_turn(main + between, range(self.steps - 1, 0, -1))
        in_turn(main, range(1))

    def forget(self) -> None:
        """Hold on to no array of others."""
        stays = {("sum", v) for v in self.way.loop if ("sum", v) not in self.way.handed} | {("next", v) for v in self.way.nexts}
        self.memory = {source: m for source, m in self.memory.items() if source in stays}
        self.factors.forget()

    def _place(self, source: Source, rows: int, terms: Sequence[Term]) -> Tensor:
        rows = self.steps if source in self.way.kept_sums else rows
        width = self.body.width(source[1])
        covered = sum(t.high - t.low for t in terms) >= width
        return (torch.empty if covered else torch.zeros)(rows, self.values.batch, width, **self.values.options)

    # ---- step by step ------------------------------------------------------------------------------------------------

    def _calls(self, target: Source, terms: Sequence[Term], at: int) -> list[Call]:
        """What writes a sum: the first term that covers it, or each where it lies; the others are added."""
        width = self.body.width(target[1])
        full = sorted((t for t in terms if t.high - t.low == width), key=lambda t: not t.plain)
        rest = [*full, *(t for t in terms if t.high - t.low < width)]
        apart = not full and all(a.high <= b.low for a, b in pairwise(terms))
        calls: list[Call] = []
        base: Given | None = None
        started = not full and not apart
        if started:  # terms that overlap, none of which covers the sum
            calls.append(Call(_zero, [[torch.zeros(())] * self.steps], self._rows(target, 0, width, at)))
        if full and full[0].plain and len(full) > 1:
            base, rest = self._source(full[0]), rest[1:]
        for t in rest:
            places = self._rows(target, t.low, t.high - t.low, at)
            calls.append(self._call(t, base or (places if started else None), places))
            base, started = None, started or not apart
        return calls

    def _rows(self, source: Source, low: int, width: int, at: int = 0) -> Given:
        """Columns of a source at each step, or `at` steps away from it."""

        def find() -> Rows:
            found = rows_of(self.memory[source], self.steps, low, low + width)
            return [*found[at:], *found[:at]] if at else found

        return find() if source in self.memory else find

    def _source(self, t: Term) -> Given:
        width = self.body.width(t.source[1]) if t.matrix is not None else t.high - t.low
        return self._rows(t.source, t.start, width, -1 if t.source[0] == "before" else 0)

    def _call(self, t: Term, base: Given | None, places: Given) -> Call:
        source = self._source(t)
        if t.plain:
            return Call(copy, [source], places) if base is None else Call(torch.add, [base, source], places)
        first: Callable[..., Any]
        more: Callable[..., Any]
        if t.matrix is not None:
            first, more, other = torch.mm, torch.addmm, self._turned(t.matrix)
        else:
            first, more, other = torch.mul, torch.addcmul, self.factors.rows(t.factor)
        return Call(first, [source, other], places) if base is None else Call(more, [base, source, other], places)

    def _turned(self, matrix: int) -> Given:
        return lambda: [turned(self.values.memory[matrix])] * self.steps

    # ---- for all steps -----------------------------------------------------------------------------------------------

    def whole(self, source: Source) -> Tensor:
        """A source at all steps."""
        if source not in self.memory:
            self.memory[source] = self.total(self.way.slopes.sums[source[1]], self.body.width(source[1]))
        return self.memory[source]

    def total(self, terms: Sequence[Term], width: int, first: bool = False) -> Tensor:
        """A sum of terms at all steps, or at the first one alone."""
        parts = [(t, self._value(t, first)) for t in terms]
        if parts and all(t.high - t.low == width for t in terms):
            return reduce(torch.add, [p for _, p in parts])
        result = torch.zeros(1 if first else self.steps, self.values.batch, width, **self.values.options)
        for t, p in parts:
            result[:, :, t.low : t.high] += p
        return result

    def _value(self, t: Term, first: bool) -> Tensor:
        source = self.whole(t.source) if not first else self.memory[t.source][:1]
        if t.matrix is not None:
            return source @ turned(self.values.memory[t.matrix])
        source = source[:, :, t.start : t.start + t.high - t.low]
        if not t.factor:
            return source
        k = self.factors(t.factor)
        return source * (k[:1] if first and k.ndim == 3 else k)

    def gradient(self, value: int) -> Tensor:
        """The gradient of a sequence, of a held value, or of a state's start."""
        body = self.body
        if value in body.states:
            return self.total(self.way.states[value], body.width(value), first=True)[0].clone()
        if value in body.sequences:
            return swapped(self.total(self.way.sequences[value], body.width(value)))
        result: Tensor | None = None
        for n, place, terms in self.way.uses[value]:
            part = self._held(n, place, terms)
            result = part if result is None else result + part
        return torch.zeros_like(self.values.memory[value]) if result is None else result

    def _held(self, n: int, place: int, terms: Sequence[Term]) -> Tensor:
        step = self.body.plan.steps[n]
        value = step.inputs[place]
        if step.op == "matmul" and place:
            d = self.whole(terms[0].source)
            x = self.values.memory[step.inputs[0]].expand(self.steps, -1, -1)
            return turned(x.flatten(0, 1)) @ d.flatten(0, 1)
        d = self.total(terms, self.body.width(step.outputs[0] if step.op in RULES else value))
        shape = self.body.shapes[value]
        return d.sum(0) if shape[:1] == (None,) else d.sum((0, 1)).sum_to_size([n or 1 for n in shape])


def _zero(_: Tensor, out: Tensor) -> None:
    out.zero_()
