"""The factors of a way back through a scan, for all steps at once."""

from __future__ import annotations

from typing import Any

import torch

from pyphoton.backends.torch.scan_body import Body
from pyphoton.backends.torch.scan_forward import Given, Values, rows_of
from pyphoton.backends.torch.scan_rules import RULES, Slope, same
from pyphoton.backends.torch.scan_slopes import Factor
from pyphoton.plan import Step

Tensor = torch.Tensor


def value_read(step: Step, letter: str) -> int:
    """The value that a letter of `Slope.reads` stands for."""
    return step.outputs[0] if letter == "y" else step.inputs[int(letter)]


class Factors:
    """Factors of a body's values. Products and sums that go with all steps keep their memory, others are made anew for each minibatch."""

    def __init__(self, body: Body, values: Values) -> None:
        self.body, self.values = body, values
        self.places: dict[Factor, Tensor] = {}
        self.known: dict[Factor, Tensor] = {}
        self.slopes: dict[tuple[int, ...], Tensor] = {}
        self.one = torch.ones((), **values.options)

    def compute(self) -> None:
        """Those that keep their memory, for the values as they are now."""
        self.forget()
        for f in list(self.places):
            self(f)

    def forget(self) -> None:
        """Hold on to nothing but memory."""
        self.known.clear()
        self.slopes.clear()

    def __call__(self, f: Factor) -> Tensor:
        """A factor, as an array that goes with (steps, batch, width)."""
        found = self.known.get(f)
        if found is None:
            found = self.known[f] = self._columns(f) if f[0] == "slope" else self._joined(f)
        return found

    def rows(self, f: Factor) -> Given:
        """A factor at each step."""
        steps = self.body.steps
        if self._stays(f):
            return rows_of(self(f), steps)
        return lambda: rows_of(self(f), steps)

    def _stays(self, f: Factor) -> bool:
        if f[0] != "slope":
            self(f)
            return f in self.places
        slope = self._slope(f)
        return slope.function is same and value_read(self.body.plan.steps[f[1]], slope.reads) not in self.values.changing

    def _joined(self, f: Factor) -> Tensor:
        place = self.places.get(f)
        if place is None:
            function, *parts = self._parts(f)
            found: Tensor = function(*parts)
            if found.shape[:-1] == (self.body.steps, self.values.batch):
                self.places[f] = found
            return found
        if f[0] == "mul":
            for a, b in ((f[1], f[2]), (f[2], f[1])):
                times = self._slope(b).times if b and b[0] == "slope" else None
                if times is not None:
                    times(self(a) if a else self.one, self._cut(b, self._read(b)[0]), grad_input=place)
                    return place
        function, *parts = self._parts(f)
        function(*parts, out=place)
        return place

    def _parts(self, f: Factor) -> tuple[Any, ...]:
        return (torch.mul if f[0] == "mul" else torch.add), *(self(g) if g else self.one for g in f[1:])

    def _slope(self, f: Factor) -> Slope:
        return RULES[self.body.plan.steps[f[1]].op].slopes[f[2]]

    def _read(self, f: Factor) -> list[Tensor]:
        return [self.values.memory[value_read(self.body.plan.steps[f[1]], letter)] for letter in self._slope(f).reads]

    def _cut(self, f: Factor, whole: Tensor) -> Tensor:
        """Columns of a slope, or of what it is computed from."""
        low, width = f[3:]
        wide = whole.ndim and whole.shape[-1] == self.body.width(self.body.plan.steps[f[1]].outputs[0]) != width
        return whole[..., low : low + width] if wide else whole

    def _columns(self, f: Factor) -> Tensor:
        found = self.slopes.get(f[1:3])
        if found is None:
            function = self._slope(f).function
            assert function is not None
            self.slopes[f[1:3]] = found = torch.as_tensor(function(*self._read(f)), **self.values.options)
        return self._cut(f, found)
