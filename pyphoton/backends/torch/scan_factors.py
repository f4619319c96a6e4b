"""The factors of a way back through a scan, for all steps at once."""

from __future__ import annotations

import torch

from pyphoton.backends.torch.scan_body import Body
from pyphoton.backends.torch.scan_forward import Given, Values, rows_of
from pyphoton.backends.torch.scan_rules import RULES, same
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
        self.slopes: dict[tuple[int, int], Tensor] = {}
        self.one = torch.ones((), **values.options)

    def compute(self) -> None:
        """Those that keep their memory, for the values as they are now."""
        self.known.clear()
        self.slopes.clear()
        for f in list(self.places):
            self(f)

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
        step = self.body.plan.steps[f[1]]
        slope = RULES[step.op].slopes[f[2]]
        return slope.function is same and value_read(step, slope.reads) not in self.values.changing

    def _joined(self, f: Factor) -> Tensor:
        a, b = (self(g) if g else self.one for g in f[1:])
        function = torch.mul if f[0] == "mul" else torch.add
        place = self.places.get(f)
        if place is not None:
            return function(a, b, out=place)
        found = function(a, b)
        if found.shape[:-1] == (self.body.steps, self.values.batch):
            self.places[f] = found
        return found

    def _columns(self, f: Factor) -> Tensor:
        _, n, place, low, width = f
        step = self.body.plan.steps[n]
        found = self.slopes.get((n, place))
        if found is None:
            slope = RULES[step.op].slopes[place]
            assert slope.function is not None
            read = [self.values.memory[value_read(step, letter)] for letter in slope.reads]
            found = self.slopes[n, place] = torch.as_tensor(slope.function(*read), **self.values.options)
        wide = found.ndim and found.shape[-1] == self.body.width(step.outputs[0]) != width
        return found[..., low : low + width] if wide else found
