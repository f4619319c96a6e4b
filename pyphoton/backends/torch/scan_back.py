"""The way back through a scan's body, step by step from the last one, into memory that is allocated once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import pairwise

import torch

from pyphoton.backends.torch.scan_body import Body
from pyphoton.backends.torch.scan_forward import Code, Rows, Values, copy, rows_of, run
from pyphoton.backends.torch.scan_rules import RULES
from pyphoton.backends.torch.scan_slopes import Factor, Slopes, Source, Term, merged, slopes_in

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
        after = [t for terms in (*self.sequences.values(), *(u[2] for uses in self.uses.values() for u in uses)) for t in terms]
        during = [t for terms in self.nexts.values() for t in terms]
        loop = self._behind(during)
        self.kept_sums = self._behind(after) if self.wanted else set()
        order = {s.outputs[0]: -n for n, s in slopes.steps}
        self.loop = sorted((v for kind, v in loop if kind == "sum"), key=lambda v: order[v])
        everything = [*during, *after, *(t for terms in slopes.sums.values() for t in terms)]
        self.kept = self._read(everything) | {body.plan.steps[n].inputs[0] for uses in self.uses.values() for n, place, _ in uses if place and body.plan.steps[n].op == "matmul"}

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
            found |= {_value(step.inputs, step.outputs[0], c) for c in RULES[step.op].slopes[place].reads}
        return found


def _value(inputs: Sequence[int], output: int, letter: str) -> int:
    return output if letter == "y" else inputs[int(letter)]


class Back:
    """One way back: from the gradient of the outputs (steps, batch, width) to those of what is wanted."""

    def __init__(self, way: Way, values: Values, gradient: Tensor) -> None:
        self.way, self.body, self.values = way, way.body, values
        self.steps = steps = self.body.steps
        self.memory: dict[Source, Tensor] = {("output", self.body.output): gradient, ("before", self.body.output): gradient}
        self._slopes: dict[tuple[int, int], Tensor] = {}
        self._factors: dict[Factor, Tensor] = {}
        for v in way.loop:
            self._place(("sum", v), 1, way.slopes.sums[v])
        for v in way.nexts:
            self._place(("next", v), 2, way.nexts[v])
            last = self.memory["next", v][(steps - 1) % len(self.memory["next", v])]
            last.copy_(gradient[-1]) if v == self.body.output else last.zero_()
        main = [c for v in way.loop for c in self._code(("sum", v), way.slopes.sums[v], 0)]
        between = [c for v, terms in way.nexts.items() for c in self._code(("next", v), terms, -1)]
        run(main + between, range(steps - 1, 0, -1))
        run(main, range(0, 1))

    def _place(self, source: Source, rows: int, terms: Sequence[Term]) -> None:
        rows = self.steps if source in self.way.kept_sums else rows
        covered = sum(t.high - t.low for t in terms) >= (width := self.body.width(source[1]))
        self.memory[source] = (torch.empty if covered else torch.zeros)(rows, self.values.batch, width, **self.values.options)

    def rows(self, source: Source, low: int, width: int, at: int = 0) -> Rows:
        """Columns of a source at each step, or `at` steps away from it."""
        found = rows_of(self.memory[source], self.steps, low, low + width)
        return found if not at else [found[(t + at) % self.steps] for t in range(self.steps)]

    # ---- factors -----------------------------------------------------------------------------------------------------

    def factor(self, f: Factor) -> Tensor:
        """A factor for all steps."""
        found = self._factors.get(f)
        if found is None:
            if f[0] == "slope":
                found = self._slope(f[1], f[2])
                if found.ndim and found.shape[-1] == self.body.width(self.body.plan.steps[f[1]].outputs[0]):
                    found = found[..., f[3] : f[3] + f[4]]
            else:
                a, b = (self.factor(g) if g else self._one() for g in f[1:])
                found = a * b if f[0] == "mul" else a + b
            self._factors[f] = found
        return found

    def _one(self) -> Tensor:
        return torch.ones((), **self.values.options)

    def _slope(self, n: int, place: int) -> Tensor:
        found = self._slopes.get((n, place))
        if found is None:
            step = self.body.plan.steps[n]
            slope = RULES[step.op].slopes[place]
            assert slope.function is not None
            read = [self.values.memory[_value(step.inputs, step.outputs[0], c)] for c in slope.reads]
            found = self._slopes[n, place] = torch.as_tensor(slope.function(*read), **self.values.options)
        return found

    # ---- step by step ------------------------------------------------------------------------------------------------

    def _code(self, target: Source, terms: Sequence[Term], at: int) -> list[Code]:
        """What writes a sum: the first term that covers it, or each where it lies; the others are added."""
        width = self.body.width(target[1])
        full = sorted((t for t in terms if t.high - t.low == width), key=lambda t: not t.plain)
        rest = [*full, *(t for t in terms if t.high - t.low < width)]
        apart = not full and all(a.high <= b.low for a, b in pairwise(terms))
        out = self.rows(target, 0, width, at)
        code: list[Code] = []
        started = False
        base: Rows | None = None
        if full and full[0].plain and len(full) > 1:
            base, rest = self._source(full[0]), rest[1:]
        elif not full and not apart:
            code.append((_zero, [()] * self.steps, out))
            started = True
        for t in rest:
            places = out if t.high - t.low == width else self.rows(target, t.low, t.high - t.low, at)
            code.append(self._call(t, base or (places if started else None), places))
            base, started = None, started or not apart
        return code

    def _source(self, t: Term) -> Rows:
        low, width = t.start, (self.body.width(t.source[1]) if t.matrix is not None else t.high - t.low)
        return self.rows(t.source, low, width, -1 if t.source[0] == "before" else 0)

    def _call(self, t: Term, base: Rows | None, places: Rows) -> Code:
        source = self._source(t)
        if t.plain:
            return (copy, list(zip(source, strict=True)), places) if base is None else (torch.add, list(zip(base, source, strict=True)), places)
        other: Rows
        if t.matrix is not None:
            other = [self.values.memory[t.matrix].t()] * self.steps
            functions = torch.mm, torch.addmm
        else:
            k = self.factor(t.factor)
            other = rows_of(k, self.steps)
            functions = torch.mul, torch.addcmul
        if base is None:
            return functions[0], list(zip(source, other, strict=True)), places
        return functions[1], list(zip(base, source, other, strict=True)), places

    # ---- for all steps -----------------------------------------------------------------------------------------------

    def whole(self, source: Source) -> Tensor:
        """A source at all steps."""
        if source not in self.memory:
            self.memory[source] = self.total(self.way.slopes.sums[source[1]], self.body.width(source[1]))
        return self.memory[source]

    def total(self, terms: Sequence[Term], width: int, first: bool = False) -> Tensor:
        """A sum of terms at all steps, or at the first one alone."""
        parts = [(t, self._value(t, first)) for t in terms]
        full = [p for t, p in parts if t.high - t.low == width]
        if full and len(full) == len(parts):
            return torch.stack(torch.broadcast_tensors(*full)).sum(0) if len(full) > 2 else full[0] + full[1] if full[1:] else full[0]
        result = parts[0][1].new_zeros((1 if first else self.steps), self.values.batch, width) if parts else torch.zeros(1 if first else self.steps, self.values.batch, width, **self.values.options)
        for t, p in parts:
            result[:, :, t.low : t.high] += p
        return result

    def _value(self, t: Term, first: bool) -> Tensor:
        source = self.whole(t.source) if not first else self.memory[t.source][:1]
        if t.matrix is not None:
            return source @ self.values.memory[t.matrix].t()
        source = source[:, :, t.start : t.start + t.high - t.low]
        if not t.factor:
            return source
        k = self.factor(t.factor)
        return source * (k[:1] if first and k.ndim == 3 else k)

    def gradient(self, value: int) -> Tensor:
        """The gradient of a sequence, of a held value, or of a state's start."""
        body = self.body
        if value in body.states:
            return self.total(self.way.states[value], body.width(value), first=True)[0]
        if value in body.sequences:
            return self.total(self.way.sequences[value], body.width(value)).transpose(0, 1)
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
            return x.flatten(0, 1).t() @ d.flatten(0, 1)
        d = self.total(terms, self.body.width(step.outputs[0] if step.op in RULES else value))
        shape = self.body.shapes[value]
        return d.sum(0) if shape[:1] == (None,) else d.sum_to_size([n or 1 for n in shape])


def _zero(out: Tensor) -> None:
    out.zero_()
