"""The reference of all cases: the NumPy backend, and central differences where a plan asks for a gradient."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from pyphoton.backends.numpy.run import NumpyModule
from pyphoton.plan import Step

STENCIL = ((-2, 1 / 12), (-1, -2 / 3), (1, 2 / 3), (2, -1 / 12))
"""Five points: the error is of order 4 in the distance."""


class Reference(NumpyModule):
    """Runs plans in NumPy; gradients are differences in float64 of the body in evaluation mode."""

    def _gradient(self, step: Step, inputs: list[Any]) -> Any:
        if step.body is None:
            raise ValueError(f"{step.path} gradient: no body")
        body = replace(step.body, dtype="float64")
        exact = Reference({path: _exact(v) for path, v in self.parameters.items()}, 1)
        x, *held = map(_exact, inputs)
        x = x.copy()
        slope = derivatives(lambda: float(exact.run(body, (x, *held))[0]), x, step=1e-3, stencil=STENCIL)
        return slope.reshape(x.shape)


def derivatives(
    f: Callable[[], float], array: Any, places: Any = None, step: float = 1e-5, stencil: tuple[tuple[int, float], ...] = ((-1, -0.5), (1, 0.5)),
) -> Any:  # fmt: skip
    """Central differences of f() with respect to `array`, which f reads, at `places` of the flattened array (all when None)."""
    flat = array.reshape(-1)
    found = []
    for place in range(flat.size) if places is None else places:
        kept, total = flat[place], 0.0
        for at, weight in stencil:
            flat[place] = kept + at * step
            total += weight * f()
        found.append(total / step)
        flat[place] = kept
    return np.array(found)


def _exact(value: Any) -> Any:
    array = np.asarray(value)
    return array.astype("float64") if array.dtype.kind == "f" else array
