"""Nadam, as an optimiser of pyphoton: Adam with Nesterov's momentum."""

from __future__ import annotations

import math
from typing import Any

from pyphoton.description import description
from pyphoton.optimisers import Optimiser, Slots
from pyphoton.tensor import apply


@description
class Nadam(Optimiser):
    """Adam with Nesterov's momentum: p -= lr (u' m / (1 - U u') + (1 - u) g / (1 - U)) / (sqrt(v / (1 - b2^t)) + eps).

    u = b1 (1 - 0.96^t / 2) is the coefficient of update t, u' that of the next, U the product of all up to t; m and v are Adam's.
    Source: Dozat 2016, as in Keras.
    """

    lr: float = 0.001
    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-7
    slots = ("mean", "square_mean")

    def scalars(self, step: int) -> dict[str, float]:
        """The shares of the mean gradient and of the gradient, and the correction of the mean square."""
        u = [self.beta1 * (1 - 0.5 * 0.96**t) for t in (step, step + 1)]
        product = math.prod(self.beta1 * (1 - 0.5 * 0.96**t) for t in range(1, min(step, 1000) + 1))
        return {"ahead": u[1] / (1 - product * u[1]), "now": (1 - u[0]) / (1 - product), "correction2": 1 - self.beta2**step}

    def update(self, p: Any, g: Any, slots: Slots, k: dict[str, Any]) -> tuple[Any, Slots]:
        """One step along the mean gradient and the gradient, scaled by the mean square."""
        g = self.prepared(g, p)
        mean = slots["mean"] * self.beta1 + g * (1 - self.beta1)
        square = slots["square_mean"] * self.beta2 + apply("square", g) * (1 - self.beta2)
        step = (mean * k["ahead"] + g * k["now"]) / (apply("sqrt", square / k["correction2"]) + self.eps)
        return p - step * k["lr"], {"mean": mean, "square_mean": square}
